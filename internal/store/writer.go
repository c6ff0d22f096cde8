package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sixty/internal/crm"
)

// writer implements crm.Table for an entity.
type writer[T, F any] struct {
	tx    *tx
	table *table[T, F]
}

// loadFrom is the number of rows from which on an engine's own way of loading them
// costs less than a statement for each.
const loadFrom = 50

// maxKeys bounds the values that one statement looks for.
const maxKeys = 5000

func (w *writer[T, F]) Find(ctx context.Context, key crm.Key, values []string) ([]crm.KeyMatch, error) {
	s, t := w.tx.store, w.table
	column, ok := t.keys[key]
	if !ok {
		return nil, fmt.Errorf("a %s is not found by %s", t.entity, key)
	}
	name := t.entity + ".find_" + string(key)
	st := s.statement(name, func() *Statement {
		return &Statement{name, "SELECT t." + column + ", t.id FROM " + t.name + " t WHERE t.org_id = $1 AND " +
			s.dialect.AnyText("t."+column, 2) + " AND t.deleted_at IS NULL" + t.where}
	})
	var out []crm.KeyMatch
	for len(values) > 0 {
		n := min(len(values), maxKeys)
		found, err := collect(ctx, s, w.tx.db, st, func(f *crm.KeyMatch) []any { return []any{&f.Key, &f.ID} },
			w.tx.by.Org, s.dialect.Texts(values[:n]))
		if err != nil {
			return nil, err
		}
		out, values = append(out, found...), values[n:]
	}
	return out, nil
}

func (w *writer[T, F]) LockForUpdate(ctx context.Context, ids []crm.ID) ([]T, error) {
	return inParts(ids, func(part []crm.ID) ([]T, error) {
		return byID(ctx, w.tx.store, w.tx.db, w.table, w.tx.by.Org, w.tx.owner, part, false)
	})
}

func (w *writer[T, F]) LockForShare(ctx context.Context, ids []crm.ID) ([]crm.ID, error) {
	s, t := w.tx.store, w.table
	name := t.entity + ".lock_share"
	return inParts(ids, func(part []crm.ID) ([]crm.ID, error) {
		b := newWhere(w.tx.by.Org, s.dialect.IDs(part))
		t.restrictTo(w.tx.owner, &b)
		st := s.statement(name+string(b.where), func() *Statement {
			return &Statement{name, "SELECT t.id FROM " + t.name + " t WHERE t.org_id = $1 AND " +
				s.dialect.AnyID("t.id", 2) + " AND t.deleted_at IS NULL" + string(b.where) + " ORDER BY t.id" + s.dialect.ForShare()}
		})
		return collect(ctx, s, w.tx.db, st, func(id *crm.ID) []any { return []any{id} }, b.args...)
	})
}

// inParts asks for ids in bounded parts.
func inParts[T any](ids []crm.ID, ask func([]crm.ID) ([]T, error)) ([]T, error) {
	var out []T
	for len(ids) > 0 {
		n := min(len(ids), maxKeys)
		rows, err := ask(ids[:n])
		if err != nil {
			return nil, err
		}
		out, ids = append(out, rows...), ids[n:]
	}
	return out, nil
}

func (w *writer[T, F]) Insert(ctx context.Context, rows []T) error {
	t := w.table
	for i := range rows {
		if err := w.tx.confine(t.entity, t.org(&rows[i])); err != nil {
			return err
		}
	}
	args := make([]any, 0, len(t.columns)+1)
	err := w.tx.load(ctx, t.name, t.writtenColumns(), len(rows), func(i int) []any {
		args = t.values(&rows[i], args)
		return args
	})
	if err != nil {
		return err
	}
	if err := w.insertTerms(ctx, len(rows), func(i int) *T { return &rows[i] }); err != nil {
		return err
	}
	for i := range rows {
		id := t.id(&rows[i])
		w.tx.log(t.entity, &id, crm.OpCreated, t.refs(&rows[i]))
	}
	return nil
}

// valuesPerInsert is the number of values that one INSERT takes when there are rows for as
// many. What an engine does once for a statement is then a small part of its work, and yet
// SQLite, which keeps a copy of each page that a statement changes until it has not failed,
// keeps few: a row of many columns also has many indexes, each with a page of its own.
const valuesPerInsert = 800

// load inserts rows into a table: many in the engine's own way, where it has one.
func (t *tx) load(ctx context.Context, table string, columns []string, rows int, row func(i int) []any) error {
	s := t.store
	if loader, ok := t.etx.(Loader); ok && rows >= loadFrom {
		start := time.Now()
		err := loader.Load(ctx, table, columns, rows, row)
		s.observe(ctx, StatementEvent{table + ".load", start, time.Now(), int64(rows), err})
		return s.fault(ctx, err)
	}
	many := max(1, valuesPerInsert/len(columns))
	for i := 0; i < rows; {
		n := 1
		if rows-i >= many {
			n = many
		}
		args := make([]any, 0, n*len(columns))
		for end := i + n; i < end; i++ {
			args = append(args, row(i)...)
		}
		if _, err := t.exec(ctx, s.insertStatement(table, columns, n), args...); err != nil {
			return err
		}
	}
	return nil
}

