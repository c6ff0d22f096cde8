package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	// endLimit bounds one try to store the end of an attempt, and endPause is the time until the
	// next one.
	endLimit = 5 * time.Second
	endPause = 200 * time.Millisecond
	// maxOutages is how many attempts of a job may fail because the database is not available,
	// without counting.
	maxOutages = 10
)

// outageBackoff is the pause after one of those.
var outageBackoff = Backoff{time.Second, true}

// An attempt is a job that is running.
type attempt struct {
	task *Task
	spec Spec
	end  context.CancelCauseFunc

	mu      sync.Mutex
	renewed time.Time // when the lease was taken or renewed last, at the latest
}

// start runs a claimed job in a goroutine of its own.
func (r *Runner) start(work context.Context, c Claimed) {
	ctx, end := context.WithCancelCause(WithLease(work, c.Lease))
	a := &attempt{task: NewTask(r.o.Store, c, crm.Actor{}, r.stopping), spec: r.specs[c.Job.Kind], end: end, renewed: time.Now()}
	r.mu.Lock()
	r.running[c.Job.ID] = a
	r.used[c.Job.Kind]++
	r.mu.Unlock()
	r.ended.Go(func() {
		defer func() {
			end(nil)
			r.mu.Lock()
			delete(r.running, c.Job.ID)
			r.used[c.Job.Kind]--
			r.mu.Unlock()
			r.Wake()
		}()
		r.run(ctx, a)
	})
}

// run runs the handler, and ends the attempt.
func (r *Runner) run(ctx context.Context, a *attempt) {
	began, job := time.Now(), a.task.Job
	if job.StartedAt != nil {
		r.o.Observer.JobStarted(job.Kind, time.Duration(*job.StartedAt-job.RunAt)*time.Microsecond)
	}
	result, err := r.handle(ctx, a)
	outcome, store := r.outcome(ctx, a, result, err)
	if store {
		store = r.store(a, outcome)
	}
	took := time.Since(began)
	if outcome.State != "" {
		r.o.Observer.JobEnded(job.Kind, outcome.State, took)
	}
	log := r.o.Logger.With("job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "duration", took)
	switch {
	case a.task.ended, outcome.State == Done:
		log.Debug("the job is done")
	case !store:
		log.Warn("the job was taken from this instance, and goes on elsewhere", "error", err)
	case outcome.State == Failed:
		log.Error("the job has failed", "error", err)
	case outcome.State == Scheduled:
		log.Warn("the job has failed and is tried again", "error", err, "delay", outcome.Delay)
	default:
		log.Info("the job has ended early", "state", outcome.State)
	}
}

// handle runs the handler with the rights of the job's actor. A panic is an error.
func (r *Runner) handle(ctx context.Context, a *attempt) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			r.o.Logger.Error("a job has panicked", "job", a.task.Job.ID, "kind", a.task.Job.Kind, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if !a.task.Job.System() {
		if a.task.By, err = r.o.Rights(ctx, a.task.Job); err != nil {
			return nil, err
		}
	}
	return a.spec.Run(ctx, a.task)
}

// outcome returns how an attempt ends; store is false if that is stored already, or the job is no
// longer this runner's.
func (r *Runner) outcome(ctx context.Context, a *attempt, result any, err error) (o Outcome, store bool) {
	job, cause := a.task.Job, context.Cause(ctx)
	switch {
	case a.task.ended:
		return Outcome{State: Done}, false
	case errors.Is(err, ErrLeaseLost), errors.Is(cause, ErrLeaseLost):
		return Outcome{}, false
	case err == nil:
		text, encodeErr := Encode(result)
		if encodeErr == nil {
			return Outcome{State: Done, Result: text}, true
		}
		err = Permanent(fmt.Errorf("the result of the job: %w", encodeErr))
	case errors.Is(err, ErrCancelled), errors.Is(cause, ErrCancelled):
		return Outcome{State: Cancelled}, true
	case errors.Is(err, ErrStopping), errors.Is(cause, ErrStopping):
		return Outcome{State: Ready, Unused: true}, true
	}
	failure := Outcome{State: Scheduled, Failure: failureText(err), Delay: a.spec.Backoff.After(job.Attempt)}
	var failures []Failure
	if job.Errors.Decode(&failures) == nil && isOutage(err) && len(failures) < maxOutages {
		failure.Unused, failure.Delay = true, outageBackoff.After(len(failures)+1)
		return failure, true
	}
	if IsPermanent(err) || job.Attempt >= job.MaxAttempts {
		failure.State, failure.Delay = Failed, 0
	}
	return failure, true
}

// isOutage reports whether an error says that the database was not available, which is not the
// job's fault.
func isOutage(err error) bool {
	code := crm.CodeOf(err)
	return code == crm.CodeUnavailable || code == crm.CodeCommitUnknown
}

// failureText returns what is kept of an error.
func failureText(err error) string {
	return strings.ToValidUTF8(err.Error()[:min(len(err.Error()), MaxErrorLength)], "")
}

// store stores the end of an attempt, and tries again as long as the lease may be valid. It reports
// whether the job was this runner's until then.
func (r *Runner) store(a *attempt, o Outcome) bool {
	ctx := context.Background() // the attempt ends, however its context has, and with it the lease
	for {
		limited, cancel := context.WithTimeout(ctx, endLimit)
		err := r.o.Store.End(limited, a.task.lease, o)
		cancel()
		switch {
		case err == nil:
			return true
		case errors.Is(err, ErrLeaseLost):
			return false // or an End before has succeeded unnoticed
		case !a.mayBeValid():
			r.o.Logger.Warn("the end of a job could not be stored; it is run again when its lease has expired", "job", a.task.Job.ID, "error", err)
			return false
		}
		pause(ctx, endPause)
	}
}

// mayBeValid reports whether the lease may still be valid.
func (a *attempt) mayBeValid() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.renewed) < LeaseTime
}
