package store

import (
	"context"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// What the undo of an import reads and writes besides records.

var (
	imageBatches = &Statement{"import_batch.images", `SELECT id FROM import_batches WHERE org_id = $1 AND import_id = $2 AND images IS NOT NULL ORDER BY id DESC`}
	batchImages  = &Statement{"import_batch.image", `SELECT images FROM import_batches WHERE org_id = $1 AND import_id = $2 AND id = $3`}
)

// ImageBatches implements bulk.Store.
func (s *Store) ImageBatches(ctx context.Context, org, importID crm.ID) ([]crm.ID, error) {
	return collect(ctx, s, s.of(org), imageBatches, func(id *crm.ID) []any { return []any{id} }, org, importID)
}

// BatchImages implements bulk.Store.
func (s *Store) BatchImages(ctx context.Context, org, importID, batch crm.ID) (images bulk.Images, err error) {
	found, err := collect(ctx, s, s.of(org), batchImages, func(b *[]byte) []any { return []any{b} }, org, importID, batch)
	if err == nil && len(found) == 0 {
		err = crm.NotFound("import")
	}
	if err != nil {
		return images, err
	}
	err = bulk.Decompress(found[0], &images)
	return images, err
}

// referring is a column that refers to a kind of records; live says of its table t that the row counts.
type referring struct{ name, table, column, live string }

const notDeleted = "t.deleted_at IS NULL"

// referringTo are all columns of records that refer to a kind of records, and of what people sign in
// with.
var referringTo = func() map[string][]referring {
	all := map[string][]referring{
		crm.EntityContact: {{"deal_contact", "deal_contacts", "contact_id",
			"t.role IS NOT NULL AND EXISTS (SELECT 1 FROM deals d WHERE d.org_id = t.org_id AND d.id = t.deal_id AND d.deleted_at IS NULL)"}},
		crm.EntityStage: {{crm.EntityDeal, "deals", "stage_id", notDeleted}},
		crm.EntityOwner: {
			{crm.EntityDeal, "deals", "owner_id", notDeleted}, {crm.EntityCompany, "companies", "owner_id", notDeleted},
			{crm.EntityContact, "contacts", "owner_id", notDeleted}, {crm.EntityActivity, "activities", "owner_id", notDeleted},
			{crm.EntityTask, "tasks", "assigned_to", notDeleted},
			{"password", "passwords", "user_id", ""}, {"identity", "identities", "user_id", ""}, {"api_key", "api_keys", "user_id", ""},
			{"session", "sessions", "user_id", ""}, {"ticket", "tickets", "user_id", ""},
		},
	}
	for kind, links := range linksTo {
		for _, l := range links {
			all[kind] = append(all[kind], referring{l.kind, l.table, l.column, notDeleted})
		}
	}
	return all
}()

// Referred implements bulk.Tx.
func (t *tx) Referred(ctx context.Context, entity string, ids []crm.ID) (map[crm.ID]bool, error) {
	s := t.store
	referred := map[crm.ID]bool{}
	for _, r := range referringTo[entity] {
		name := entity + ".referred_" + r.name
		st := s.statement(name, func() *Statement {
			where := ""
			if r.live != "" {
				where = " AND " + r.live
			}
			return &Statement{name, "SELECT DISTINCT t." + r.column + " FROM " + r.table + " t WHERE t.org_id = $1 AND " + s.dialect.AnyID("t."+r.column, 2) + where}
		})
		found, err := inParts(ids, func(part []crm.ID) ([]crm.ID, error) {
			return collect(ctx, s, t.db, st, func(id *crm.ID) []any { return []any{id} }, t.by.Org, s.dialect.IDs(part))
		})
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			referred[id] = true
		}
	}
	return referred, nil
}

var reopenStage = &Statement{"deal.reopen_stage", `UPDATE deal_stage_moves SET exited_at = NULL WHERE org_id = $1 AND deal_id = $2
AND id = (SELECT id FROM deal_stage_moves WHERE org_id = $1 AND deal_id = $2 ORDER BY entered_at DESC, id DESC LIMIT 1)`}

// UndoStageMoves implements bulk.Tx.
func (t *tx) UndoStageMoves(ctx context.Context, moves map[crm.ID][]crm.ID) error {
	s := t.store
	remove := s.statement("deal.undo_moves", func() *Statement {
		return &Statement{"deal.undo_moves", "DELETE FROM deal_stage_moves WHERE org_id = $1 AND deal_id = $2 AND " + s.dialect.AnyID("id", 3)}
	})
	for deal, ids := range moves {
		if _, err := t.exec(ctx, remove, t.by.Org, deal, s.dialect.IDs(ids)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, reopenStage, t.by.Org, deal); err != nil {
			return err
		}
	}
	return nil
}

// UndoDealContacts implements bulk.Tx.
func (t *tx) UndoDealContacts(ctx context.Context, contacts map[crm.ID][]crm.ID) error {
	deals := make([]crm.ID, 0, len(contacts))
	for deal, ids := range contacts {
		for _, contact := range ids {
			if _, err := t.exec(ctx, dropRole, t.by.Org, deal, contact); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, dropUnlinked, t.by.Org, deal); err != nil {
			return err
		}
		deals = append(deals, deal)
	}
	return t.reindexDeals(ctx, deals)
}