// insertStatement returns the statement that inserts a number of rows.
func (s *Store) insertStatement(table string, columns []string, rows int) *Statement {
	return s.statement("insert "+strconv.Itoa(rows)+" "+table, func() *Statement {
		var b strings.Builder
		b.WriteString("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ")
		for i := range rows {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + placeholders(1+i*len(columns), len(columns)) + ")")
		}
		return &Statement{table + ".insert", b.String()}
	})
}

func (w *writer[T, F]) Update(ctx context.Context, changes []crm.Change[T]) error {
	t, s := w.table, w.tx.store
	for i := range changes {
		if err := w.tx.confine(t.entity, t.org(&changes[i].After)); err != nil {
			return err
		}
	}
	columns := t.writtenColumns()
	args := make([]any, 0, len(columns))
	row := func(i int) []any {
		args = t.values(&changes[i].After, args)
		return args
	}
	if err := w.tx.rewrite(ctx, t.name, columns, len(changes), row); err != nil {
		return s.fault(ctx, err)
	}
	if err := w.updateTerms(ctx, changes); err != nil {
		return err
	}
	if err := keepImages(w.tx, t, changes); err != nil {
		return err
	}
	for i := range changes {
		id := t.id(&changes[i].After)
		w.tx.log(t.entity, &id, crm.OpUpdated, between(t.refs(&changes[i].Before), t.refs(&changes[i].After)))
	}
	return nil
}

// rewrite updates every column of rows that are there in the version that was read.
func (t *tx) rewrite(ctx context.Context, table string, columns []string, rows int, row func(i int) []any) error {
	s := t.store
	expected := int64(1)
	var n int64
	var err error
	if loader, ok := t.etx.(Loader); ok && rows >= loadFrom {
		staged, err := loader.Stage(ctx, table, columns, rows, row)
		if err != nil {
			return err
		}
		st := s.statement("merge "+table, func() *Statement {
			return &Statement{table + ".merge", "UPDATE " + table + " t SET " + assignments(columns, func(i int) string { return "s." + columns[i] }) +
				" FROM " + staged + " s WHERE t.org_id = s.org_id AND t.id = s.id AND t.version = s.version"}
		})
		if n, err = t.exec(ctx, st); err != nil {
			return err
		}
		return allWritten(table, n, int64(rows))
	}
	st := s.statement("update "+table, func() *Statement {
		where := ""
		for i, c := range columns {
			if c == "org_id" || c == "id" || c == "version" {
				where += " AND " + c + " = $" + strconv.Itoa(i+1)
			}
		}
		return &Statement{table + ".update", "UPDATE " + table + " SET " +
			assignments(columns, func(i int) string { return "$" + strconv.Itoa(i+1) }) + " WHERE" + where[len(" AND"):]}
	})
	for i := range rows {
		if n, err = t.exec(ctx, st, row(i)...); err != nil {
			return err
		}
		if err := allWritten(table, n, expected); err != nil {
			return err
		}
	}
	return nil
}

// assignments composes SET's list; the version goes up by one.
func assignments(columns []string, value func(i int) string) string {
	var b strings.Builder
	for i, c := range columns {
		switch c {
		case "org_id", "id":
			continue
		case "version":
			b.WriteString(", version = " + value(i) + " + 1")
		default:
			b.WriteString(", " + c + " = " + value(i))
		}
	}
	return b.String()[len(", "):]
}

// allWritten checks how many rows a write affected. They were locked, so any other number
// is a bug.
func allWritten(table string, n, expected int64) error {
	if n != expected {
		return fmt.Errorf("a write to %s affected %d rows instead of %d", table, n, expected)
	}
	return nil
}

func (w *writer[T, F]) Delete(ctx context.Context, rows ...T) error {
	t, s := w.table, w.tx.store
	st := s.statement("delete "+t.name, func() *Statement {
		return &Statement{t.entity + ".delete", "UPDATE " + t.name +
			" SET deleted_at = $3, updated_at = $3, version = version + 1 WHERE org_id = $1 AND " + s.dialect.AnyID("id", 2) + " AND deleted_at IS NULL"}
	})
	ids := make([]crm.ID, len(rows))
	for i := range rows {
		ids[i] = t.id(&rows[i])
		w.tx.log(t.entity, &ids[i], crm.OpDeleted, t.refs(&rows[i]))
	}
	_, err := inParts(ids, func(part []crm.ID) ([]int64, error) {
		n, err := w.tx.exec(ctx, st, w.tx.by.Org, s.dialect.IDs(part), w.tx.at)
		if err != nil {
			return nil, err
		}
		return nil, allWritten(t.name, n, int64(len(part)))
	})
	if err != nil {
		return err
	}
	return w.deleteTerms(ctx, ids)
}
