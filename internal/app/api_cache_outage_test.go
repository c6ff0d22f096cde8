package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// While the database is unavailable, requests that allow it get stale responses, which say
// so; others fail. After it is back, all read the current data.
func TestStaleWhileTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	direct := servertest.PostgresURL(t)
	through, proxy := throughProxy(t, direct)
	var base config.Base
	c := boot(t, "sqlite", func(cfg *config.Config) {
		cfg.DatabaseURL, cfg.StatementLimit = config.Secret(through), time.Second
		base = cfg.Base
	})
	u := newUser(c, "Stale", crm.RoleManager)
	stranger := u.as(crm.RoleManager) // not known to the instance
	u.make("/api/companies", object{"name": "Before"})
	u.fill("/api/companies", "/api/user")
	before := u.hits("/api/companies")
	allowed := []string{"Cache-Control", "stale-if-error=60"}

	proxy.Stop()
	cut := time.Now()
	eventually(t, "it is gone for longer than anything is believed", func() bool {
		k := u.cached("GET", "/api/companies", allowed...)
		if k.status != http.StatusOK || k.body != before.body || !k.hit && k.fwd != "stale" {
			t.Fatalf("after %s: %d, %s\n%s", time.Since(cut), k.status, k.said, k.body)
		}
		return time.Since(cut) > 1500*time.Millisecond && k.fwd == "stale"
	})
	if k := u.cached("GET", "/api/user", allowed...); k.status != http.StatusOK || k.said != "sixty; fwd=stale; fwd-status=503; detail=session" {
		t.Errorf("/api/user: %d, %s", k.status, k.said)
	}
	if k := u.cached("GET", "/api/companies", append(allowed, "If-None-Match", before.header.Get("ETag"))...); k.status != http.StatusNotModified || k.fwd != "stale" {
		t.Errorf("with If-None-Match: %d, %s", k.status, k.said)
	}
	for name, refused := range map[string]struct {
		user
		path    string
		headers []string
	}{
		"NotAllowed":     {u, "/api/companies", nil},
		"Unknown":        {u, "/api/companies?limit=1", allowed},
		"Stranger":       {stranger, "/api/companies", allowed},
		"OnlyOtherwords": {u, "/api/companies", []string{"Cache-Control", "max-stale=60, stale-if-error=x"}},
	} {
		if status, header, body := refused.raw("GET", refused.path, refused.key, nil, refused.headers...); status != http.StatusServiceUnavailable ||
			header.Get("Retry-After") == "" || strings.Contains(string(body), "Before") {
			t.Errorf("%s: %d, %s", name, status, body)
		}
	}
	if status, _, body := u.raw("PATCH", "/api/companies/"+crm.NewID().String(), u.key, object{}, allowed...); status != http.StatusServiceUnavailable {
		t.Errorf("a write: %d, %s", status, body)
	}

	base.DatabaseURL = config.Secret(direct)
	writeFrom(t, base, u.org, "Meanwhile")
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool {
		status, _, body := u.raw("GET", "/api/companies", u.key, nil)
		if status == http.StatusOK && !strings.Contains(string(body), "Meanwhile") {
			t.Fatalf("it is back, and the answer is from before: %s", body)
		}
		return status == http.StatusOK
	})
	u.fill("/api/companies")
	if k := u.hits("/api/companies", allowed...); !strings.Contains(k.body, "Meanwhile") {
		t.Errorf("%s\n%s", k.said, k.body)
	}
}

// writeFrom creates a company in another process, which has the database.
func writeFrom(t *testing.T, base config.Base, org crm.ID, name string) {
	t.Helper()
	other, err := app.Open(t.Context(), base, app.Options{Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Service.CreateCompany(t.Context(), crm.Operator(org), crm.CompanyPatch{Name: crm.Of(name)})
	if closed := other.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
}

// A stream survives an outage of the database, and then sends what it has missed.
func TestEventsWhileTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	direct := servertest.PostgresURL(t)
	through, proxy := throughProxy(t, direct)
	var base config.Base
	c := boot(t, "sqlite", func(cfg *config.Config) {
		cfg.DatabaseURL, cfg.StatementLimit = config.Secret(through), time.Second
		base = cfg.Base
	})
	u := newUser(c, "Streams", crm.RoleManager)
	s, ready := u.begin("", "ready")
	u.make("/api/companies", object{"name": "Before"})
	s.changes(ready.seq+1, ready.seq+1)
	proxy.Stop()
	eventually(t, "it is gone", func() bool {
		status, _, _ := u.raw("GET", "/api/events", u.key, nil)
		return status == http.StatusServiceUnavailable
	})
	base.DatabaseURL = config.Secret(direct)
	writeFrom(t, base, u.org, "Meanwhile")
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	s.changes(ready.seq+2, ready.seq+2)
}

// Without memory for the cache, or without its Redis, every request is served.
func TestWithoutACache(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*config.Config)
		hit    bool
	}{
		"Off":       {func(cfg *config.Config) { cfg.CacheBytes = 0 }, false},
		"RedisGone": {func(cfg *config.Config) { cfg.RedisURL = "redis://127.0.0.1:1" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(boot(t, "sqlite", test.change), "No cache", crm.RoleAdmin)
			deal := "/api/deals/" + id(u.make("/api/deals", object{"name": "A"}))
			for i := range 20 {
				u.change(deal, object{"value": i})
				for range 2 {
					if got := u.get(deal)["value"]; got != float64(i) {
						t.Fatalf("round %d: the value is %v", i, got)
					}
				}
			}
			if test.hit {
				u.hits(deal)
			} else if k := u.cached("GET", deal); k.said != "sixty; fwd=bypass; detail=frequent" {
				t.Errorf("Cache-Status %q", k.said)
			}
			u.ask(http.StatusOK, "POST", "/api/performance/clear-cache", nil)
			u.ask(http.StatusOK, "GET", "/api/performance/stats", nil)
		})
	}
}
