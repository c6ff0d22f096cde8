package jobkinds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

const (
	// removedAtOnce is how many are removed before the job is looked at: it is a checkpoint.
	removedAtOnce = 10_000
	// removalLimit bounds the time for one kind of things in a run, so that a backlog of one does not
	// hold up the others. The next run goes on.
	removalLimit = time.Hour
)

// A Removal removes what is kept for a time only.
type Removal struct {
	Name string // in the result
	// Keep is how long it is kept; 0 for what has an end of its own.
	Keep time.Duration
	// Remove removes what is from before an instant, at most limit, and returns how many: fewer
	// than the limit if nothing is left for now.
	Remove func(ctx context.Context, before crm.Instant, limit int) (int64, error)
}

// A Cleanup removes what is no longer kept.
type Cleanup struct {
	// Removals are done one after the other.
	Removals []Removal
	// Now returns the database's time, by which all is removed.
	Now func(context.Context) (crm.Instant, error)
	// Trusted returns an error if the clock of this instance is wrong: what else it decides by the
	// time is not to be trusted either.
	Trusted func() error
	Clock   func() time.Time
	Log     *slog.Logger
}

// cleaned is the checkpoint of a cleanup, and its result.
type cleaned struct {
	Removed map[string]int64 `json:"removed"`
	// Done are the removals that have nothing left, and More those that have.
	Done []string `json:"done"`
	More []string `json:"more"`
}

// DataCleanup returns the kind of jobs that remove what is no longer kept.
func DataCleanup(c Cleanup) jobs.Spec {
	return complete(jobs.Spec{Kind: jobs.DataCleanup, Run: c.run})
}

func (c *Cleanup) run(ctx context.Context, t *jobs.Task) (any, error) {
	at := cleaned{Removed: map[string]int64{}, Done: []string{}, More: []string{}}
	if _, err := t.Resume(&at); err != nil {
		return nil, err
	}
	if err := c.Trusted(); err != nil {
		return nil, err
	}
	now, err := c.Now(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for i, r := range c.Removals {
		if slices.Contains(at.Done, r.Name) || slices.Contains(at.More, r.Name) {
			continue
		}
		t.Progress(100*i/len(c.Removals), r.Name)
		err := c.remove(ctx, t, r, now, &at)
		switch {
		case errors.Is(err, jobs.ErrStopping), errors.Is(err, jobs.ErrLeaseLost):
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil: // the others are removed all the same
			failed = append(failed, fmt.Errorf("%s: %w", r.Name, err))
			continue
		}
		if n := at.Removed[r.Name]; n > 0 {
			c.Log.InfoContext(ctx, "old rows were removed", "of", r.Name, "rows", n)
		}
	}
	return at, errors.Join(failed...)
}

// remove removes all of one kind, within the limit.
func (c *Cleanup) remove(ctx context.Context, t *jobs.Task, r Removal, now crm.Instant, at *cleaned) error {
	until := c.Clock().Add(removalLimit)
	for {
		n, err := r.Remove(ctx, now-crm.Instant(r.Keep.Microseconds()), removedAtOnce)
		if n > 0 {
			at.Removed[r.Name] += n
		}
		if err != nil {
			return err
		}
		if n < removedAtOnce {
			at.Done = append(at.Done, r.Name)
			return t.Save(ctx, at, nil)
		}
		if c.Clock().After(until) {
			c.Log.WarnContext(ctx, "there is more to remove than there was time for: the next run goes on", "of", r.Name, "rows", at.Removed[r.Name], "limit", removalLimit)
			at.More = append(at.More, r.Name)
			return t.Save(ctx, at, nil)
		}
		if err := t.Save(ctx, at, nil); err != nil {
			return err
		}
	}
}
