// Package enginetest opens stores for the tests of the rooms above them: on either
// engine, each on a database of the test's own. What an engine itself must do is
// storetest's.
package enginetest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
)

// The engines.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// StatementTimeout is how long a statement of a test may take.
const StatementTimeout = time.Minute

// maxConns is how many connections a store of a test has.
const maxConns = 4

// Started is when every Clock starts.
var Started = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// Each runs a test on every engine, in parallel.
func Each(t *testing.T, test func(t *testing.T, engine string)) {
	t.Helper()
	for _, engine := range []string{SQLite, Postgres} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// Open opens a store on an empty database, which are closed and dropped at the test's
// end.
func Open(tb testing.TB, engine string) *store.Store {
	tb.Helper()
	return Opener(tb, engine)(store.Options{})
}

// Opener returns a function that opens a store on one and the same database, as often as it is
// called, each closed at the test's end.
func Opener(tb testing.TB, engine string) func(store.Options) *store.Store {
	tb.Helper()
	type migrating interface {
		store.Engine
		Migrate(ctx context.Context) error
	}
	var open func() (migrating, error)
	if engine == SQLite {
		o := sqlite.Options{Path: servertest.SQLitePath(tb), MaxConns: maxConns, StatementTimeout: StatementTimeout}
		open = func() (migrating, error) { return sqlite.Open(tb.Context(), o) }
	} else {
		o := postgres.Options{URL: servertest.PostgresURL(tb), MinConns: 1, MaxConns: maxConns, StatementTimeout: StatementTimeout}
		open = func() (migrating, error) { return postgres.Open(tb.Context(), o) }
	}
	return func(o store.Options) *store.Store {
		tb.Helper()
		e, err := open()
		if err != nil {
			tb.Fatal(err)
		}
		s := store.New(e, o)
		tb.Cleanup(func() {
			if err := s.Close(); err != nil {
				tb.Errorf("close the store: %v", err)
			}
		})
		if err := e.Migrate(tb.Context()); err != nil {
			tb.Fatal(err)
		}
		return s
	}
}

// Clock returns a clock that advances with each call, alike in every run: by a
// second, from Started on.
func Clock() func() time.Time {
	var calls atomic.Int64
	return func() time.Time { return Started.Add(time.Duration(calls.Add(1)) * time.Second) }
}

// Organisation makes an organisation, which is empty, and gives who may do everything
// in it.
func Organisation(tb testing.TB, s *store.Store, name string) crm.Actor {
	tb.Helper()
	org, err := accounts.NewService(s.Accounts(), Clock(), "GBP").CreateOrganisation(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	return crm.Operator(org.ID)
}
