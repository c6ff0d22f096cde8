package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"sixty/bench/internal/fleet"
)

// A bed is a database of one engine and the program.
type bed struct {
	ctx     context.Context
	engine  string
	program fleet.Program
	dir     string
	url     string // of the database; "" for SQLite
	deals   int    // generated so far
	// imported is set once the organisation Imported has its deals.
	imported bool
	key      string
	drop     func()
}

// newBed creates an empty database and migrates it.
func newBed(ctx context.Context, engine, sixty, dir string) (*bed, error) {
	b := &bed{ctx: ctx, engine: engine, dir: dir, drop: func() {}}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if engine == "PostgreSQL" {
		server, err := fleet.ServerURL()
		if err != nil {
			return nil, err
		}
		if b.url, b.drop, err = fleet.NewDatabase(ctx, server); err != nil {
			return nil, err
		}
	}
	b.program = fleet.Program{Path: sixty, Dir: dir, Env: []string{"DATABASE_URL=" + b.url, "LOG_LEVEL=error"}}
	_, err := b.run("migrate")
	return b, err
}

func (b *bed) close() { b.drop() }

// withNew measures on a new database.
func (b *bed) withNew(run func(*bed) error) error {
	fresh, err := newBed(b.ctx, b.engine, b.program.Path, filepath.Join(b.dir, "anew"))
	if err != nil {
		return err
	}
	defer fresh.close()
	return run(fresh)
}

func (b *bed) command(args ...string) *exec.Cmd { return b.program.Command(b.ctx, args...) }

// run runs a command of the program and returns its output.
func (b *bed) run(args ...string) (string, error) { return b.runWith("", args...) }

// runWith is run with standard input.
func (b *bed) runWith(input string, args ...string) (string, error) {
	c := b.command(args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("sixty %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// seed fills the database once and creates an API key.
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
		return fleet.Administer(b.ctx, b.url, "VACUUM ANALYZE")
	}
	return nil
}

// start measures the time from the start of the process until it is ready.
func (b *bed) start(deals int) error {
	if err := b.seed(deals); err != nil {
		return err
	}
	var times []float64
	for range 10 {
		server, err := b.program.Serve(b.ctx, "")
		if err != nil {
			return err
		}
		server.Stop()
		times = append(times, server.Took.Seconds()*1000)
	}
	fmt.Printf("%-10s  start to ready, existing database: median %.0f ms, worst %.0f ms of %d (aim: 200 ms)\n",
		b.engine, median(times), worst(times), len(times))
	return nil
}
