package store

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// insertedColumns are those that a new job has values for; its times come after them.
var insertedColumns = []string{"org_id", "id", "kind", "priority", "max_attempts", "args", "actor_id", "key_id", "unique_key", "schedule_id", "slot", "place"}

// jobsPerInsert bounds the jobs that one statement inserts.
const jobsPerInsert = 50

// insertAttempts bounds how often a job is inserted while others with its key come and go.
const insertAttempts = 5

var errUniqueJob = errors.New("the unique key of a job is taken and released again and again")

func (j jobStore) Insert(ctx context.Context, by crm.Actor, rows []jobs.Job) (out []jobs.Job, err error) {
	err = j.store.writeJobs(ctx, by, func(t *tx) error {
		out, err = t.insertJobs(ctx, rows)
		return err
	})
	return out, err
}

// insertJobs inserts jobs, and returns them or those that are there already.
func (t *tx) insertJobs(ctx context.Context, rows []jobs.Job) ([]jobs.Job, error) {
	out := make([]jobs.Job, 0, len(rows))
	for i := range rows {
		if err := t.confine(jobs.Entity, rows[i].OrgID); err != nil {
			return nil, err
		}
	}
	for len(rows) > 0 {
		n := 1
		if len(rows) >= jobsPerInsert {
			n = jobsPerInsert
		}
		inserted, err := t.insertSome(ctx, rows[:n])
		if err != nil {
			return nil, err
		}
		for i := range rows[:n] {
			job, ok := inserted[rows[i].ID]
			if !ok {
				if job, err = t.insertOne(ctx, rows[i]); err != nil {
					return nil, err
				}
			}
			out = append(out, job)
		}
		rows = rows[n:]
	}
	return out, nil
}

// insertOne inserts a job whose key was taken, or returns the one that has it.
func (t *tx) insertOne(ctx context.Context, row jobs.Job) (jobs.Job, error) {
	for range insertAttempts {
		found, err := t.sameJob(ctx, row)
		if err != nil || len(found) > 0 {
			return append(found, jobs.Job{})[0], err
		}
		inserted, err := t.insertSome(ctx, []jobs.Job{row})
		if err != nil {
			return jobs.Job{}, err
		}
		if job, ok := inserted[row.ID]; ok {
			return job, nil
		}
	}
	return jobs.Job{}, crm.Unavailable(errUniqueJob)
}

// insertSome inserts jobs, and returns by their ids those that were: not those that are there
// already, by their id, their key or their slot.
func (t *tx) insertSome(ctx context.Context, rows []jobs.Job) (map[crm.ID]jobs.Job, error) {
	st := t.store.insertJobsStatement(len(rows))
	args := make([]any, 0, (len(insertedColumns)+2)*len(rows))
	for i := range rows {
		r := &rows[i]
		args = append(args, r.OrgID, r.ID, string(r.Kind), int64(r.Priority), int64(r.MaxAttempts), string(r.Args), r.ActorID, r.KeyID, r.UniqueKey, r.ScheduleID, r.Slot, r.Place)
		var at *crm.Instant
		if r.RunAt != 0 && r.Delay == 0 {
			at = &r.RunAt
		}
		args = append(args, at, max(r.Delay, 0).Microseconds())
	}
	made, err := collect(ctx, t.store, t.etx, st, func(r *jobs.Job) []any { return []any{&r.ID, (*string)(&r.State), &r.RunAt, &r.CreatedAt} }, args...)
	if err != nil {
		return nil, err
	}
	byID := make(map[crm.ID]jobs.Job, len(made))
	for _, m := range made {
		byID[m.ID] = m
	}
	for i := range rows {
		job := rows[i]
		m, ok := byID[job.ID]
		if !ok {
			continue
		}
		job.State, job.RunAt, job.CreatedAt, job.Version, job.Delay = m.State, m.RunAt, m.CreatedAt, 1, 0
		byID[job.ID] = job
		if job.State == jobs.Ready {
			t.due = append(t.due, job.Kind)
		}
	}
	return byID, nil
}

// insertJobsStatement returns the statement that inserts a number of jobs. A job whose time has
// come, or that has none, is due now: it does not come before those that wait already.
func (s *Store) insertJobsStatement(rows int) *Statement {
	return s.statement(numbered("job.insert", rows), func() *Statement {
		now, each := s.dialect.SecondsAgo(0), len(insertedColumns)+2
		var b strings.Builder
		b.WriteString("INSERT INTO jobs (" + strings.Join(insertedColumns, ", ") + ", state, run_at, created_at) VALUES ")
		for i := range rows {
			if i > 0 {
				b.WriteString(", ")
			}
			at, delay := "$"+strconv.Itoa(i*each+each-1), "$"+strconv.Itoa(i*each+each)
			at = "coalesce(" + s.dialect.Time(at) + ", " + s.dialect.Later(delay) + ")"
			b.WriteString("(" + placeholders(i*each+1, len(insertedColumns)) + ", CASE WHEN " + at + " <= " + now + " THEN 'ready' ELSE 'scheduled' END, " +
				"CASE WHEN " + at + " <= " + now + " THEN " + now + " ELSE " + at + " END, " + now + ")")
		}
		b.WriteString(" ON CONFLICT DO NOTHING RETURNING id, state, run_at, created_at")
		return &Statement{"job.insert", b.String()}
	})
}

// sameJob finds the job that is in the way of another.
func (t *tx) sameJob(ctx context.Context, row jobs.Job) ([]jobs.Job, error) {
	s := t.store
	find := func(name, condition string, args ...any) ([]jobs.Job, error) {
		st := s.statement(name, func() *Statement {
			return &Statement{name, "SELECT " + s.jobs.selectList(false) + " FROM jobs t WHERE t.org_id = $1 AND " + condition}
		})
		return collect(ctx, s, t.etx, st, s.jobs.destinations, append([]any{row.OrgID}, args...)...)
	}
	found, err := find("job.same", "t.id = $2", row.ID)
	if err == nil && len(found) == 0 && row.UniqueKey != nil {
		found, err = find("job.same_key", "t.kind = $2 AND t.unique_key = $3 AND t.state IN ('scheduled', 'ready', 'running')", string(row.Kind), row.UniqueKey)
	}
	if err == nil && len(found) == 0 && row.Slot != nil {
		found, err = find("job.same_slot", "t.schedule_id = $2 AND t.slot = $3", row.ScheduleID, row.Slot)
	}
	return found, err
}
