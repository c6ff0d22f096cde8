package postgres_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"sixty/internal/store/postgres"
	"sixty/internal/store/storetest"
)

// database makes an empty database for a test.
func database(tb testing.TB) storetest.Opener {
	tb.Helper()
	url := storetest.PostgresURL(tb)
	return func(tb testing.TB, statementTimeout time.Duration) storetest.Engine {
		tb.Helper()
		e, err := postgres.Open(tb.Context(), postgres.Options{URL: url, MaxConns: 10, StatementTimeout: statementTimeout})
		if err != nil {
			tb.Fatal(err)
		}
		return e
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, database)
}
