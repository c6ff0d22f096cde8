package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/storetest"
)

// pooled makes empty databases for tests that are reached through a PgBouncer.
func pooled(t *testing.T) func(tb testing.TB) storetest.Opener {
	t.Helper()
	through := servertest.PgBouncer(t)
	return func(tb testing.TB) storetest.Opener {
		tb.Helper()
		url := servertest.PostgresURL(tb)
		return func(tb testing.TB, statementTimeout time.Duration) storetest.Engine {
			tb.Helper()
			e, err := postgres.Open(tb.Context(), postgres.Options{
				URL: through(url), DirectURL: url, MaxConns: 10, StatementTimeout: statementTimeout,
			})
			if err != nil {
				tb.Fatal(err)
			}
			return owned{e, url}
		}
	}
}

// The cases of the suite that depend on which connection a statement runs on, or on its end.
// The others pass as well; they repeat the same ways with other statements, for minutes.
func TestPoolerConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, pooled(t), "Bulk", "IsolatedReads", "IsolatedWrites", "ForeignRows", "Unique", "ReferencesInBulk",
		"Rollback", "DryRun", "Panic", "AtomicRetried", "IdempotentConcurrent", "Snapshot", "SnapshotEnds", "LogOrder", "LogWatched",
		"CommitsAccountedFor", "ClearWhileWriting", "SumsOfMany", "LockMany", "LockCrosswise", "LostUpdate", "SearchConfined",
		"SearchRebuilt", "CancelledBefore", "CancelledWaiting", "CancelledAnywhere", "OutOfTime", "Migrate", "TwoEngines")
}

func TestPoolerForgetful(t *testing.T) {
	t.Parallel()
	storetest.RunForgetful(t, pooled(t))
}

