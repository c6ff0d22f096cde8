package changes

import (
	"context"
	"sync"

	"sixty/internal/crm"
)

// confirm waits, within confirmWait, until the position of an organisation is confirmed, and
// returns its state. It returns nil at once while the log cannot be read.
func (f *Follower) confirm(ctx context.Context, org crm.ID) *organisation {
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	return f.wait(ctx, org, func(o *organisation) bool { return f.confirmed(o, f.now()) })
}

// Await waits until the organisation's position has reached another, or until ctx ends. It
// reports whether it was reached; a position of another epoch is not.
func (f *Follower) Await(ctx context.Context, org crm.ID, at crm.LogPosition) bool {
	h := f.current.Load()
	if o := h.get(org); o != nil && h.epoch == at.Epoch && o.seq.Load() >= at.Seq {
		o.use(f.now())
		return true
	}
	if h.epoch != "" && h.epoch != at.Epoch {
		f.requestPoll() // it may be a newer one
		return false
	}
	o := f.wait(ctx, org, func(o *organisation) bool { return o.history.epoch != at.Epoch || o.seq.Load() >= at.Seq })
	return o != nil && o.history.epoch == at.Epoch
}

// wait waits until the state of an organisation satisfies a condition, and returns it. It
// returns nil when ctx or Run has ended, or while the log cannot be read.
func (f *Follower) wait(ctx context.Context, org crm.ID, satisfied func(*organisation) bool) *organisation {
	var requested *organisation
	for {
		o := f.follow(org, f.now())
		if o == nil {
			return nil
		}
		if o != requested {
			requested = o
			f.requestRead(o)
		}
		changed, polled := o.changed.next(), f.polls.next()
		if o.history.epoch != "" && satisfied(o) {
			return o
		}
		if f.failing.Load() {
			return nil
		}
		select {
		case <-changed:
		case <-polled:
		case <-ctx.Done():
			return nil
		case <-f.stopped:
			return nil
		}
	}
}

// signal wakes all that wait for it.
type signal struct {
	mu      sync.Mutex
	waiting chan struct{} // nil: none
}

// next returns a channel that is closed by the next send.
func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(chan struct{})
	}
	return s.waiting
}

func (s *signal) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting != nil {
		close(s.waiting)
		s.waiting = nil
	}
}
