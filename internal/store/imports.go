package store

import (
	"context"
	"fmt"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// The records that imports change. The change log does not name them one by one.

// importBatch is the part of an import that a transaction loads.
type importBatch struct {
	importID crm.ID
	records  []bulk.ImportedRecords
	images   *images // nil: none are kept
}

// add notes a record.
func (b *importBatch) add(entity string, op crm.Op, id crm.ID) {
	for i := range b.records {
		if r := &b.records[i]; r.Entity == entity && r.Op == op {
			r.IDs = append(r.IDs, id)
			return
		}
	}
	b.records = append(b.records, bulk.ImportedRecords{Entity: entity, Op: op, IDs: []crm.ID{id}})
}

// BeginImport implements bulk.Tx.
func (t *tx) BeginImport(importID crm.ID) { t.batch = &importBatch{importID: importID} }

// KeepImages implements bulk.Tx.
func (t *tx) KeepImages() { t.batch.images = newImages() }

var (
	putImportRecords = &Statement{"import.insert", `INSERT INTO import_records (org_id, import_id, id, entity, op, record_ids, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`}
	importRecords    = &Statement{"import.records", `SELECT entity, op, record_ids FROM import_records WHERE org_id = $1 AND import_id = $2 ORDER BY id`}
	pruneImports     = &Statement{"import.prune", `DELETE FROM import_records WHERE org_id = $1 AND (import_id, id) IN
(SELECT import_id, id FROM import_records WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)`}
	pruneBatches = &Statement{"import_batch.prune", `DELETE FROM import_batches WHERE org_id = $1 AND (import_id, id) IN
(SELECT import_id, id FROM import_batches WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)`}
	oldImports       = oldRows("import.old", "import_records", "at")
	oldImportBatches = oldRows("import_batch.old", "import_batches", "at")
)

// PruneImports removes what is kept of imports from before an instant, at most limit rows: they can
// no longer be undone. That they were is still listed.
func (s *Store) PruneImports(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	removed, err := s.pruneRows(ctx, oldImports, pruneImports, before, limit)
	if err != nil {
		return removed, err
	}
	n, err := s.pruneRows(ctx, oldImportBatches, pruneBatches, before, limit-int(removed))
	return removed + n, err
}

// putImportRecords writes a row for each entity and operation of the batch.
func (t *tx) putImportRecords(ctx context.Context) error {
	if t.batch == nil {
		return nil
	}
	for _, r := range t.batch.records {
		ids := make([]byte, 0, len(r.IDs)*len(crm.ID{}))
		for _, id := range r.IDs {
			ids = append(ids, id[:]...)
		}
		if _, err := t.exec(ctx, putImportRecords, t.by.Org, t.batch.importID, crm.NewID(), r.Entity, string(r.Op), ids, t.at); err != nil {
			return err
		}
	}
	return nil
}

// ImportedRecords implements bulk.Store.
func (s *Store) ImportedRecords(ctx context.Context, org, importID crm.ID) ([]bulk.ImportedRecords, error) {
	type row struct {
		bulk.ImportedRecords
		ids []byte
	}
	rows, err := collect(ctx, s, s.of(org), importRecords, func(r *row) []any { return []any{&r.Entity, (*string)(&r.Op), &r.ids} }, org, importID)
	out := make([]bulk.ImportedRecords, len(rows))
	for i, r := range rows {
		const size = len(crm.ID{})
		if len(r.ids)%size != 0 {
			return nil, fmt.Errorf("the records of import %s are %d bytes", importID, len(r.ids))
		}
		out[i] = bulk.ImportedRecords{Entity: r.Entity, Op: r.Op, IDs: make([]crm.ID, len(r.ids)/size)}
		for n := range out[i].IDs {
			copy(out[i].IDs[n][:], r.ids[n*size:])
		}
	}
	return out, err
}
