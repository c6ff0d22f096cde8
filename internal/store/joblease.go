package store

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// leaseMicros is the time that a lease is valid, in microseconds, as SQL has it.
var leaseMicros = strconv.FormatInt(jobs.LeaseTime.Microseconds(), 10)

// ErrLeaseLost is what a commit fails with whose Guard is not held.
var ErrLeaseLost = jobs.ErrLeaseLost

// jsonRows encodes rows for Dialect.JSONRows.
func jsonRows(rows [][]any) (string, error) {
	text, err := json.Marshal(rows)
	return string(text), err
}

// storable returns a text without what a database cannot store.
func storable(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ReplaceAll(text, "\x00", "")
}

// guardOf returns the guard of a transaction in a scope that is written with the context; nil for
// none.
func guardOf(ctx context.Context, scope Scope) *Guard {
	l, ok := jobs.LeaseOf(ctx)
	if !ok {
		return nil
	}
	return &Guard{Org: l.Org, Job: l.Job, Token: l.Token, Elsewhere: !scope.Service && scope.Org != l.Org}
}

// leaseColumns are those of leases as JSONRows has them.
var leaseColumns = []JSONColumn{{"v_org", JSONID}, {"v_id", JSONID}, {"v_token", JSONID}}

func leaseRow(l jobs.Lease, more ...any) []any { return append([]any{l.Org, l.Job, l.Token}, more...) }

// held is the condition that a job t runs under a lease of the rows v.
const held = "t.org_id = v.v_org AND t.id = v.v_id AND t.lease_token = v.v_token AND t.state = 'running'"

// Renew locks the jobs in the order of their ids, as all do that change several.
func (j jobStore) Renew(ctx context.Context, leases []jobs.Renewal) (lost []crm.ID, err error) {
	s := j.store
	if len(leases) == 0 {
		return nil, nil
	}
	st := s.statement("job.renew", func() *Statement {
		rows := s.dialect.JSONRows(1, append(leaseColumns, JSONColumn{"v_progress", JSONNumber}, JSONColumn{"v_note", JSONText})...)
		return &Statement{"job.renew", "UPDATE jobs SET lease_until = " + s.dialect.Later(leaseMicros) + `,
version = version + CASE WHEN l.v_progress <> progress OR l.v_note <> note THEN 1 ELSE 0 END,
progress = coalesce(l.v_progress, progress), note = coalesce(l.v_note, note)
FROM (SELECT t.org_id AS l_org, t.id AS l_id, v.v_progress, v.v_note FROM jobs t JOIN ` + rows + " v ON " + held +
			" ORDER BY t.org_id, t.id" + s.dialect.ForUpdate() + ") l WHERE org_id = l.l_org AND id = l.l_id RETURNING id"}
	})
	values := make([][]any, len(leases))
	for i, r := range leases {
		note := r.Note
		if note != nil {
			note = new(storable(*note))
		}
		values[i] = leaseRow(r.Lease, r.Progress, note)
	}
	text, err := jsonRows(values)
	if err != nil {
		return nil, err
	}
	var renewed []crm.ID
	err = s.byKeyInService(ctx, func(etx EngineTx) (err error) {
		renewed, err = collect(ctx, s, etx, st, func(id *crm.ID) []any { return []any{id} }, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	kept := make(map[crm.ID]bool, len(renewed))
	for _, id := range renewed {
		kept[id] = true
	}
	for _, r := range leases {
		if !kept[r.Lease.Job] {
			lost = append(lost, r.Lease.Job)
		}
	}
	return lost, nil
}

func (j jobStore) CancelRequests(ctx context.Context, leases []jobs.Lease) ([]crm.ID, error) {
	s := j.store
	if len(leases) == 0 {
		return nil, nil
	}
	st := s.statement("job.cancel_requests", func() *Statement {
		return &Statement{"job.cancel_requests", "SELECT v.v_id FROM " + s.dialect.JSONRows(1, leaseColumns...) + " v LEFT JOIN jobs t ON " + held +
			" WHERE t.id IS NULL OR t.cancel_at IS NOT NULL"}
	})
	values := make([][]any, len(leases))
	for i, l := range leases {
		values[i] = leaseRow(l)
	}
	text, err := jsonRows(values)
	if err != nil {
		return nil, err
	}
	return collect(ctx, s, s.service(), st, func(id *crm.ID) []any { return []any{id} }, text)
}

var errSaveJoined = errors.New("a checkpoint is not part of another transaction")

// Save changes the job as the last of the transaction, so that a job whose batches run at the same
// time is locked as briefly as possible.
func (j jobStore) Save(ctx context.Context, by crm.Actor, l jobs.Lease, u jobs.Update, fn func(context.Context) error) error {
	s := j.store
	if s.joined(ctx) != nil {
		return errSaveJoined
	}
	st, args := s.saveStatement(l, u)
	guard := &Guard{Org: l.Org, Job: l.Job, Token: l.Token, Elsewhere: by.Org != l.Org, Change: st, Args: args}
	return s.writeGuarded(ctx, by, 0, guard, func(writing Tx) error {
		if fn == nil {
			return nil
		}
		t, _ := writing.(*tx) // what writeGuarded passes
		return t.runJoined(ctx, fn)
	})
}

// saveStatement composes the change of a job.
func (s *Store) saveStatement(l jobs.Lease, u jobs.Update) (*Statement, []any) {
	args := []any{l.Org, l.Job}
	set := ""
	put := func(column string, value any) {
		args = append(args, value)
		set += ", " + column + " = $" + strconv.Itoa(len(args))
	}
	if u.Checkpoint != nil {
		put("checkpoint", storable(string(*u.Checkpoint)))
	}
	if u.Note != nil {
		put("note", storable(*u.Note))
	}
	switch {
	case u.Done != nil:
		put("result", storable(string(*u.Done)))
		set += ", state = 'done', progress = 100, finished_at = " + s.dialect.SecondsAgo(0)
	case u.Progress != nil:
		put("progress", int64(*u.Progress))
	}
	return s.statement("job.save"+set, func() *Statement {
		return &Statement{"job.save", "UPDATE jobs SET version = version + 1" + set + " WHERE org_id = $1 AND id = $2"}
	}), args
}
