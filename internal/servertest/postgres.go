package servertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresReady is how long a PostgreSQL server may take to accept connections, or to stop.
const postgresReady = 30 * time.Second

// Postgres is a PostgreSQL server of one test, which can be restarted. It ends with the test.
type Postgres struct {
	tb      testing.TB
	dir     string
	address string
	account *syscall.Credential // that it runs as; nil: the current one
	process *exec.Cmd
}

// OwnPostgres starts a PostgreSQL server with one empty database.
func OwnPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	RequirePostgres(tb)
	dir, err := os.MkdirTemp("", "sixty-postgres-") //nolint:usetesting // an unprivileged user enters it
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Postgres{tb: tb, dir: dir, address: freeAddress(tb)}
	if os.Geteuid() == 0 { // it does not run as root
		p.account = account(tb, unprivileged())
		if err := os.Chown(dir, int(p.account.Uid), int(p.account.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	if out, err := p.command("initdb", "--pgdata", filepath.Join(dir, "data"), "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync").CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	p.start()
	tb.Cleanup(func() { p.stop(syscall.SIGQUIT) })
	return p
}

// URL returns the address of its database.
func (p *Postgres) URL() string {
	return "postgres://postgres@" + p.address + "/postgres?sslmode=disable"
}

// Restart stops the server, disconnecting its clients, and starts it again.
func (p *Postgres) Restart() {
	p.tb.Helper()
	p.stop(syscall.SIGINT)
	p.start()
}

func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	// The context of the test ends before its cleanups, which stop the server in order.
	c := exec.CommandContext(context.Background(), program, args...) //nolint:gosec // programs of PostgreSQL
	c.Dir, c.Env = p.dir, append(os.Environ(), "LC_ALL=C")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.account, Pdeathsig: syscall.SIGQUIT}
	return c
}

func (p *Postgres) start() {
	p.tb.Helper()
	host, port, _ := net.SplitHostPort(p.address)
	p.process = p.command("postgres", "-D", filepath.Join(p.dir, "data"), "-p", port, "-c", "listen_addresses="+host,
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=64MB")
	var log strings.Builder
	p.process.Stdout, p.process.Stderr = &log, &log
	if err := p.process.Start(); err != nil {
		p.tb.Fatalf("start PostgreSQL: %v (run scripts/install-servers)", err)
	}
	limit, cancel := context.WithTimeout(context.Background(), postgresReady)
	defer cancel()
	for {
		conn, err := pgx.Connect(limit, p.URL())
		if err == nil {
			_ = conn.Close(limit)
			return
		}
		if limit.Err() != nil {
			p.stop(syscall.SIGQUIT)
			p.tb.Fatalf("PostgreSQL is not ready after %s: %v\n%s", postgresReady, err, log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *Postgres) stop(signal syscall.Signal) {
	_ = p.process.Process.Signal(signal)
	kill := time.AfterFunc(postgresReady, func() { _ = p.process.Process.Kill() })
	defer kill.Stop()
	_ = p.process.Wait()
}

// account returns a user of this machine.
func account(tb testing.TB, name string) *syscall.Credential {
	tb.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		tb.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		tb.Fatal(fmt.Errorf("the user %s has the ids %s and %s", name, u.Uid, u.Gid))
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
