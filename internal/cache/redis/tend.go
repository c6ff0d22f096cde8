package redis

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
)

// The pause between attempts to connect, which doubles from the least to the most.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// tend connects and then writes what is queued, until Close.
func (s *Shared) tend(o rueidis.ClientOption) {
	defer close(s.stopped)
	client := s.connect(o)
	if client == nil {
		return
	}
	// What runs still needs the client: filling the room for commands waits for it.
	defer func() {
		for range maxRunning {
			s.running <- struct{}{}
		}
		client.Close()
	}()
	s.client.Store(&client)
	s.log.Info("redis: connected")
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

// connect gives a client as soon as Redis can be reached: the driver connects again
// by itself, but not for the first time. It gives nil at Close.
func (s *Shared) connect(o rueidis.ClientOption) rueidis.Client {
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		client, err := rueidis.NewClient(o)
		if err == nil {
			return client
		}
		if client != nil {
			client.Close()
		}
		if pause == leastPause {
			s.log.Warn("redis: cannot be reached; it will be tried again", slog.Any("error", err))
		}
		select {
		case <-time.After(pause):
		case <-s.life.Done():
			return nil
		}
	}
}

// drain writes what is left in the queue, as far as that goes quickly.
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

// write writes one value.
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
