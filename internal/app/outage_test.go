package app_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

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
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "database", "127.0.0.1:0", u.Host)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
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
