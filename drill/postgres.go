package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is a PostgreSQL server with its data directory and a fixed port.
type postgres struct {
	m    *machine
	bin  string // the directory of its programs
	name string
	dir  string
	port int
	// settings of the command line, beside those of every server.
	settings []string
	*process
}

// findPostgres returns the directory of PostgreSQL's programs.
func findPostgres(ctx context.Context, root string) (string, error) {
	bin, err := output(exec.CommandContext(ctx, filepath.Join(root, "scripts", "find-postgres")))
	if err != nil {
		return "", fmt.Errorf("PostgreSQL is not installed (scripts/install-servers): %w", err)
	}
	return bin, nil
}

// newPostgres prepares a server whose data directory is a copy of another one's.
func newPostgres(ctx context.Context, m *machine, bin, name, template string) (*postgres, error) {
	p := &postgres{m: m, bin: bin, name: name, dir: filepath.Join(m.dir, name)}
	var err error
	if p.port, err = m.port(); err != nil {
		return nil, err
	}
	if template != "" {
		_, err = output(exec.CommandContext(ctx, "cp", "-a", template, p.dir))
		return p, err
	}
	if _, err = m.folder(name); err != nil {
		return nil, err
	}
	_, err = m.run(ctx, filepath.Join(bin, "initdb"), "--pgdata", p.dir, "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	return p, err
}

// start starts the server. It loses nothing when its processes are ended, whatever they do
// not write to the disk: only the machine's end would need that.
func (p *postgres) start(ctx context.Context, settings ...string) error {
	p.settings = settings
	args := []string{"-D", p.dir, "-p", fmt.Sprint(p.port)}
	for _, setting := range append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off", "max_connections=200",
		"shared_buffers=64MB", "wal_level=replica", "hot_standby=on", "wal_keep_size=512MB", "wal_retrieve_retry_interval=200ms", "log_checkpoints=off",
	}, settings...) {
		args = append(args, "-c", setting)
	}
	c := p.m.command(context.WithoutCancel(ctx), syscall.SIGQUIT, filepath.Join(p.bin, "postgres"), args...)
	var err error
	p.process, err = p.m.start(ctx, p.name, c, syscall.SIGQUIT, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.url("postgres", "postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	return err
}

// stop shuts the server down, disconnecting its clients.
func (p *postgres) stop() error {
	if !p.signal(syscall.SIGINT, stopBound) {
		return fmt.Errorf("%s does not stop", p.name)
	}
	return nil
}

// crash ends the server at once, without a shutdown.
func (p *postgres) crash() error {
	if !p.signal(syscall.SIGQUIT, stopBound) {
		return fmt.Errorf("%s does not end", p.name)
	}
	return nil
}

func (p *postgres) host() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

func (p *postgres) url(user, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&connect_timeout=5", user, p.host(), database)
}

// databaseURL is the DATABASE_URL of the program: its user is no superuser, as in production.
// With several servers it leads to the one that is writable.
func databaseURL(servers ...*postgres) string {
	var hosts []string
	for _, server := range servers {
		hosts = append(hosts, server.host())
	}
	query := "sslmode=disable"
	if len(hosts) > 1 {
		query += "&target_session_attrs=read-write"
	}
	return "postgres://sixty@" + strings.Join(hosts, ",") + "/sixty?" + query
}

// exec runs statements as the superuser, each on its own.
func (p *postgres) exec(ctx context.Context, database string, statements ...string) error {
	return p.with(ctx, database, func(ctx context.Context, conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

// with connects as the superuser.
func (p *postgres) with(ctx context.Context, database string, run func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.url("postgres", database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return run(ctx, conn)
}

// await repeats a query until it returns true.
func (p *postgres) await(ctx context.Context, query string) error {
	return p.with(ctx, "postgres", func(ctx context.Context, conn *pgx.Conn) error {
		return until(ctx, 20*time.Millisecond, func() error {
			var yes bool
			if err := conn.QueryRow(ctx, query).Scan(&yes); err != nil {
				return err
			}
			if !yes {
				return fmt.Errorf("not yet: %s", query)
			}
			return nil
		})
	})
}

// standby is a streaming standby; its replication passes through a relay that can be cut.
type standby struct {
	*postgres
	relay *relay
}

// newStandby copies the primary with pg_basebackup into the directory and to the port of a
// former server, or to new ones, and starts streaming.
func newStandby(ctx context.Context, primary, former *postgres, settings ...string) (*standby, error) {
	r, err := newRelay(primary.host())
	if err != nil {
		return nil, err
	}
	s := &standby{relay: r, postgres: former}
	if s.postgres == nil {
		s.postgres = &postgres{m: primary.m, bin: primary.bin, name: primary.name + "-standby", dir: primary.dir + "-standby"}
		if s.port, err = primary.m.port(); err != nil {
			return nil, err
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	_, err = s.m.run(ctx, filepath.Join(s.bin, "pg_basebackup"), "--host", "127.0.0.1", "--port", fmt.Sprint(primary.port), "--username", "postgres",
		"--pgdata", s.dir, "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return nil, err
	}
	if err := s.m.write(filepath.Join(s.dir, "standby.signal"), ""); err != nil {
		return nil, err
	}
	info := fmt.Sprintf("primary_conninfo=host=%s port=%s user=postgres application_name=standby", host, port)
	if err := s.start(ctx, append(settings, info)...); err != nil {
		return nil, err
	}
	return s, primary.await(ctx, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
}

// settle waits until the standby has replayed all that it received.
func (s *standby) settle(ctx context.Context) error {
	return s.await(ctx, "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()")
}

func (s *standby) promote(ctx context.Context) error {
	return s.exec(ctx, "postgres", "SELECT pg_promote(true, 20)")
}

// span is a time in which something was so; to is zero while it is.
type span struct{ from, to time.Time }

// probe finds out when the database can be written, independently of the program.
type probe struct {
	url    string
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	spans []span // in which it could not
}

const (
	probePause = 50 * time.Millisecond
	probeBound = 700 * time.Millisecond
)

func startProbe(ctx context.Context, servers ...*postgres) *probe {
	url := strings.Replace(databaseURL(servers...), "sixty@", "postgres@", 1)
	p := &probe{url: strings.Replace(url, "/sixty?", "/drill?", 1)}
	ctx, p.cancel = context.WithCancel(ctx)
	p.wg.Go(func() { p.run(ctx) })
	return p
}

func (p *probe) run(ctx context.Context) {
	var conn *pgx.Conn
	last := time.Now()
	for ctx.Err() == nil {
		began := time.Now()
		err := func() (err error) {
			ctx, cancel := context.WithTimeout(ctx, probeBound)
			defer cancel()
			if conn == nil {
				if conn, err = pgx.Connect(ctx, p.url); err != nil {
					conn = nil
					return err
				}
			}
			_, err = conn.Exec(ctx, "INSERT INTO probes DEFAULT VALUES")
			return err
		}()
		p.note(err == nil, last)
		if err == nil {
			last = began
		} else if conn != nil {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			_ = conn.Close(closing)
			cancel()
			conn = nil
		}
		time.Sleep(probePause)
	}
	if conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
	}
}

func (p *probe) note(writable bool, last time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := len(p.spans) > 0 && p.spans[len(p.spans)-1].to.IsZero()
	switch {
	case writable && open:
		p.spans[len(p.spans)-1].to = time.Now()
	case !writable && !open:
		p.spans = append(p.spans, span{from: last})
	}
}

// away returns the spans in which the database could not be written.
func (p *probe) away() []span {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]span(nil), p.spans...)
}

// writable waits until the database can be written.
func (p *probe) writable(ctx context.Context) error {
	return until(ctx, probePause, func() error {
		for _, s := range p.away() {
			if s.to.IsZero() {
				return fmt.Errorf("the database cannot be written since %s", s.from.Format(time.TimeOnly))
			}
		}
		return nil
	})
}

func (p *probe) close() {
	p.cancel()
	p.wg.Wait()
}
