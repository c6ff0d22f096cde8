package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

const listeners = `FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'`

// watching watches the log of a database with an organisation, which it gives.
func watching(t *testing.T) (e owned, org crm.ID, pokes <-chan storetest.Poke, ended <-chan error, cancel func()) {
	t.Helper()
	url := servertest.PostgresURL(t)
	e = owned{open(t, url, 0), url}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := store.New(e, store.Options{})
	o, err := accounts.NewService(s.Accounts(), time.Now, "GBP").CreateOrganisation(t.Context(), "Home")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	pokes, ended = storetest.Watch(ctx, s)
	if p := next(t, pokes); p != (storetest.Poke{}) {
		t.Fatalf("watching begins with %v", p)
	}
	return e, o.ID, pokes, ended, cancel
}

// next waits for what comes next.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	select {
	case v := <-from:
		return v
	case <-late.C:
		t.Fatal("nothing within a minute")
		panic("not reached")
	}
}

// number asks the server, as the owner, for one.
func number(t *testing.T, e owned, sql string, args ...any) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A watcher is told the organisation and where its log now ends; of what is not committed it hears nothing, and what others say on the
// channel means that anything may have happened.
func TestWatchTellsWhatWasEntered(t *testing.T) {
	t.Parallel()
	e, org, pokes, _, _ := watching(t)
	s := store.New(e, store.Options{})
	two := func(tx store.Tx) error {
		if err := tx.LogBulkChange(t.Context(), crm.EntityDeal); err != nil {
			return err
		}
		return tx.LogBulkChange(t.Context(), crm.EntityTask)
	}
	start := int64(1 + 6) // the organisation and its stages
	for i := range int64(2) {
		if err := s.DryRun(t.Context(), crm.Operator(org), 0, two); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), crm.Operator(org), 0, two); err != nil {
			t.Fatal(err)
		}
		got, want := next(t, pokes), storetest.Poke{Org: org, Seq: start + 2*(i+1)}
		for got == (storetest.Poke{Org: org, Seq: start}) { // before, and told of late
			got = next(t, pokes)
		}
		if got != want {
			t.Errorf("poked with %v, want %v", got, want)
		}
	}
	for _, payload := range []string{"", "junk", org.String(), org.String() + ":", org.String() + ":junk", ":7"} {
		number(t, e, "SELECT count(pg_notify('sixty_changes', $1))", payload)
		if got := next(t, pokes); got != (storetest.Poke{}) {
			t.Errorf("poked with %v for %q, want zeros", got, payload)
		}
	}
}

// A watcher has a connection of its own, beside the pool's, for as long as it watches.
func TestWatchConnection(t *testing.T) {
	t.Parallel()
	e, _, _, ended, cancel := watching(t)
	if n := number(t, e, "SELECT count(*) "+listeners); n != 1 {
		t.Errorf("%d connections listen, want 1", n)
	}
	if _, inUse, _ := e.Stats(); inUse != 0 {
		t.Errorf("%d connections of the pool are in use", inUse)
	}
	cancel()
	if err := next(t, ended); err == nil {
		t.Error("watching ended without the context's error")
	}
	for start := time.Now(); number(t, e, "SELECT count(*) "+listeners) > 0; {
		if time.Since(start) > time.Minute {
			t.Fatal("a connection still listens")
		}
	}
}

// A watcher that is cut off says so.
func TestWatchCutOff(t *testing.T) {
	t.Parallel()
	e, _, _, ended, _ := watching(t)
	number(t, e, "SELECT count(pg_terminate_backend(pid)) "+listeners)
	if err := next(t, ended); crm.CodeOf(err) != crm.CodeUnavailable {
		t.Errorf("watching ended with %v of code %s, want %s", err, crm.CodeOf(err), crm.CodeUnavailable)
	}
}

// A database that is out of reach is no wait.
func TestWatchOutOfReach(t *testing.T) {
	t.Parallel()
	e := open(t, "postgres://unknown@127.0.0.1:1/nothing?sslmode=disable", 0)
	t.Cleanup(func() { _ = e.Close() })
	_, ended := storetest.Watch(t.Context(), store.New(e, store.Options{}))
	if err := next(t, ended); crm.CodeOf(err) != crm.CodeUnavailable {
		t.Errorf("watching ended with %v of code %s, want %s", err, crm.CodeOf(err), crm.CodeUnavailable)
	}
}
