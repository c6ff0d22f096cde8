package server

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

const home = "http://localhost:5173"

// preflight returns the response to a preflight of a page of home.
func preflight(t *testing.T, s http.Handler, method, headers string) *httptest.ResponseRecorder {
	t.Helper()
	return responseTo(t, s, "OPTIONS", "/api/deals", "Origin", home, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers)
}

// Pages may send what the front end sends, in any order and letter case.
func TestPreflights(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, func(o *Options) { o.FrontendOrigins = []string{home} })
	const all = "authorization,content-type,apikey,x-client-info,x-requested-with,idempotency-key,if-match,if-none-match,traceparent,tracestate,x-request-id,sixty-consistency"
	for headers, allowed := range map[string]bool{
		"": true, all: true, strings.ToUpper(all): true, "content-type, apikey": true, "apikey,": true, "content-type,x-evil": false, "*": false,
	} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			res := preflight(t, s, method, headers)
			h := res.Header()
			if ok := res.Code == http.StatusNoContent; ok != allowed || h.Get("Access-Control-Allow-Origin") != home || h.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s with %s: %d %v", method, headers, res.Code, h)
			}
			for name := range strings.SplitSeq(all, ",") {
				if !strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), name) {
					t.Errorf("%s is not allowed: %v", name, h)
				}
			}
		}
	}
}

// A preflight that is rejected says why: to the client, and in development in the log.
func TestRejectedPreflights(t *testing.T) {
	t.Parallel()
	for _, development := range []bool{true, false} {
		var log bytes.Buffer
		s := newServer(t, nil, logged(&log), func(o *Options) { o.FrontendOrigins, o.Development = []string{home}, development })
		for name, c := range map[string]struct{ origin, method, headers, want string }{
			"Header": {home, "GET", "content-type,x-evil", `header \"x-evil\"`},
			"Method": {home, "PROPFIND", "", `method \"PROPFIND\"`},
			"Origin": {"http://localhost:5174", "GET", "", `origin \"http://localhost:5174\"`},
			"Long":   {home, "GET", strings.Repeat("x", 1000), `header \"` + strings.Repeat("x", 100) + `\"`},
		} {
			log.Reset()
			res := responseTo(t, s, "OPTIONS", "/api/deals", "Origin", c.origin, "Access-Control-Request-Method", c.method, "Access-Control-Request-Headers", c.headers)
			if status, detail := problemIn(t, res); status != http.StatusForbidden || !strings.Contains(detail, strings.ReplaceAll(c.want, `\`, "")) {
				t.Errorf("%s: %d %s", name, status, detail)
			}
			if strings.Contains(log.String(), c.want) != development {
				t.Errorf("%s: the log has %s", name, log.String())
			}
		}
	}
}

// Pages can read failures, and the headers that say what to do about them.
func TestFailuresAcrossOrigins(t *testing.T) {
	t.Parallel()
	limited := func(o *Options) {
		o.Limits = newLimiter(t, ratelimit.Options{
			Global: ratelimit.Limit{Requests: 1, Window: time.Hour}, API: ratelimit.Limit{Requests: 1, Window: time.Hour}, Expensive: ratelimit.Limit{Requests: 1, Window: time.Hour},
			PrincipalFactor: 1, OrganisationFactor: 1, Penalties: ratelimit.Penalties{First: time.Hour, Longest: time.Hour},
		})
	}
	for want, c := range map[int]struct {
		run          func(*Call) error
		method, path string
		headers      []string
		change       func(*Options)
	}{
		200: {nil, "GET", "/api/owners", nil, nil},
		401: {nil, "GET", "/api/owners", []string{"Authorization", ""}, nil},
		403: {nil, "POST", "/api/deals", []string{"Authorization", "", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, nil},
		404: {nil, "GET", "/api/nothing", nil, nil},
		405: {nil, "PUT", "/api/owners", nil, nil},
		413: {nil, "POST", "/api/deals", nil, nil},
		429: {nil, "GET", "/api/owners", nil, limited},
		500: {func(*Call) error { panic("a defect") }, "GET", "/api/owners", nil, nil},
		503: {func(*Call) error { return crm.Unavailable(errors.New("no")) }, "GET", "/api/owners", nil, nil},
	} {
		change := []func(*Options){func(o *Options) { o.FrontendOrigins = []string{home} }}
		if c.change != nil {
			change = append(change, c.change)
		}
		s := newServer(t, c.run, change...)
		var res *httptest.ResponseRecorder
		for range 3 { // of which the last is beyond the limit
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody)
			if want == 413 {
				r = httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(strings.Repeat(" ", maxBody+1)))
			}
			r.Header.Set("Origin", home)
			r.Header.Set("Authorization", "Bearer key")
			for i := 0; i+1 < len(c.headers); i += 2 {
				r.Header.Set(c.headers[i], c.headers[i+1])
				if c.headers[i+1] == "" {
					r.Header.Del(c.headers[i])
				}
			}
			res = httptest.NewRecorder()
			s.ServeHTTP(res, r)
		}
		h := res.Header()
		if want == 403 { // of a page that may not read it
			if res.Code != want || h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%d %v", res.Code, h)
			}
			continue
		}
		if res.Code != want || h.Get("Access-Control-Allow-Origin") != home || h.Get("Access-Control-Allow-Credentials") != "true" || !varies(h, "Origin") {
			t.Errorf("%d, want %d: %v", res.Code, want, h)
		}
		for _, name := range []string{
			"ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "Sixty-Consistency", "X-Request-Id", "Idempotency-Replayed", "Server-Timing", "WWW-Authenticate",
		} {
			if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%d does not expose %s: %v", want, name, h)
			}
		}
	}
}
