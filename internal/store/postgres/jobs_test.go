package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs/jobstest"
	"sixty/internal/store"
)

// patience is how long a statement may take.
const patience = time.Minute

func TestJobs(t *testing.T) {
	t.Parallel()
	jobstest.Run(t, func(tb testing.TB) jobstest.Database {
		tb.Helper()
		open := database(tb)
		engine := open(tb, patience)
		tb.Cleanup(func() { _ = engine.Close() })
		if err := engine.Migrate(tb.Context()); err != nil {
			tb.Fatal(err)
		}
		const asService = "SET LOCAL ROLE sixty_service"
		return jobstest.Database{
			Open: func(tb testing.TB, o store.Options) *store.Store {
				tb.Helper()
				s := store.New(open(tb, patience), o)
				tb.Cleanup(func() { _ = s.Close() })
				return s
			},
			Exec: func(ctx context.Context, statements ...string) error {
				return engine.AsOwner(ctx, append([]string{asService}, statements...)...)
			},
			Query: func(ctx context.Context, statement string) (int64, error) { return countOf(ctx, engine, statement) },
			Ago:   func(seconds int) string { return fmt.Sprintf("now() - interval '%d seconds'", seconds) },
			ID:    func(id crm.ID) string { return "'" + id.String() + "'" },
		}
	})
}

func countOf(ctx context.Context, e store.Engine, statement string) (n int64, err error) {
	rows, err := e.Query(ctx, store.Scope{Service: true}, &store.Statement{Name: "test", SQL: statement}, nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&n)
	}
	if err != nil {
		return n, err
	}
	return n, rows.Err()
}
