// Package storetest defines what the domain's storage port must do: every engine
// passes Run. It also hands out the databases that tests run on.
package storetest

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/crm"
)

// PostgresEnv names the environment variable that tells tests where PostgreSQL is.
const PostgresEnv = "SIXTY_TEST_DATABASE_URL"

// PostgresURL makes a database of the test's own on the PostgreSQL server for
// tests, dropped at the test's end, and gives its URL.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(PostgresEnv)
	if server == "" {
		tb.Fatalf("%s is not set: run the tests by `make test`, which starts a PostgreSQL for them", PostgresEnv)
	}
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("%s: %v", PostgresEnv, err)
	}
	name := "sixty_" + strings.ReplaceAll(crm.NewID().String(), "-", "")
	administer(tb, server, "CREATE DATABASE "+name+" TEMPLATE template0")
	tb.Cleanup(func() { administer(tb, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

func administer(tb testing.TB, server, command string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err == nil {
		_, err = conn.Exec(ctx, command)
		_ = conn.Close(ctx)
	}
	if err != nil {
		tb.Fatalf("PostgreSQL for tests: %s: %v", command, err)
	}
}

// SQLitePath gives the path of a database file of the test's own.
func SQLitePath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "sixty.db")
}
