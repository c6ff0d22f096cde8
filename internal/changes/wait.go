package changes

import (
	"context"

	"sixty/internal/crm"
)

// confirm waits, within confirmWait, until the position is confirmed. It returns false at
// once while the log cannot be read.
func (f *Follower) confirm(ctx context.Context, o *organisation) bool {
	ctx, cancel := context.WithTimeout(ctx, confirmWait)
	defer cancel()
	f.requestRead(o)
	for {
		changed := o.nextChange()
		if o.confirmedAt(f.now()) {
			return true
		}
		if f.failing.Load() || !f.waitChange(ctx, changed) {
			return false
		}
	}
}

// Await waits until the organisation's position has reached seq, or until ctx ends. It
// reports whether seq was reached.
func (f *Follower) Await(ctx context.Context, org crm.ID, seq int64) bool {
	o := f.follow(org, f.now())
	if o == nil {
		return false
	}
	if o.seq.Load() >= seq {
		return true
	}
	f.requestRead(o)
	for {
		changed := o.nextChange()
		if o.seq.Load() >= seq {
			return true
		}
		if !f.waitChange(ctx, changed) {
			return false
		}
	}
}

// waitChange waits for changed and reports whether it came before ctx or Run ended.
func (f *Follower) waitChange(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	case <-f.stopped:
		return false
	}
}
