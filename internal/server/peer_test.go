package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// What is answered before an operation, or beside them, is charged to the address: only the
// health checks are free.
func TestAddressesAreChargedForWhatIsNoOperation(t *testing.T) {
	t.Parallel()
	const home = "https://app.example"
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		allowed      int // of a limit of 1000 requests; 0: all
	}{
		"Preflight":        {"OPTIONS", "/api/deals", []string{"Origin", home, "Access-Control-Request-Method", "PATCH"}, 10_000},
		"ForeignPreflight": {"OPTIONS", "/api/deals", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "PATCH"}, 10_000},
		"CrossSite":        {"POST", "/api/deals", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 1000},
		"Metrics":          {"GET", "/metrics", nil, 1000},
		"Health":           {"GET", "/livez", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, func(o *Options) {
				limit := ratelimit.Limit{Requests: 1000, Window: 30 * 24 * time.Hour} // nothing is replenished meanwhile
				o.Limits = newLimiter(t, ratelimit.Options{
					Global: limit, API: limit, Expensive: limit, PrincipalFactor: 1, OrganisationFactor: 1,
					Penalties: ratelimit.Penalties{First: time.Hour, Longest: time.Hour},
				})
				o.FrontendOrigins = []string{home}
			})
			s.HandleInternal("GET /metrics", func(context.Context, crm.Actor) error { return nil }, http.NotFoundHandler())
			n := 0
			for ; n <= c.allowed || c.allowed == 0 && n < 2000; n++ {
				if responseTo(t, s, c.method, c.path, c.headers...).Code == http.StatusTooManyRequests {
					break
				}
			}
			if c.allowed == 0 && n < 2000 || c.allowed > 0 && n != c.allowed {
				t.Errorf("%d requests were answered, want %d", n, c.allowed)
			}
		})
	}
}

// Internal paths are for this host, and for callers that permit accepts.
func TestHandleInternal(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	s.HandleInternal("GET /metrics", func(_ context.Context, by crm.Actor) error {
		if by.Role != crm.RoleAdmin {
			return crm.Forbidden("no")
		}
		return nil
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }))
	s.Bearers = keys{good: map[string]crm.Actor{
		"admin": {Role: crm.RoleAdmin, Scopes: crm.ScopeAdmin}, "viewer": {Role: crm.RoleViewer, Scopes: crm.ScopeAdmin}, "writer": {Role: crm.RoleAdmin, Scopes: crm.ScopeWrite},
	}, asked: new(atomic.Int64)}
	for name, c := range map[string]struct {
		remote  string
		headers []string
		want    int
	}{
		"Local":          {"127.0.0.1:5000", nil, 200},
		"LocalIPv6":      {"[::1]:5000", nil, 200},
		"Mapped":         {"[::ffff:127.0.0.1]:5000", nil, 200},
		"Forwarded":      {"127.0.0.1:5000", []string{"X-Forwarded-For", "127.0.0.1"}, 401},
		"ForwardedField": {"127.0.0.1:5000", []string{"Forwarded", "for=192.0.2.1"}, 401},
		"Remote":         {"192.0.2.1:5000", nil, 401},
		"WrongKey":       {"192.0.2.1:5000", []string{"Authorization", "Bearer wrong"}, 401},
		"Viewer":         {"192.0.2.1:5000", []string{"Authorization", "Bearer viewer"}, 403},
		"OtherScope":     {"192.0.2.1:5000", []string{"Authorization", "Bearer writer"}, 403},
		"Operator":       {"192.0.2.1:5000", []string{"Authorization", "Bearer admin"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", http.NoBody)
			r.RemoteAddr = c.remote
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Set(c.headers[i], c.headers[i+1])
			}
			w := httptest.NewRecorder()
			if s.ServeHTTP(w, r); w.Code != c.want || (w.Body.String() == "up 1\n") != (c.want == 200) {
				t.Errorf("%d, want %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
}

// A proxy that is not trusted is logged once, and one that is not at all.
func TestUnknownProxyIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header  string
		trusted ratelimit.Proxies
		want    int
	}{
		"XForwardedFor": {header: "X-Forwarded-For", want: 1},
		"Forwarded":     {header: "Forwarded", want: 1},
		"XRealIP":       {header: "X-Real-IP", want: 1},
		"Direct":        {header: "X-Other", want: 0},
		"Trusted":       {"X-Forwarded-For", ratelimit.Proxies{netip.MustParsePrefix("192.0.2.0/24")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := newServer(t, nil, func(o *Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
				o.Limits, o.Proxies = hourly(t), c.trusted
			})
			for range 3 {
				responseTo(t, s, "GET", "/api/deals", c.header, "198.51.100.7")
			}
			if n := strings.Count(log.String(), "SIXTY_TRUSTED_PROXIES"); n != c.want {
				t.Errorf("it is logged %d times, want %d: %s", n, c.want, &log)
			}
		})
	}
}
