package store

import (
	"context"
	"encoding/json"
	"slices"

	"sixty/internal/crm"
)

func idsOf(id *crm.ID) []crm.ID {
	if id == nil {
		return nil
	}
	return []crm.ID{*id}
}

// unite gives what either of two refs names, without repeating it.
func unite(a, b crm.Refs) crm.Refs {
	ids := func(a, b []crm.ID) []crm.ID {
		for _, id := range b {
			if !slices.Contains(a, id) {
				a = append(slices.Clip(a), id)
			}
		}
		return a
	}
	return crm.Refs{
		Owner: ids(a.Owner, b.Owner), Company: ids(a.Company, b.Company), Contact: ids(a.Contact, b.Contact),
		Stage: ids(a.Stage, b.Stage), Deal: ids(a.Deal, b.Deal),
	}
}

// between gives the refs of a thing that has become another.
func between(before, after crm.Refs) crm.Refs {
	refs := unite(before, after)
	for _, id := range before.Owner {
		if !slices.Contains(after.Owner, id) {
			refs.PreviousOwners = append(refs.PreviousOwners, id)
		}
	}
	return refs
}

// bulkFrom is the number of changes to one kind in one transaction from which on
// they are entered as one: a reader that would have to look at so many things is
// better told to look at all.
const bulkFrom = 100

// log notes a change of the transaction, to a thing or, if the operation is bulk, to
// a kind as a whole.
func (t *tx) log(entity string, id *crm.ID, op crm.Op, refs crm.Refs) {
	t.logged[entity]++
	if op == crm.OpBulk {
		t.logged[entity] = bulkFrom + 1
	}
	switch n := t.logged[entity]; {
	case n <= bulkFrom:
		t.changes = append(t.changes, crm.LogEntry{Entity: entity, ID: id, Op: op, Refs: refs})
	case n == bulkFrom+1:
		t.changes = slices.DeleteFunc(t.changes, func(o crm.LogEntry) bool { return o.Entity == entity })
		t.changes = append(t.changes, crm.LogEntry{Entity: entity, Op: crm.OpBulk})
	}
}

// LogBulkChange implements accounts.Tx.
func (t *tx) LogBulkChange(_ context.Context, entity string) error {
	t.log(entity, nil, crm.OpBulk, crm.Refs{})
	return nil
}

var (
	lastSeq = &Statement{"change.end", `SELECT log_seq FROM organisations WHERE id = $1`}
	nextSeq = &Statement{"change.seq", `UPDATE organisations SET log_seq = log_seq + $2 WHERE id = $1 RETURNING log_seq`}
	putLog  = &Statement{"change.insert", `INSERT INTO changes (org_id, seq, entity, entity_id, op, actor_id, at, refs)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`}
)

// leave commits a transaction that enters nothing.
func (t *tx) leave(ctx context.Context) error {
	var seq int64
	err := t.store.query(ctx, t.db, lastSeq, []any{t.by.Org}, func(rows Rows) (bool, error) {
		return false, rows.Scan(&seq)
	})
	if err != nil {
		return err
	}
	if err := t.etx.Commit(ctx); err != nil {
		return t.store.fault(ctx, err)
	}
	if seq > 0 {
		t.store.commits.Unchanged(t.by.Org, seq)
	}
	return nil
}

// enter enters the transaction's changes. It comes last before the commit: taking
// the numbers locks the organisation's counter until then, so that the order of
// the numbers is the order of the commits, and there are no gaps.
func (t *tx) enter(ctx context.Context) error {
	var seq int64
	err := t.store.query(ctx, t.db, nextSeq, []any{t.by.Org, int64(len(t.changes))}, func(rows Rows) (bool, error) {
		return false, rows.Scan(&seq)
	})
	if err != nil {
		return err
	}
	if seq == 0 {
		return crm.NotFound("organisation")
	}
	t.etx.Wake(t.by.Org, seq)
	seq -= int64(len(t.changes))
	for i := range t.changes {
		seq++
		c := &t.changes[i]
		c.Seq, c.ActorID, c.At = seq, t.actor(), t.at
		r, err := json.Marshal(c.Refs)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, putLog, t.by.Org, c.Seq, c.Entity, c.ID, string(c.Op), c.ActorID, c.At, string(r)); err != nil {
			return err
		}
	}
	return nil
}
