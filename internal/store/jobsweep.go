package store

import (
	"context"
	"errors"
	"strconv"

	"sixty/internal/jobs"
)

// sweepLock is the number of the lock of every transaction that sweeps.
const sweepLock int64 = 0x73697874796a // "sixtyj"

const (
	// sweptAtOnce bounds the expired leases that one sweep ends. The rest waits for the next.
	sweptAtOnce = 500
	// waitingTooLong is how many seconds a job is due before a sweep says so.
	waitingTooLong = 2
)

// leaseExpired is the failure of an attempt whose process has ended or is cut off.
const leaseExpired = "The process that ran it has not been heard of since its lease expired"

var errSweptElsewhere = errors.New("another instance sweeps")

// Sweep asks first whether there is anything to do, for that costs no transaction.
func (j jobStore) Sweep(ctx context.Context) (swept jobs.Swept, ok bool, err error) {
	s := j.store
	expired, due, err := s.sweepable(ctx, &swept)
	if err != nil || !expired && len(due) == 0 {
		return swept, err == nil, err
	}
	waiting := swept.Waiting
	var ready []jobs.Kind
	err = s.byKeyInService(ctx, func(etx EngineTx) error {
		swept, ready = jobs.Swept{Waiting: waiting}, nil
		lock := s.statement("job.sweep_lock", func() *Statement {
			return &Statement{"job.sweep_lock", "SELECT " + s.dialect.TryLock(1)}
		})
		free, err := collect(ctx, s, etx, lock, func(b *bool) []any { return []any{b} }, sweepLock)
		if err != nil {
			return err
		}
		if !free[0] {
			return errSweptElsewhere
		}
		for _, kind := range due {
			n, err := s.promoteKind(ctx, etx, kind)
			if err != nil {
				return err
			}
			if swept.Promoted += n; n > 0 {
				ready = append(ready, kind)
			}
		}
		if !expired {
			return nil
		}
		returned, err := j.endExpired(ctx, etx, &swept)
		ready = append(ready, returned...)
		return err
	})
	switch {
	case errors.Is(err, errSweptElsewhere):
		return jobs.Swept{}, false, nil
	case err != nil:
		return jobs.Swept{}, false, err
	}
	s.enqueued(ready)
	return swept, true, nil
}

// sweepable reports whether leases have expired, and returns the kinds that have scheduled jobs
// whose time has come. It notes those whose next job has been due for long: what is claimed at all
// is not, however many wait behind it.
func (s *Store) sweepable(ctx context.Context, swept *jobs.Swept) (expired bool, due []jobs.Kind, err error) {
	st := s.statement("job.sweepable", func() *Statement {
		d := s.dialect
		sql := "SELECT '', EXISTS (SELECT 1 FROM jobs t WHERE t.state = 'running' AND t.lease_until < " + d.SecondsAgo(0) + "), false"
		for _, k := range jobs.Kinds {
			kind := "'" + string(k.Kind) + "'"
			sql += "\nUNION ALL SELECT " + kind + ", EXISTS (SELECT 1 FROM jobs t WHERE t.kind = " + kind + " AND t.state = 'scheduled' AND t.run_at <= " + d.SecondsAgo(0) +
				"), coalesce((SELECT t.run_at <= " + d.SecondsAgo(waitingTooLong) + " FROM jobs t WHERE t.kind = " + kind + " AND t.state = 'ready'" + nextOrder + " LIMIT 1), false)" +
				" AND NOT EXISTS (SELECT 1 FROM job_kinds k WHERE k.kind = " + kind + " AND k.paused)"
		}
		return &Statement{"job.sweepable", sql}
	})
	var kind jobs.Kind
	var found, waiting bool
	err = s.query(ctx, s.service(), st, nil, func(rows Rows) (bool, error) {
		if err := rows.Scan((*string)(&kind), &found, &waiting); err != nil {
			return false, err
		}
		switch {
		case kind == "":
			expired = found
		case found:
			due = append(due, kind)
		}
		if waiting {
			swept.Waiting = append(swept.Waiting, kind)
		}
		return true, nil
	})
	return expired, due, err
}

// endExpired ends the attempts whose leases have expired, and returns the kinds of jobs that are
// ready again. The tokens go: nothing of these attempts is committed any more. Those that are
// committing something hold their jobs, and are left to the next sweep.
func (j jobStore) endExpired(ctx context.Context, etx EngineTx, swept *jobs.Swept) (ready []jobs.Kind, err error) {
	s := j.store
	find := s.statement("job.expired", func() *Statement {
		return &Statement{"job.expired", "SELECT " + s.endingColumns() + " FROM jobs t WHERE t.state = 'running' AND t.lease_until < " + s.dialect.SecondsAgo(0) +
			" ORDER BY t.org_id, t.id LIMIT " + strconv.Itoa(sweptAtOnce) + s.dialect.SkipLocked()}
	})
	revoke := s.statement("job.revoke", func() *Statement {
		rows := s.dialect.JSONRows(1, JSONColumn{"v_org", JSONID}, JSONColumn{"v_id", JSONID})
		return &Statement{"job.revoke", "UPDATE jobs SET lease_token = NULL FROM " + rows + " v WHERE org_id = v.v_org AND id = v.v_id"}
	})
	rows, err := collect(ctx, s, etx, find, (*ending).destinations)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	changes := make([]jobEnd, len(rows))
	ids := make([][]any, len(rows))
	for i, r := range rows {
		o := jobs.Outcome{State: jobs.Ready, Failure: leaseExpired}
		if r.attempt >= r.max && r.cancel == nil {
			o.State = jobs.Failed
		}
		changes[i], ids[i] = r.end(o), []any{r.org, r.id}
		switch changes[i].state {
		case jobs.Ready:
			swept.Returned++
			ready = append(ready, r.kind)
		case jobs.Failed:
			swept.Failed++
		default:
			swept.Cancelled++
		}
	}
	if err := j.putEnds(ctx, etx, changes); err != nil {
		return nil, err
	}
	text, err := jsonRows(ids)
	if err != nil {
		return nil, err
	}
	_, err = s.exec(ctx, etx, revoke, text)
	return ready, err
}
