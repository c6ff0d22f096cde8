package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// BenchmarkCachedAnswer is a page of deals from the cache of the whole program, on SQLite, with
// rate limits and the access log, for a caller by key and by session. Connections are left
// out. It uses nothing that programs before this one lack: scripts/compare-benchmark runs it in
// both.
func BenchmarkCachedAnswer(b *testing.B) {
	p := newBenchProgram(b)
	for _, by := range []struct{ name, header, credential string }{
		{"key", "Authorization", "Bearer " + p.key}, {"session", "Cookie", p.cookie},
	} {
		b.Run(by.name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/deals?limit=50", http.NoBody)
			r.Header.Set(by.header, by.credential)
			w := &unread{header: http.Header{}}
			for !strings.HasPrefix(w.header.Get("Cache-Status"), "sixty; hit") {
				w.serve(p.handler, r)
				if w.status != http.StatusOK {
					b.Fatalf("%d", w.status)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				w.serve(p.handler, r)
			}
			if w.status != http.StatusOK || !strings.HasPrefix(w.header.Get("Cache-Status"), "sixty; hit") {
				b.Fatalf("%d, %v", w.status, w.header)
			}
		})
	}
}

// benchProgram is a running program with fifty deals.
type benchProgram struct {
	handler     http.Handler
	key, cookie string
}

func newBenchProgram(b *testing.B) benchProgram {
	b.Helper()
	const unlimited = 10_000_000 // the most that can be set
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DataDir, cfg.LogLevel = config.Test, 0, b.TempDir(), slog.LevelInfo
	cfg.LimitGlobal.Requests, cfg.LimitAPI.Requests, cfg.LimitExpensive.Requests = unlimited, unlimited, unlimited
	a, err := New(b.Context(), cfg, Options{Stderr: io.Discard, Clock: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	org, err := a.core.Accounts.CreateOrganisation(b.Context(), "Bench")
	if err != nil {
		b.Fatal(err)
	}
	const email, password = "ada@bench.example", "a dozen purple teapots"
	operator := crm.Operator(org.ID)
	ada, err := a.core.Accounts.CreateOwner(b.Context(), operator, crm.OwnerPatch{Email: crm.Of(email), Role: crm.Of(string(crm.RoleManager))})
	if err != nil {
		b.Fatal(err)
	}
	if err := a.core.Passwords.Set(b.Context(), operator, ada.ID, password); err != nil {
		b.Fatal(err)
	}
	key, _, err := a.core.Keys.Create(b.Context(), operator, "bench", crm.RoleManager, &ada.ID)
	if err != nil {
		b.Fatal(err)
	}
	p := benchProgram{handler: a.server.Handler, key: key}
	send := func(path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, bytes.NewReader([]byte(body)))
		r.Header.Set("Content-Type", "application/json")
		if path != "/api/auth/login" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if w.Code >= http.StatusBadRequest {
			b.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w
	}
	for i := range 50 {
		send("/api/deals", fmt.Sprintf(`{"name": "Deal %d", "value": %d}`, i, 100*i))
	}
	for _, c := range send("/api/auth/login", `{"email": "`+email+`", "password": "`+password+`"}`).Result().Cookies() {
		if strings.Contains(c.Name, "session") {
			p.cookie = c.Name + "=" + c.Value
		}
	}
	return p
}

// unread is a client that reads nothing.
type unread struct {
	header http.Header
	status int
}

func (u *unread) serve(h http.Handler, r *http.Request) {
	clear(u.header)
	u.status = http.StatusOK
	h.ServeHTTP(u, r)
}

func (u *unread) Header() http.Header         { return u.header }
func (u *unread) Write(b []byte) (int, error) { return len(b), nil }
func (u *unread) WriteHeader(status int)      { u.status = status }
