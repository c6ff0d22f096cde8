package store

import (
	"context"
	"slices"

	"sixty/internal/crm"
)

// dealWriter also keeps deal_contacts in step: a deal's primary contact stands there
// with is_primary, further contacts with a role (one may be both), and each row
// carries the deal's updated_at.
type dealWriter struct {
	writer[crm.Deal, crm.DealFilter]
}

var (
	linkColumns = []string{"org_id", "deal_id", "contact_id", "role", "is_primary", "deal_updated_at"}

	linkPrimary = &Statement{"deal_contact.set_primary", `INSERT INTO deal_contacts (org_id, deal_id, contact_id, is_primary, deal_updated_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (org_id, deal_id, contact_id) DO UPDATE SET is_primary = excluded.is_primary`}
	unlinkPrimary = &Statement{"deal_contact.end_primary", `UPDATE deal_contacts SET is_primary = $3
WHERE org_id = $1 AND deal_id = $2 AND is_primary`}
	dropUnlinked = &Statement{"deal_contact.drop_unlinked", `DELETE FROM deal_contacts
WHERE org_id = $1 AND deal_id = $2 AND role IS NULL AND NOT is_primary`}
	putLink = &Statement{"deal_contact.put", `INSERT INTO deal_contacts (org_id, deal_id, contact_id, role, is_primary, deal_updated_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, deal_id, contact_id) DO UPDATE SET role = excluded.role`}
	dropRole = &Statement{"deal_contact.drop_role", `UPDATE deal_contacts SET role = NULL
WHERE org_id = $1 AND deal_id = $2 AND contact_id = $3 AND role IS NOT NULL`}
	touchDeal = &Statement{"deal.touch", `UPDATE deals SET updated_at = $3, version = version + 1 WHERE org_id = $1 AND id = $2`}
	// For one deal; touchMany is for many.
	touchLinks = &Statement{"deal_contact.touch", `UPDATE deal_contacts SET deal_updated_at = $3 WHERE org_id = $1 AND deal_id = $2`}
)

func (w *dealWriter) Insert(ctx context.Context, rows []crm.Deal) error {
	if err := w.writer.Insert(ctx, rows); err != nil {
		return err
	}
	var linked []*crm.Deal
	for i := range rows {
		if rows[i].PrimaryContactID != nil {
			linked = append(linked, &rows[i])
		}
	}
	args := make([]any, 0, len(linkColumns))
	return w.tx.load(ctx, "deal_contacts", linkColumns, len(linked), func(i int) []any {
		d := linked[i]
		args = append(args[:0], d.OrgID, d.ID, d.PrimaryContactID, nil, true, d.UpdatedAt)
		return args
	})
}

func (w *dealWriter) Update(ctx context.Context, changes []crm.Change[crm.Deal]) error {
	if err := w.writer.Update(ctx, changes); err != nil {
		return err
	}
	if err := w.touchLinks(ctx, changes); err != nil {
		return err
	}
	for _, c := range changes {
		was, is := c.Before.PrimaryContactID, c.After.PrimaryContactID
		if was == is || was != nil && is != nil && *was == *is {
			continue
		}
		if err := w.relink(ctx, c.After); err != nil {
			return err
		}
	}
	return nil
}

// touchLinks updates the deals' updated_at in deal_contacts. Deals of
// one batch share it.
func (w *dealWriter) touchLinks(ctx context.Context, changes []crm.Change[crm.Deal]) error {
	byTime := map[crm.Instant][]crm.ID{}
	for _, c := range changes {
		byTime[c.After.UpdatedAt] = append(byTime[c.After.UpdatedAt], c.After.ID)
	}
	for at, deals := range byTime {
		if err := w.tx.touchMany(ctx, deals, at); err != nil {
			return err
		}
	}
	return nil
}

// touchMany updates the updated_at of deals in deal_contacts.
func (t *tx) touchMany(ctx context.Context, deals []crm.ID, at crm.Instant) error {
	s := t.store
	st := s.statement("deal_contact.touch_many", func() *Statement {
		return &Statement{"deal_contact.touch_many", `UPDATE deal_contacts SET deal_updated_at = $3 WHERE org_id = $1 AND ` + s.dialect.AnyID("deal_id", 2)}
	})
	_, err := inParts(deals, func(part []crm.ID) ([]int64, error) {
		_, err := t.exec(ctx, st, t.by.Org, s.dialect.IDs(part), at)
		return nil, err
	})
	return err
}

