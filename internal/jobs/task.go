package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sixty/internal/crm"
)

var (
	// ErrLeaseLost says that a job is no longer this handler's: what it has not committed is not
	// committed.
	ErrLeaseLost = errors.New("the lease of the job is lost")
	// ErrCancelled is the cause of a handler's context that ends because its job is cancelled.
	ErrCancelled = errors.New("the job is cancelled")
	// ErrStopping is returned by Save when the process stops: the handler returns it, and the job
	// goes on from the checkpoint elsewhere.
	ErrStopping = errors.New("the process stops")
)

// permanentError is an error after which a job is not tried again.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error after which no further attempt would succeed.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether a job that failed with the error is not tried again: it was marked, or
// says that what was asked for is invalid, not allowed or gone.
func IsPermanent(err error) bool {
	var marked permanentError
	if errors.As(err, &marked) {
		return true
	}
	switch crm.CodeOf(err) {
	case crm.CodeInvalid, crm.CodeForbidden, crm.CodeNotFound, crm.CodeGone:
		return true
	}
	return false
}

// A Task is a job that is run, as its handler sees it.
type Task struct {
	Job Job
	// By is the actor for which the handler works, with the rights that it has now. Its
	// organisation is zero if the job is the system's.
	By crm.Actor

	store    Store
	lease    Lease
	stopping <-chan struct{}

	mu       sync.Mutex
	progress *int    // noted since the last renewal
	note     *string // likewise
	ended    bool    // by Complete
}

// NewTask returns the task of a claimed job. stopping is closed when the process is to stop; nil: never.
func NewTask(store Store, c Claimed, by crm.Actor, stopping <-chan struct{}) *Task {
	return &Task{Job: c.Job, By: by, store: store, lease: c.Lease, stopping: stopping}
}

// Args decodes the job's arguments.
func (t *Task) Args(into any) error {
	if err := t.Job.Args.Decode(into); err != nil {
		return Permanent(fmt.Errorf("the arguments of the job: %w", err))
	}
	return nil
}

// Resume decodes the job's checkpoint; false if there is none yet.
func (t *Task) Resume(into any) (bool, error) {
	if t.Job.Checkpoint == "" {
		return false, nil
	}
	if err := t.Job.Checkpoint.Decode(into); err != nil {
		return false, Permanent(fmt.Errorf("the checkpoint of the job: %w", err))
	}
	return true, nil
}

// Save runs fn in one transaction with the checkpoint: all that fn writes with its context is
// committed together with it, or not at all. fn may be nil, and may be run more than once. After
// the commit it returns ErrStopping if the process is to stop. A job of the system has nil.
func (t *Task) Save(ctx context.Context, checkpoint any, fn func(context.Context) error) error {
	text, err := Encode(checkpoint)
	if err != nil {
		return err
	}
	u := t.take()
	u.Checkpoint = &text
	if err := t.store.Save(ctx, t.By, t.lease, u, fn); err != nil {
		return err
	}
	t.Job.Checkpoint = text
	return t.Stopping()
}

// Complete runs fn in one transaction with the end of the job, whose result the handler returns too.
func (t *Task) Complete(ctx context.Context, result any, fn func(context.Context) error) error {
	text, err := Encode(result)
	if err != nil {
		return err
	}
	u := t.take()
	u.Done = &text
	if err := t.store.Save(ctx, t.By, t.lease, u, fn); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	return nil
}

// Stopping returns ErrStopping when the process is to stop, so that a handler that has just come to
// a checkpoint of its own returns it.
func (t *Task) Stopping() error {
	select {
	case <-t.stopping:
		return ErrStopping
	default:
		return nil
	}
}

// Progress notes how far the job is, in percent, and what it is at; "" for nothing. It is stored with
// the next checkpoint or renewal of the lease, and costs nothing.
func (t *Task) Progress(percent int, note string) {
	percent = min(max(percent, 0), 100)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress, t.note = &percent, &note
}

// take returns what was noted since it was taken last.
func (t *Task) take() Update {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := Update{Progress: t.progress, Note: t.note}
	t.progress, t.note = nil, nil
	return u
}
