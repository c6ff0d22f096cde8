package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Organisations, API keys and settings.

var (
	organisations = &Statement{"organisation.all", `SELECT id, name, default_currency, reps_see, key_max_days, created_at FROM organisations ORDER BY name_key`}
	organisation  = &Statement{"organisation.get", `SELECT id, name, default_currency, reps_see, key_max_days, created_at FROM organisations WHERE id = $1`}
	namedOrg      = &Statement{"organisation.named", `SELECT id FROM organisations WHERE id = $1 OR name_key = $2 ORDER BY (CASE WHEN id = $1 THEN 0 ELSE 1 END) LIMIT 1`}
	putOrg        = &Statement{"organisation.insert", `INSERT INTO organisations (id, name, name_key, default_currency, reps_see, created_at) VALUES ($1, $2, $3, $4, $5, $6)`}
	setOrg        = &Statement{"organisation.update", `UPDATE organisations SET name = $2, name_key = $3, reps_see = $4, key_max_days = $5 WHERE id = $1`}

	putKey = &Statement{"api_key.insert", `INSERT INTO api_keys (org_id, id, user_id, name, role, prefix, hash, created_at, expires_at, scopes, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`}
	revokeKey = &Statement{"api_key.revoke", `UPDATE api_keys SET revoked_at = $3 WHERE org_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING user_id`}
	keyHolder = &Statement{"api_key.holder", `SELECT k.org_id, k.id, k.user_id, k.name, k.role, k.prefix, k.hash, k.created_at, k.expires_at, k.revoked_at, k.used_at, k.scopes, k.created_by, k.used_address, u.role, u.deactivated_at, o.reps_see
FROM api_keys k JOIN users u ON u.org_id = k.org_id AND u.id = k.user_id JOIN organisations o ON o.id = k.org_id WHERE k.hash = $1 AND u.deleted_at IS NULL`}

	getSetting = &Statement{"setting.get", `SELECT value FROM settings WHERE name = $1`}
	putSetting = &Statement{"setting.insert", `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`}
)

func organisationDest(o *crm.Organisation) []any {
	return []any{&o.ID, &o.Name, &o.DefaultCurrency, (*string)(&o.RepsSee), &o.KeyMaxDays, &o.CreatedAt}
}

// Organisations implements accounts.Store.
func (s *Store) Organisations(ctx context.Context) ([]crm.Organisation, error) {
	return collect(ctx, s, s.service(), organisations, organisationDest)
}

// Organisation implements crm.Store.
func (s *Store) Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error) {
	rows, err := collect(ctx, s, s.of(id), organisation, organisationDest, id)
	if err != nil {
		return crm.Organisation{}, err
	}
	if len(rows) == 0 {
		return crm.Organisation{}, crm.NotFound("organisation")
	}
	return rows[0], nil
}

// OrganisationNamed implements accounts.Store.
func (s *Store) OrganisationNamed(ctx context.Context, nameOrID string) (crm.ID, error) {
	id, _ := crm.ParseID(nameOrID) // the zero ID is no organisation's
	rows, err := collect(ctx, s, s.apart(), namedOrg, func(id *crm.ID) []any { return []any{id} }, id, crm.NameKey(nameOrID))
	if err != nil {
		return crm.ID{}, err
	}
	if len(rows) == 0 {
		return crm.ID{}, crm.NotFound("organisation")
	}
	return rows[0], nil
}

func (t *tx) PutOrganisation(ctx context.Context, o crm.Organisation) error {
	if err := t.confine("record", o.ID); err != nil {
		return err
	}
	if _, err := t.exec(ctx, putOrg, o.ID, o.Name, crm.NameKey(o.Name), o.DefaultCurrency, string(o.RepsSee), o.CreatedAt); err != nil {
		return err
	}
	t.log(crm.EntityOrganisation, &o.ID, crm.OpCreated, crm.Refs{})
	return nil
}

