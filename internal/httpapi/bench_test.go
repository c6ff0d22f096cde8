package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/ratelimit"
	"sixty/internal/telemetry"
)

func BenchmarkAppendDeals(b *testing.B) {
	rows := dealsPage(50).Rows
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = appendRows(out[:0], rows, appendDeal)
	}
	b.SetBytes(int64(len(out)))
}

// BenchmarkListDeals is a request for a page of 50 deals through the whole pipeline, without
// a database.
func BenchmarkListDeals(b *testing.B) {
	page := dealsPage(50)
	a := apiOver(b, func(context.Context) (crm.Page[crm.Deal], error) { return page, nil }, func(o *testOptions) {
		o.Logger = slog.New(slog.DiscardHandler)
	})
	r := listDeals(b)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		a.ServeHTTP(w, r)
	}
	if w.status != 0 && w.status != http.StatusOK {
		b.Fatalf("the response is a %d", w.status)
	}
}

// BenchmarkHit is the same page from the cache, with the access log, rate limits in memory
// and a known caller, as in production. Aim: at most 15 allocations, and no copy of the body.
func BenchmarkHit(b *testing.B) {
	for _, limited := range []bool{false, true} {
		for _, encoding := range []string{"identity", "br"} {
			b.Run(fmt.Sprintf("%s/limited=%t", encoding, limited), func(b *testing.B) { benchmarkHit(b, encoding, limited) })
		}
	}
}

func benchmarkHit(b *testing.B, encoding string, limited bool) {
	b.Helper()
	h := newHit(b, func(o *testOptions) {
		o.Bearers = knownToAll{}
		if limited {
			huge := ratelimit.Limit{Requests: 10_000_000, Window: time.Second}
			o.Limits = newLimiter(b, ratelimit.Options{Global: huge, API: huge, Expensive: huge})
		}
	})
	h.r.Header.Set("Accept-Encoding", encoding)
	h.serve()
	b.ReportAllocs()
	for b.Loop() {
		h.serve()
	}
	if h := h.w.header; !strings.HasPrefix(h.Get("Cache-Status"), "sixty; hit") || limited != (h.Get("RateLimit") != "") {
		b.Fatalf("Cache-Status: %s, RateLimit: %s", h.Get("Cache-Status"), h.Get("RateLimit"))
	}
}

// BenchmarkLimiterAndSignIn is what rate limits in memory and the recognition of a session
// add to a cache hit: the same request is served with both and with
// neither, in turns, and the difference is reported as the median over many batches. Aim: at
// most 5 µs and 10 allocations.
func BenchmarkLimiterAndSignIn(b *testing.B) {
	const batch = 100
	without := newHit(b)
	with := newHit(b, func(o *testOptions) {
		huge := ratelimit.Limit{Requests: 10_000_000, Window: time.Second}
		o.Limits = newLimiter(b, ratelimit.Options{Global: huge, API: huge, Expensive: huge})
		store := signedInStore{}
		sessions := auth.NewSessions(auth.SessionOptions{
			Store: store, Service: accounts.NewService(store, time.Now, "GBP"), Freshness: o.Changes, Now: time.Now, Idle: time.Hour, Lifetime: time.Hour,
		})
		b.Cleanup(sessions.Close)
		o.Sessions = sessions
	})
	with.r.Header.Del("Authorization")
	with.r.Header.Set("Cookie", "theme=dark; __Host-sixty_session="+strings.Repeat("token", 9)[:43])
	with.serve() // and so is known
	with.serve()
	if h := with.w.header; h.Get("RateLimit") == "" || !strings.HasPrefix(h.Get("Cache-Status"), "sixty; hit") {
		b.Fatalf("%d: %v", with.w.status, h)
	}
	var added, alone []float64
	for b.Loop() {
		began := time.Now()
		for range batch {
			without.serve()
		}
		between := time.Now()
		for range batch {
			with.serve()
		}
		plain, both := between.Sub(began), time.Since(between)
		alone = append(alone, float64(plain)/batch)
		added = append(added, float64(both-plain)/batch)
	}
	slices.Sort(added)
	slices.Sort(alone)
	plainly := testing.AllocsPerRun(batch, without.serve)
	b.ReportMetric(alone[len(alone)/2], "ns-without")
	b.ReportMetric(added[len(added)/2], "ns-added")
	b.ReportMetric(plainly, "allocs-without")
	b.ReportMetric(testing.AllocsPerRun(batch, with.serve)-plainly, "allocs-added")
	b.ReportMetric(0, "ns/op") // it would be that of two batches
}

// hit is a request that the cache responds to.
type hit struct {
	a testAPI
	r *http.Request
	w *discard
}

func newHit(b *testing.B, change ...func(*testOptions)) *hit {
	b.Helper()
	page := dealsPage(50)
	lines := telemetry.NewLines(io.Discard)
	b.Cleanup(lines.Close)
	h := &hit{w: &discard{header: http.Header{}}, r: listDeals(b)}
	h.a = cachedAPI(b, func(context.Context) (crm.Page[crm.Deal], error) { return page, nil }, append([]func(*testOptions){func(o *testOptions) {
		o.Logger = telemetry.NewLogger(lines, true, slog.LevelInfo)
		o.FrontendOrigins, o.StrictTransport = []string{"https://app.example"}, true
	}}, change...)...)
	h.serve()
	return h
}

func (h *hit) serve() {
	clear(h.w.header)
	h.a.ServeHTTP(h.w, h.r)
}

// knownToAll is everyone with every caller known in memory.
type knownToAll struct{ everyone }

func (k knownToAll) Lookup(ctx context.Context, token string) (crm.Actor, bool) {
	by, err := k.Authenticate(ctx, token)
	return by, err == nil
}

// signedInStore has one session, with any token, of everyone's manager.
type signedInStore struct {
	accounts.Store
	auth.Principals
}

func (signedInStore) SessionPrincipal(context.Context, []byte) (accounts.Session, accounts.Principal, error) {
	by, err := everyone{}.Authenticate(context.Background(), "")
	soon := crm.InstantOf(time.Now().Add(time.Hour)) // so that no use of it is recorded
	return accounts.Session{OrgID: by.Org, UserID: by.User, UsedAt: soon, ExpiresAt: soon}, accounts.Principal{Owner: crm.Owner{OrgID: by.Org, ID: by.User, Role: by.Role}}, err
}

// discard is a client that reads nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
