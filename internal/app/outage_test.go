package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// throughProxy returns a database's URL through a proxy that can be cut.
func throughProxy(t *testing.T, databaseURL string) (string, *toxiproxy.Proxy) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := servertest.Proxy(t, u.Host)
	u.Host = proxy.Listen
	return u.String(), proxy
}

func TestDatabaseGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	through, proxy := throughProxy(t, servertest.PostgresURL(t))
	c := boot(t, "sqlite", func(cfg *config.Config) {
		cfg.DatabaseURL = config.Secret(through)
		cfg.StatementLimit = time.Second
	})
	key := c.key(c.organisation("Outage").ID, crm.RoleManager)
	expect := func(when, method, path string, body any, want int) {
		t.Helper()
		status, header, answer := c.do(method, path, key, body)
		if status != want {
			t.Errorf("%s: %s %s: status %d, want %d: %v", when, method, path, status, want, answer)
		}
		if want == http.StatusServiceUnavailable && path != "/readyz" {
			if header.Get("Content-Type") != "application/problem+json" || answer["data"] != nil || answer["error"] == "" {
				t.Errorf("%s: %s %s is not a problem: %s %v", when, method, path, header.Get("Content-Type"), answer)
			}
		}
	}
	expect("before", http.MethodGet, "/api/deals", nil, http.StatusOK)
	expect("before", http.MethodGet, "/readyz", nil, http.StatusOK)

	proxy.Stop()
	eventually(t, "nothing is answered from before any more", func() bool {
		status, _, _ := c.do(http.MethodGet, "/api/deals", key, nil)
		return status != http.StatusOK
	})
	expect("while it is gone", http.MethodGet, "/api/deals", nil, http.StatusServiceUnavailable)
	expect("while it is gone", http.MethodPost, "/api/companies", map[string]any{"name": "Lost"}, http.StatusServiceUnavailable)
	expect("while it is gone", http.MethodGet, "/readyz", nil, http.StatusServiceUnavailable)
	expect("while it is gone", http.MethodGet, "/livez", nil, http.StatusOK)

	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program is ready again", func() bool {
		status, _, _ := c.do(http.MethodGet, "/readyz", "", nil)
		return status == http.StatusOK
	})
	expect("when it is back", http.MethodGet, "/api/deals", nil, http.StatusOK)
	expect("when it is back", http.MethodPost, "/api/companies", map[string]any{"name": "Found"}, http.StatusCreated)
}

// A database that can be read and not written is not ready, except for reads.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	url := servertest.PostgresURL(t)
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.DatabaseURL = config.Secret(url) })
	key := c.key(c.organisation("Standby").ID, crm.RoleManager)
	owner, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.Background()) })
	set := func(state string) {
		t.Helper()
		_, err := owner.Exec(t.Context(), "SET default_transaction_read_only = off; "+
			"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "+state+"', current_database()); END $$; "+
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(path string, want int) bool {
		status, _, _ := c.do(http.MethodGet, path, key, nil)
		return status == want
	}
	set("on")
	eventually(t, "new connections read", func() bool {
		return is("/readyz?for=reads", http.StatusOK) && is("/api/companies?limit=1", http.StatusOK)
	})
	for _, path := range []string{"/readyz", "/api/health"} {
		if status, header, answer := c.do(http.MethodGet, path, "", nil); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(fmt.Sprint(answer["detail"]), "accepts no writes") {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	set("off")
	eventually(t, "it is ready again", func() bool { return is("/readyz", http.StatusOK) && is("/api/health", http.StatusOK) })
}
