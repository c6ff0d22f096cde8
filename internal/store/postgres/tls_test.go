package postgres_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"sixty/internal/servertest"
	"sixty/internal/store/postgres"
)

// anyHost is an address of this machine that is not known to be a loopback one.
const anyHost = "0.0.0.0"

func TestVerifyRemote(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url, want string // "": it is rejected
	}{
		"Remote":         {"postgres://db.example/d", "postgres://db.example/d?sslmode=verify-full"},
		"WithParameters": {"postgres://db.example/d?connect_timeout=3", "postgres://db.example/d?connect_timeout=3&sslmode=verify-full"},
		"Empty":          {"postgres://db.example/d?sslmode=", "postgres://db.example/d?sslmode=&sslmode=verify-full"},
		"VerifyFull":     {"postgres://db.example/d?sslmode=verify-full", "postgres://db.example/d?sslmode=verify-full"},
		"VerifyCA":       {"postgres://db.example/d?sslmode=verify-ca", "postgres://db.example/d?sslmode=verify-ca"},
		"Disable":        {url: "postgres://db.example/d?sslmode=disable"},
		"Allow":          {url: "postgres://db.example/d?sslmode=allow"},
		"Prefer":         {url: "postgres://db.example/d?sslmode=prefer"},
		"Require":        {url: "postgres://db.example/d?sslmode=require"},
		"Several":        {"postgres://127.0.0.1:1,db.example:2/d", "postgres://127.0.0.1:1,db.example:2/d?sslmode=verify-full"},
		"HostParameter":  {"postgres:///d?host=db.example", "postgres:///d?host=db.example&sslmode=verify-full"},
		"Loopback":       {"postgres://127.0.0.1/d", "postgres://127.0.0.1/d"},
		"LoopbackPlain":  {"postgres://127.0.0.1/d?sslmode=disable", "postgres://127.0.0.1/d?sslmode=disable"},
		"IPv6":           {"postgres://[::1]/d", "postgres://[::1]/d"},
		"Localhost":      {"postgres://localhost/d?sslmode=disable", "postgres://localhost/d?sslmode=disable"},
		"Socket":         {"postgres:///d?host=/run/postgresql", "postgres:///d?host=/run/postgresql"},
		"None":           {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := postgres.Verified(c.url)
			if got != c.want || errors.Is(err, postgres.ErrUnverified) != (c.want == "" && c.url != "") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// A server on another host is used over TLS, and only if its certificate is one of a trusted
// authority.
func TestRemoteServerIsVerified(t *testing.T) {
	t.Parallel()
	plain, err := url.Parse(servertest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	servertest.Certify(t, dir, anyHost)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	port := secured(t, plain.Host, pair)
	_, plainPort, _ := net.SplitHostPort(plain.Host)
	for name, c := range map[string]struct {
		port, query string
		works       bool
		verifies    bool // that verify-full was added is why it does not
	}{
		"Trusted":       {port, "sslrootcert=" + url.QueryEscape(filepath.Join(dir, "cert.pem")), true, false},
		"UnknownToHost": {port, "", false, true},
		"WithoutTLS":    {plainPort, "sslrootcert=" + url.QueryEscape(filepath.Join(dir, "cert.pem")), false, true},
		"WithoutTLSToo": {plainPort, "", false, true},
		"Given":         {plainPort, "sslmode=verify-full", false, false},
		"NoServer":      {"1", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := *plain
			u.Host, u.RawQuery = net.JoinHostPort(anyHost, c.port), c.query
			e, err := postgres.Open(t.Context(), postgres.Options{URL: u.String(), VerifyRemote: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			err = e.Migrate(t.Context())
			var unverified *postgres.VerificationError
			if (err == nil) != c.works || errors.As(err, &unverified) != c.verifies {
				t.Errorf("%v, of %T", err, err)
			}
		})
	}
}

// secured starts a server on a port of its own that is as the one at address, but takes
// connections over TLS alone. It ends with the test.
func secured(t *testing.T, address string, pair tls.Certificate) (port string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	serve := func(c net.Conn) {
		defer func() { _ = c.Close() }()
		var request [8]byte // SSLRequest
		if _, err := io.ReadFull(c, request[:]); err != nil || request[7] != 0x2f {
			return // a cancel request, or a client without TLS
		}
		if _, err := c.Write([]byte("S")); err != nil {
			return
		}
		front := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}})
		if front.HandshakeContext(t.Context()) != nil {
			return
		}
		back, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return
		}
		running.Go(func() {
			_, _ = io.Copy(front, back)
			_ = front.Close()
		})
		_, _ = io.Copy(back, front)
		_ = back.Close()
	}
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { serve(c) })
		}
	})
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}
