package jobs

import (
	"context"
	"slices"
	"time"

	"sixty/internal/crm"
)

// keepLeases renews the leases of the running jobs until ctx ends.
func (r *Runner) keepLeases(ctx context.Context) {
	repeat(ctx, renewPeriod, func() { r.renew(ctx, r.attempts()) })
}

// pulse asks periodically which of the running jobs are to be cancelled, and stores what they have noted.
func (r *Runner) pulse(ctx context.Context) {
	repeat(ctx, pulsePeriod, func() {
		attempts := r.attempts()
		if len(attempts) == 0 {
			return
		}
		leases := make([]Lease, len(attempts))
		for i, a := range attempts {
			leases[i] = a.task.lease
		}
		limited, cancel := context.WithTimeout(ctx, renewPeriod)
		defer cancel()
		requested, err := r.o.Store.CancelRequests(limited, leases)
		if err != nil {
			return // the next time
		}
		r.interrupt(requested, ErrCancelled)
		r.renew(ctx, slices.DeleteFunc(attempts, func(a *attempt) bool { return !a.task.noted() }))
	})
}

// attempts returns the running attempts.
func (r *Runner) attempts() []*attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*attempt, 0, len(r.running))
	for _, a := range r.running {
		all = append(all, a)
	}
	return all
}

// renew renews the leases of attempts, with what they have noted. Attempts whose lease is lost, or
// has expired because it could not be renewed, are interrupted: they could not commit anything.
func (r *Runner) renew(ctx context.Context, attempts []*attempt) {
	if len(attempts) == 0 {
		return
	}
	renewals := make([]Renewal, len(attempts))
	for i, a := range attempts {
		u := a.task.take()
		renewals[i] = Renewal{Lease: a.task.lease, Progress: u.Progress, Note: u.Note}
	}
	limited, cancel := context.WithTimeout(ctx, renewPeriod)
	defer cancel()
	asked := time.Now()
	lost, err := r.o.Store.Renew(limited, renewals)
	for _, a := range attempts {
		a.mu.Lock()
		if err == nil {
			a.renewed = asked
		}
		expired := time.Since(a.renewed) >= LeaseTime
		a.mu.Unlock()
		if expired {
			a.end(ErrLeaseLost)
		}
	}
	if err != nil && ctx.Err() == nil {
		r.o.Logger.Log(ctx, levelOf(err), "leases of jobs could not be renewed", "error", err)
		return
	}
	r.interrupt(lost, ErrLeaseLost)
}

// interrupt ends the contexts of running jobs with a cause. One that has ended meanwhile is passed
// over.
func (r *Runner) interrupt(ids []crm.ID, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if a := r.running[id]; a != nil {
			a.end(cause)
		}
	}
}

// noted reports whether the handler has noted anything that is not stored.
func (t *Task) noted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.progress != nil
}
