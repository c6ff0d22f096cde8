package store

import (
	"context"
	"strconv"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// The records of imports, and what is kept of their transactions.

func importTable() table[bulk.Import, bulk.ImportFilter] {
	return table[bulk.Import, bulk.ImportFilter]{
		name: "imports", entity: bulk.EntityImport, permanent: true,
		columns: columnsOf(bulk.Imports, nil),
		order:   bulk.Imports.Sorts.Default.Field,
		sorts:   map[string]sortKey{"created_at": {column: "created_at", kind: keyInstant}},
		filters: filtersOf(bulk.Imports, map[string]condition[bulk.ImportFilter]{
			"state":   {column: "t.state"},
			"actorId": {column: "t.actor_id"},
		}),
		id:  func(i *bulk.Import) crm.ID { return i.ID },
		org: func(i *bulk.Import) crm.ID { return i.OrgID },
	}
}

// Imports implements bulk.Store.
func (s *Store) Imports(ctx context.Context, org crm.ID, q crm.List[bulk.ImportFilter]) (crm.Page[bulk.Import], error) {
	return page(ctx, s, s.of(org), &s.imports, org, nil, q)
}

// Import implements bulk.Store.
func (s *Store) Import(ctx context.Context, org, id crm.ID) (bulk.Import, error) {
	found, err := byID(ctx, s, s.of(org), &s.imports, org, nil, []crm.ID{id}, true)
	return oneImport(found, err)
}

func oneImport(found []bulk.Import, err error) (bulk.Import, error) {
	if err == nil && len(found) == 0 {
		err = crm.NotFound("import")
	}
	if err != nil {
		return bulk.Import{}, err
	}
	return found[0], nil
}

// LockImport implements bulk.Tx.
func (t *tx) LockImport(ctx context.Context, id crm.ID) (bulk.Import, error) {
	found, err := byID(ctx, t.store, t.db, &t.store.imports, t.by.Org, nil, []crm.ID{id}, false)
	return oneImport(found, err)
}

// InsertImport implements bulk.Tx. It writes nothing to the change log: no response is cached that
// is made from the records of imports.
func (t *tx) InsertImport(ctx context.Context, i bulk.Import) error {
	if err := t.confine("record of an import", i.OrgID); err != nil {
		return err
	}
	into := &t.store.imports
	_, err := t.exec(ctx, t.store.insertStatement(into.name, into.writtenColumns(), 1), into.values(&i, nil)...)
	return err
}

// UpdateImport implements bulk.Tx.
func (t *tx) UpdateImport(ctx context.Context, i bulk.Import) error {
	if err := t.confine("record of an import", i.OrgID); err != nil {
		return err
	}
	into := &t.store.imports
	columns := into.writtenColumns()
	st := t.store.statement("import.update", func() *Statement {
		set := make([]string, 0, len(columns))
		where := ""
		for n, column := range columns {
			value := column + " = $" + strconv.Itoa(n+1)
			switch column {
			case "org_id", "id":
				where += " AND " + value
			case "version":
				set = append(set, value+" + 1")
			default:
				set = append(set, value)
			}
		}
		return &Statement{"import.update", "UPDATE imports SET " + strings.Join(set, ", ") + " WHERE" + where[len(" AND"):]}
	})
	n, err := t.exec(ctx, st, into.values(&i, nil)...)
	if err != nil {
		return err
	}
	return allWritten(into.name, n, 1)
}

var (
	putImportBatch = &Statement{"import_batch.insert", `INSERT INTO import_batches (org_id, import_id, id, part, first_row, last_row, results, images, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`}
	loadedRows = &Statement{"import_batch.rows", `SELECT id, first_row, last_row FROM import_batches
WHERE org_id = $1 AND import_id = $2 AND part = $3 ORDER BY first_row`}
	loadedResults = &Statement{"import_batch.results", `SELECT results FROM import_batches WHERE org_id = $1 AND import_id = $2 AND id = $3`}
)

// PutImportBatch implements bulk.Tx. The lock on the import's record lets other batches pass, and
// keeps an undo from beginning.
func (t *tx) PutImportBatch(ctx context.Context, b bulk.ImportBatch) error {
	running := t.store.statement("import.running", func() *Statement {
		return &Statement{"import.running", "SELECT t.state = 'running' FROM imports t WHERE t.org_id = $1 AND t.id = $2" + t.store.dialect.ForShare()}
	})
	found, err := collect(ctx, t.store, t.db, running, func(b *bool) []any { return []any{b} }, t.by.Org, b.ImportID)
	if err != nil {
		return err
	}
	if len(found) == 0 || !found[0] {
		return bulk.ErrImportEnded
	}
	var images []byte
	if kept := t.batch.images; kept != nil && len(kept.Records) > 0 {
		if images, err = bulk.Compress(kept.Images); err != nil {
			return err
		}
	}
	_, err = t.exec(ctx, putImportBatch, t.by.Org, b.ImportID, crm.NewID(), int64(b.Part), b.First, b.Last, b.Results, images, t.at)
	return err
}

// LoadedRows implements bulk.Store.
func (s *Store) LoadedRows(ctx context.Context, org, importID crm.ID, part int) ([]bulk.LoadedRows, error) {
	return collect(ctx, s, s.of(org), loadedRows, func(r *bulk.LoadedRows) []any { return []any{&r.Batch, &r.First, &r.Last} }, org, importID, int64(part))
}

// LoadedResults implements bulk.Store.
func (s *Store) LoadedResults(ctx context.Context, org, importID, batch crm.ID) ([]byte, error) {
	found, err := collect(ctx, s, s.of(org), loadedResults, func(b *[]byte) []any { return []any{b} }, org, importID, batch)
	if err == nil && len(found) == 0 {
		err = crm.NotFound("import")
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}
