package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
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

// BenchmarkListDeals is a request for a page of 50 deals through all of the API, with
// the database's time left out.
func BenchmarkListDeals(b *testing.B) {
	page := dealsPage(50)
	a := apiOver(b, func(context.Context) (crm.Page[crm.Deal], error) { return page, nil }, func(o *Options) {
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
		b.Fatalf("the answer is a %d", w.status)
	}
}

// BenchmarkHit is the same page from the cache, through everything that a request goes
// through in production, with its line in the log, and with rate limits in memory. Aim:
// at most 15 allocations, and no copy of the body; of the limits, 10 allocations and 5 µs
// more.
func BenchmarkHit(b *testing.B) {
	for _, limited := range []bool{false, true} {
		for _, encoding := range []string{"identity", encodingBrotli} {
			b.Run(fmt.Sprintf("%s/limited=%t", encoding, limited), func(b *testing.B) { benchmarkHit(b, encoding, limited) })
		}
	}
}

func benchmarkHit(b *testing.B, encoding string, limited bool) {
	b.Helper()
	page := dealsPage(50)
	a := cachedAPI(b, func(context.Context) (crm.Page[crm.Deal], error) { return page, nil }, func(o *Options) {
		o.Logger = slog.New(slog.NewJSONHandler(io.Discard, nil))
		o.FrontendOrigins, o.StrictTransport = []string{"https://app.example"}, true
		if limited {
			huge := ratelimit.Limit{Requests: 10_000_000, Window: time.Second}
			o.Limits = newLimiter(b, ratelimit.Options{Global: huge, API: huge, Expensive: huge})
		}
	})
	r := listDeals(b)
	r.Header.Set("Accept-Encoding", encoding)
	w := &discard{header: http.Header{}}
	a.ServeHTTP(w, r)
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		a.ServeHTTP(w, r)
	}
	if status := w.header.Get("Cache-Status"); !strings.HasPrefix(status, "sixty; hit") || limited != (w.header.Get("RateLimit") != "") {
		b.Fatalf("Cache-Status: %s, RateLimit: %s", status, w.header.Get("RateLimit"))
	}
}

// discard is a client that reads nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
