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

// unite returns the ids of either of two refs, each once.
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

// between returns the refs of a record before and after a change.
func between(before, after crm.Refs) crm.Refs {
	refs := unite(before, after)
	for _, id := range before.Owner {
		if !slices.Contains(after.Owner, id) {
			refs.PreviousOwners = append(refs.PreviousOwners, id)
		}
	}
	return refs
}

// maxNamed is the number of records that a transaction names in the change log. Of one that
// changes more, the entity with most changes is logged as a whole.
const maxNamed = 10_000

// log notes a change of a record or, if the operation is bulk, of an entity as a whole.
func (t *tx) log(entity string, id *crm.ID, op crm.Op, refs crm.Refs) {
	if t.batch != nil && id != nil {
		t.batch.add(entity, op, *id)
		op = crm.OpBulk
	}
	switch {
	case t.logged[entity] < 0: // it is logged as a whole
	case op == crm.OpBulk:
		t.logWhole(entity)
	default:
		if len(t.changes) == maxNamed {
			t.logged[entity]++
			most := entity
			for e, n := range t.logged {
				if n > t.logged[most] {
					most = e
				}
			}
			t.logged[entity]--
			t.logWhole(most)
			t.log(entity, id, op, refs)
			return
		}
		t.logged[entity]++
		t.changes = append(t.changes, crm.LogEntry{Entity: entity, ID: id, Op: op, Refs: refs})
	}
}

// logWhole replaces the entries of an entity by one that is bulk.
func (t *tx) logWhole(entity string) {
	if t.logged[entity] > 0 {
		t.changes = slices.DeleteFunc(t.changes, func(e crm.LogEntry) bool { return e.Entity == entity })
	}
	t.logged[entity] = -1
	e := crm.LogEntry{Entity: entity, Op: crm.OpBulk}
	if t.batch != nil {
		e.Refs.Import = &t.batch.importID
	}
	t.changes = append(t.changes, e)
}

// LogBulkChange implements accounts.Tx.
func (t *tx) LogBulkChange(_ context.Context, entity string) error {
	t.log(entity, nil, crm.OpBulk, crm.Refs{})
	return nil
}

// logChanged runs an UPDATE of records that returns their idColumns, and logs each. In column
// each of them had the id that was.
func logChanged[T, F any](ctx context.Context, x *tx, t *table[T, F], st *Statement, column string, was crm.ID, args ...any) ([]crm.ID, error) {
	names := t.idColumns()
	rows, err := collect(ctx, x.store, x.db, st, func(row *T) []any { return t.destinationsOf(row, names) }, args...)
	if err != nil {
		return nil, err
	}
	ids := make([]crm.ID, len(rows))
	for i := range rows {
		after := &rows[i]
		before := *after
		t.setID(&before, column, was)
		ids[i] = t.id(after)
		x.log(t.entity, &ids[i], crm.OpUpdated, between(t.refs(&before), t.refs(after)))
	}
	return ids, nil
}

// commitUnchanged commits a transaction without entries for the change log.
func (t *tx) commitUnchanged(ctx context.Context) error {
	s := t.store
	var at crm.LogPosition
	st := s.statement("change.end", func() *Statement {
		return &Statement{"change.end", "SELECT log_seq, " + s.dialect.ExpectEpoch(2) + " FROM organisations WHERE id = $1"}
	})
	err := s.query(ctx, t.db, st, []any{t.by.Org, s.engine.Epoch()}, func(rows Rows) (bool, error) {
		return false, rows.Scan(&at.Seq, &at.Epoch)
	})
	if err != nil {
		return err
	}
	err = t.etx.Commit(ctx)
	if err == nil || !s.dialect.RolledBack(err) {
		s.enqueued(t.due) // who looks for jobs finds them, now or later
	}
	if err != nil {
		return s.fault(ctx, err)
	}
	if at.Seq > 0 {
		s.commits.Unchanged(t.by.Org, at)
	}
	return nil
}

// logAppend returns the transaction's entries of the change log, as they are written with the
// commit: taking their numbers locks the organisation's counter until then, so that the order
// of the numbers is the order of the commits, and there are no gaps.
func (t *tx) logAppend(ctx context.Context) (*LogAppend, error) {
	if err := t.putImportRecords(ctx); err != nil {
		return nil, err
	}
	log := &LogAppend{Org: t.by.Org}
	rows := make([][4]any, len(t.changes))
	for i := range t.changes {
		c := &t.changes[i]
		log.Deals = log.Deals || c.Entity == crm.EntityDeal
		log.Activities = log.Activities || c.Entity == crm.EntityActivity
		rows[i] = [4]any{c.Entity, c.ID, c.Op, c.Refs}
	}
	entries, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	log.Args = []any{t.by.Org, int64(len(rows)), t.by.UserID(), t.at, string(entries), t.by.KeyID(), t.store.engine.Epoch()}
	return log, nil
}

// number completes the entries when they are committed; seq is that of the last.
func (t *tx) number(seq int64) {
	n := int64(len(t.changes))
	actor, key := t.by.UserID(), t.by.KeyID()
	for i := range t.changes {
		c := &t.changes[i]
		c.Seq, c.ActorID, c.KeyID, c.At = seq-n+int64(i)+1, actor, key, t.at
	}
}
