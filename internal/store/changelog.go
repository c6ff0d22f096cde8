package store

import (
	"context"
	"encoding/json"
	"slices"

	"sixty/internal/crm"
)

// refs are the things that a change concerns, before and after it, so that a
// reader of the change log need not ask again.
type refs struct {
	Owner   []crm.ID `json:"owner_id,omitempty"`
	Company []crm.ID `json:"company_id,omitempty"`
	Contact []crm.ID `json:"contact_id,omitempty"`
	Stage   []crm.ID `json:"stage_id,omitempty"`
	Deal    []crm.ID `json:"deal_id,omitempty"`
}

func idsOf(id *crm.ID) []crm.ID {
	if id == nil {
		return nil
	}
	return []crm.ID{*id}
}

// merge unites two sets of refs.
func (r refs) merge(o refs) refs {
	unite := func(a, b []crm.ID) []crm.ID {
		for _, id := range b {
			if !slices.Contains(a, id) {
				a = append(slices.Clip(a), id)
			}
		}
		return a
	}
	return refs{unite(r.Owner, o.Owner), unite(r.Company, o.Company), unite(r.Contact, o.Contact), unite(r.Stage, o.Stage), unite(r.Deal, o.Deal)}
}

// The operations of the change log.
const (
	opCreated = "created"
	opUpdated = "updated"
	opDeleted = "deleted"
	opBulk    = "bulk"
)

// bulkFrom is the number of changes to one kind in one transaction from which on
// they are entered as one: a reader that would have to look at so many things is
// better told to look at all.
const bulkFrom = 100

// A change is a row of the change log to be.
type change struct {
	entity string
	id     *crm.ID
	op     string
	refs   refs
}

// log notes a change of the transaction.
func (t *tx) log(c change) {
	t.logged[c.entity]++
	if c.op == opBulk {
		t.logged[c.entity] = bulkFrom + 1
	}
	switch n := t.logged[c.entity]; {
	case n <= bulkFrom:
		t.changes = append(t.changes, c)
	case n == bulkFrom+1:
		t.changes = slices.DeleteFunc(t.changes, func(o change) bool { return o.entity == c.entity })
		t.changes = append(t.changes, change{entity: c.entity, op: opBulk})
	}
}

var (
	nextSeq = &Statement{"change.seq", `UPDATE organisations SET log_seq = log_seq + $2 WHERE id = $1 RETURNING log_seq`}
	putLog  = &Statement{"change.insert", `INSERT INTO changes (org_id, seq, entity, entity_id, op, actor_id, at, refs)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`}
)

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
	seq -= int64(len(t.changes))
	for _, c := range t.changes {
		seq++
		r, err := json.Marshal(c.refs)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, putLog, t.by.Org, seq, c.entity, c.id, c.op, t.actor(), t.at, string(r)); err != nil {
			return err
		}
	}
	return nil
}
