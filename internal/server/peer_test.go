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
			s.HandleInternal("GET /metrics", true, func(context.Context, crm.Actor) error { return nil }, http.NotFoundHandler())
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
	s.HandleInternal("GET /metrics", true, func(_ context.Context, by crm.Actor) error {
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

// A proxy that is not trusted is logged once, and a trusted one is never logged. A client at a public
// address is not taken for a proxy, and does not keep one from being logged.
func TestUnknownProxyIsLoggedOnce(t *testing.T) {
	t.Parallel()
	const private = "10.0.0.7:5000"
	for name, c := range map[string]struct {
		remote, header string
		trusted        ratelimit.Proxies
		want           int
	}{
		"XForwardedFor": {remote: private, header: "X-Forwarded-For", want: 1},
		"Forwarded":     {remote: private, header: "Forwarded", want: 1},
		"XRealIP":       {remote: private, header: "X-Real-IP", want: 1},
		"Loopback":      {remote: "127.0.0.1:5000", header: "X-Forwarded-For", want: 1},
		"Mapped":        {remote: "[::ffff:192.168.0.7]:5000", header: "X-Forwarded-For", want: 1},
		"UniqueLocal":   {remote: "[fd00::7]:5000", header: "X-Forwarded-For", want: 1},
		"LinkLocal":     {remote: "[fe80::7%eth0]:5000", header: "X-Forwarded-For", want: 1},
		"Public":        {remote: "203.0.113.7:5000", header: "X-Forwarded-For", want: 0},
		"PublicIPv6":    {remote: "[2001:db8::7]:5000", header: "X-Forwarded-For", want: 0},
		"Direct":        {remote: private, header: "X-Other", want: 0},
		"Trusted":       {private, "X-Forwarded-For", ratelimit.Proxies{netip.MustParsePrefix("10.0.0.0/8")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := newServer(t, nil, func(o *Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
				o.Limits, o.Proxies = hourly(t), c.trusted
			})
			logged := func(remote string, want int) {
				t.Helper()
				for range 3 {
					r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/deals", http.NoBody)
					r.RemoteAddr = remote
					r.Header.Set(c.header, "198.51.100.7")
					s.ServeHTTP(httptest.NewRecorder(), r)
				}
				if n := strings.Count(log.String(), "SIXTY_TRUSTED_PROXIES"); n != want || n > 0 && strings.Contains(log.String(), "203.0.113.7") {
					t.Errorf("%s: it is logged %d times, want %d: %s", remote, n, want, &log)
				}
			}
			logged("203.0.113.7:5000", 0)
			logged(c.remote, c.want)
		})
	}
}
