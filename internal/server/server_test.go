package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

func TestNewRequiresItsOptions(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("New succeeds without options")
	}
}

func TestFailuresBecomeProblems(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial tcp 10.0.0.1: SELECT * FROM /var/lib")
	for name, test := range map[string]struct {
		err    error
		status int
		header string
		level  string // of the log line with the cause; "" for none
	}{
		"Malformed":    {crm.Malformed("Bad."), 400, "", ""},
		"Invalid":      {crm.Invalid(crm.FieldError{Field: "name", Message: "must not be empty"}), 422, "", ""},
		"Conflict":     {crm.Conflict("Taken."), 409, "", ""},
		"Precondition": {crm.Precondition("Changed."), 412, "", ""},
		"NotFound":     {crm.NotFound("deal"), 404, "", ""},
		"Unknown":      {&crm.Error{Code: crm.CodeUnauthenticated, Message: "Who?"}, 401, "WWW-Authenticate", ""},
		"Forbidden":    {crm.Forbidden("No."), 403, "", ""},
		"Unavailable":  {crm.Unavailable(secret), 503, "Retry-After", "WARN"},
		"Wrapped":      {fmt.Errorf("list: %w", crm.NotFound("deal")), 404, "", ""},
		"Defect":       {secret, 500, "", "ERROR"},
		"InternalCode": {&crm.Error{Code: crm.CodeInternal, Message: secret.Error(), Cause: secret}, 500, "", "ERROR"},
		"TooSlow":      {fmt.Errorf("list: %w", context.DeadlineExceeded), 503, "Retry-After", "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			res := responseTo(t, newServer(t, func(*Call) error { return test.err }, logged(&log)), "GET", "/api/deals", "Authorization", "Bearer key")
			status, detail := problemIn(t, res)
			if status != test.status {
				t.Errorf("got %d, want %d", status, test.status)
			}
			if strings.Contains(detail, "10.0.0.1") || strings.Contains(detail, "SELECT") {
				t.Errorf("the detail has secrets: %s", detail)
			}
			if test.header != "" && res.Header().Get(test.header) == "" {
				t.Errorf("there is no %s", test.header)
			}
			lines := strings.Count(log.String(), "request failed")
			if logged := strings.Contains(log.String(), `"level":"`+test.level+`","msg":"request failed"`); test.level != "" && (!logged || lines != 1) || test.level == "" && lines != 0 {
				t.Errorf("the log says\n%s", log.String())
			}
		})
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := newServer(t, func(*Call) error { panic("a defect") }, logged(&log))
	if status, _ := problemIn(t, responseTo(t, a, "GET", "/api/deals", "Authorization", "Bearer key")); status != 500 {
		t.Errorf("got %d, want 500", status)
	}
	for _, want := range []string{"a defect", "server_test.go", `"status":500`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %q:\n%s", want, log.String())
		}
	}
	if res := responseTo(t, a, "GET", "/livez"); res.Code != http.StatusOK {
		t.Errorf("after it /livez is a %d", res.Code)
	}
}

func TestCancelledRequestIsNoFailure(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := newServer(t, func(c *Call) error {
		<-c.Context.Done()
		return context.Cause(c.Context)
	}, logged(&log))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/deals", http.NoBody)
	r.Header.Set("Authorization", "Bearer key")
	a.ServeHTTP(w, r)
	if strings.Contains(log.String(), "request failed") || !strings.Contains(log.String(), `"status":499`) {
		t.Errorf("the log says\n%s", log.String())
	}
	if w.Code == http.StatusOK {
		t.Error("a cancelled request looks like an empty success")
	}
}