// Organisations that take turns on few server connections each see their own rows, with
// statements that name no organisation, alone and in transactions.
func TestPoolerShared(t *testing.T) {
	t.Parallel()
	const organisations, rounds = 12, 40
	url := servertest.PostgresURL(t)
	options := postgres.Options{URL: servertest.PgBouncer(t)(url), DirectURL: url, MaxConns: organisations}
	e, _ := migrated(t, options)
	second, _ := migrated(t, options)
	ctx := t.Context()
	service := accounts.NewService(store.New(e, store.Options{}).Accounts(), time.Now, "GBP")
	seen := &store.Statement{Name: "test.seen", SQL: `SELECT coalesce(string_agg(id::text, ' '), ''), pg_backend_pid(), current_setting('statement_timeout') || current_setting('timezone') || current_setting('jit') FROM organisations`}
	var pids sync.Map
	check := func(q store.Querier, org crm.ID) error {
		rows, err := q.Query(ctx, seen, nil)
		if err != nil {
			return err
		}
		defer rows.Close()
		var ids, settings string
		var pid int64
		for rows.Next() {
			if err := rows.Scan(&ids, &pid, &settings); err != nil {
				return err
			}
		}
		pids.Store(pid, true)
		if ids != org.String() || settings != "7sUTCoff" {
			return fmt.Errorf("%s sees %s with the settings %s: %w", org, ids, settings, rows.Err())
		}
		return rows.Err()
	}
	var all sync.WaitGroup
	for i := range organisations {
		engine := []*postgres.Engine{e, second}[i%2]
		o, err := service.CreateOrganisation(ctx, fmt.Sprint("Organisation ", i))
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			scope := store.Scope{Org: o.ID}
			var err error
			for range rounds {
				if err == nil {
					err = check(scoped{engine, scope}, o.ID)
				}
				if err == nil {
					var tx store.EngineTx
					if tx, err = engine.Begin(ctx, scope); err == nil {
						err = errors.Join(check(tx, o.ID), tx.Rollback())
					}
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n := 0
	pids.Range(func(any, any) bool { n++; return true })
	if n > 4 {
		t.Errorf("%d server connections were used, want 4 at most", n)
	}
}

// A statement whose request has gone ends on the server too, and PgBouncer lives on.
func TestPoolerCancelled(t *testing.T) {
	t.Parallel()
	database := servertest.PostgresURL(t)
	e, _ := migrated(t, postgres.Options{URL: servertest.PgBouncer(t)(database), DirectURL: database, StatementTimeout: 10 * time.Minute})
	const running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT 1 FROM pg_sleep%'"
	wait := func(want int64) {
		t.Helper()
		for start := time.Now(); number(t, owned{e, database}, running) != want; {
			if time.Since(start) > time.Minute {
				t.Fatalf("there are not %d statements after a minute", want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := one(ctx, scoped{e, store.Scope{}}, "SELECT 1 FROM pg_sleep(600)")
		ended <- err
	}()
	wait(1)
	cancel()
	if err := next(t, ended); err == nil {
		t.Error("the statement succeeded")
	}
	wait(0)
}

// dropping has PgBouncer accept and drop the startup parameters that it does not know.
const dropping = "ignore_startup_parameters = role, statement_timeout, idle_in_transaction_session_timeout, jit"

// A pooler is recognised, and rejected unless it is expected or has all that a session has.
func TestPoolerRecognised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings []string
		want     string // of the error; "" for none
	}{
		{"Transaction", []string{dropping}, "it is in transaction mode"},
		{"RoundRobin", []string{dropping, "server_round_robin = 1"}, "it is in transaction mode"},
		{"Single", []string{dropping, "default_pool_size = 1"}, "it is in transaction mode"},
		{"Statement", []string{dropping, "pool_mode = statement"}, "no transaction can begin"},
		{"Default", nil, "unsupported startup parameter"},
		{"Session", []string{dropping, "pool_mode = session"}, "it drops the startup parameters idle_in_transaction_session_timeout, statement_timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := servertest.PostgresURL(t)
			through := servertest.PgBouncer(t, c.settings...)(url)
			for name, o := range map[string]postgres.Options{"url": {URL: through}, "direct": {URL: through, DirectURL: through}} {
				e, err := postgres.Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				err = e.Migrate(t.Context())
				var rejected *postgres.PoolerError
				if !errors.As(err, &rejected) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want %s", name, err, c.want)
				}
				_ = e.Close()
			}
		})
	}
}

// A pooler that keeps a connection for each client is like the server, without the role too.
func TestPoolerSession(t *testing.T) {
	t.Parallel()
	url := servertest.PostgresURL(t)
	through := servertest.PgBouncer(t, "pool_mode = session", "default_pool_size = 20", dropping)(url)
	name := url[strings.LastIndexByte(url, '/')+1 : strings.IndexByte(url, '?')]
	_, admin := migrated(t, postgres.Options{URL: url})
	for _, set := range []string{"statement_timeout = 7000", "idle_in_transaction_session_timeout = 60000"} {
		if _, err := admin.Exec(t.Context(), "ALTER DATABASE "+name+" SET "+set); err != nil {
			t.Fatal(err)
		}
	}
	for name, o := range map[string]postgres.Options{"Unset": {URL: through}, "Transaction": {URL: through, DirectURL: url}} {
		e, err := postgres.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		if err := e.Migrate(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Behind a pooler nothing may be left out: transactions, and the same database.
func TestPoolerRejected(t *testing.T) {
	t.Parallel()
	url, other := servertest.PostgresURL(t), servertest.PostgresURL(t)
	transaction, statement := servertest.PgBouncer(t), servertest.PgBouncer(t, "pool_mode = statement")
	for _, c := range []struct {
		name string
		o    postgres.Options
		want string
	}{
		{"OtherDatabase", postgres.Options{URL: transaction(other), DirectURL: url}, "leads to another database"},
		{"Statement", postgres.Options{URL: statement(url), DirectURL: url}, "not allowed in statement pooling mode"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := postgres.Open(t.Context(), c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			if err := e.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if _, err := postgres.Open(t.Context(), postgres.Options{URL: transaction(url) + "&search_path=other", DirectURL: url}); err == nil || !strings.Contains(err.Error(), "search_path") {
		t.Errorf("a startup parameter: %v", err)
	}
}
