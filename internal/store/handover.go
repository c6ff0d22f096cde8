package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// What of a person's goes to another.

// LockAdmins implements accounts.Tx. It goes by the ids, so that two who ask at once do not
// wait for each other.
func (t *tx) LockAdmins(ctx context.Context) ([]crm.ID, error) {
	s := t.store
	st := s.statement("owner.lock_admins", func() *Statement {
		return &Statement{"owner.lock_admins", `SELECT t.id FROM users t
WHERE t.org_id = $1 AND t.role = 'admin' AND NOT t.service AND t.deactivated_at IS NULL AND t.deleted_at IS NULL ORDER BY t.id` + s.dialect.ForUpdate()}
	})
	return collect(ctx, s, t.db, st, func(id *crm.ID) []any { return []any{id} }, t.by.Org)
}

// handOverBatch bounds what one statement gives from one person to another: statements
// have their time, and what comes here of it is its ids.
const handOverBatch = 2000

// handOver gives some of what one person has of a kind to another.
func handOver(entity, table, column string) *Statement {
	return &Statement{entity + ".hand_over", "UPDATE " + table + " SET " + column + " = $3, updated_at = $4, version = version + 1 WHERE org_id = $1 AND id IN (SELECT id FROM " +
		table + " WHERE org_id = $1 AND " + column + " = $2 AND deleted_at IS NULL LIMIT $5) AND deleted_at IS NULL RETURNING id"}
}

var (
	handOverCompanies  = handOver(crm.EntityCompany, "companies", "owner_id")
	handOverContacts   = handOver(crm.EntityContact, "contacts", "owner_id")
	handOverDeals      = handOver(crm.EntityDeal, "deals", "owner_id")
	handOverActivities = handOver(crm.EntityActivity, "activities", "owner_id")
	handOverTasks      = handOver(crm.EntityTask, "tasks", "assigned_to")
)

// owned counts by the indexes that are led by the owner.
var owned = func() *Statement {
	count := func(table, column string) string {
		return "(SELECT count(*) FROM (SELECT 1 FROM " + table + " WHERE org_id = $1 AND " + column + " = $2 AND deleted_at IS NULL LIMIT $3) AS " + table + "_owned)"
	}
	return &Statement{"owner.owned", "SELECT " + count("companies", "owner_id") + " + " + count("contacts", "owner_id") + " + " + count("deals", "owner_id") +
		" + " + count("activities", "owner_id") + " + " + count("tasks", "assigned_to")}
}()

// CountOwned implements accounts.Tx.
func (t *tx) CountOwned(ctx context.Context, owner crm.ID, limit int64) (int64, error) {
	found, err := collect(ctx, t.store, t.db, owned, func(n *int64) []any { return []any{n} }, t.by.Org, owner, limit)
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// TransferOwnership implements accounts.Tx. The kinds come in the order in which other transactions
// write them.
func (t *tx) TransferOwnership(ctx context.Context, from, to crm.ID) (n accounts.TransferredRecords, err error) {
	for _, of := range []struct {
		entity    string
		statement *Statement
		count     *int64
	}{
		{crm.EntityCompany, handOverCompanies, &n.Companies},
		{crm.EntityContact, handOverContacts, &n.Contacts},
		{crm.EntityDeal, handOverDeals, &n.Deals},
		{crm.EntityActivity, handOverActivities, &n.Activities},
		{crm.EntityTask, handOverTasks, &n.Tasks},
	} {
		for {
			ids, err := collect(ctx, t.store, t.db, of.statement, func(id *crm.ID) []any { return []any{id} },
				t.by.Org, from, to, t.at, int64(handOverBatch))
			if err != nil {
				return accounts.TransferredRecords{}, err
			}
			if len(ids) == 0 {
				break
			}
			*of.count += int64(len(ids))
			if of.entity == crm.EntityDeal {
				if err := t.touchMany(ctx, ids, t.at); err != nil {
					return accounts.TransferredRecords{}, err
				}
			}
		}
		t.logCleared(of.entity, *of.count)
	}
	return n, nil
}
