package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The names of organisations and keys are brought to the rules by the same rebuild as the texts
// of records.

var (
	nameHolder = &Statement{"organisation.name_holder", `SELECT id FROM organisations WHERE name_key = $1 AND id <> $2`}
	dropNames  = &Statement{"organisation.drop_collisions", `DELETE FROM address_collisions WHERE org_id = $1 AND entity = '` + crm.EntityOrganisation + `'`}
	keyNames   = &Statement{"api_key.names", `SELECT id, name FROM api_keys WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3`}
	setKeyName = &Statement{"api_key.rename", `UPDATE api_keys SET name = $3 WHERE org_id = $1 AND id = $2`}
)

// organisationName implements textRules for the organisation of a transaction.
type organisationName struct{}

func (organisationName) of() string { return crm.EntityOrganisation }

func (n organisationName) batch(ctx context.Context, x *tx, _ *crm.Position) (*crm.Position, error) {
	return nil, n.rewrite(ctx, x, nil)
}

func (organisationName) rewrite(ctx context.Context, x *tx, _ []crm.ID) error {
	org, err := x.LockOrganisation(ctx)
	if err != nil {
		return err
	}
	if _, err := x.exec(ctx, dropNames, x.by.Org); err != nil {
		return err
	}
	before := org.Name
	crm.Organisations.Normalise(&org, crm.OrganisationPatch.Apply)
	if org.Name == before {
		return nil
	}
	// The transaction is confined to the organisation, so others are read without it.
	holders, err := collect(ctx, x.store, x.store.service(), nameHolder, func(id *crm.ID) []any { return []any{id} }, crm.NameKey(org.Name), org.ID)
	if err != nil {
		return err
	}
	if len(holders) > 0 {
		_, err := x.exec(ctx, putCollision, x.by.Org, crm.EntityOrganisation, org.ID, "name", holders[0], x.at)
		return err
	}
	return x.UpdateOrganisation(ctx, org)
}

// rebuildKeyNames brings the names of the next keys to the rules. Nothing else changes them, so
// they need no lock.
func rebuildKeyNames(ctx context.Context, x *tx, after *crm.Position) (*crm.Position, error) {
	var last crm.ID
	if after != nil {
		last = after.ID
	}
	keys, err := collect(ctx, x.store, x.db, keyNames, func(k *accounts.APIKey) []any { return []any{&k.ID, &k.Name} }, x.by.Org, last, int64(crm.MaxLimit))
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	changed := false
	for _, k := range keys {
		var r crm.Rules
		name := k.Name
		if r.Name(crm.Of(k.Name), &name); r.Err() != nil || name == k.Name {
			continue
		}
		if _, err := x.exec(ctx, setKeyName, x.by.Org, k.ID, name); err != nil {
			return nil, err
		}
		changed = true
	}
	if changed {
		x.log(crm.EntityAPIKey, nil, crm.OpBulk, crm.Refs{})
	}
	return &crm.Position{ID: keys[len(keys)-1].ID}, nil
}
