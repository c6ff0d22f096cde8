package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sixty/internal/auth"
	"sixty/internal/cache"
	"sixty/internal/changes"
	"sixty/internal/changes/changestest"
	"sixty/internal/crm"
)

// everyone authenticates every token as one manager.
type everyone struct{}

func (everyone) Authenticate(context.Context, string) (crm.Actor, error) {
	return crm.Actor{Org: crm.ID{15: 1}, User: crm.ID{15: 2}, Role: crm.RoleManager, Scopes: crm.AllScopes}, nil
}

func (everyone) Lookup(context.Context, string) (crm.Actor, bool) { return crm.Actor{}, false }

func (everyone) LastKnown(string) (crm.Actor, bool) { return crm.Actor{}, false }

// aDeal is the path of the one deal.
const aDeal = "/api/deals/019a3c5e-7000-7000-8000-000000000003"

// newServer returns a server whose reading operations run read, or nothing if it is nil.
func newServer(tb testing.TB, read func(*Call) error, change ...func(*Options)) *Server {
	tb.Helper()
	o := Options{
		Bearers: everyone{}, Sessions: auth.NewSessions(auth.SessionOptions{}), Writes: crm.NewService(nil, time.Now),
		Cache: cache.New(cache.Options{}), Changes: changes.New(changes.Options{}), Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	if read == nil {
		read = func(c *Call) error {
			c.Out = append(c.Out, `{"data":[]}`...)
			return nil
		}
	}
	one := func(c *Call) error {
		if _, err := c.PathID("id", "deal"); err != nil {
			return err
		}
		return read(c)
	}
	write := func(c *Call) error {
		if _, err := ReadJSON(c.Request); err != nil {
			return err
		}
		return read(c)
	}
	deals := Cached(cache.Frequent, crm.EntityDeal)
	for _, op := range []*Operation{
		{ID: "listDeals", Method: "GET", Path: "/api/deals", Query: []string{"limit", "minValue"}, Caching: deals, Run: read},
		{ID: "getDeal", Method: "GET", Path: "/api/deals/{id}", Caching: deals, Run: one},
		{ID: "createDeal", Method: "POST", Path: "/api/deals", HasBody: true, Status: http.StatusCreated, Run: write},
		{ID: "putDeal", Method: "PUT", Path: "/api/deals/{id}", HasBody: true, Run: one},
		{ID: "patchDeal", Method: "PATCH", Path: "/api/deals/{id}", HasBody: true, Run: one},
		{ID: "deleteDeal", Method: "DELETE", Path: "/api/deals/{id}", Run: one},
		{ID: "listOwners", Method: "GET", Path: "/api/owners", Caching: Uncached("a test"), Run: read},
		{ID: "dashboard", Method: "GET", Path: "/api/dashboard", Cost: Expensive("a test"), Caching: deals, Run: read},
		{ID: "limits", Method: "GET", Path: "/api/limits", Cost: Free("a test"), Caching: Uncached("a test"), Run: read},
		{ID: "livez", Method: "GET", Path: "/livez", Public: true, Cost: Free("a test"), Run: func(c *Call) error {
			c.Out = append(c.Out, `{"status":"alive"}`...)
			return nil
		}},
	} {
		op.Scope = crm.ScopeRead
		s.Register(op)
	}
	s.HandleFile(File{Path: "/docs", ContentType: "text/html", Policy: "default-src 'none'", Content: func() ([]byte, error) { return []byte("<p>"), nil }})
	return s
}

// newCachingServer is newServer with a cache, and a change log in which nothing happens.
func newCachingServer(tb testing.TB, read func(*Call) error, change ...func(*Options)) *Server {
	tb.Helper()
	follower := changes.New(changes.Options{})
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := follower.Run(ctx, new(changestest.Log)); err != nil {
			tb.Error(err)
		}
	})
	cached := cache.New(cache.Options{
		Bytes: 64 << 20, Freshness: follower, Logger: slog.New(slog.DiscardHandler),
		TTL: map[cache.Tier]time.Duration{cache.Frequent: time.Minute, cache.Session: time.Minute, cache.Static: time.Minute},
	})
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		cached.Close()
	})
	return newServer(tb, read, append([]func(*Options){func(o *Options) { o.Cache, o.Changes = cached, follower }}, change...)...)
}

// dealsJSON returns a list of n deals.
func dealsJSON(n int) []byte {
	name, day := "Ada King", crm.Date(20000)
	value := crm.Money(1250000)
	var rows []crm.Deal
	for i := range n {
		rows = append(rows, crm.Deal{
			ID: crm.ID{1, 0x9a, 0x3c, 15: byte(i)}, Name: fmt.Sprintf("Acme, %d licences", i*i), Company: &name, CompanyID: &crm.ID{15: byte(i % 7)},
			ContactName: &name, Value: &value, Currency: "GBP", StageID: crm.ID{15: byte(i % 5)}, Status: crm.StatusActive, ExpectedCloseDate: &day,
		})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return text
}

// answering returns a server with a list of fifty deals, and the deal aDeal in version 7,
// both of which are longer than encodeFrom.
func answering(tb testing.TB) *Server {
	tb.Helper()
	return newServer(tb, func(c *Call) error {
		if c.Request.PathValue("id") != "" {
			c.Version = 7
		}
		c.Out = append(c.Out, dealsJSON(50)...)
		return nil
	})
}

// responseTo returns the response to a request without a body.
func responseTo(t *testing.T, h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// ask is responseTo with credentials.
func ask(t *testing.T, h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return responseTo(t, h, method, path, append(headers, "Authorization", "Bearer key")...)
}

// problemIn parses a response that must be a problem, and checks what every problem has.
func problemIn(t *testing.T, res *httptest.ResponseRecorder) (status int, detail string) {
	t.Helper()
	text := res.Body.Bytes()
	if got := res.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q in %s", got, text)
	}
	var p struct {
		ProblemBody
		Data any `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if p.Status != res.Code || p.Title != StatusText(p.Status) || p.Type != "about:blank" || p.Error != p.Detail || p.Detail == "" || p.Data != nil || p.Instance == "" || p.Errors == nil {
		t.Errorf("the problem's members are inconsistent: %s", text)
	}
	return p.Status, p.Detail
}

// logged returns an option that collects the log's lines.
func logged(to *bytes.Buffer) func(*Options) {
	return func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(to, nil)) }
}

// discard is a client that reads nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// varies reports whether a response depends on a header of the request.
func varies(h http.Header, by string) bool {
	for name := range strings.SplitSeq(strings.Join(h.Values("Vary"), ", "), ", ") {
		if name == by {
			return true
		}
	}
	return false
}
