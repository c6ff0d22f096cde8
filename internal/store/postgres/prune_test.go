package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// Only organisations that have something to prune are visited, and by one instance at a time.
func TestPruning(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, other := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
	var mu sync.Mutex
	ran := map[string]int{}
	s := store.New(e, store.Options{Observe: func(_ context.Context, ev store.StatementEvent) {
		mu.Lock()
		defer mu.Unlock()
		ran[ev.Name]++
	}})
	const organisations = 20
	create := func(from, to int, at time.Time) {
		t.Helper()
		people := accounts.NewService(s.Accounts(), func() time.Time { return at }, "GBP")
		for i := from; i < to; i++ {
			if _, err := people.CreateOrganisation(ctx, fmt.Sprint("Organisation ", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := time.Now()
	create(0, 1, now.Add(-time.Hour))
	create(1, organisations, now)
	prune := func() int64 {
		t.Helper()
		clear(ran)
		n, err := s.PruneLog(ctx, crm.InstantOf(now.Add(-time.Minute)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}

	tx, err := other.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(0x7369787479)); err != nil {
		t.Fatal(err)
	}
	if n := prune(); n != 0 || ran["prune.lock"] != 1 || ran["change.prune"] != 0 {
		t.Errorf("beside another instance %d are removed: %v", n, ran)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if n := prune(); n == 0 || ran["change.old"] != 1 || ran["change.oldest"] != 1 || ran["change.prune"] != 1 {
		t.Errorf("%d are removed by %v, want one organisation to be visited", n, ran)
	}
	if n := prune(); n != 0 || ran["change.oldest"] != 0 {
		t.Errorf("%d are removed the second time by %v", n, ran)
	}
}

// The database's state is told apart: a standby, or a database that is read-only.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := servertest.PostgresURL(t)
	e, owner := migrated(t, postgres.Options{URL: url})
	s := store.New(e, store.Options{})
	if err := s.Writable(ctx); err != nil {
		t.Errorf("writable: %v", err)
	}
	if _, err := owner.Exec(ctx, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$"); err != nil {
		t.Fatal(err)
	}
	again, err := postgres.Open(ctx, postgres.Options{URL: url}) // the setting is for new sessions
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	s = store.New(again, store.Options{})
	if err := s.Writable(ctx); crm.CodeOf(err) != crm.CodeUnavailable {
		t.Errorf("a read-only database is writable: %v", err)
	}
	if err := s.Readable(ctx); err != nil {
		t.Errorf("a read-only database is not readable: %v", err)
	}
}
