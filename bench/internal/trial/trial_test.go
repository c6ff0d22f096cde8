package trial

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/stale"
	"sixty/internal/servertest"
)

// program is the path of the built binary.
var program string

// TestMain builds the program, and checks for leaked goroutines.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sixty-trial-")
	if err == nil {
		program, err = fleet.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	servertest.VerifyTestMain(m,
		goleak.Cleanup(func(code int) { _ = os.RemoveAll(dir); os.Exit(code) }),
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), // idle connections of other clients
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// seed returns a random seed, and logs it on failure.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	return s
}

func server(t *testing.T) string {
	t.Helper()
	servertest.RequirePostgres(t)
	url, err := fleet.ServerURL()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// No response is stale: of one instance, on either engine; of three that share PostgreSQL and
// Redis, to readers with a consistency token; and also while these are disconnected, delayed,
// emptied, killed and restarted, when nothing fails for want of Redis either.
func TestNothingIsStale(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"OneOnSQLite":     {Instances: 1, Lasting: 3 * time.Second},
		"OneOnPostgreSQL": {Instances: 1, Lasting: 3 * time.Second, Redis: true},
		"ThreeWithTokens": {Instances: 3, Lasting: 3 * time.Second, Redis: true, Tokens: true},
		"ThreeWithFaults": {Instances: 3, Lasting: time.Second, Redis: true, Tokens: true, Faults: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if o.Redis {
				servertest.RequireRedis(t)
				o.Server = server(t)
			}
			// A slow machine needs more time for enough requests.
			const tries = 3
			for range tries {
				o.Program, o.Dir, o.Seed, o.Log = program, t.TempDir(), seed(t), t.Logf
				report, err := Run(t.Context(), o)
				t.Logf("%s", &report)
				if err != nil {
					t.Fatal(err)
				}
				if err := report.Err(); err != nil {
					t.Fatal(err)
				}
				if report.Hits > 0 && report.NotModified > 0 && (o.Instances == 1 || report.SharedHits > 0) {
					return
				}
				o.Lasting *= 5
			}
			t.Error("nothing was answered from memory, from Redis, or as not modified, so that little was tried")
		})
	}
}

// The checker detects a cache that ignores writes for a fifth of a second, and lost deletions.
// Since writes and reads are random, it may need several runs, each on a new Bed.
func TestCheckerNoticesStaleness(t *testing.T) {
	t.Parallel()
	for name, flawed := range map[string]func(addr string) http.Handler{"Kept": newKeeper, "Lost": newLoser} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const looks = 5
			for range looks {
				report := look(t, flawed)
				if report.Stale > 0 && report.Err() != nil {
					return
				}
			}
			t.Errorf("nothing detected in %d runs", looks)
		})
	}
}

// look runs the checker once against a server behind a faulty proxy.
func look(t *testing.T, flawed func(addr string) http.Handler) *stale.Report {
	t.Helper()
	o := Options{Program: program, Dir: t.TempDir(), Instances: 1, Lasting: 1500 * time.Millisecond, Seed: seed(t)}
	bed, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer bed.Close()
	front := httptest.NewServer(flawed(bed.Addrs()[0]))
	defer front.Close()
	report, err := bed.Check(t.Context(), o, []string{strings.TrimPrefix(front.URL, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", &report)
	return &report
}

func newProxy(addr string) *httputil.ReverseProxy {
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	p.ErrorLog = log.New(io.Discard, "", 0) // of requests cancelled at the end
	return p
}

// newKeeper returns a proxy that caches every response for a while, ignoring writes.
func newKeeper(addr string) http.Handler {
	const lasting = 200 * time.Millisecond
	proxy := newProxy(addr)
	var mu sync.Mutex
	type entry struct {
		response *httptest.ResponseRecorder
		at       time.Time
	}
	entries := map[string]entry{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			proxy.ServeHTTP(w, r)
			return
		}
		r.Header.Del("If-None-Match")
		key := r.URL.String() + " " + r.Header.Get("Accept-Encoding")
		mu.Lock()
		e, ok := entries[key]
		mu.Unlock()
		if !ok || time.Since(e.at) > lasting {
			e = entry{httptest.NewRecorder(), time.Now()}
			proxy.ServeHTTP(e.response, r)
			mu.Lock()
			entries[key] = e
			mu.Unlock()
		}
		for name, values := range e.response.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(e.response.Code)
		_, _ = io.Copy(w, bytes.NewReader(e.response.Body.Bytes()))
	})
}

// newLoser returns a proxy that acknowledges deletions without forwarding them.
func newLoser(addr string) http.Handler {
	proxy := newProxy(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodDelete {
			proxy.ServeHTTP(w, r)
		}
	})
}
