package trial

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// attack is an attack on a server in several ways at once.
type attack struct {
	addr, key string
	client    *http.Client
	took      time.Duration
	statuses  [600]atomic.Int64 // of the responses, except on idle connections
	tried     atomic.Int64      // wrong passwords that were checked

	idle, crowd, slow atomic.Int64 // open connections at the end
}

func newAttack(addr, key string) *attack {
	return &attack{addr: addr, key: key, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * guessers}}}
}

// guessers is the number of concurrent wrong passwords: more than the queue of the hasher.
const guessers = 48

// guessAgain is how long to wait after a rejection by the hasher.
const guessAgain = 50 * time.Millisecond

// hostileEvery is the interval of each of the hostile requests, limited so that the attackers do
// not use up the shared machine.
const hostileEvery = 50 * time.Millisecond

// run attacks until every wrong password has been answered, at least for attackAtLeast, or until
// ctx ends. Everything else continues until then.
func (a *attack) run(ctx context.Context, t *testing.T) {
	t.Helper()
	began := time.Now()
	defer func() { a.took = time.Since(began) }()
	defer a.client.CloseIdleConnections()
	going, end := context.WithCancel(ctx)
	defer end()

	var all, guessing, opening sync.WaitGroup
	for i := range idleAddresses {
		opening.Add(1)
		all.Go(func() {
			a.idle.Add(hold(going, a.addr, fmt.Sprintf("127.0.1.%d", i+1), idleConnections/idleAddresses, opening.Done))
		})
	}
	opening.Add(1)
	all.Go(func() { a.crowd.Add(hold(going, a.addr, "127.0.2.1", tooMany, opening.Done)) })
	all.Go(func() { a.slow.Add(drip(going, a.addr, "127.0.3.1", slowConnections)) })
	for _, ask := range a.hostile(t) {
		all.Go(func() {
			every := time.NewTicker(hostileEvery)
			defer every.Stop()
			for going.Err() == nil {
				ask(going)
				select {
				case <-every.C:
				case <-going.Done():
				}
			}
		})
	}
	var next atomic.Int64
	for range guessers {
		guessing.Go(func() {
			again := time.NewTicker(guessAgain)
			defer again.Stop()
			for n := next.Add(1); n <= wrongPasswords && going.Err() == nil; n = next.Add(1) {
				if a.guess(going, n) == http.StatusServiceUnavailable {
					<-again.C
				}
			}
		})
	}
	least := time.NewTimer(attackAtLeast)
	defer least.Stop()
	guessing.Wait()
	opening.Wait()
	select {
	case <-least.C:
	case <-ctx.Done():
	}
	end()
	all.Wait()
}

// guess tries a wrong password for one of the accounts from one of the addresses, and returns the
// status.
func (a *attack) guess(ctx context.Context, n int64) int {
	email := personsEmail
	if account := n % accounts; account > 0 {
		email = fmt.Sprintf("person-%d@attacked.example", account)
	}
	body := fmt.Sprintf(`{"email":%q,"password":"wrong password %d"}`, email, n)
	status := a.ask(ctx, "POST", "/api/auth/login", []byte(body), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n%addresses))
	if status > 0 {
		a.tried.Add(1)
	}
	return status
}

// hostile returns the repeated requests: too large, too deeply nested, decompression bombs, and
// too many header fields.
func (a *attack) hostile(t *testing.T) []func(context.Context) {
	t.Helper()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeros{}, 64<<20)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Error(err)
	}
	large := []byte(`{"name":"` + strings.Repeat("x", 2<<20) + `"}`)
	deep := []byte(`{"name":` + strings.Repeat("[", 500_000))
	var flood []string
	for i := range 2000 {
		flood = append(flood, fmt.Sprintf("X-Flood-%d", i), strings.Repeat("x", 100))
	}
	signed := func(body []byte, headers ...string) func(context.Context) {
		return func(ctx context.Context) {
			a.ask(ctx, "POST", "/api/companies", body, append(headers, "Authorization", "Bearer "+a.key)...)
		}
	}
	return []func(context.Context){
		signed(large), signed(deep), signed(bomb.Bytes(), "Content-Encoding", "gzip"),
		func(ctx context.Context) { a.ask(ctx, "GET", "/api/deals", nil, flood...) },
	}
}

// zeros is an endless stream of zeros, which compress best.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// ask sends a request, counts the response and returns its status; 0 if there is none, because
// the server may close the connection.
func (a *attack) ask(ctx context.Context, method, path string, body []byte, headers ...string) int {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+a.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	a.statuses[res.StatusCode].Add(1)
	return res.StatusCode
}

// answers formats the number of responses by status.
func (a *attack) answers() string {
	var all []string
	for status := range a.statuses {
		if n := a.statuses[status].Load(); n > 0 {
			all = append(all, fmt.Sprintf("%d × %d", n, status))
		}
	}
	return strings.Join(all, ", ")
}

// from returns a dialer with a local address.
func from(address string) net.Dialer {
	return net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: attackAtMost}
}

// holdEvery is the interval of requests on idle connections: below the server's idle timeout.
const holdEvery = 20 * time.Second

// holdTogether is the number of an address's connections with concurrent requests.
const holdTogether = 25

// hold opens connections from an address, sends one request on each, reports that, and holds them
// until ctx ends. It returns how many are open then.
func hold(ctx context.Context, addr, address string, n int, opened func()) (open int64) {
	d := from(address)
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for range n {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			break
		}
		_ = c.SetDeadline(time.Now().Add(attackAtMost))
		held = append(held, c)
		if len(held)%holdTogether == 0 {
			touch(held[len(held)-holdTogether:])
		}
	}
	opened()
	every := time.NewTicker(holdEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		select {
		case <-every.C:
			for some := range slices.Chunk(held, holdTogether) {
				touch(some)
			}
		case <-ctx.Done():
		}
	}
	for _, c := range held {
		// A read from a closed connection returns EOF, from an open one nothing.
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	return open
}

// touch sends a request on each of some connections, unless the server has closed them.
func touch(some []net.Conn) {
	for _, c := range some {
		_, _ = c.Write([]byte("HEAD /livez HTTP/1.1\r\nHost: test\r\n\r\n"))
	}
	for _, c := range some {
		_, _ = http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodHead}) //nolint:bodyclose // a HEAD has none
	}
}

// drip opens connections from an address, and sends an endless header byte by byte on each until
// ctx ends. It returns how many are still open, although the server should have closed them.
func drip(ctx context.Context, addr, address string, n int) (open int64) {
	d := from(address)
	held := map[net.Conn]bool{}
	defer func() {
		for c := range held {
			_ = c.Close()
		}
	}()
	for range n {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return int64(n)
		}
		held[c] = true
	}
	text := "GET /api/deals HTTP/1.1\r\nHost: test\r\nX-Slow: " + strings.Repeat("x", 10_000)
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for ; ; text = text[1:] {
		for c := range held {
			if _, err := c.Write([]byte(text[:1])); err != nil {
				_ = c.Close()
				delete(held, c)
			}
		}
		select {
		case <-ctx.Done():
			return int64(len(held))
		case <-every.C:
		}
	}
}
