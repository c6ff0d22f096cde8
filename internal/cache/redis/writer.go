package redis

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// writeQueued writes queued values until Close, and then waits for running commands.
func (s *Shared) writeQueued() {
	defer close(s.stopped)
	defer s.calls.Close()
	for {
		select {
		case i := <-s.queue:
			s.write(i)
		case <-s.life.Done():
			s.drain()
			return
		}
	}
}

// drain writes the rest of the queue, within closeLimit.
func (s *Shared) drain() {
	for deadline := time.Now().Add(closeLimit); time.Now().Before(deadline); {
		select {
		case i := <-s.queue:
			s.write(i)
		default:
			return
		}
	}
}

func (s *Shared) write(i item) {
	s.queued.Add(-int64(len(i.value)))
	_, err := s.do(context.Background(), func(c rueidis.Client) rueidis.Completed {
		return c.B().Set().Key(i.key).Value(rueidis.BinaryString(i.value)).PxMilliseconds(i.ttl.Milliseconds()).Build()
	})
	if err == nil {
		s.sets.Add(1)
	} else {
		s.dropped.Add(1)
	}
}
