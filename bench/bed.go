package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// A bed is a database of one engine, and the program on it.
type bed struct {
	ctx    context.Context
	engine string
	sixty  string // the program
	dir    string
	url    string // of the database; "" for SQLite
	deals  int    // made up so far
	// imported says that the organisation Imported has its deals.
	imported bool
	key      string
	drop     func()
}

// newBed makes an empty database, migrated.
func newBed(ctx context.Context, engine, sixty, dir string) (*bed, error) {
	b := &bed{ctx: ctx, engine: engine, sixty: sixty, dir: dir, drop: func() {}}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if engine == "PostgreSQL" {
		server := os.Getenv("SIXTY_TEST_DATABASE_URL")
		if server == "" {
			return nil, errors.New("SIXTY_TEST_DATABASE_URL is not set: run `make bench`, which starts a PostgreSQL")
		}
		u, err := url.Parse(server)
		if err != nil {
			return nil, err
		}
		name := "bench_" + strings.ToLower(rand.Text())
		if err := administer(ctx, server, "CREATE DATABASE "+name); err != nil {
			return nil, err
		}
		u.Path = "/" + name
		b.url = u.String()
		b.drop = func() {
			_ = administer(context.WithoutCancel(ctx), server, "DROP DATABASE "+name+" WITH (FORCE)")
		}
	}
	_, err := b.run("migrate")
	return b, err
}

func administer(ctx context.Context, server, command string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, command)
	return err
}

func (b *bed) close() { b.drop() }

func (b *bed) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(b.ctx, b.sixty, args...)
	c.Env = append(os.Environ(), "SIXTY_DATA_DIR="+b.dir, "DATABASE_URL="+b.url, "LOG_LEVEL=error")
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	return c
}

// run runs a command of the program and gives what it printed.
func (b *bed) run(args ...string) (string, error) {
	c := b.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("sixty %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// seed fills the database, once, and makes an API key.
func (b *bed) seed(deals int) error {
	if b.deals > 0 {
		return nil
	}
	key, err := b.run("apikey", "create", "--name", "bench", "--role", "admin")
	if err != nil {
		return err
	}
	b.key = strings.TrimSpace(key)
	_, err = b.run("seed", "--companies", strconv.Itoa(deals/25), "--contacts", strconv.Itoa(deals/5), "--deals", strconv.Itoa(deals))
	if err != nil {
		return err
	}
	b.deals = deals
	if b.url != "" {
		return administer(b.ctx, b.url, "VACUUM ANALYZE")
	}
	return nil
}

// serve starts a server on a free port, waits until it is ready, and gives its
// address, how long that took, and what ends it.
func serve(ctx context.Context, c *exec.Cmd, addr string) (time.Duration, func(), error) {
	var errs bytes.Buffer
	c.Stderr = &errs
	begin := time.Now()
	if err := c.Start(); err != nil {
		return 0, nil, err
	}
	exited := make(chan error, 1)
	go func() {
		exited <- c.Wait()
		close(exited)
	}()
	end := func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		for range exited { // until it has ended, however: it was told to
			continue
		}
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for time.Since(begin) < 30*time.Second {
		select {
		case err := <-exited:
			return 0, nil, fmt.Errorf("%s ended: %w: %s", filepath.Base(c.Path), err, errs.String())
		case <-ctx.Done():
			end()
			return 0, nil, ctx.Err()
		case <-ticker.C:
		}
		if ready(ctx, addr) {
			return time.Since(begin), end, nil
		}
	}
	end()
	return 0, nil, errors.New("not ready within 30 s")
}

func ready(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// freeAddr gives a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start measures the time from the start of the process to its being ready.
func (b *bed) start(deals int) error {
	if err := b.seed(deals); err != nil {
		return err
	}
	var times []float64
	for range 10 {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		took, end, err := serve(b.ctx, b.command("serve", "--addr", addr), addr)
		if err != nil {
			return err
		}
		end()
		times = append(times, took.Seconds()*1000)
	}
	fmt.Printf("%-10s  start to ready, existing database: median %.0f ms, worst %.0f ms of %d (aim: 200 ms)\n",
		b.engine, median(times), worst(times), len(times))
	return nil
}
