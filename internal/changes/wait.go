package changes

import (
	"context"

	"sixty/internal/crm"
)

// confirm has a position confirmed that is not, within a bounded time; at once it gives
// up while the log cannot be read anyway.
func (f *Follower) confirm(ctx context.Context, o *organisation) bool {
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	f.want(o)
	for {
		changed := o.waiting()
		if o.confirmedAt(f.now()) {
			return true
		}
		if f.failing.Load() || !f.wait(ctx, changed) {
			return false
		}
	}
}

// Await waits until the organisation's position has reached seq, for as long as ctx
// allows, and tells whether it has.
func (f *Follower) Await(ctx context.Context, org crm.ID, seq int64) bool {
	o := f.follow(org, f.now())
	if o == nil {
		return false
	}
	if o.seq.Load() >= seq {
		return true
	}
	f.want(o)
	for {
		changed := o.waiting()
		if o.seq.Load() >= seq {
			return true
		}
		if !f.wait(ctx, changed) {
			return false
		}
	}
}

// wait waits for a change, and tells whether there was one before ctx or Run ended.
func (f *Follower) wait(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	case <-f.stopped:
		return false
	}
}
