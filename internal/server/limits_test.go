package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// newLimiter returns rate limits in memory, without delays.
func newLimiter(tb testing.TB, o ratelimit.Options) *ratelimit.Limiter {
	tb.Helper()
	o.Penalties.MaxDelayed = -1
	l, err := ratelimit.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	return l
}

// hourly returns limits that are not replenished while a test runs: an address has 10
// requests, of which 5 may be expensive, and so has a principal.
func hourly(tb testing.TB) *ratelimit.Limiter {
	tb.Helper()
	ten, five := ratelimit.Limit{Requests: 10, Window: time.Hour}, ratelimit.Limit{Requests: 5, Window: time.Hour}
	return newLimiter(tb, ratelimit.Options{
		Global: ratelimit.Limit{Requests: 1000, Window: time.Hour}, API: ten, Expensive: five, PrincipalFactor: 1, OrganisationFactor: 3,
		// Violations lead to no block here.
		Penalties: ratelimit.Penalties{First: time.Hour, Longest: time.Hour},
	})
}

// keys authenticates known keys, and counts how often it was asked.
type keys struct {
	good  map[string]crm.Actor
	known bool // from an earlier authentication
	asked *atomic.Int64
}

func (k keys) Authenticate(_ context.Context, token string) (crm.Actor, error) {
	k.asked.Add(1)
	if by, ok := k.good[token]; ok {
		return by, nil
	}
	return crm.Actor{}, &crm.Error{Code: crm.CodeUnauthenticated, Message: "The API key or token is not valid."}
}

func (keys) Lookup(context.Context, string) (crm.Actor, bool) { return crm.Actor{}, false }

func (k keys) LastKnown(token string) (crm.Actor, bool) {
	by, ok := k.good[token]
	return by, ok && k.known
}

// limitedServer returns a server with limits, and keys of two users of an organisation.
func limitedServer(tb testing.TB, known bool) (*Server, keys) {
	tb.Helper()
	org := crm.ID{15: 1}
	k := keys{
		good: map[string]crm.Actor{
			"one": {Org: org, User: crm.ID{15: 2}, Role: crm.RoleManager, Scopes: crm.AllScopes}, "two": {Org: org, User: crm.ID{15: 3}, Role: crm.RoleManager, Scopes: crm.AllScopes},
		},
		known: known, asked: new(atomic.Int64),
	}
	return newCachingServer(tb, nil, func(o *Options) {
		o.Limits, o.Bearers = hourly(tb), k
		o.Proxies = ratelimit.Proxies{netip.MustParsePrefix("192.0.2.0/24")} // httptest's remote address
	}), k
}

// spend sends requests until one is a 429, and returns the number before it, and the 429.
func spend(t *testing.T, ask func() *httptest.ResponseRecorder) (n int, refused *httptest.ResponseRecorder) {
	t.Helper()
	for n = range 1000 {
		w := ask()
		if w.Code == http.StatusTooManyRequests {
			return n, w
		}
	}
	t.Fatal("no request is rejected")
	return n, nil
}

func TestRateLimitCosts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		want         int // requests of the limit
		tier         string
		limit        int
	}{
		"Hits":      {"GET", "/api/deals", []string{"Authorization", "Bearer one"}, 1 + 9*5, "api", 10},
		"Misses":    {"GET", "/api/deals?limit=", []string{"Authorization", "Bearer one", "Sixty-Consistency", "test"}, 10, "api", 10},
		"Uncached":  {"GET", "/api/owners", []string{"Authorization", "Bearer one"}, 10, "api", 10},
		"NoKey":     {"GET", "/api/deals", nil, 10, "api", 10},
		"WrongKey":  {"GET", "/api/deals", []string{"Authorization", "Bearer wrong"}, 10, "api", 10},
		"Expensive": {"GET", "/api/dashboard", []string{"Authorization", "Bearer wrong"}, 5, "expensive", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := limitedServer(t, true)
			n := 0
			ask := func() *httptest.ResponseRecorder {
				path := c.path
				if name == "Misses" {
					n++
					path = "/api/deals?minValue=" + string(rune('0'+n%10)) + string(rune('0'+n/10))
				}
				return responseTo(t, a, c.method, path, c.headers...)
			}
			got, refused := spend(t, ask)
			if got != c.want {
				t.Errorf("%d requests are allowed, want %d", got, c.want)
			}
			status, detail := problemIn(t, refused)
			var problem struct{ Tier string }
			if err := json.Unmarshal(refused.Body.Bytes(), &problem); err != nil || status != http.StatusTooManyRequests || problem.Tier != c.tier || !strings.Contains(detail, "tier "+c.tier) {
				t.Errorf("%d, %v: %s", status, err, refused.Body)
			}
			h := refused.Header()
			// Retry-After is for a whole request, whichever part of its cost was rejected.
			if after, err := strconv.Atoi(h.Get("Retry-After")); err != nil || after > 3600/c.limit || after < 3600/c.limit-60 || !strings.Contains(h.Get("RateLimit"), `"`+c.tier+`";r=0;t=`) || !strings.Contains(h.Get("RateLimit-Policy"), `"api";q=10;w=3600`) {
				t.Errorf("header %v", h)
			}
		})
	}
}

