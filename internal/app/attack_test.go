package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// What the attack is made of.
const (
	attackTime    = 4 * time.Second
	attackMemory  = 300 << 20 // bytes, of the server and of those who attack it together
	wrongKeys     = 3000      // requests
	wrongFrom     = 200       // addresses, and as many requests from one more
	idleFrom      = 2         // addresses, each of which opens more connections than it may
	idleEach      = 1500
	slowHeaders   = 100 // connections
	personsWorst  = 2 * time.Second
	personsPace   = 5 * time.Millisecond
	attackersWork = 16 // requests at once
)

// attack is what is done to a server from all sides at once, for attackTime.
type attack struct {
	c        *client
	http     *http.Client
	key      string // of another organisation's
	statuses [600]atomic.Int64
	opened   atomic.Int64 // connections on which nothing is sent
	idle     atomic.Int64 // those that stayed open
	running  sync.WaitGroup
}

// Whoever is signed in is served while the server is attacked from all sides, and the
// server does not grow. The test runs alone, as it measures.
func TestAttack(t *testing.T) { //nolint:paralleltest // see above
	c := boot(t, "sqlite", func(cfg *config.Config) {
		cfg.Limits = config.Default().Limits
		cfg.TrustedProxies = []string{"127.0.0.1"} // by whom addresses are made up below
	})
	u := newUser(c, "Attacked", crm.RoleManager)
	for i := range 60 {
		u.make("/api/deals", object{"name": fmt.Sprintf("Deal %d", i), "value": i})
	}
	before := persons(t, u, time.NewTimer(time.Second).C, nil)

	transport := &http.Transport{MaxIdleConnsPerHost: 2 * attackersWork}
	defer transport.CloseIdleConnections()
	a := &attack{c: c, http: &http.Client{Transport: transport}, key: newUser(c, "Attackers", crm.RoleRep).key}
	ctx, cancel := context.WithTimeout(t.Context(), attackTime)
	defer cancel()
	a.begin(ctx, t)
	memory := new(uint64)
	over := make(chan time.Time)
	go func() {
		a.running.Wait()
		close(over)
	}()
	during := persons(t, u, over, func() { *memory = max(*memory, inUse()) })

	t.Logf("%-16s%10s%12s%12s%12s", "signed in", "requests", "median", "99 %", "longest")
	t.Logf("%-16s%10d%12s%12s%12s", "without attack", len(before), percentile(before, 50), percentile(before, 99), percentile(before, 100))
	t.Logf("%-16s%10d%12s%12s%12s", "with attack", len(during), percentile(during, 50), percentile(during, 99), percentile(during, 100))
	t.Logf("peak memory %d MB; %d of %d idle connections stayed open", *memory>>20, a.idle.Load(), a.opened.Load())
	for status := range a.statuses {
		if n := a.statuses[status].Load(); n > 0 {
			t.Logf("%d answers were a %d", n, status)
		}
	}
	if p99 := percentile(during, 99); p99 > personsWorst {
		t.Errorf("99 %% of the signed-in person's requests take up to %s", p99)
	}
	if *memory > attackMemory {
		t.Errorf("the server takes %d bytes", *memory)
	}
	for _, want := range []int{
		http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge,
	} {
		if a.statuses[want].Load() == 0 {
			t.Errorf("nothing was answered with %d", want)
		}
	}
	if most := int64(idleFrom * config.Default().MaxConnsPerAddress); a.idle.Load() > most {
		t.Errorf("%d idle connections stayed open, more than %d", a.idle.Load(), most)
	}
}

// persons has a signed-in person ask, and be answered, until the end; it gives how long
// that took, sorted.
func persons(t *testing.T, u user, end <-chan time.Time, each func()) (all []time.Duration) {
	t.Helper()
	pace := time.NewTicker(personsPace)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-end:
			slices.Sort(all)
			return all
		case <-pace.C:
		}
		path := "/api/deals"
		if i%10 == 0 { // one that is not kept
			path = fmt.Sprintf("/api/deals?minValue=%d", i)
		}
		began := time.Now()
		status, _, body := u.raw("GET", path, u.key, nil, "X-Forwarded-For", "198.51.100.7")
		all = append(all, time.Since(began))
		if status != http.StatusOK {
			t.Fatalf("the signed-in person's request %d: %d %s", i, status, body)
		}
		if each != nil {
			each()
		}
	}
}

