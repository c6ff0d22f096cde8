package store

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// The table of jobs, and what is asked of it. Statements on jobs of all organisations are run in
// the service scope. The others' organisation may be zero, which is the system's.

func jobTable(views map[string]string) table[jobs.Job, jobs.Filter] {
	return table[jobs.Job, jobs.Filter]{
		name: "jobs", entity: jobs.Entity, permanent: true,
		columns: columnsOf(jobs.Declared, views),
		sorts:   map[string]sortKey{"created_at": commonSorts["created_at"]}, order: jobs.Declared.Sorts.Default.Field,
		filters: filtersOf(jobs.Declared, map[string]condition[jobs.Filter]{
			"kind":    {column: "t.kind"},
			"state":   {column: "t.state"},
			"actorId": {column: "t.actor_id"},
		}),
		id:   func(j *jobs.Job) crm.ID { return j.ID },
		org:  func(j *jobs.Job) crm.ID { return j.OrgID },
		refs: func(*jobs.Job) crm.Refs { return crm.Refs{} },
	}
}

// unlisted are the columns that lists leave out: what a job works on may be long.
var unlisted = map[string]string{"args": "CAST('' AS text)", "checkpoint": "CAST('' AS text)"}

// jobStore implements jobs.Store.
type jobStore struct{ store *Store }

// Jobs returns the store as internal/jobs needs it.
func (s *Store) Jobs() jobs.Store { return jobStore{s} }

func (j jobStore) Page(ctx context.Context, org crm.ID, q crm.List[jobs.Filter]) (crm.Page[jobs.Job], error) {
	return page(ctx, j.store, j.store.of(org), &j.store.jobLists, org, nil, q)
}

func (j jobStore) Job(ctx context.Context, org, id crm.ID) (jobs.Job, error) {
	return j.get(ctx, j.store.of(org), org, id)
}

func (j jobStore) get(ctx context.Context, db Querier, org, id crm.ID) (jobs.Job, error) {
	found, err := byID(ctx, j.store, db, &j.store.jobs, org, nil, []crm.ID{id}, true)
	if err != nil {
		return jobs.Job{}, err
	}
	if len(found) == 0 {
		return jobs.Job{}, crm.NotFound(jobs.Entity)
	}
	return found[0], nil
}

// returning returns the clause by which a statement returns the jobs that it changes.
func (j jobStore) returning() string {
	return " RETURNING " + strings.Join(j.store.jobs.writtenColumns(), ", ")
}

func (j jobStore) Now(ctx context.Context) (crm.Instant, error) { return j.store.Now(ctx) }

// Cancel changes nothing of a running job that is to be cancelled already.
func (j jobStore) Cancel(ctx context.Context, by crm.Actor, id crm.ID) (jobs.Job, error) {
	s := j.store
	st := s.statement("job.cancel", func() *Statement {
		now := s.dialect.SecondsAgo(0)
		return &Statement{"job.cancel", `UPDATE jobs SET state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,
finished_at = CASE WHEN state = 'running' THEN finished_at ELSE ` + now + ` END,
version = version + CASE WHEN cancel_at IS NULL THEN 1 ELSE 0 END, cancel_at = coalesce(cancel_at, ` + now + `)
WHERE org_id = $1 AND id = $2 AND state IN ('scheduled', 'ready', 'running')` + j.returning()}
	})
	return j.change(ctx, by, id, st, "The job has ended already")
}

func (j jobStore) Retry(ctx context.Context, by crm.Actor, id crm.ID) (jobs.Job, error) {
	s := j.store
	st := s.statement("job.retry", func() *Statement {
		return &Statement{"job.retry", `UPDATE jobs SET state = 'ready', attempt = 0, cancel_at = NULL, finished_at = NULL, lease_token = NULL,
run_at = ` + s.dialect.SecondsAgo(0) + `, version = version + 1
WHERE org_id = $1 AND id = $2 AND state IN ('failed', 'cancelled')` + j.returning()}
	})
	job, err := j.change(ctx, by, id, st, "Only a job that has failed or was cancelled is tried again")
	if known := (*crm.Error)(nil); errors.As(err, &known) && known.Code == crm.CodeConflict && known.Cause != nil { // a unique index
		return job, crm.Conflict("Another job does the same already")
	}
	return job, err
}

// change runs a statement that changes and returns a job, or finds it in another state.
func (j jobStore) change(ctx context.Context, by crm.Actor, id crm.ID, st *Statement, otherwise string) (job jobs.Job, err error) {
	s := j.store
	err = s.writeJobs(ctx, by, func(t *tx) error {
		changed, err := collect(ctx, s, t.etx, st, s.jobs.destinations, by.Org, id)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			if job, err = j.get(ctx, t.etx, by.Org, id); err == nil {
				err = crm.Conflict(otherwise)
			}
			return err
		}
		job = changed[0]
		if job.State == jobs.Ready {
			t.due = append(t.due, job.Kind)
		}
		return nil
	})
	return job, err
}

