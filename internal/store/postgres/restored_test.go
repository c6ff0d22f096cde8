package postgres_test

import (
	"context"
	"net/url"
	osexec "os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/accounts"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// lost are the lines of a dump that fail where there are no roles.
var lost = regexp.MustCompile(`(?ms)^(CREATE POLICY|GRANT)\b[^;]*;|^\\.*?$`)

// rights lists who may do what in a database.
const rights = `SELECT string_agg(line, E'\n' ORDER BY line) FROM (
SELECT concat_ws(' ', relname, relrowsecurity, relforcerowsecurity, acl.grantee::regrole, acl.privilege_type) AS line
FROM pg_class, aclexplode(relacl) acl WHERE relnamespace = 'public'::regnamespace AND acl.grantee <> relowner
UNION ALL SELECT concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies
UNION ALL SELECT concat_ws(' ', nspname, acl.grantee::regrole, acl.privilege_type) FROM pg_namespace, aclexplode(nspacl) acl
WHERE nspname = 'public' AND acl.grantee::regrole::text LIKE 'sixty%') l`

// A dump that was restored on a server without the roles works after the next start, and
// organisations are kept apart as before. One whose tables belong to another user is
// rejected, with what to do.
func TestRestoredWithoutRoles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from := servertest.PostgresURL(t)
	e, before := migrated(t, postgres.Options{URL: from})
	if _, err := accounts.NewService(store.New(e, store.Options{}).Accounts(), time.Now, "GBP").CreateOrganisation(ctx, "Kept"); err != nil {
		t.Fatal(err)
	}
	dump, err := osexec.CommandContext(ctx, "pg_dump", "--no-owner", "--inserts", from).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	restore := func() (string, *pgx.Conn) {
		t.Helper()
		to := servertest.PostgresURL(t)
		conn, err := pgx.Connect(ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		if _, err := conn.Exec(ctx, lost.ReplaceAllString(string(dump), "")+"; SET search_path = public"); err != nil {
			t.Fatalf("restore: %v", err)
		}
		return to, conn
	}
	read := func(conn *pgx.Conn) (all string) {
		t.Helper()
		if err := conn.QueryRow(ctx, rights).Scan(&all); err != nil {
			t.Fatal(err)
		}
		return all
	}

	to, restored := restore()
	for range 2 { // the second time there is nothing to do
		again, err := postgres.Open(ctx, postgres.Options{URL: to})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = again.Close() })
		if err := again.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		orgs, err := accounts.NewService(store.New(again, store.Options{}).Accounts(), time.Now, "GBP").Organisations(ctx)
		if err != nil || len(orgs) != 1 || orgs[0].Name != "Kept" {
			t.Errorf("the organisations are %v, %v", orgs, err)
		}
	}
	if was, is := read(before), read(restored); is != was || !strings.Contains(is, "sixty_tenant") {
		t.Errorf("what the roles may do:\n%s\nit was:\n%s", is, was)
	}

	to, restored = restore()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	user := strings.TrimPrefix(u.Path, "/") + "_user"
	mustExec := func(sql string) {
		t.Helper()
		if _, err := restored.Exec(context.WithoutCancel(ctx), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	mustExec("CREATE ROLE " + user + " LOGIN; GRANT sixty_tenant, sixty_service TO " + user + "; GRANT SELECT ON goose_db_version TO " + user)
	t.Cleanup(func() { mustExec("DROP OWNED BY " + user + "; DROP ROLE " + user) })
	u.User = url.User(user)
	other, err := postgres.Open(ctx, postgres.Options{URL: u.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	if err := other.Migrate(ctx); err == nil || !strings.Contains(err.Error(), "run sixty migrate once with a DATABASE_URL of the user that owns the tables") {
		t.Errorf("with another owner: %v", err)
	}
}

// The audit trail cannot be changed by organisations' transactions, also after a program of
// schema version 16 was started, which grants them the privileges that it expects.
func TestAuditRightsAreTakenBack(t *testing.T) {
	t.Parallel()
	e, conn := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
	if _, err := conn.Exec(t.Context(), "SELECT keep_apart('audit')"); err != nil {
		t.Fatal(err)
	}
	for _, privilege := range []string{"DELETE", "UPDATE"} {
		var held bool
		if err := conn.QueryRow(t.Context(), "SELECT has_table_privilege('sixty_tenant', 'audit', $1)", privilege).Scan(&held); err != nil || !held {
			t.Fatalf("%s before: %t, %v", privilege, held, err)
		}
		if err := e.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRow(t.Context(), "SELECT has_table_privilege('sixty_tenant', 'audit', $1)", privilege).Scan(&held); err != nil || held {
			t.Errorf("%s: %t, %v", privilege, held, err)
		}
		if _, err := conn.Exec(t.Context(), "GRANT UPDATE ON audit TO sixty_tenant"); err != nil {
			t.Fatal(err)
		}
	}
}