// percentile gives the duration that so many percent do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Round(10 * time.Microsecond)
}

// inUse gives the memory that the process has from the system, in bytes.
func inUse() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// begin begins everything.
func (a *attack) begin(ctx context.Context, t *testing.T) {
	t.Helper()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(z, zeros{}, 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	deep := `{"name":` + strings.Repeat("[", 500_000)
	large := `{"name":"` + strings.Repeat("x", 2<<20) + `"}`
	flood := make([]string, 0, 2*2000)
	for i := range 2000 {
		flood = append(flood, fmt.Sprintf("X-Flood-%d", i), strings.Repeat("x", 100))
	}
	signed := func(body []byte, headers ...string) func(context.Context, int) {
		return func(ctx context.Context, _ int) { a.ask(ctx, "POST", "/api/companies", a.key, body, headers...) }
	}
	var tried atomic.Int64
	a.repeat(ctx, attackersWork, func(ctx context.Context, _ int) {
		n := tried.Add(1)
		if n > wrongKeys {
			<-ctx.Done()
			return
		}
		a.ask(ctx, "GET", "/api/deals", "sixty_"+strings.Repeat("0", 8)+"_"+(rand.Text() + rand.Text())[:43], nil,
			"X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n%2*(1+n%wrongFrom)))
	})
	a.repeat(ctx, 1, signed([]byte(large)))
	a.repeat(ctx, 1, signed([]byte(deep)))
	a.repeat(ctx, 1, signed(bomb.Bytes(), "Content-Encoding", "gzip"))
	a.repeat(ctx, 1, func(ctx context.Context, _ int) { a.ask(ctx, "GET", "/api/deals", a.key, nil, flood...) })
	for i := range idleFrom {
		a.running.Go(func() { a.hold(ctx, fmt.Sprintf("127.0.1.%d", i+1), idleEach, false) })
	}
	a.running.Go(func() { a.hold(ctx, "127.0.2.1", slowHeaders, true) })
}

// zeros is what compresses best.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// repeat does something again and again until ctx ends, so many at once.
func (a *attack) repeat(ctx context.Context, atOnce int, do func(context.Context, int)) {
	for i := range atOnce {
		a.running.Go(func() {
			for ctx.Err() == nil {
				do(ctx, i)
			}
		})
	}
}

// ask sends a request on a connection that it may share, and counts its answer.
func (a *attack) ask(ctx context.Context, method, path, key string, body []byte, headers ...string) {
	var payload any
	if body != nil {
		payload = body
	}
	res, err := a.http.Do(a.c.request(method, path, key, payload, headers...).WithContext(ctx))
	if err != nil {
		return // the server may close a connection on which too much comes
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	a.statuses[res.StatusCode].Add(1)
}

// hold opens connections from an address and keeps them until ctx ends: idle ones, or
// such that send the header of a request very slowly.
func (a *attack) hold(ctx context.Context, from string, n int, slow bool) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			if !slow {
				a.opened.Add(1)
				// A connection that the server has closed has an end to read, another one nothing.
				_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
				if _, err := conn.Read(make([]byte, 1)); isTimeout(err) {
					a.idle.Add(1)
				}
			}
			_ = conn.Close()
		}
	}()
	for range n {
		conn, err := d.DialContext(ctx, "tcp", a.c.app.Addr())
		if err != nil {
			break
		}
		open = append(open, conn)
	}
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for text := "GET /api/deals HTTP/1.1\r\nHost: test\r\nX-Slow: " + strings.Repeat("x", 1000); ; text = text[1:] {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		for _, conn := range open {
			if slow {
				_, _ = conn.Write([]byte(text[:1])) // the server may have closed it
			}
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // net gives it as it is
	return ok && timeout.Timeout()
}
