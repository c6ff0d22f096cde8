package app_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// counted is a path of which every request costs a whole request of the tier api.
const counted = "/api/changes"

func TestLimits(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) {
		cfg.Limits = config.Default().Limits
		cfg.LimitAPI = config.Rate{Requests: 3, Window: time.Hour}
		cfg.LimitPrincipalFactor = 2
	})
	u := newUser(c, "Limits", crm.RoleManager)
	for i := range 6 {
		status, header, _ := c.do("GET", counted, u.key, nil)
		if want := `"api";r=` + strconv.Itoa(5-i); status != http.StatusOK || !strings.Contains(header.Get("RateLimit"), want) {
			t.Fatalf("request %d: %d, RateLimit: %s", i, status, header.Get("RateLimit"))
		}
	}
	status, header, answer := c.do("GET", counted, u.key, nil)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "600" || at(answer, "tier") != "api" ||
		header.Get("RateLimit-Policy") != `"global";q=2000;w=900, "api";q=6;w=3600, "organisation-global";q=100000;w=900, "organisation-api";q=300;w=3600` {
		t.Errorf("the seventh of six: %d, %v, %v", status, header, answer)
	}
	rows, _ := u.list("/api/limits")
	if got := mapped(rows, "tier") + " " + mapped(rows, "scope") + " " + mapped(rows, "remaining"); !strings.HasPrefix(got, "global api expensive") || at(rows[1], "remaining") != 0.0 {
		t.Errorf("limits: %v", rows)
	}
	// Others are not affected, with a key or without.
	if status, _, _ := c.do("GET", counted, u.as(crm.RoleViewer).key, nil); status != http.StatusOK {
		t.Errorf("another key: %d", status)
	}
	if status, _, _ := c.do("GET", counted, "", nil); status != http.StatusUnauthorized {
		t.Errorf("no key: %d", status)
	}
	if status, _, _ := c.do("GET", "/api/health", "", nil); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
}

// Rate limits can be turned off, with a warning in the log.
func TestLimitsOff(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DataDir, cfg.RateLimits = config.Test, 0, t.TempDir(), "off"
	a, err := app.New(t.Context(), cfg, app.Options{Stderr: &said})
	if err != nil {
		t.Fatal(err)
	}
	c := run(t, a)
	u := newUser(c, "Off", crm.RoleManager)
	status, header, _ := c.do("GET", counted, u.key, nil)
	if status != http.StatusOK || header.Get("RateLimit") != "" {
		t.Errorf("%d, RateLimit: %s", status, header.Get("RateLimit"))
	}
	c.stop()
	if err := <-c.done; err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil { // what is logged is written then
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "RATE LIMITS ARE OFF") || !strings.Contains(said.String(), "SIXTY_RATE_LIMITS") {
		t.Errorf("it is not said: %s", said.String())
	}
}

// redisServer is a test's own Redis, which can be killed.
type redisServer struct {
	t       *testing.T
	addr    string
	running *exec.Cmd // nil: it is not
}

// newRedis starts a Redis that ends with the test.
func newRedis(t *testing.T) *redisServer {
	t.Helper()
	servertest.RequireRedis(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{t: t, addr: l.Addr().String()}
	_ = l.Close() // for the server
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start starts it empty, and waits until it accepts connections.
func (s *redisServer) start() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running = exec.CommandContext(context.Background(), "redis-server", "--bind", host, "--port", port, "--dir", s.t.TempDir(), "--save", "", "--appendonly", "no")
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "Redis accepts connections", func() bool {
		conn, err := net.DialTimeout("tcp", s.addr, time.Second) //nolint:noctx // the timeout is enough
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// kill kills it (SIGKILL).
func (s *redisServer) kill() {
	if s.running == nil {
		return
	}
	_ = s.running.Process.Kill()
	_ = s.running.Wait() // it was killed
	s.running = nil
}

// settings makes a configuration use it.
func (s *redisServer) settings(cfg *config.Config) {
	u := url.URL{Scheme: "redis", Host: s.addr}
	cfg.RedisURL = config.Secret(u.String())
}

// Three instances share a limit by Redis. When it is killed, each goes on by itself with its
// own counts, and no request fails. When an empty one replaces it, they share again, and no
// limit starts anew.
func TestInstancesShareLimits(t *testing.T) {
	t.Parallel()
	const n = 20
	redis := newRedis(t)
	database := servertest.PostgresURL(t)
	var all [3]*client
	for i := range all {
		all[i] = boot(t, "sqlite", redis.settings, func(cfg *config.Config) {
			cfg.DatabaseURL, cfg.MaxConns = config.Secret(database), 4
			cfg.LimitPrincipalFactor = 1
			// The limit of the address is far higher.
			cfg.LimitGlobal, cfg.LimitAPI = config.Rate{Requests: 100_000, Window: time.Hour}, config.Rate{Requests: n, Window: time.Hour}
		})
	}
	org := all[0].organisation("Shared limits").ID
	// spend sends requests to the instances in turn until one is rejected, and returns how many
	// were allowed.
	spend := func(key string, of ...*client) int {
		for i := range 10 * n {
			switch status, _, answer := of[i%len(of)].do("GET", counted, key, nil); status {
			case http.StatusOK:
			case http.StatusTooManyRequests:
				return i
			default:
				t.Fatalf("request %d: %d %v", i, status, answer)
			}
		}
		t.Fatal("there is no limit")
		return 0
	}
	shared := func(when string) (used string) {
		eventually(t, "a limit is shared "+when, func() bool {
			used = all[0].key(org, crm.RoleManager)
			// A Redis that responds too late once is skipped, and updated later.
			if spent := spend(used, all[0], all[1], all[2]); spent < n {
				t.Fatalf("%s: %d requests are answered, want %d", when, spent, n)
			} else if spent > n+n/2 {
				return false
			}
			return true
		})
		return used
	}
	used := shared("at first")
	for _, c := range all { // so that each knows it
		spend(used, c)
	}

	redis.kill()
	for i, c := range all {
		if status, _, answer := c.do("GET", counted, used, nil); status != http.StatusTooManyRequests {
			t.Errorf("without Redis: instance %d hands out a fresh allowance: %d %v", i, status, answer)
		}
	}
	fresh := all[0].key(org, crm.RoleManager)
	for i, c := range all[:2] {
		if spent := spend(fresh, c); spent != n {
			t.Errorf("without Redis: instance %d answers %d requests, want %d", i, spent, n)
		}
	}
	redis.start()
	shared("when Redis is back")
	for i, c := range all {
		if status, _, answer := c.do("GET", counted, used, nil); status != http.StatusTooManyRequests {
			t.Errorf("when Redis is back: instance %d hands out a fresh allowance: %d %v", i, status, answer)
		}
	}
}

// asked returns how many scripts and GETs Redis has received.
func (s *redisServer) asked() (n int) {
	s.t.Helper()
	conn, err := net.DialTimeout("tcp", s.addr, patience) //nolint:noctx // the timeout is enough
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("INFO commandstats\r\nQUIT\r\n")); err != nil {
		s.t.Fatal(err)
	}
	told, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(told)) {
		for _, name := range []string{"cmdstat_evalsha:calls=", "cmdstat_get:calls="} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				calls, _, _ := strings.Cut(rest, ",")
				more, err := strconv.Atoi(calls)
				if err != nil {
					s.t.Fatalf("%v: %s", err, line)
				}
				n += more
			}
		}
	}
	return n
}

