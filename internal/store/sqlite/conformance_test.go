package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/sqlite"
	"sixty/internal/store/storetest"
)

// database makes an empty database for a test.
func database(tb testing.TB) storetest.Opener {
	tb.Helper()
	path := servertest.SQLitePath(tb)
	return func(tb testing.TB, statementTimeout time.Duration) storetest.Engine {
		tb.Helper()
		e, err := sqlite.Open(tb.Context(), sqlite.Options{Path: path, StatementTimeout: statementTimeout})
		if err != nil {
			tb.Fatal(err)
		}
		return owned{e}
	}
}

// owned is an engine with what its tests add.
type owned struct{ *sqlite.Engine }

func (e owned) AsOwner(ctx context.Context, statements ...string) error {
	tx, err := e.Begin(ctx, store.Scope{})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, &store.Statement{Name: "test", SQL: sql}, nil); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

func (e owned) Checks(ctx context.Context, table string) (sql string, err error) {
	rows, err := e.Query(ctx, store.Scope{}, &store.Statement{Name: "test", SQL: "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = $1"}, []any{table})
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&sql)
	}
	return sql, errors.Join(err, rows.Err())
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, database)
}