// relink makes deal_contacts agree with a deal's changed primary contact.
func (w *dealWriter) relink(ctx context.Context, d crm.Deal) error {
	if _, err := w.tx.exec(ctx, unlinkPrimary, d.OrgID, d.ID, false); err != nil {
		return err
	}
	if _, err := w.tx.exec(ctx, dropUnlinked, d.OrgID, d.ID); err != nil {
		return err
	}
	if d.PrimaryContactID == nil {
		return nil
	}
	_, err := w.tx.exec(ctx, linkPrimary, d.OrgID, d.ID, d.PrimaryContactID, true, d.UpdatedAt)
	return err
}

// touch marks a deal as changed because of its further contacts.
func (t *tx) touch(ctx context.Context, d crm.Deal, contact crm.ID) error {
	for _, st := range []*Statement{touchDeal, touchLinks} {
		if _, err := t.exec(ctx, st, t.by.Org, d.ID, t.at); err != nil {
			return err
		}
	}
	involved := unite(t.store.deals.refs(&d), crm.Refs{Contact: []crm.ID{contact}})
	t.log(crm.EntityDeal, &d.ID, crm.OpUpdated, involved)
	return t.reindexDeals(ctx, []crm.ID{d.ID})
}

// PutDealContact implements crm.Tx.
func (t *tx) PutDealContact(ctx context.Context, d crm.Deal, c crm.DealContact) error {
	if _, err := t.exec(ctx, putLink, t.by.Org, d.ID, c.ContactID, c.Role, false, t.at); err != nil {
		return err
	}
	return t.touch(ctx, d, c.ContactID)
}

// InsertDealContacts implements bulk.Tx.
func (t *tx) InsertDealContacts(ctx context.Context, deals []crm.Deal, contacts []crm.DealContact) error {
	updatedAt := make(map[crm.ID]crm.Instant, len(deals))
	for i := range deals {
		updatedAt[deals[i].ID] = deals[i].UpdatedAt
	}
	args := make([]any, 0, len(linkColumns))
	if err := t.load(ctx, "deal_contacts", linkColumns, len(contacts), func(i int) []any {
		c := &contacts[i]
		args = append(args[:0], t.by.Org, c.DealID, c.ContactID, c.Role, false, updatedAt[c.DealID])
		return args
	}); err != nil {
		return err
	}
	var linked []crm.ID
	for i := range contacts {
		linked = append(linked, contacts[i].DealID)
	}
	t.keepLinks(contacts)
	slices.SortFunc(linked, crm.CompareIDs)
	return t.reindexDeals(ctx, slices.Compact(linked))
}

// DeleteDealContact implements crm.Tx.
func (t *tx) DeleteDealContact(ctx context.Context, d crm.Deal, contact crm.ID) (bool, error) {
	n, err := t.exec(ctx, dropRole, t.by.Org, d.ID, contact)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := t.exec(ctx, dropUnlinked, t.by.Org, d.ID); err != nil {
		return false, err
	}
	return true, t.touch(ctx, d, contact)
}

// InsertStageHistory implements crm.Tx.
func (t *tx) InsertStageHistory(ctx context.Context, moves []crm.StageHistoryEntry) error {
	for i := range moves {
		if err := t.confine("stage move", moves[i].OrgID); err != nil {
			return err
		}
	}
	t.keepMoves(moves)
	columns := []string{"org_id", "deal_id", "id", "stage_id", "entered_at", "exited_at", "user_id"}
	args := make([]any, 0, len(columns))
	return t.load(ctx, "deal_stage_moves", columns, len(moves), func(i int) []any {
		m := &moves[i]
		args = append(args[:0], m.OrgID, m.DealID, m.ID, m.StageID, m.EnteredAt, m.ExitedAt, m.UserID)
		return args
	})
}

// CloseStageHistory implements crm.Tx. A stay never ends before it began.
func (t *tx) CloseStageHistory(ctx context.Context, deals []crm.ID, at crm.Instant) error {
	s := t.store
	st := s.statement("deal.close_stages", func() *Statement {
		return &Statement{"deal.close_stages", `UPDATE deal_stage_moves SET exited_at = CASE WHEN entered_at > $3 THEN entered_at ELSE $3 END
WHERE org_id = $1 AND ` + s.dialect.AnyID("deal_id", 2) + ` AND exited_at IS NULL`}
	})
	_, err := inParts(deals, func(part []crm.ID) ([]int64, error) {
		_, err := t.exec(ctx, st, t.by.Org, s.dialect.IDs(part), at)
		return nil, err
	})
	return err
}
