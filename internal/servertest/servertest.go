// Package servertest finds the servers that tests run against: PostgreSQL and Redis, which
// scripts/with-servers starts. A test that needs a server fails where there is none. Only
// with SIXTY_TEST_ENGINES=sqlite is it skipped, with the reason.
package servertest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The environment variables that tests read.
const (
	PostgresEnv = "SIXTY_TEST_DATABASE_URL" // where PostgreSQL is
	RedisEnv    = "SIXTY_TEST_REDIS_ADDR"   // where Redis is
	EnginesEnv  = "SIXTY_TEST_ENGINES"      // "sqlite" leaves out every test that needs a server
)

// RequirePostgres skips a test if PostgreSQL is left out.
func RequirePostgres(tb testing.TB) {
	tb.Helper()
	require(tb, "PostgreSQL")
}

// RequireRedis skips a test if Redis is left out.
func RequireRedis(tb testing.TB) {
	tb.Helper()
	require(tb, "Redis")
}

// require is the only place where a test is skipped for want of a server.
func require(tb testing.TB, server string) {
	tb.Helper()
	switch engines := os.Getenv(EnginesEnv); engines {
	case "":
	case "sqlite":
		tb.Skipf("needs %s, which %s=sqlite leaves out", server, EnginesEnv)
	default:
		tb.Fatalf("%s is %q; it can be sqlite, or unset for all", EnginesEnv, engines)
	}
}

// address returns the value of an environment variable, which must be set.
func address(tb testing.TB, env string) string {
	tb.Helper()
	value := os.Getenv(env)
	if value == "" {
		tb.Fatalf("%s is not set: run the tests by make test, which starts the servers, or by make test-fast without them", env)
	}
	return value
}

// RedisAddress returns the address of the Redis that all tests share.
func RedisAddress(tb testing.TB) string {
	tb.Helper()
	RequireRedis(tb)
	return address(tb, RedisEnv)
}

// PostgresURL creates a database on the PostgreSQL server for tests and returns its URL.
// The database is dropped at the end of the test.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	RequirePostgres(tb)
	server := address(tb, PostgresEnv)
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("%s: %v", PostgresEnv, err)
	}
	name := "sixty_" + strings.ToLower(rand.Text())
	administer(tb, server, "CREATE DATABASE "+name+" TEMPLATE template0")
	tb.Cleanup(func() { administer(tb, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

func administer(tb testing.TB, server, command string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// SQLitePath returns the path of a SQLite file that does not exist yet.
func SQLitePath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "sixty.db")
}
