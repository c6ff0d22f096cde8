package store

import (
	"context"
	"strings"

	"sixty/internal/crm"
)

// What happens to the records that refer to one that is deleted, or that steps back.

var (
	// Deals that are deleted keep theirs: no one would hear of their change.
	dropContactLinks = &Statement{"contact.drop_deal_contacts", `DELETE FROM deal_contacts WHERE org_id = $1 AND contact_id = $2
AND EXISTS (SELECT 1 FROM deals d WHERE d.org_id = $1 AND d.id = deal_contacts.deal_id AND d.deleted_at IS NULL)`}

	stageInUse = &Statement{"deal_stage.in_use", `SELECT 1 FROM deals WHERE org_id = $1 AND stage_id = $2 AND deleted_at IS NULL LIMIT 1`}
	ownerInUse = []*Statement{
		{"owner.in_use_deals", `SELECT 1 FROM deals WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_companies", `SELECT 1 FROM companies WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_contacts", `SELECT 1 FROM contacts WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_activities", `SELECT 1 FROM activities WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_tasks", `SELECT 1 FROM tasks WHERE org_id = $1 AND assigned_to = $2 AND deleted_at IS NULL LIMIT 1`},
	}
)

// clearReference sets a reference to a record to null, in all rows of a table, and logs these; set
// says what else changes.
func clearReference[T, F any](ctx context.Context, x *tx, t *table[T, F], column string, id crm.ID, set string) error {
	st := x.store.statement(t.entity+".clear_"+column, func() *Statement {
		return &Statement{t.entity + ".clear_" + column, "UPDATE " + t.name + " SET " + column + " = NULL, " + set + "updated_at = $3, version = version + 1 WHERE org_id = $1 AND " +
			column + " = $2 AND deleted_at IS NULL RETURNING " + strings.Join(t.idColumns(), ", ")}
	})
	_, err := logChanged(ctx, x, t, st, column, id, x.by.Org, id, x.at)
	return err
}

// clearWork clears a reference of activities and tasks.
func (t *tx) clearWork(ctx context.Context, column string, id crm.ID) error {
	if err := clearReference(ctx, t, &t.store.activities, column, id, ""); err != nil {
		return err
	}
	return clearReference(ctx, t, &t.store.tasks, column, id, "")
}

// ClearDeal implements crm.Tx.
func (t *tx) ClearDeal(ctx context.Context, deal crm.ID) error {
	if err := t.keepReferences(ctx, crm.EntityDeal, deal); err != nil {
		return err
	}
	return t.clearWork(ctx, "deal_id", deal)
}

// ClearCompany implements crm.Tx.
func (t *tx) ClearCompany(ctx context.Context, company crm.ID) error {
	if err := t.keepReferences(ctx, crm.EntityCompany, company); err != nil {
		return err
	}
	deals, err := t.clearDeals(ctx, "company_id", company, "company_id = NULL", "company_id = $2")
	if err != nil {
		return err
	}
	if err := t.reindexDeals(ctx, deals); err != nil {
		return err
	}
	if err := clearReference(ctx, t, &t.store.contacts, "company_id", company, "is_primary = false, "); err != nil {
		return err
	}
	return t.clearWork(ctx, "company_id", company)
}

// ClearContact implements crm.Tx.
func (t *tx) ClearContact(ctx context.Context, contact crm.ID) error {
	if err := t.keepReferences(ctx, crm.EntityContact, contact); err != nil {
		return err
	}
	deals, err := t.clearDeals(ctx, "primary_contact_id", contact,
		"primary_contact_id = CASE WHEN primary_contact_id = $2 THEN NULL ELSE primary_contact_id END",
		"id IN (SELECT deal_id FROM deal_contacts WHERE org_id = $1 AND contact_id = $2)")
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, dropContactLinks, t.by.Org, contact); err != nil {
		return err
	}
	if err := t.reindexDeals(ctx, deals); err != nil {
		return err
	}
	return t.clearWork(ctx, "contact_id", contact)
}

// clearDeals clears a reference of deals, keeps deal_contacts in step, and returns the deals.
func (t *tx) clearDeals(ctx context.Context, column string, id crm.ID, set, where string) ([]crm.ID, error) {
	deals := &t.store.deals
	st := t.store.statement("deal.clear_"+column, func() *Statement {
		return &Statement{"deal.clear_" + column, "UPDATE deals SET " + set + ", updated_at = $3, version = version + 1 WHERE org_id = $1 AND " + where +
			" AND deleted_at IS NULL RETURNING " + strings.Join(deals.idColumns(), ", ")}
	})
	ids, err := logChanged(ctx, t, deals, st, column, id, t.by.Org, id, t.at)
	if err != nil {
		return nil, err
	}
	return ids, t.touchMany(ctx, ids, t.at)
}

// LockPrimaryContacts implements crm.Tx. The company is locked first: where it has no primary
// contact, there is nothing else that two transactions could both lock.
func (t *tx) LockPrimaryContacts(ctx context.Context, company crm.ID) ([]crm.Contact, error) {
	s, contacts := t.store, &t.store.contacts
	if _, err := byID(ctx, s, t.db, &s.companies, t.by.Org, nil, []crm.ID{company}, false); err != nil {
		return nil, err
	}
	st := s.statement("contact.primary_lock", func() *Statement {
		return &Statement{"contact.primary_lock", "SELECT " + contacts.selectList(false) + " FROM contacts t WHERE t.org_id = $1 AND t.company_id = $2 AND t.is_primary AND t.deleted_at IS NULL" +
			s.dialect.ForUpdate()}
	})
	return collect(ctx, s, t.db, st, contacts.destinations, t.by.Org, company)
}

// ClearPrimaryContacts implements crm.Tx.
func (t *tx) ClearPrimaryContacts(ctx context.Context, companies []crm.ID) error {
	if err := t.keepPrimaries(ctx, companies); err != nil {
		return err
	}
	s := t.store
	st := s.statement("contact.end_primary", func() *Statement {
		return &Statement{"contact.end_primary", `UPDATE contacts SET is_primary = $4, updated_at = $3, version = version + 1
WHERE org_id = $1 AND ` + s.dialect.AnyID("company_id", 2) + ` AND is_primary AND deleted_at IS NULL
RETURNING id, owner_id, company_id`}
	})
	_, err := inParts(companies, func(part []crm.ID) ([]crm.Contact, error) {
		ended, err := collect(ctx, s, t.db, st, func(c *crm.Contact) []any { return []any{&c.ID, &c.OwnerID, &c.CompanyID} },
			t.by.Org, s.dialect.IDs(part), t.at, false)
		for i := range ended {
			t.log(crm.EntityContact, &ended[i].ID, crm.OpUpdated, s.contacts.refs(&ended[i]))
		}
		return nil, err
	})
	return err
}

// StageInUse implements crm.Tx.
func (t *tx) StageInUse(ctx context.Context, stage crm.ID) (bool, error) {
	return t.exists(ctx, stageInUse, t.by.Org, stage)
}

// OwnerInUse implements accounts.Tx.
func (t *tx) OwnerInUse(ctx context.Context, owner crm.ID) (bool, error) {
	for _, st := range ownerInUse {
		if used, err := t.exists(ctx, st, t.by.Org, owner); err != nil || used {
			return used, err
		}
	}
	return false, nil
}
