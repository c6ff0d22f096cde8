package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/servertest"
	"sixty/internal/store/postgres"
	"sixty/internal/store/storetest"
)

// database makes an empty database for a test.
func database(tb testing.TB) storetest.Opener {
	tb.Helper()
	url := servertest.PostgresURL(tb)
	return func(tb testing.TB, statementTimeout time.Duration) storetest.Engine {
		tb.Helper()
		e, err := postgres.Open(tb.Context(), postgres.Options{URL: url, MaxConns: 10, StatementTimeout: statementTimeout})
		if err != nil {
			tb.Fatal(err)
		}
		return owned{e, url}
	}
}

// owned is an engine with what its tests add.
type owned struct {
	*postgres.Engine
	url string
}

func (e owned) AsOwner(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, e.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, strings.Join(statements, ";"), pgx.QueryExecModeSimpleProtocol)
	return errors.Join(err, conn.Close(ctx))
}

func (e owned) Checks(ctx context.Context, table string) (constraints string, err error) {
	conn, err := pgx.Connect(ctx, e.url)
	if err != nil {
		return "", err
	}
	const all = "SELECT coalesce(string_agg(pg_get_constraintdef(oid), E'\\n'), '') FROM pg_constraint WHERE contype = 'c' AND conrelid = $1::text::regclass"
	err = conn.QueryRow(ctx, all, table).Scan(&constraints)
	return constraints, errors.Join(err, conn.Close(ctx))
}

func TestMain(m *testing.M) { servertest.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, database)
}
