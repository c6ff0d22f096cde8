package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Load implements store.Loader by COPY into a staging table and from there: into a table
// with row-level security, PostgreSQL does not allow COPY.
func (t *tx) Load(ctx context.Context, table string, columns []string, n int, row func(i int) []any) error {
	staged, err := t.Stage(ctx, table, columns, n, row)
	if err != nil {
		return err
	}
	if !slices.Contains(t.loaded, table) {
		t.loaded = append(t.loaded, table)
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	list := strings.Join(columns, ", ")
	_, err = t.conn.Exec(ctx, "INSERT INTO "+table+" ("+list+") SELECT "+list+" FROM "+staged)
	return err
}

// Stage implements store.Loader by COPY into a temporary table. The table belongs
// to the connection and is emptied at the end of every transaction. Behind a pooler it is
// dropped: the next transaction there may be of a program that knows other columns.
func (t *tx) Stage(ctx context.Context, table string, columns []string, n int, row func(i int) []any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	staged := "stage_" + table
	prepare := "CREATE TEMPORARY TABLE IF NOT EXISTS " + staged + " (LIKE " + table + ") ON COMMIT " + t.engine.scoping.staged()
	if slices.Contains(t.staged, staged) {
		prepare = "TRUNCATE " + staged
	} else {
		t.staged = append(t.staged, staged)
	}
	if _, err := t.conn.Exec(ctx, prepare, pgx.QueryExecModeSimpleProtocol); err != nil {
		return "", err
	}
	return staged, t.copy(ctx, staged, columns, n, row)
}

func (t *tx) copy(ctx context.Context, table string, columns []string, n int, row func(i int) []any) error {
	source := pgx.CopyFromSlice(n, func(i int) ([]any, error) { return bind(row(i)), nil })
	_, err := t.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, source)
	return err
}

// analyse gathers statistics of a table that has none, because many rows have just
// come into it: until the server gets to it by itself, which takes a minute or more,
// its planner takes what is not deleted for a handful of rows, and reads all of them
// in search of one. Should that fail, things are slow and not wrong.
func (e *Engine) analyse(ctx context.Context, table string) {
	if _, known := e.analysed.Load(table); known {
		return
	}
	conn, err := e.acquire(ctx)
	if err != nil {
		return
	}
	defer e.release(conn)
	var missing bool
	err = conn.QueryRow(ctx, "SELECT reltuples <= 0 FROM pg_class WHERE oid = $1::text::regclass", table).Scan(&missing)
	if err == nil && missing {
		// Which is for the table's owner to do.
		_, err = conn.Exec(ctx, "SET LOCAL ROLE NONE"+e.scoping.transaction+"; ANALYZE "+table, pgx.QueryExecModeSimpleProtocol)
	}
	if err == nil {
		e.analysed.Store(table, true)
	}
}
