package store

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"unicode/utf8"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// endsAtOnce bounds the ends that one transaction stores.
const endsAtOnce = 200

// An end is that of an attempt, to be stored.
type end struct {
	lease   jobs.Lease
	outcome jobs.Outcome
	stored  chan error // of one element
}

// ends store the ends of attempts. What ends while a transaction runs is stored by the next one,
// all at once.
type ends struct {
	mu      sync.Mutex
	waiting []end
	storing bool
	running sync.WaitGroup
}

// End waits until the end is stored or ctx ends; in that case it may be stored or not.
func (j jobStore) End(ctx context.Context, l jobs.Lease, o jobs.Outcome) error {
	e := end{l, o, make(chan error, 1)}
	q := &j.store.ends
	q.mu.Lock()
	q.waiting = append(q.waiting, e)
	if !q.storing {
		q.storing = true
		q.running.Go(func() { j.storeEnds(context.Background()) }) // an end is not part of what it ends
	}
	q.mu.Unlock()
	select {
	case err := <-e.stored:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// storeEnds stores ends until none waits.
func (j jobStore) storeEnds(ctx context.Context) {
	q := &j.store.ends
	for {
		q.mu.Lock()
		some := q.waiting[:min(len(q.waiting), endsAtOnce)]
		q.waiting = q.waiting[len(some):]
		if len(some) == 0 {
			q.waiting, q.storing = nil, false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		lost, err := j.storeSome(ctx, some)
		for i, e := range some {
			if err == nil && lost[i] {
				e.stored <- jobs.ErrLeaseLost
			} else {
				e.stored <- err
			}
		}
	}
}

// storeSome stores ends in one transaction, and reports whose lease was lost.
func (j jobStore) storeSome(ctx context.Context, some []end) (lost []bool, err error) {
	s := j.store
	var ready []jobs.Kind
	err = s.byKeyInService(ctx, func(etx EngineTx) error {
		ready = nil
		running, err := j.lockEnding(ctx, etx, some)
		if err != nil {
			return err
		}
		lost = make([]bool, len(some))
		var changes []jobEnd
		for i, e := range some {
			r, ok := running[jobKey{e.lease.Org, e.lease.Job}]
			switch {
			case !ok || r.token == nil || *r.token != e.lease.Token:
				lost[i] = true
			case r.state == jobs.Running: // otherwise its end is stored
				changes = append(changes, r.end(e.outcome))
				r.state = e.outcome.State // of one that is told twice
				running[jobKey{r.org, r.id}] = r
			}
		}
		for _, c := range changes {
			if c.state == jobs.Ready {
				ready = append(ready, c.kind)
			}
		}
		return j.putEnds(ctx, etx, changes)
	})
	if err == nil {
		s.enqueued(ready)
	}
	return lost, err
}

// jobKey is the key of a job.
type jobKey struct{ org, id crm.ID }

func keyOf(j jobs.Job) jobKey { return jobKey{j.OrgID, j.ID} }

// An ending job is what its end depends on.
type ending struct {
	org, id crm.ID
	kind    jobs.Kind
	state   jobs.State
	token   *crm.ID
	attempt int
	max     int
	cancel  *crm.Instant
	errors  jobs.JSON
	now     crm.Instant
}

func (r *ending) destinations() []any {
	return []any{&r.org, &r.id, (*string)(&r.kind), (*string)(&r.state), &r.token, &r.attempt, &r.max, &r.cancel, (*string)(&r.errors), &r.now}
}

func (s *Store) endingColumns() string {
	return "t.org_id, t.id, t.kind, t.state, t.lease_token, t.attempt, t.max_attempts, t.cancel_at, t.errors, " + s.dialect.SecondsAgo(0)
}

// lockEnding locks jobs in the order of their ids.
func (j jobStore) lockEnding(ctx context.Context, etx EngineTx, some []end) (map[jobKey]ending, error) {
	s := j.store
	st := s.statement("job.ending", func() *Statement {
		return &Statement{"job.ending", "SELECT " + s.endingColumns() + " FROM jobs t JOIN " + s.dialect.JSONRows(1, leaseColumns...) +
			" v ON t.org_id = v.v_org AND t.id = v.v_id ORDER BY t.org_id, t.id" + s.dialect.ForUpdate()}
	})
	values := make([][]any, len(some))
	for i, e := range some {
		values[i] = leaseRow(e.lease)
	}
	text, err := jsonRows(values)
	if err != nil {
		return nil, err
	}
	rows, err := collect(ctx, s, etx, st, (*ending).destinations, text)
	found := make(map[jobKey]ending, len(rows))
	for _, r := range rows {
		found[jobKey{r.org, r.id}] = r
	}
	return found, err
}

// A jobEnd is how an attempt ends.
type jobEnd struct {
	ending
	state  jobs.State
	result jobs.JSON
	error  *string
	delay  int64 // of one that waits, in microseconds; -1: it is due when it was
	unused bool
}

// end decides how the attempt ends: a job that is to be cancelled is not tried again.
func (r ending) end(o jobs.Outcome) jobEnd {
	e := jobEnd{ending: r, state: o.State, unused: o.Unused, delay: -1}
	switch {
	case o.State.Ended():
	case r.cancel != nil:
		e.state = jobs.Cancelled
	case o.Delay > 0:
		e.state, e.delay = jobs.Scheduled, o.Delay.Microseconds()
	default:
		e.state = jobs.Ready
	}
	if o.State == jobs.Done {
		e.result = o.Result
	}
	if o.Failure != "" {
		text := shorten(storable(o.Failure), jobs.MaxErrorLength)
		e.error = &text
		e.errors = withFailure(r.errors, jobs.Failure{Attempt: r.attempt, At: r.now, Error: text})
	}
	return e
}

// withFailure appends a failure; the oldest are dropped.
func withFailure(errors jobs.JSON, f jobs.Failure) jobs.JSON {
	var all []jobs.Failure
	_ = errors.Decode(&all) // it is what Encode has made
	all = append(all, f)
	text, err := json.Marshal(all[max(0, len(all)-jobs.MaxErrors):])
	if err != nil {
		return errors // never: a Failure has no value that cannot be encoded
	}
	return jobs.JSON(text)
}

// shorten cuts a text to so many bytes at most.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// putEnds stores the ends of jobs that are locked. The token stays, so that an end that is told
// twice is known.
func (j jobStore) putEnds(ctx context.Context, etx EngineTx, changes []jobEnd) error {
	if len(changes) == 0 {
		return nil
	}
	s := j.store
	st := s.statement("job.end", func() *Statement {
		rows := s.dialect.JSONRows(1, JSONColumn{"v_org", JSONID}, JSONColumn{"v_id", JSONID}, JSONColumn{"v_state", JSONText}, JSONColumn{"v_result", JSONText},
			JSONColumn{"v_error", JSONText}, JSONColumn{"v_errors", JSONText}, JSONColumn{"v_delay", JSONNumber}, JSONColumn{"v_attempts", JSONNumber})
		now := s.dialect.SecondsAgo(0)
		return &Statement{"job.end", `UPDATE jobs SET state = v.v_state, result = v.v_result, error = coalesce(v.v_error, error), errors = v.v_errors,
progress = CASE WHEN v.v_state = 'done' THEN 100 ELSE progress END, attempt = attempt - v.v_attempts,
run_at = CASE WHEN v.v_delay >= 0 THEN ` + s.dialect.Later("v.v_delay") + ` ELSE run_at END,
finished_at = CASE WHEN v.v_state IN ('done', 'failed', 'cancelled') THEN ` + now + ` END,
version = version + 1 FROM ` + rows + " v WHERE org_id = v.v_org AND id = v.v_id"}
	})
	values := make([][]any, len(changes))
	for i, c := range changes {
		attempts := 0
		if c.unused {
			attempts = 1
		}
		values[i] = []any{c.org, c.id, c.state, storable(string(c.result)), c.error, string(c.errors), c.delay, attempts}
	}
	text, err := jsonRows(values)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, etx, st, text)
	return cmp.Or(err, allWritten("jobs", n, int64(len(changes))))
}