// A limit that one caller has used up does not affect another at the same address, and no
// key is looked up for an address that has used up its limit.
func TestCallersAreLimitedSeparately(t *testing.T) {
	t.Parallel()
	a, k := limitedServer(t, true)
	wrong := func() *httptest.ResponseRecorder {
		return responseTo(t, a, "GET", "/api/deals", "Authorization", "Bearer wrong")
	}
	spend(t, wrong)
	before := k.asked.Load()
	if w := wrong(); w.Code != http.StatusTooManyRequests || k.asked.Load() != before {
		t.Errorf("%d, and %d keys were looked up", w.Code, k.asked.Load()-before)
	}
	spend(t, func() *httptest.ResponseRecorder {
		return responseTo(t, a, "GET", "/api/deals", "Authorization", "Bearer one")
	})
	if w := responseTo(t, a, "GET", "/api/deals", "Authorization", "Bearer two"); w.Code != http.StatusOK {
		t.Errorf("another user: %d %s", w.Code, w.Body)
	}
	for path, want := range map[string]int{"/livez": 200, "/api/nothing": 404, "/docs": 200} {
		if w := responseTo(t, a, "GET", path); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Valid keys that the instance does not know yet do not use up the limit of their address.
func TestValidKeysDoNotUseUpTheirAddress(t *testing.T) {
	t.Parallel()
	a, _ := limitedServer(t, false)
	for i := range 30 {
		w := responseTo(t, a, "GET", "/api/limits", "Authorization", "Bearer one")
		if w.Code != http.StatusOK {
			t.Fatalf("request %d: %d %s", i, w.Code, w.Body)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	a, _ := limitedServer(t, true)
	from := func(address string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder {
			return responseTo(t, a, "GET", "/api/deals", "X-Forwarded-For", address)
		}
	}
	spend(t, from("203.0.113.1"))
	if w := from("198.51.100.9, 203.0.113.1")(); w.Code != http.StatusTooManyRequests {
		t.Errorf("a forged address has a limit of its own: %d", w.Code)
	}
	if w := from("203.0.113.2")(); w.Code != http.StatusUnauthorized {
		t.Errorf("another address: %d", w.Code)
	}
}

// A request that joins another's query does not fail because of the other's limit.
func TestJoinedRequestsAreChargedSeparately(t *testing.T) {
	t.Parallel()
	a, _ := limitedServer(t, true)
	b := new(queryCharge)
	shared := tooMany(&ratelimit.Decision{})
	if own, others := b.rejected(shared); own || !others {
		t.Errorf("another's limit: own %t, others %t", own, others)
	}
	op := Operation{}
	by := crm.Actor{Org: crm.ID{15: 7}, User: crm.ID{15: 8}}
	for range 12 {
		if err := b.charge(t.Context(), a, &op, by); err != nil {
			break
		}
	}
	if err := b.charge(t.Context(), a, &op, by); ProblemOf(err).Status != http.StatusTooManyRequests {
		t.Fatal(err)
	} else if own, others := b.rejected(err); !own || others {
		t.Errorf("its own limit: own %t, others %t", own, others)
	}
}