// LockOrganisation implements accounts.Tx.
func (t *tx) LockOrganisation(ctx context.Context) (crm.Organisation, error) {
	s := t.store
	st := s.statement("organisation.get_lock", func() *Statement {
		return &Statement{"organisation.get_lock", "SELECT t.id, t.name, t.default_currency, t.reps_see, t.key_max_days, t.created_at FROM organisations t WHERE t.id = $1" + s.dialect.ForUpdate()}
	})
	rows, err := collect(ctx, s, t.db, st, organisationDest, t.by.Org)
	if err != nil {
		return crm.Organisation{}, err
	}
	if len(rows) == 0 {
		return crm.Organisation{}, crm.NotFound("organisation")
	}
	return rows[0], nil
}

// UpdateOrganisation implements accounts.Tx.
func (t *tx) UpdateOrganisation(ctx context.Context, o crm.Organisation) error {
	if err := t.confine("record", o.ID); err != nil {
		return err
	}
	n, err := t.exec(ctx, setOrg, o.ID, o.Name, crm.NameKey(o.Name), string(o.RepsSee), &o.KeyMaxDays)
	if err != nil {
		return err
	}
	t.log(crm.EntityOrganisation, &o.ID, crm.OpUpdated, crm.Refs{})
	return allWritten("organisations", n, 1)
}

func keyDest(k *accounts.APIKey) []any {
	return []any{&k.OrgID, &k.ID, &k.UserID, &k.Name, (*string)(&k.Role), &k.Prefix, &k.Hash, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt, &k.UsedAt, (*string)(&k.Scopes), &k.CreatedBy, &k.UsedAddress}
}

// APIKeyPrincipal implements auth.Principals.
func (s *Store) APIKeyPrincipal(ctx context.Context, hash []byte) (accounts.APIKey, accounts.Principal, error) {
	type holder struct {
		key  accounts.APIKey
		user accounts.Principal
	}
	rows, err := collect(ctx, s, s.service(), keyHolder, func(h *holder) []any {
		return append(keyDest(&h.key), (*string)(&h.user.Role), &h.user.DeactivatedAt, (*string)(&h.user.RepsSee))
	}, hash)
	if err != nil {
		return accounts.APIKey{}, accounts.Principal{}, err
	}
	if len(rows) == 0 {
		return accounts.APIKey{}, accounts.Principal{}, crm.NotFound("API key")
	}
	h := rows[0]
	h.user.OrgID, h.user.ID = h.key.OrgID, h.key.UserID
	return h.key, h.user, nil
}

func (t *tx) PutAPIKey(ctx context.Context, k accounts.APIKey) error {
	_, err := t.exec(ctx, putKey, t.by.Org, k.ID, k.UserID, k.Name, string(k.Role), k.Prefix, k.Hash, k.CreatedAt, k.ExpiresAt, string(k.Scopes), k.CreatedBy)
	if err != nil {
		return err
	}
	t.log(crm.EntityAPIKey, &k.ID, crm.OpCreated, crm.Refs{Owner: []crm.ID{k.UserID}})
	return nil
}

func (t *tx) RevokeAPIKey(ctx context.Context, id crm.ID) (bool, error) {
	users, err := collect(ctx, t.store, t.db, revokeKey, func(id *crm.ID) []any { return []any{id} }, t.by.Org, id, t.at)
	if err != nil || len(users) == 0 {
		return false, err
	}
	t.log(crm.EntityAPIKey, &id, crm.OpDeleted, crm.Refs{Owner: users})
	return true, nil
}

// Setting returns a database-wide setting, and stores what initial returns when there is
// none yet; all processes that call it at once get the same. It writes outside the change log: settings are the
// database's, not an organisation's.
func (s *Store) Setting(ctx context.Context, name string, initial func() string) (string, error) {
	text := func(v *string) []any { return []any{v} }
	rows, err := collect(ctx, s, s.service(), getSetting, text, name)
	if err != nil || len(rows) > 0 {
		return first(rows), err
	}
	if err := s.execInService(ctx, putSetting, name, initial()); err != nil {
		return "", err
	}
	rows, err = collect(ctx, s, s.service(), getSetting, text, name)
	return first(rows), err
}

func first(rows []string) string {
	if len(rows) == 0 {
		return ""
	}
	return rows[0]
}