// writeJobs runs fn in the transaction that the context has joined, or in one of its own.
func (s *Store) writeJobs(ctx context.Context, by crm.Actor, fn func(*tx) error) error {
	at := crm.Instant(0) // nothing is entered in the change log
	if t := s.joined(ctx); t != nil {
		at = t.at
	}
	return s.Write(ctx, by, at, func(writing Tx) error {
		t, _ := writing.(*tx) // what Write passes
		return fn(t)
	})
}

func (j jobStore) Stats(ctx context.Context, org *crm.ID) ([]jobs.KindStats, error) {
	s := j.store
	db, of, scope, args := s.service(), "", "all", []any(nil)
	if org != nil {
		db, of, scope, args = s.of(*org), "org_id = $1 AND ", "own", []any{*org}
	}
	counts := s.statement("job.counts "+scope, func() *Statement {
		return &Statement{"job.counts", "SELECT kind, state, count(*), min(run_at) FROM jobs WHERE " + of + "true GROUP BY kind, state ORDER BY kind"}
	})
	times := s.statement("job.times "+scope, func() *Statement {
		d := s.dialect
		return &Statement{"job.times", "SELECT kind, count(*), " + d.AverageMillis("run_at", "started_at") + ", " + d.AverageMillis("started_at", "finished_at") +
			" FROM jobs WHERE " + of + "state = 'done' AND finished_at > " + d.SecondsAgo(3600) + " GROUP BY kind"}
	})
	var out []jobs.KindStats
	numbersOf := func(kind jobs.Kind) *jobs.KindStats {
		for i := range out {
			if out[i].Kind == kind {
				return &out[i]
			}
		}
		out = append(out, jobs.KindStats{Kind: kind})
		return &out[len(out)-1]
	}
	var kind jobs.Kind
	var state jobs.State
	var n, wait, run int64
	var oldest crm.Instant
	err := s.query(ctx, db, counts, args, func(rows Rows) (bool, error) {
		if err := rows.Scan((*string)(&kind), (*string)(&state), &n, &oldest); err != nil {
			return false, err
		}
		k := numbersOf(kind)
		switch state {
		case jobs.Scheduled:
			k.Scheduled = n
		case jobs.Ready:
			k.Ready, k.OldestReady = n, oldest
		case jobs.Running:
			k.Running = n
		case jobs.Done:
			k.Done = n
		case jobs.Failed:
			k.Failed = n
		case jobs.Cancelled:
			k.Cancelled = n
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	err = s.query(ctx, db, times, args, func(rows Rows) (bool, error) {
		if err := rows.Scan((*string)(&kind), &n, &wait, &run); err != nil {
			return false, err
		}
		k := numbersOf(kind)
		k.DoneLastHour, k.WaitMillis, k.RunMillis = n, wait, run
		return true, nil
	})
	return out, err
}

// What holds of a kind over all instances.
var (
	pauseKind = &Statement{"job.pause", `INSERT INTO job_kinds (kind, paused) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET paused = excluded.paused WHERE job_kinds.paused <> excluded.paused`}
	limitKind = &Statement{"job.limit", `INSERT INTO job_kinds (kind, total) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET total = excluded.total WHERE job_kinds.total <> excluded.total`}
	pausedKinds = &Statement{"job.paused", `SELECT kind FROM job_kinds WHERE paused ORDER BY kind`}
)

func (j jobStore) SetPaused(ctx context.Context, kind jobs.Kind, paused bool) error {
	if err := j.store.byKeyInService(ctx, func(etx EngineTx) error {
		_, err := j.store.exec(ctx, etx, pauseKind, string(kind), paused)
		return err
	}); err != nil {
		return err
	}
	if !paused {
		j.store.enqueued([]jobs.Kind{kind})
	}
	return nil
}

func (j jobStore) SetTotal(ctx context.Context, kind jobs.Kind, total int) error {
	return j.store.byKeyInService(ctx, func(etx EngineTx) error {
		_, err := j.store.exec(ctx, etx, limitKind, string(kind), int64(total))
		return err
	})
}

func (j jobStore) PausedKinds(ctx context.Context) ([]jobs.Kind, error) {
	return collect(ctx, j.store, j.store.service(), pausedKinds, func(k *jobs.Kind) []any { return []any{(*string)(k)} })
}

func (j jobStore) Watch(ctx context.Context, wake func()) error {
	return j.store.fault(ctx, j.store.engine.WatchJobs(ctx, wake))
}

// Announce returns before the announcement is made.
func (j jobStore) Announce(context.Context) error {
	j.store.engine.AnnounceJobs()
	return nil
}

// A kindList composes the placeholders of kinds from $first on.
func kindList(first, n int) string { return "(" + placeholders(first, n) + ")" }

// inPlaces composes the condition that a job's files are there, for placeholders from $first on.
func inPlaces(first, places int) string {
	if places == 0 {
		return " AND t.place IS NULL"
	}
	return " AND (t.place IS NULL OR t.place IN (" + placeholders(first, places) + "))"
}

// numbered returns a key of statements that differ by numbers.
func numbered(name string, numbers ...int) string {
	for _, n := range numbers {
		name += " " + strconv.Itoa(n)
	}
	return name
}
