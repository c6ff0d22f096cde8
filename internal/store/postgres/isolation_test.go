package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// Without row-level security no statement runs, in a program that starts and in one that
// runs; with it again they do.
func TestUnconfined(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	o := postgres.Options{URL: servertest.PostgresURL(t)}
	e, admin := migrated(t, o)
	s := store.New(e, store.Options{})
	scope := store.Scope{Org: crm.NewID()}
	tries := map[string]func() error{
		"ping": func() error { return e.Ping(ctx) },
		"query": func() error {
			_, err := one(ctx, scoped{e, scope}, "SELECT count(*) FROM deals")
			return err
		},
		"begin": func() error {
			tx, err := e.Begin(ctx, scope)
			if err == nil {
				err = tx.Rollback()
			}
			return err
		},
		"snapshot": func() error {
			snap, err := e.Snapshot(ctx, scope)
			if err == nil {
				err = snap.Close()
			}
			return err
		},
	}
	var unconfined *postgres.UnconfinedError
	for _, c := range []struct{ end, begin, want string }{
		{"ALTER TABLE deals DISABLE ROW LEVEL SECURITY", "ALTER TABLE deals ENABLE ROW LEVEL SECURITY", "row-level security is not active for sixty_tenant on deals"},
		{"REVOKE SELECT ON organisations FROM sixty_tenant", "GRANT SELECT ON organisations TO sixty_tenant", "sixty_tenant has no privileges (ERROR: permission denied for table organisations"},
	} {
		if _, err := admin.Exec(ctx, c.end); err != nil {
			t.Fatal(err)
		}
		e.CheckIsolation(ctx)
		for name, try := range tries {
			err := try()
			if f := e.Dialect().Classify(err); !errors.As(err, &unconfined) || !strings.Contains(err.Error(), c.want) || f.Kind != store.FaultUnavailable {
				t.Errorf("%s after %s: %v", name, c.end, err)
			}
		}
		if err := s.Ping(ctx); crm.CodeOf(err) != crm.CodeUnavailable {
			t.Errorf("health: %v", err)
		}
		next := open(t, o.URL, 0)
		if err := next.Migrate(ctx); !errors.As(err, &unconfined) {
			t.Errorf("started after %s: %v", c.end, err)
		}
		_ = next.Close()
		if _, err := admin.Exec(ctx, c.begin); err != nil {
			t.Fatal(err)
		}
		e.CheckIsolation(ctx)
		for name, try := range tries {
			if err := try(); err != nil {
				t.Errorf("%s after %s: %v", name, c.begin, err)
			}
		}
	}
}

// A pooler whose user is not a member of the roles is rejected with what to run.
func TestPoolerUserWithoutRoles(t *testing.T) {
	t.Parallel()
	database := servertest.PostgresURL(t)
	_, admin := migrated(t, postgres.Options{URL: database})
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	user := strings.TrimPrefix(u.Path, "/") + "_pool"
	if _, err := admin.Exec(t.Context(), "CREATE ROLE "+user+" LOGIN"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "DROP ROLE "+user); err != nil {
			t.Error(err)
		}
	})
	through := servertest.PgBouncer(t, "[databases]", "* = host="+u.Hostname()+" port="+u.Port()+" user="+user)(database)
	e, err := postgres.Open(t.Context(), postgres.Options{URL: through, DirectURL: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	var unconfined *postgres.UnconfinedError
	if err := e.Migrate(t.Context()); !errors.As(err, &unconfined) || !strings.Contains(err.Error(), "GRANT sixty_tenant, sixty_service TO \""+user+"\"") {
		t.Errorf("migrated by a user without the roles: %v", err)
	}
}
