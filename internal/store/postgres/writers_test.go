package postgres_test

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// Transactions that change the same sums, of deals and of activities in whichever order, do
// not deadlock.
func TestWritersInBothOrders(t *testing.T) {
	t.Parallel()
	const writers, writes = 8, 25
	base := servertest.PostgresURL(t)
	engine := open(t, base, 0)
	t.Cleanup(func() { _ = engine.Close() })
	if err := engine.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := store.New(engine, store.Options{})
	people, service := accounts.NewService(s.Accounts(), time.Now, "GBP"), crm.NewService(s.CRM(), time.Now)
	var homes []crm.Actor
	for _, name := range []string{"Home", "Away"} {
		org, err := people.CreateOrganisation(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		homes = append(homes, crm.Operator(org.ID))
	}
	deal := func(ctx context.Context, by crm.Actor) error {
		_, err := service.CreateDeal(ctx, by, crm.DealPatch{Name: crm.Of("Order")})
		return err
	}
	activity := func(ctx context.Context, by crm.Actor) error {
		_, err := service.CreateActivity(ctx, by, crm.ActivityPatch{Type: crm.Of("call")})
		return err
	}
	var writing sync.WaitGroup
	for n := range writers {
		first, second := deal, activity
		if n%2 == 1 {
			first, second = activity, deal
		}
		writing.Go(func() {
			for range writes {
				by := homes[n/2%2]
				err := service.Atomic(t.Context(), by, func(ctx context.Context) error {
					if err := first(ctx, by); err != nil {
						return err
					}
					return second(ctx, by)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	c := committing{url: base}
	_ = engine.Close() // a backend reports its numbers when it ends
	if n := c.asOwner(t, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); n > 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// limited returns the URL of a database for a user who has as many connections as the test
// allows.
func limited(t *testing.T) (login string, allow func(connections string)) {
	t.Helper()
	base := servertest.PostgresURL(t)
	admin, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	user := pgx.Identifier{"u" + u.Path[1:]}.Sanitize()
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	own := open(t, base, 0) // which creates the roles
	if err := own.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = own.Close()
	exec("CREATE ROLE " + user + " LOGIN NOSUPERUSER")
	exec("GRANT sixty_tenant, sixty_service TO " + user)
	t.Cleanup(func() {
		exec("DROP OWNED BY " + user)
		exec("DROP ROLE " + user)
		_ = admin.Close(context.WithoutCancel(t.Context()))
	})
	u.User = url.User("u" + u.Path[1:])
	return u.String(), func(connections string) { exec("ALTER ROLE " + user + " CONNECTION LIMIT " + connections) }
}

// When the server has few connections, more requests than those wait and none fails; following
// the log and health checks go on when none is left.
func TestTooFewConnections(t *testing.T) {
	t.Parallel()
	login, allow := limited(t)
	allow("4")
	e, err := postgres.Open(t.Context(), postgres.Options{URL: login, MaxConns: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Ping(t.Context()); err != nil { // and the reserved connection is made
		t.Fatal(err)
	}
	sleep := func(scope store.Scope) error {
		rows, err := e.Query(t.Context(), scope, &store.Statement{Name: "test.sleep", SQL: "SELECT pg_sleep(0.02)::text"}, nil)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
		}
		return rows.Err()
	}
	var reading sync.WaitGroup
	for range 20 {
		reading.Go(func() {
			for range 10 {
				if err := sleep(store.Scope{Service: true}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reading.Wait()
	if openNow, _, limit := e.Stats(); openNow > 4 || limit != 20 {
		t.Errorf("%d connections of at most %d are open; the server allows 4", openNow, limit)
	}
}

// The first connection is the reserved one: with no other, requests share it, and the log is
// followed.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	login, allow := limited(t)
	allow("1")
	e := open(t, login, time.Minute)
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Ping(t.Context()); err != nil {
		t.Errorf("a health check: %v", err)
	}
	ask := func(scope store.Scope) error {
		rows, err := e.Query(t.Context(), scope, &store.Statement{Name: "test.ask", SQL: "SELECT 1"}, nil)
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		return err
	}
	if err := ask(store.Scope{Service: true, Reserved: true}); err != nil {
		t.Errorf("following the log: %v", err)
	}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			if err := ask(store.Scope{Service: true}); err != nil {
				t.Errorf("a request: %v", err)
			}
		})
	}
	asking.Wait()
	allow("2")
	if err := ask(store.Scope{Service: true}); err != nil {
		t.Errorf("a request when the server has a connection: %v", err)
	}
}

// A server that turns out to be read-only is left: its connections are closed.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	base := servertest.PostgresURL(t)
	e := open(t, base, 0)
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tx, err := e.Begin(t.Context(), store.Scope{Service: true})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := one(t.Context(), tx, "SELECT pg_backend_pid()::bigint")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SET TRANSACTION READ ONLY", "DELETE FROM changes"} {
		_, err = tx.Exec(t.Context(), &store.Statement{Name: "test.write", SQL: sql}, nil)
	}
	if kind := e.Dialect().Classify(err).Kind; kind != store.FaultUnavailable {
		t.Errorf("%v is of kind %d, want %d", err, kind, store.FaultUnavailable)
	}
	_ = tx.Rollback()
	c := committing{url: base}
	deadline := time.Now().Add(10 * time.Second)
	for c.asOwner(t, "SELECT count(*) FROM pg_stat_activity WHERE pid = "+strconv.FormatInt(pid, 10)) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the connection is still open")
		}
	}
}

// A transaction of which a statement was cancelled is never committed, and may be repeated.
func TestCommitAfterCancelledStatement(t *testing.T) {
	t.Parallel()
	e := open(t, servertest.PostgresURL(t), 0)
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tx, err := e.Begin(t.Context(), store.Scope{Service: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tx.Exec(ctx, &store.Statement{Name: "test.sleep", SQL: "SELECT pg_sleep(60)"}, nil); err == nil {
		t.Fatal("the statement was not cancelled")
	}
	err = tx.Commit(t.Context())
	if !e.Dialect().RolledBack(err) || e.Dialect().Classify(err).Kind != store.FaultUnavailable {
		t.Errorf("%v: rolled back %t, kind %d", err, e.Dialect().RolledBack(err), e.Dialect().Classify(err).Kind)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
}
