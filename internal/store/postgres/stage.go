package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Stage implements store.Stager by COPY into a temporary table. The table belongs
// to the connection and is emptied at the end of every transaction.
func (t *tx) Stage(ctx context.Context, table string, columns []string, n int, row func(i int) []any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	staged := "stage_" + table
	prepare := "CREATE TEMPORARY TABLE IF NOT EXISTS " + staged + " (LIKE " + table + ") ON COMMIT DELETE ROWS"
	if t.staged[staged] {
		prepare = "TRUNCATE " + staged
	}
	t.staged[staged] = true
	if _, err := t.tx.Exec(ctx, prepare, pgx.QueryExecModeSimpleProtocol); err != nil {
		return "", err
	}
	source := pgx.CopyFromSlice(n, func(i int) ([]any, error) { return bind(row(i)), nil })
	_, err := t.tx.CopyFrom(ctx, pgx.Identifier{staged}, columns, source)
	return staged, err
}
