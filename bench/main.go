// Command bench measures the program beside bare peers, in one run on one machine:
// a page of deals, importing, exporting, and the start, on PostgreSQL and on SQLite.
//
// It is run by `make bench`, which starts a PostgreSQL with durable settings. What
// it prints are ratios to a peer that does the least: figures of one machine mean
// little on another. bench/RESULTS.md keeps a run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	rows := flag.Int("import-rows", 1_000_000, "deals to import and export")
	deals := flag.Int("deals", 50_000, "deals behind the page")
	rounds := flag.Int("rounds", 7, "rounds of each peer")
	only := flag.String("only", "page,start,import,export", "what to measure")
	bare := flag.String("bare", "", "serve as the bare peer (used by the program itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *bare != "" {
		err = serveBare(ctx, *bare)
	} else {
		err = measure(ctx, *only, *deals, *rows, *rounds)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, only string, deals, rows, rounds int) error {
	dir, err := os.MkdirTemp("", "sixty-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sixty := filepath.Join(dir, "sixty")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", sixty, "./cmd/sixty")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the program: %w", err)
	}
	for _, engine := range []string{"PostgreSQL", "SQLite"} {
		b, err := newBed(ctx, engine, sixty, filepath.Join(dir, strings.ToLower(engine)))
		if err != nil {
			return err
		}
		err = b.all(only, deals, rows, rounds)
		b.close()
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

func (b *bed) all(only string, deals, rows, rounds int) error {
	for _, m := range []struct {
		name string
		run  func() error
	}{
		{"page", func() error { return b.page(deals, rounds) }},
		{"start", func() error { return b.start(deals) }},
		{"import", func() error { return b.importing(rows) }},
		{"export", func() error { return b.exporting(rows) }},
		{"scale", func() error { return b.scale(rows) }},
	} {
		if !strings.Contains(only, m.name) {
			continue
		}
		if err := m.run(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