func TestRequestsAreBoundedInTime(t *testing.T) {
	t.Parallel()
	a := newServer(t, func(c *Call) error {
		<-c.Context.Done()
		return c.Context.Err()
	}, func(o *Options) { o.RequestTimeout = time.Millisecond })
	if status, _ := problemIn(t, responseTo(t, a, "GET", "/api/deals", "Authorization", "Bearer key")); status != 503 {
		t.Errorf("got %d, want 503", status)
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil)
	for header, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Basic a2V5": 401, "key": 401, "Bearerkey": 401,
		"Bearer key": 200, "bearer key": 200, "BEARER  key": 200,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			res := responseTo(t, a, "GET", "/api/deals", "Authorization", header)
			if res.Code != want {
				t.Errorf("got %d, want %d", res.Code, want)
			}
			if want == 401 {
				problemIn(t, res)
				if got := res.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") {
					t.Errorf("WWW-Authenticate = %q", got)
				}
			}
		})
	}
}

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil)
	for _, test := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/api", 404, ""},
		{"GET", "/api/nothing", 404, ""},
		{"GET", "/api/deals/", 404, ""},
		{"DELETE", "/api/nothing", 404, ""},
		{"GET", "//api/deals", 404, ""},
		{"POST", "/api//deals", 404, ""},
		{"GET", "/api/../livez", 404, ""},
		{"GET", "/api/./deals", 404, ""},
		{"GET", "/api/deals/..", 404, ""},
		{"GET", "/api/deals/%2e%2e/deals", 404, ""},
		{"GET", "/api/deals/..%2Fx", 404, ""},
		{"GET", "/api/deals/.hidden", 404, ""},
		{"OPTIONS", "/api/nothing", 404, ""},
		{"GET", "/api/deals/not-an-id", 404, ""},
		{"DELETE", "/api/deals/not-an-id", 404, ""},
		{"DELETE", "/api/deals", 405, "GET, HEAD, POST, OPTIONS"},
		{"TRACE", "/api/deals", 405, "GET, HEAD, POST, OPTIONS"},
		{"BREW", "/api/deals", 405, "GET, HEAD, POST, OPTIONS"},
		{"POST", "/api/deals/x", 405, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
		{"POST", "/api/owners", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/livez", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/api/deals", 204, "GET, HEAD, POST, OPTIONS"},
		{"HEAD", "/api/deals", 200, ""},
		{"HEAD", "/livez", 200, ""},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			res := responseTo(t, a, test.method, test.path, "Authorization", "Bearer key")
			if res.Code != test.want || res.Header().Get("Allow") != test.allow {
				t.Errorf("got %d, Allow %q, want %d, %q", res.Code, res.Header().Get("Allow"), test.want, test.allow)
			}
			if test.want >= 400 {
				problemIn(t, res)
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil)
	for sent, valid := range map[string]bool{
		"abc-123_x.y": true, strings.Repeat("a", 128): true,
		"": false, "a b": false, "a\"b": false, "é": false, strings.Repeat("a", 129): false,
	} {
		got := responseTo(t, a, "GET", "/livez", requestIDHeader, sent).Header().Get(requestIDHeader)
		if got == "" || (got == sent) != valid {
			t.Errorf("%q: the response has %q", sent, got)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	a := newServer(t, nil, func(o *Options) { o.StrictTransport = true })
	for _, path := range []string{"/api/deals", "/api/nothing", "/livez", "/docs"} {
		h := responseTo(t, a, "GET", path).Header()
		for _, name := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "Strict-Transport-Security", requestIDHeader} {
			if h.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
	}
	if got := responseTo(t, a, "GET", "/api/deals").Header().Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("Cache-Control = %q", got)
	}
	if got := responseTo(t, newServer(t, nil), "GET", "/livez").Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("Strict-Transport-Security = %q without StrictTransport", got)
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	const home = "http://localhost:5173"
	a := newServer(t, nil, func(o *Options) { o.FrontendOrigins = []string{home, "http://*"} })
	for origin, allowed := range map[string]bool{home: true, "http://evil.example": false, "http://localhost:5173.evil.example": false, "null": false} {
		preflight := responseTo(t, a, "OPTIONS", "/api/deals", "Origin", origin,
			"Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,content-type")
		simple := responseTo(t, a, "GET", "/api/deals", "Origin", origin)
		for _, res := range []*httptest.ResponseRecorder{preflight, simple} {
			if got := res.Header().Get("Access-Control-Allow-Origin"); (got == origin) != allowed || got == "*" {
				t.Errorf("%s: Access-Control-Allow-Origin = %q", origin, got)
			}
		}
		if allowed && !strings.Contains(preflight.Header().Get("Access-Control-Allow-Methods"), "PATCH") {
			t.Errorf("the response to a preflight has %v", preflight.Header())
		}
		if allowed && !strings.Contains(simple.Header().Get("Access-Control-Expose-Headers"), "Location") {
			t.Errorf("Location is not exposed: %v", simple.Header())
		}
	}
	if h := responseTo(t, newServer(t, nil), "GET", "/livez", "Origin", home).Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an origin is allowed without configuration")
	}
}

func TestPointers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"name": "#/name", "a~1b~0c": "#/a~1b~0c", "a b\"<é": "#/a%20b%22%3C%C3%A9", "": "#/",
	} {
		if got := pointer(name); got != want {
			t.Errorf("pointer(%q) = %q, want %q", name, got, want)
		}
	}
}
