package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The people who may see and do what concerns the whole instance.

var (
	isOperator = &Statement{"operator.check", `SELECT (SELECT count(*) FROM (SELECT 1 FROM organisations LIMIT 2) AS several),
(SELECT count(*) FROM operators WHERE org_id = $1 AND user_id = $2)`}
	listedOperator = &Statement{"operator.listed", `SELECT user_id FROM operators WHERE org_id = $1 AND user_id = $2`}
	operators      = &Statement{"operator.all", `SELECT g.name, o.created_at, u.org_id, u.id, u.full_name, u.email, u.role, u.deactivated_at
FROM operators o JOIN users u ON u.org_id = o.org_id AND u.id = o.user_id JOIN organisations g ON g.id = o.org_id
WHERE u.deleted_at IS NULL ORDER BY g.name_key, u.name_key, u.id`}
	putOperator    = &Statement{"operator.insert", `INSERT INTO operators (org_id, user_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (org_id, user_id) DO NOTHING`}
	deleteOperator = &Statement{"operator.delete", `DELETE FROM operators WHERE org_id = $1 AND user_id = $2`}
)

// IsOperator implements accounts.Store.
func (s *Store) IsOperator(ctx context.Context, org, user crm.ID) (bool, error) {
	type counts struct{ organisations, listed int64 }
	rows, err := collect(ctx, s, s.apart(), isOperator, func(c *counts) []any { return []any{&c.organisations, &c.listed} }, org, user)
	if err != nil {
		return false, err
	}
	return len(rows) > 0 && (rows[0].organisations == 1 || rows[0].listed > 0), nil
}

// Operators implements accounts.Store.
func (s *Store) Operators(ctx context.Context) ([]accounts.Operator, error) {
	return collect(ctx, s, s.service(), operators, func(o *accounts.Operator) []any {
		p := &o.Person
		return []any{&o.Organisation, &o.Since, &p.OrgID, &p.ID, &p.FullName, &p.Email, (*string)(&p.Role), &p.DeactivatedAt}
	})
}

// IsListedOperator implements accounts.Tx.
func (t *tx) IsListedOperator(ctx context.Context, user crm.ID) (bool, error) {
	rows, err := collect(ctx, t.store, t.db, listedOperator, func(id *crm.ID) []any { return []any{id} }, t.by.Org, user)
	return len(rows) > 0, err
}

// PutOperator implements accounts.Tx.
func (t *tx) PutOperator(ctx context.Context, user crm.ID, at crm.Instant) (bool, error) {
	n, err := t.exec(ctx, putOperator, t.by.Org, user, at)
	return n > 0, err
}

// DeleteOperator implements accounts.Tx.
func (t *tx) DeleteOperator(ctx context.Context, user crm.ID) (bool, error) {
	n, err := t.exec(ctx, deleteOperator, t.by.Org, user)
	return n > 0, err
}
