package app_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/servertest"
)

// bootTLS starts a program that serves HTTPS with a certificate in a folder, and returns a client
// of HTTP/2, or of HTTP/1.1.
func bootTLS(t *testing.T, dir string, http2 bool) *client {
	t.Helper()
	roots := servertest.Certify(t, dir, "127.0.0.1")
	c := boot(t, "sqlite", func(cfg *config.Config) { withCertificate(cfg, dir) })
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	c.base, c.http = "https://"+c.app.Addr(), &http.Client{Transport: transport}
	return c
}

func withCertificate(cfg *config.Config, dir string) {
	cfg.TLSCert, cfg.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			c := bootTLS(t, t.TempDir(), http2)
			res, err := c.http.Do(c.request("GET", "/api/health", "", nil))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.Proto != proto || res.StatusCode != http.StatusOK || res.TLS == nil || res.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s %d, %v", res.Proto, res.StatusCode, res.Header)
			}
			admin := newUser(c, "TLS", crm.RoleAdmin)
			ada := c.member(admin.org, "ada@tls.example", crm.RoleAdmin)
			b := &browser{client: c}
			b.logIn("ada@tls.example", goodPassword)
			if b.cookie == nil || b.cookie.Name != "__Host-sixty_session" || !b.cookie.Secure {
				t.Errorf("the cookie is %+v", b.cookie)
			}
			expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})

			// Responses of several requests at once, which are longer than a write.
			for i := range 60 {
				admin.make("/api/companies", object{"name": fmt.Sprint("Company ", i), "description": strings.Repeat("long ", 200)})
			}
			want := admin.text("/api/companies?limit=60")
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					for range 5 {
						if _, _, body := c.raw("GET", "/api/companies?limit=60", admin.key, nil); string(body) != want {
							t.Errorf("%d bytes, want %d", len(body), len(want))
						}
					}
				})
			}
			group.Wait()
			s, _ := admin.begin("", "ready")
			admin.make("/api/companies", object{"name": "Streamed"})
			if e := s.next(); e.name != "change" {
				t.Errorf("the event is %+v", e)
			}
			s.close()
		})
	}
}

// Older versions of TLS, and no TLS, are rejected.
func TestTLSVersion(t *testing.T) {
	t.Parallel()
	c := bootTLS(t, t.TempDir(), false)
	for version, accepted := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, err := c.handshake(t, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != accepted {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	res, err := http.Get("http://" + c.app.Addr() + "/api/health") //nolint:noctx // it is local
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %d", res.StatusCode)
	}
}

// handshake makes a connection, and returns the serial number of the server's certificate.
func (c *client) handshake(t *testing.T, cfg *tls.Config) (string, error) {
	t.Helper()
	conn, err := dial(t, c.app.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	secured := tls.Client(conn, cfg)
	if err := secured.HandshakeContext(t.Context()); err != nil {
		return "", err
	}
	return secured.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// SIGHUP takes over a new certificate. One that is broken changes nothing, and is logged.
func TestCertificateIsReloaded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servertest.Certify(t, dir, "127.0.0.1")
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DataDir, cfg.LogLevel = config.Test, 0, t.TempDir(), slog.LevelError
	withCertificate(&cfg, dir)
	log := &safeBuffer{}
	a, err := app.New(t.Context(), cfg, app.Options{Stderr: log})
	if err != nil {
		t.Fatal(err)
	}
	c := run(t, a)
	serial := func() string {
		t.Helper()
		s, err := c.handshake(t, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := serial()
	servertest.Certify(t, dir, "127.0.0.1")
	if serial() != first {
		t.Error("the certificate is replaced before it is asked for")
	}
	a.Reload(cfg, nil)
	second := serial()
	if second == first {
		t.Error("the certificate is not replaced")
	}
	if err := os.WriteFile(cfg.TLSKey, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Reload(cfg, nil)
	a.Reload(cfg, nil)
	if serial() != second {
		t.Error("a broken certificate was taken over")
	}
	a.Reload(cfg, nil)
	if n := strings.Count(log.String(), "the certificate was not replaced"); n != 1 {
		t.Errorf("it is logged %d times: %s", n, log)
	}
	servertest.Certify(t, dir, "127.0.0.1")
	a.Reload(cfg, nil)
	if third := serial(); third == second || third == first {
		t.Error("the certificate is not replaced after a broken one")
	}
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// In production, servers on other hosts are verified, or it is said what to set.
func TestUnverifiedServersAreRejectedInProduction(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"Disabled":  {func(c *config.Config) { c.DatabaseURL = "postgres://u:geheim@db.example/d?sslmode=disable" }, "SIXTY_ALLOW_INSECURE"},
		"Encrypted": {func(c *config.Config) { c.DatabaseURL = "postgres://u:geheim@db.example/d?sslmode=require" }, "verify-full"},
		"OneOfSeveral": {func(c *config.Config) {
			c.DatabaseURL = "postgres://u:geheim@127.0.0.1:1,db.example:2/d?sslmode=prefer"
		}, "DATABASE_URL"},
		"Certificate": {func(c *config.Config) { c.TLSCert, c.TLSKey = "none.pem", "none.pem" }, "SIXTY_TLS_CERT"},
		"Authority":   {func(c *config.Config) { c.RedisURL, c.RedisCA = "rediss://redis.example", "none.pem" }, "SIXTY_REDIS_CA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Env, cfg.Port, cfg.DataDir = config.Production, 0, t.TempDir()
			c.change(&cfg)
			a, err := app.New(t.Context(), cfg, app.Options{})
			if err == nil {
				t.Fatal("it is accepted", a.Close())
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v, want it to name %s", err, c.want)
			}
		})
	}
}

// Where a URL has no sslmode and the server, on another host, has no TLS, the error says what was added
// to it and what to set.
func TestFailedVerificationIsExplained(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(servertest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = net.JoinHostPort("0.0.0.0", u.Port()), ""
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DatabaseURL = config.Production, 0, config.Secret(u.String())
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err == nil {
		t.Fatal("it is accepted", a.Close())
	}
	for _, want := range []string{"must use TLS", "sslrootcert", "(DATABASE_URL)", "(SIXTY_ALLOW_INSECURE) to database"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to name %s", err, want)
		}
	}
}

// A server that other hosts reach in development says so.
func TestExposedDevelopmentServerIsLogged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env, addr string
		want      int
	}{
		"Exposed": {config.Development, "0.0.0.0", 1}, "Loopback": {config.Development, "127.0.0.1", 0},
		"Production": {config.Production, "0.0.0.0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Env, cfg.Addr, cfg.Port, cfg.DataDir = c.env, c.addr, 0, t.TempDir()
			log := &safeBuffer{}
			a, err := app.New(t.Context(), cfg, app.Options{Stderr: log})
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if n := strings.Count(log.String(), "settings of development"); n != c.want {
				t.Errorf("it is logged %d times: %s", n, log)
			}
		})
	}
}
