package servertest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncer starts a PgBouncer in front of the PostgreSQL server for tests, and returns a
// function that leads the URL of a database through it. It is in transaction mode with four
// server connections to a database, so that clients share them; settings, such as
// "pool_mode = session", replace others. It ends with the test.
func PgBouncer(tb testing.TB, settings ...string) func(databaseURL string) string {
	tb.Helper()
	RequirePostgres(tb)
	server, err := url.Parse(address(tb, PostgresEnv))
	if err != nil {
		tb.Fatalf("%s: %v", PostgresEnv, err)
	}
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // which is not on everyone's PATH
	}
	target := "host=" + server.Hostname() + " port=" + server.Port() + " user=" + server.User.Username()
	if password, ok := server.User.Password(); ok {
		target += " password=" + password
	}
	for range bouncerAttempts {
		addr := freeAddress(tb)
		if startPgBouncer(tb, program, addr, target, settings) {
			return func(databaseURL string) string {
				u, err := url.Parse(databaseURL)
				if err != nil {
					tb.Fatal(err)
				}
				u.Host = addr
				return u.String()
			}
		}
	}
	tb.Fatalf("PgBouncer found no free port in %d attempts", bouncerAttempts)
	return nil
}

const (
	bouncerAttempts = 5
	bouncerReady    = 30 * time.Second
)

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// startPgBouncer reports whether PgBouncer accepts connections on the address.
func startPgBouncer(tb testing.TB, program, addr, target string, settings []string) bool {
	tb.Helper()
	host, port, _ := net.SplitHostPort(addr)
	lines := []string{
		"[databases]", "* = " + target,
		"[pgbouncer]", "listen_addr = " + host, "listen_port = " + port, "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", "default_pool_size = 4", "max_client_conn = 1000",
		"query_wait_timeout = 60",
	}
	file := filepath.Join(tb.TempDir(), "pgbouncer.ini")
	text := strings.Join(append(lines, settings...), "\n") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	args := []string{file}
	if os.Geteuid() == 0 {
		args = []string{"-u", unprivileged(), file} // it does not run as root
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the program is PgBouncer
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatalf("start PgBouncer: %v (run scripts/install-servers)", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	end := func() {
		select {
		case <-ended:
			tb.Errorf("PgBouncer has ended: %s", log.String())
		default:
		}
		cancel()
		<-ended
	}
	limit, stop := context.WithTimeout(context.Background(), bouncerReady)
	defer stop()
	for {
		conn, err := pgx.Connect(limit, fmt.Sprintf("postgres://test@%s/pgbouncer?sslmode=disable&default_query_exec_mode=simple_protocol", addr))
		if err == nil {
			_ = conn.Close(limit)
			tb.Cleanup(end)
			return true
		}
		select {
		case <-ended:
			cancel()
			if strings.Contains(log.String(), "in use") {
				return false
			}
			tb.Fatalf("PgBouncer ended: %s", log.String())
		case <-limit.Done():
			end()
			tb.Fatalf("PgBouncer is not ready after %s: %v\n%s", bouncerReady, err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unprivileged returns the user that servers run as instead of root.
func unprivileged() string {
	if _, err := user.Lookup("postgres"); err == nil {
		return "postgres"
	}
	return "nobody"
}