// A cache hit needs no request to Redis, neither for limits nor for credentials.
func TestHitsNeedNoRedis(t *testing.T) {
	t.Parallel()
	const n = 300
	redis := newRedis(t)
	c := boot(t, "sqlite", redis.settings)
	u := newUser(c, "Hits", crm.RoleManager)
	eventually(t, "the limits are shared", func() bool {
		u.fill("/api/deals")
		return redis.asked() > 0
	})
	before := redis.asked()
	for range n {
		u.hits("/api/deals")
	}
	if asked := redis.asked() - before; asked > n/2 {
		t.Errorf("Redis was asked %d times for %d answers", asked, n)
	}
}

// The connections of an address are bounded, each address by itself.
func TestConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	const most = 3
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.MaxConnsPerAddress = most })
	from := c.connect
	var open []net.Conn
	for i := range most {
		conn := from("127.0.0.2")
		if !answers(conn) {
			t.Fatalf("connection %d is not answered", i)
		}
		open = append(open, conn)
	}
	if answers(from("127.0.0.2")) {
		t.Error("there is no bound")
	}
	if !answers(from("127.0.0.3")) {
		t.Error("another address has no connection")
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one that was closed leaves room", func() bool { return answers(from("127.0.0.2")) })
}

// connect opens a connection from an address of this machine.
func (c *client) connect(address string) net.Conn {
	c.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	conn, err := d.DialContext(c.t.Context(), "tcp", c.app.Addr())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// answers reports whether a request on a connection gets a response, and keeps it open.
func answers(conn net.Conn, request ...string) bool {
	if len(request) == 0 {
		request = []string{"GET /livez HTTP/1.1", "Host: test", "", ""}
	}
	if _, err := conn.Write([]byte(strings.Join(request, "\r\n"))); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 4096))
	return err == nil && n > 0
}

// At the bound on connections, idle ones are evicted, and active ones are not.
func TestIdleConnectionsAreEvicted(t *testing.T) {
	t.Parallel()
	const most = 3
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.MaxConnections = most })
	key := c.key(c.organisation("Connected").ID, crm.RoleViewer)
	var idle []net.Conn
	for range most {
		idle = append(idle, c.connect("127.0.0.2"))
		if !answers(idle[len(idle)-1]) {
			t.Fatal("a connection is not answered")
		}
	}
	for range most {
		// A connection becomes idle only some time after its last response.
		eventually(t, "there is room for a stream of events", func() bool {
			return answers(c.connect("127.0.0.3"), "GET /api/events HTTP/1.1", "Host: test", "Authorization: Bearer "+key, "", "")
		})
	}
	for _, conn := range idle {
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection without a request is still open: %v", err)
		}
	}
	if answers(c.connect("127.0.0.4")) {
		t.Error("there is no bound")
	}
}

// Responses have the security headers.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for env, transport := range map[string]string{config.Test: "", config.Production: "max-age=31536000; includeSubDomains"} {
		c := boot(t, "sqlite", func(cfg *config.Config) { cfg.Env, cfg.LogLevel = env, 8 })
		for path, policy := range map[string]string{
			"/api/deals": "default-src 'none'; frame-ancestors 'none'",
			"/nothing":   "default-src 'none'; frame-ancestors 'none'",
			"/docs":      "script-src 'self'",
		} {
			_, h, _ := c.raw("GET", path, "", nil)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": transport,
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s %s: %s: %q, want %q", env, path, name, got, want)
				}
			}
			csp := h.Get("Content-Security-Policy")
			if !strings.Contains(csp, policy) || !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
				t.Errorf("%s %s: %s; %s", env, path, csp, h.Get("Permissions-Policy"))
			}
		}
	}
}
