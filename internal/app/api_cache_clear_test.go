package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// After clearing, the responses of a tier or of a kind of records are misses on every
// instance; other responses and other organisations are not affected.
func TestClearCache(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, a, b *client) {
		here := newUser(a, "Clear", crm.RoleAdmin)
		there := user{b, here.org, here.key}
		foreign := newUser(a, "Foreign", crm.RoleAdmin)
		all := []string{"/api/user", "/api/deals", "/api/companies", "/api/deal-stages"}
		for _, test := range []struct {
			name    string
			body    any
			cleared string
			misses  []string
		}{
			{"All", nil, "all", all},
			{"AllSaid", object{"tier": nil}, "all", all},
			{"Session", object{"tier": "session"}, "session", []string{"/api/user"}},
			{"Frequent", object{"tier": "frequent"}, "frequent", []string{"/api/deals", "/api/companies"}},
			{"Static", object{"tier": "static"}, "static", []string{"/api/deal-stages"}},
			{"Deals", object{"kind": "deal"}, "deal", []string{"/api/deals"}},
			{"AllTiers", object{"tier": "all", "kind": nil}, "all", all},
			{"DealsOfAllTiers", object{"tier": "all", "kind": "deal"}, "deal", []string{"/api/deals"}},
			{"PatternOfKind", object{"pattern": "Stage"}, "deal_stage", []string{"/api/deal-stages"}},
			{"PatternOfOperations", object{"pattern": "listcompan"}, "company, contact, deal, activity", []string{"/api/deals", "/api/companies"}},
			{"Owners", object{"kind": "owner"}, "owner", []string{"/api/user"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				here, there, foreign := here.in(t), there.in(t), foreign.in(t)
				here.fill(all...)
				there.fill(all...)
				foreign.fill(all...)
				status, header, body := here.raw("POST", "/api/performance/clear-cache", here.key, test.body)
				if want := `{"data":{"cleared":"` + test.cleared + `"},"error":null}`; status != http.StatusOK || string(body) != want {
					t.Fatalf("%d: %s", status, body)
				}
				misses := setOf(test.misses)
				for _, path := range all {
					foreign.hits(path)
					if !misses[path] {
						here.hits(path)
						there.hits(path, "Sixty-Consistency", header.Get("Sixty-Consistency"))
						continue
					}
					// What one instance has stored again, the other may find in Redis.
					if k := there.looked("GET", path, "Sixty-Consistency", header.Get("Sixty-Consistency")); k.hit {
						t.Errorf("the other instance: %s: %s", path, k.said)
					}
					if k := here.looked("GET", path); k.hit && !strings.HasSuffix(k.detail, "-shared") {
						t.Errorf("%s: %s", path, k.said)
					}
				}
			})
		}
	})
}

func TestClearCacheRejected(t *testing.T) {
	t.Parallel()
	admin := newUser(boot(t, "sqlite"), "Refuse", crm.RoleAdmin)
	for _, role := range []crm.Role{crm.RoleManager, crm.RoleRep, crm.RoleViewer} {
		u := admin.as(role)
		for _, body := range []any{nil, object{"tier": "static"}, object{"tier": "none"}} {
			if answer := u.ask(http.StatusForbidden, "POST", "/api/performance/clear-cache", body); invalid(answer) != "" {
				t.Errorf("a %s with %v: %v", role, body, answer)
			}
		}
	}
	admin.fill("/api/deals")
	for _, test := range []struct {
		body      any
		want      int
		complains string
	}{
		{object{"tier": "none"}, http.StatusUnprocessableEntity, "#/tier"},
		{object{"tier": ""}, http.StatusUnprocessableEntity, "#/tier"},
		{object{"tier": 1}, http.StatusUnprocessableEntity, "#/tier"},
		{object{"kind": "deals"}, http.StatusUnprocessableEntity, "#/kind"},
		{object{"kind": "cache"}, http.StatusUnprocessableEntity, "#/kind"},
		{object{"tier": "static", "kind": "deal"}, http.StatusUnprocessableEntity, "#/kind"},
		{object{"tier": "static", "pattern": "deal"}, http.StatusUnprocessableEntity, "#/pattern"},
		{object{"kind": "deal", "pattern": "deal"}, http.StatusUnprocessableEntity, "#/pattern"},
		{object{"pattern": "deals:*"}, http.StatusUnprocessableEntity, "#/pattern"},
		{object{"pattern": ""}, http.StatusUnprocessableEntity, "#/pattern"},
		{object{"all": true}, http.StatusUnprocessableEntity, "#/all"},
		{`{"tier":`, http.StatusBadRequest, ""},
		{`[]`, http.StatusBadRequest, ""},
	} {
		if answer := admin.ask(test.want, "POST", "/api/performance/clear-cache", test.body); invalid(answer) != test.complains {
			t.Errorf("%v: %v", test.body, answer)
		}
	}
	admin.hits("/api/deals")
}

// The statistics count every request, by tier and operation.
func TestCacheFigures(t *testing.T) {
	t.Parallel()
	a, b := instances(t, "sqlite", true)
	u := newUser(a, "Figures", crm.RoleAdmin)
	u.misses("/api/deals")
	for range 3 {
		u.hits("/api/deals")
	}
	other, n := user{b, u.org, u.key}, 0
	eventually(t, "the other instance is given by Redis what this one has made", func() bool {
		n++
		path := fmt.Sprintf("/api/deals?limit=%d", n)
		u.fill(path)
		return strings.HasSuffix(other.looked("GET", path).detail, "-shared")
	})
	if shared := at(other.ask(http.StatusOK, "GET", "/api/performance/stats", nil), "cacheStats", "shared").(object); shared["hits"] == float64(0) || shared["breaker"] != "closed" {
		t.Errorf("%v", shared)
	}
	figures := u.ask(http.StatusOK, "GET", "/api/performance/stats", nil)["cacheStats"].(object)
	var of object
	for _, o := range figures["operations"].([]any) {
		if o := o.(object); o["operation"] == "listDeals" {
			of = o
		}
	}
	if of["tier"] != "frequent" || of["misses"].(float64) < 1 || of["hits"].(float64) < 3 || of["entries"].(float64) < 1 || of["bytes"].(float64) < 100 ||
		figures["bytes"].(float64) < of["bytes"].(float64) || figures["limit_bytes"] != float64(64<<20) {
		t.Errorf("%v", figures)
	}
	status, _, text := u.raw("GET", "/metrics", "", nil)
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d", status)
	}
	for _, want := range []string{
		`sixty_cache_requests_total{operation="listDeals",outcome="hit",tier="frequent"} `, "sixty_cache_limit_bytes 6.7108864e+07",
		`sixty_cache_entries{operation="listDeals",tier="frequent"} `, "sixty_cache_shared_up 1", `sixty_cache_shared_total{outcome="set"} `,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("/metrics does not tell %s", want)
		}
	}
}
