package store

import (
	"context"

	"sixty/internal/crm"
)

// What happens to those who refer to something when that is deleted or steps back.

var (
	clearCompanyDeals = &Statement{"company.clear_deals", `UPDATE deals SET company_id = NULL, updated_at = $3, version = version + 1
WHERE org_id = $1 AND company_id = $2 AND deleted_at IS NULL`}
	clearCompanyContacts = &Statement{"company.clear_contacts", `UPDATE contacts SET company_id = NULL, is_primary = $4, updated_at = $3, version = version + 1
WHERE org_id = $1 AND company_id = $2 AND deleted_at IS NULL`}

	clearContactDeals = &Statement{"contact.clear_deals", `UPDATE deals
SET primary_contact_id = CASE WHEN primary_contact_id = $2 THEN NULL ELSE primary_contact_id END, updated_at = $3, version = version + 1
WHERE org_id = $1 AND id IN (SELECT deal_id FROM deal_contacts WHERE org_id = $1 AND contact_id = $2) AND deleted_at IS NULL`}
	// Deals that are deleted stay as they were: nobody would be told of their change.
	dropContactLinks = &Statement{"contact.drop_deal_contacts", `DELETE FROM deal_contacts WHERE org_id = $1 AND contact_id = $2
AND EXISTS (SELECT 1 FROM deals d WHERE d.org_id = $1 AND d.id = deal_contacts.deal_id AND d.deleted_at IS NULL)`}

	clearCompanyWork = clearWork("company")
	clearContactWork = clearWork("contact")
	clearDealWork    = clearWork("deal")

	// The deals that a transaction has cleared are those of its time: while it waits
	// for one of them, another may leave, or join, those that it set out to clear.
	touchCleared = &Statement{"deal.touch_cleared", `UPDATE deal_contacts SET deal_updated_at = $2
WHERE org_id = $1 AND deal_id IN (SELECT id FROM deals WHERE org_id = $1 AND updated_at = $2 AND deleted_at IS NULL)`}

	stageInUse = &Statement{"deal_stage.in_use", `SELECT 1 FROM deals WHERE org_id = $1 AND stage_id = $2 AND deleted_at IS NULL LIMIT 1`}
	ownerInUse = []*Statement{
		{"owner.in_use_deals", `SELECT 1 FROM deals WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_companies", `SELECT 1 FROM companies WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_contacts", `SELECT 1 FROM contacts WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_activities", `SELECT 1 FROM activities WHERE org_id = $1 AND owner_id = $2 AND deleted_at IS NULL LIMIT 1`},
		{"owner.in_use_tasks", `SELECT 1 FROM tasks WHERE org_id = $1 AND assigned_to = $2 AND deleted_at IS NULL LIMIT 1`},
	}
)

// clearing takes something off the rows of one kind.
type clearing struct {
	entity    string
	statement *Statement
}

// clearWork gives what takes something off the activities and tasks that name it.
func clearWork(what string) []clearing {
	var all []clearing
	for _, of := range []struct{ entity, table string }{{crm.EntityActivity, "activities"}, {crm.EntityTask, "tasks"}} {
		all = append(all, clearing{of.entity, &Statement{what + ".clear_" + of.table, "UPDATE " + of.table + " SET " + what +
			"_id = NULL, updated_at = $3, version = version + 1 WHERE org_id = $1 AND " + what + "_id = $2 AND deleted_at IS NULL"}})
	}
	return all
}

// clear takes something off what names it.
func (t *tx) clear(ctx context.Context, all []clearing, id crm.ID) error {
	for _, c := range all {
		n, err := t.exec(ctx, c.statement, t.by.Org, id, t.at)
		if err != nil {
			return err
		}
		t.logCleared(c.entity, n)
	}
	return nil
}

// ClearDeal implements crm.Tx.
func (t *tx) ClearDeal(ctx context.Context, deal crm.ID) error {
	return t.clear(ctx, clearDealWork, deal)
}

// ClearCompany implements crm.Tx.
func (t *tx) ClearCompany(ctx context.Context, company crm.ID) error {
	deals, err := t.exec(ctx, clearCompanyDeals, t.by.Org, company, t.at)
	if err != nil {
		return err
	}
	contacts, err := t.exec(ctx, clearCompanyContacts, t.by.Org, company, t.at, false)
	if err != nil {
		return err
	}
	t.logCleared(crm.EntityContact, contacts)
	if err := t.cleared(ctx, deals); err != nil {
		return err
	}
	return t.clear(ctx, clearCompanyWork, company)
}

// ClearContact implements crm.Tx.
func (t *tx) ClearContact(ctx context.Context, contact crm.ID) error {
	deals, err := t.exec(ctx, clearContactDeals, t.by.Org, contact, t.at)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, dropContactLinks, t.by.Org, contact); err != nil {
		return err
	}
	if err := t.cleared(ctx, deals); err != nil {
		return err
	}
	return t.clear(ctx, clearContactWork, contact)
}

// cleared keeps deal_contacts in step with so many deals that have been cleared.
func (t *tx) cleared(ctx context.Context, deals int64) error {
	if deals == 0 {
		return nil
	}
	t.logCleared(crm.EntityDeal, deals)
	_, err := t.exec(ctx, touchCleared, t.by.Org, t.at)
	return err
}

// logCleared enters as one what one statement did to many.
func (t *tx) logCleared(entity string, n int64) {
	if n > 0 {
		t.log(entity, nil, crm.OpBulk, crm.Refs{})
	}
}

// ClearPrimaryContacts implements crm.Tx.
func (t *tx) ClearPrimaryContacts(ctx context.Context, companies []crm.ID) error {
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
