package store

import (
	"context"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The transfer of a person's records to another.

// LockAdmins implements accounts.Tx. It locks in the order of the ids, so that two transactions
// do not deadlock.
func (t *tx) LockAdmins(ctx context.Context) ([]crm.ID, error) {
	s := t.store
	st := s.statement("owner.lock_admins", func() *Statement {
		return &Statement{"owner.lock_admins", `SELECT t.id FROM users t
WHERE t.org_id = $1 AND t.role = 'admin' AND NOT t.service AND t.deactivated_at IS NULL AND t.deleted_at IS NULL ORDER BY t.id` + s.dialect.ForUpdate()}
	})
	return collect(ctx, s, t.db, st, func(id *crm.ID) []any { return []any{id} }, t.by.Org)
}

// transferBatch bounds the records that one statement transfers: its time is limited.
const transferBatch = 2000

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

// TransferOwnership implements accounts.Tx. The entities come in the order in which other
// transactions write them.
func (t *tx) TransferOwnership(ctx context.Context, from, to crm.ID) (n accounts.TransferredRecords, err error) {
	s := t.store
	for _, transfer := range []func() error{
		func() (err error) {
			n.Companies, err = transferAll(ctx, t, &s.companies, "owner_id", from, to)
			return err
		},
		func() (err error) {
			n.Contacts, err = transferAll(ctx, t, &s.contacts, "owner_id", from, to)
			return err
		},
		func() (err error) { n.Deals, err = transferAll(ctx, t, &s.deals, "owner_id", from, to); return err },
		func() (err error) {
			n.Activities, err = transferAll(ctx, t, &s.activities, "owner_id", from, to)
			return err
		},
		func() (err error) { n.Tasks, err = transferAll(ctx, t, &s.tasks, "assigned_to", from, to); return err },
	} {
		if err := transfer(); err != nil {
			return accounts.TransferredRecords{}, err
		}
	}
	return n, nil
}

// transferAll transfers the records of one entity, in batches.
func transferAll[T, F any](ctx context.Context, x *tx, t *table[T, F], column string, from, to crm.ID) (n int64, err error) {
	st := x.store.statement(t.entity+".transfer", func() *Statement {
		return &Statement{t.entity + ".transfer", "UPDATE " + t.name + " SET " + column + " = $3, updated_at = $4, version = version + 1 WHERE org_id = $1 AND id IN (SELECT id FROM " +
			t.name + " WHERE org_id = $1 AND " + column + " = $2 AND deleted_at IS NULL LIMIT $5) AND deleted_at IS NULL RETURNING " + strings.Join(t.idColumns(), ", ")}
	})
	for {
		ids, err := logChanged(ctx, x, t, st, column, from, x.by.Org, from, to, x.at, int64(transferBatch))
		if err != nil || len(ids) == 0 {
			return n, err
		}
		n += int64(len(ids))
		if t.entity == crm.EntityDeal {
			if err := x.touchMany(ctx, ids, x.at); err != nil {
				return n, err
			}
		}
	}
}
