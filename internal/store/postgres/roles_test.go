package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/storetest"
)

func TestForgetful(t *testing.T) {
	t.Parallel()
	storetest.RunForgetful(t, database)
}

// migrated opens an engine on a migrated database, and a connection as the owner.
func migrated(t *testing.T, o postgres.Options) (*postgres.Engine, *pgx.Conn) {
	t.Helper()
	e, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), o.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return e, conn
}

// Every table that has something of organisations is behind the same policies, those
// too that a later migration makes.
func TestTablesAreKeptApart(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
	rows, err := conn.Query(t.Context(), `SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
coalesce((SELECT string_agg(concat_ws(' ', p.policyname, p.permissive, p.cmd, p.roles, p.qual, p.with_check), '; ' ORDER BY p.policyname)
FROM pg_policies p WHERE p.tablename = c.relname), '')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm')
AND c.relname NOT IN ('settings', 'goose_db_version', 'derived_data', 'instances', 'log_epoch', 'job_kinds', 'performance_analyses')`) // the whole database's
	if err != nil {
		t.Fatal(err)
	}
	var name, policies string
	var forced bool
	var tables []string
	_, err = pgx.ForEachRow(rows, []any{&name, &forced, &policies}, func() error {
		column := "org_id"
		if name == "organisations" {
			column = "id"
		}
		want := "service PERMISSIVE ALL {sixty_service} true; tenant PERMISSIVE ALL {sixty_tenant} (" + column + " = ( SELECT current_organisation() AS current_organisation))"
		if !forced || policies != want {
			t.Errorf("%s: forced %t, %s\nwant %s", name, forced, policies, want)
		}
		tables = append(tables, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"organisations", "deals", "search", "changes", "sessions", "idempotency", "audit"} {
		if !slices.Contains(tables, known) {
			t.Errorf("%s is not among %v", known, tables)
		}
	}

	// Neither role owns anything here, or is exempt, or can sign in; what belongs to the
	// whole database is none of a tenant's business.
	for sql, want := range map[string]int{
		`SELECT count(*) FROM pg_roles WHERE rolname IN ('sixty_tenant', 'sixty_service') AND NOT (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole)`:                                                                 2,
		`SELECT count(*) FROM pg_class WHERE relowner IN ('sixty_tenant'::regrole, 'sixty_service'::regrole)`:                                                                                                                 0,
		`SELECT count(*) FROM pg_auth_members WHERE member IN ('sixty_tenant'::regrole, 'sixty_service'::regrole)`:                                                                                                            0,
		`SELECT count(*) FROM (VALUES ('settings'), ('goose_db_version'), ('instances'), ('performance_analyses'), ('job_kinds')) t (name) WHERE has_table_privilege('sixty_tenant', name, 'SELECT, INSERT, UPDATE, DELETE')`: 0,
		`SELECT count(*) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' AND relname <> 'own_search' AND has_table_privilege('sixty_tenant', c.oid, 'SELECT')`:                                  0,
	} {
		var n int
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", sql, n, err, want)
		}
	}
}

// What a statement or a transaction has set is gone when it is done: nothing of it is
// left on the connection.
func TestScopeEnds(t *testing.T) {
	t.Parallel()
	through := servertest.PgBouncer(t, "default_pool_size = 1")
	t.Run("Server", func(t *testing.T) {
		t.Parallel()
		scopeEnds(t, postgres.Options{URL: servertest.PostgresURL(t)})
	})
	t.Run("Pooler", func(t *testing.T) {
		t.Parallel()
		url := servertest.PostgresURL(t)
		scopeEnds(t, postgres.Options{URL: through(url), DirectURL: url})
	})
}

func scopeEnds(t *testing.T, o postgres.Options) {
	t.Helper()
	o.MinConns, o.MaxConns = 1, 1
	e, _ := migrated(t, o)
	org, ctx := crm.NewID(), t.Context()
	state := &store.Statement{Name: "test.state", SQL: `SELECT concat_ws(' ', current_user, coalesce(nullif(current_setting('sixty.org', true), ''), 'none'), current_setting('plan_cache_mode'))`}
	arrays := &store.Statement{Name: "test.arrays", SQL: state.SQL + ` WHERE $1::text[] IS NOT NULL`}
	read := func(q store.Querier, st *store.Statement, args ...any) (text string) {
		t.Helper()
		rows, err := q.Query(ctx, st, args)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if rows.Next() {
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return text
	}
	home, service := store.Scope{Org: org}, store.Scope{Service: true}
	check := func(want, got string) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	asHome, asService := "sixty_tenant "+org.String(), "sixty_service none"
	check(asHome+" auto", read(scoped{e, home}, state))
	check(asService+" auto", read(scoped{e, service}, state))
	check(asHome+" force_custom_plan", read(scoped{e, home}, arrays, []string{"a"}))
	check(asService+" force_custom_plan", read(scoped{e, service}, arrays, []string{"a"}))
	check(asHome+" auto", read(scoped{e, home}, state))
	for scope, as := range map[store.Scope]string{home: asHome, service: asService} {
		tx, err := e.Begin(ctx, scope)
		if err != nil {
			t.Fatal(err)
		}
		check(as+" force_generic_plan", read(tx, state))
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		check(asService+" auto", read(scoped{e, service}, state))
		snap, err := e.Snapshot(ctx, scope)
		if err != nil {
			t.Fatal(err)
		}
		check(as+" auto", read(snap, state))
		if err := snap.Close(); err != nil {
			t.Fatal(err)
		}
		check(asService+" auto", read(scoped{e, service}, state))
	}
	rows, err := e.Query(ctx, home, &store.Statement{Name: "test.fails", SQL: "SELECT 1 / (current_user <> 'sixty_tenant')::int"}, nil)
	if err == nil {
		rows.Next()
		err = rows.Err()
		rows.Close()
	}
	if err == nil {
		t.Error("one divided by zero")
	}
	check(asService+" auto", read(scoped{e, service}, state))
}

// scoped runs statements in a scope.
type scoped struct {
	engine *postgres.Engine
	scope  store.Scope
}

func (s scoped) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return s.engine.Query(ctx, s.scope, st, args)
}

// An ordinary user owns a database: without the roles the migration says what to run; with
// them everything works, and owning the tables does not lift the isolation.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := servertest.PostgresURL(t)
	first, admin := migrated(t, postgres.Options{URL: server}) // so that there are the roles
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	user := name + "_User"
	quoted := pgx.Identifier{user}.Sanitize()
	mustExec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(context.WithoutCancel(ctx), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	mustExec("CREATE ROLE " + quoted + " LOGIN NOSUPERUSER NOCREATEROLE")
	mustExec("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION " + quoted)
	t.Cleanup(func() {
		mustExec("DROP OWNED BY " + quoted + "; DROP ROLE " + quoted)
	})
	u.User = url.User(user)
	e, err := postgres.Open(ctx, postgres.Options{URL: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	grant := "GRANT sixty_tenant, sixty_service TO " + quoted
	if err := e.Migrate(ctx); err == nil || !strings.Contains(err.Error(), grant) {
		t.Fatalf("migrated without the roles: %v, want it to say %s", err, grant)
	}
	mustExec(grant)
	if err := e.Migrate(ctx); err != nil {
		t.Fatal(err)
	}

	s := store.New(e, store.Options{})
	service := accounts.NewService(s.Accounts(), time.Now, "GBP")
	var orgs []crm.Organisation
	for i := range 2 {
		o, err := service.CreateOrganisation(ctx, fmt.Sprint("Organisation ", i))
		if err != nil {
			t.Fatal(err)
		}
		orgs = append(orgs, o)
		now := crm.InstantOf(time.Now())
		err = s.Write(ctx, crm.Operator(o.ID), now, func(tx store.Tx) error {
			var all []crm.Company
			for i := range 200 { // so many are loaded
				all = append(all, crm.Company{OrgID: o.ID, ID: crm.NewID(), Name: fmt.Sprint("Acme ", i), CreatedAt: now, UpdatedAt: now, Version: 1})
			}
			return tx.Companies().Insert(ctx, all)
		})
		if err != nil {
			t.Fatal(err)
		}
		q := crm.ParseQuery("acme 17")
		p, err := s.Reads(crm.Actor{}).Search(ctx, o.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 100})
		if err != nil || len(p.Rows) != 11 { // 17, and 170 to 179
			t.Errorf("found %d, %v", len(p.Rows), err)
		}
	}
	var analysed bool
	if err := admin.QueryRow(ctx, "SELECT reltuples > 0 FROM pg_class WHERE oid = 'companies'::regclass").Scan(&analysed); err != nil || !analysed {
		t.Errorf("what was loaded has been analysed: %t, %v", analysed, err)
	}
	ends, err := s.LogEnds(ctx, []crm.ID{orgs[0].ID, orgs[1].ID})
	if err != nil || len(ends.Seqs) != 2 {
		t.Errorf("the logs end at %v, %v", ends, err)
	}

	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	count := func() (n int) {
		t.Helper()
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM companies").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		set  string
		want int
	}{
		{"SET ROLE sixty_tenant", 0},
		{"SET sixty.org = '" + orgs[0].ID.String() + "'", 200},
		{"SET ROLE sixty_service", 400},
	} {
		if _, err := conn.Exec(ctx, c.set); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != c.want {
			t.Errorf("after %s: %d companies, want %d", c.set, n, c.want)
		}
	}
	var refused *pgconn.PgError
	if _, err := conn.Exec(ctx, "SET ROLE sixty_tenant; ALTER TABLE companies DISABLE ROW LEVEL SECURITY"); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("a tenant ends the row-level security: %v", err)
	}
}

// An organisation's role enters and reads the audit trail, and cannot change it: what a defect in
// a statement could do to it is bounded by the database.
func TestAuditTrailIsAppendOnly(t *testing.T) {
	t.Parallel()
	_, conn := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
	ctx, org := t.Context(), crm.NewID()
	if _, err := conn.Exec(ctx, `INSERT INTO organisations (id, name, name_key, default_currency, created_at) VALUES ($1, 'A', 'a', 'GBP', now())`, org.String()); err != nil {
		t.Fatal(err)
	}
	insert := `INSERT INTO audit (org_id, id, at, action, target, address, request_id, details)
VALUES ('` + org.String() + `', gen_random_uuid(), now(), 'settings.changed', '', '', '', '{}')`
	for _, x := range []struct {
		statement string
		allowed   bool
	}{
		{insert, true},
		{"SELECT count(*) FROM audit", true},
		{"UPDATE audit SET details = '{}'", false},
		{"DELETE FROM audit", false},
		{"TRUNCATE audit", false},
	} {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL ROLE sixty_tenant"); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "SELECT set_config('sixty.org', $1, true)", org.String()); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, x.statement)
			return err
		})
		var denied *pgconn.PgError
		if x.allowed && err != nil || !x.allowed && (!errors.As(err, &denied) || denied.Code != "42501") {
			t.Errorf("%s: %v", x.statement, err)
		}
	}
}
