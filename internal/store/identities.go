package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Who people are to identity providers. An identity is looked for in all organisations.

var (
	identityHolder = &Statement{"identity.holder", `SELECT i.org_id, i.user_id, i.issuer, i.subject, i.created_at, u.role, u.deactivated_at, o.reps_see
FROM identities i JOIN users u ON u.org_id = i.org_id AND u.id = i.user_id JOIN organisations o ON o.id = i.org_id WHERE i.issuer = $1 AND i.subject = $2 AND u.deleted_at IS NULL`}
	putIdentity = &Statement{"identity.insert", `INSERT INTO identities (org_id, user_id, issuer, subject, created_at) VALUES ($1, $2, $3, $4, $5)`}
	// person is found by their id; the users of API keys are none.
	person         = &Statement{"user.principal", `SELECT u.role, u.deactivated_at, o.reps_see FROM users u JOIN organisations o ON o.id = u.org_id WHERE u.org_id = $1 AND u.id = $2 AND u.deleted_at IS NULL AND NOT u.service`}
	identities     = &Statement{"identity.list", `SELECT org_id, user_id, issuer, subject, created_at FROM identities WHERE org_id = $1 AND user_id = $2 ORDER BY issuer`}
	deleteIdentity = &Statement{"identity.delete", `DELETE FROM identities WHERE org_id = $1 AND user_id = $2 AND issuer = $3`}
	// endIdentity removes an identity from a user who was deleted since, and may have been
	// created again.
	endIdentity = &Statement{"identity.end", `DELETE FROM identities WHERE org_id = $1 AND issuer = $2 AND subject = $3
AND EXISTS (SELECT 1 FROM users u WHERE u.org_id = identities.org_id AND u.id = identities.user_id AND u.deleted_at IS NOT NULL)`}
)

// IdentityPrincipal implements auth.Principals.
func (s *Store) IdentityPrincipal(ctx context.Context, issuer, subject string) (accounts.Identity, accounts.Principal, error) {
	type holder struct {
		identity accounts.Identity
		user     accounts.Principal
	}
	rows, err := collect(ctx, s, s.service(), identityHolder, func(h *holder) []any {
		i := &h.identity
		return []any{&i.OrgID, &i.UserID, &i.Issuer, &i.Subject, &i.CreatedAt, (*string)(&h.user.Role), &h.user.DeactivatedAt, (*string)(&h.user.RepsSee)}
	}, issuer, subject)
	if err != nil {
		return accounts.Identity{}, accounts.Principal{}, err
	}
	if len(rows) == 0 {
		return accounts.Identity{}, accounts.Principal{}, crm.NotFound("identity")
	}
	h := rows[0]
	h.user.OrgID, h.user.ID = h.identity.OrgID, h.identity.UserID
	return h.identity, h.user, nil
}

// PersonPrincipal implements auth.Principals.
func (s *Store) PersonPrincipal(ctx context.Context, org, user crm.ID) (accounts.Principal, error) {
	rows, err := collect(ctx, s, s.of(org), person, func(p *accounts.Principal) []any {
		return []any{(*string)(&p.Role), &p.DeactivatedAt, (*string)(&p.RepsSee)}
	}, org, user)
	if err != nil {
		return accounts.Principal{}, err
	}
	if len(rows) == 0 {
		return accounts.Principal{}, crm.NotFound("user")
	}
	rows[0].OrgID, rows[0].ID = org, user
	return rows[0], nil
}

// Identities implements accounts.Tx.
func (t *tx) Identities(ctx context.Context, user crm.ID) ([]accounts.Identity, error) {
	return collect(ctx, t.store, t.db, identities, func(i *accounts.Identity) []any {
		return []any{&i.OrgID, &i.UserID, &i.Issuer, &i.Subject, &i.CreatedAt}
	}, t.by.Org, user)
}

// DeleteIdentity implements accounts.Tx.
func (t *tx) DeleteIdentity(ctx context.Context, user crm.ID, issuer string) (bool, error) {
	n, err := t.exec(ctx, deleteIdentity, t.by.Org, user, issuer)
	return n > 0, err
}

// PutIdentity implements accounts.Tx.
func (t *tx) PutIdentity(ctx context.Context, i accounts.Identity) error {
	if err := t.confine("identity", i.OrgID); err != nil {
		return err
	}
	if _, err := t.exec(ctx, endIdentity, i.OrgID, i.Issuer, i.Subject); err != nil {
		return err
	}
	_, err := t.exec(ctx, putIdentity, i.OrgID, i.UserID, i.Issuer, i.Subject, i.CreatedAt)
	return err
}
