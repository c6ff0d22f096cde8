// Command bench measures the program in comparison with bare peers, in one run on one
// machine: pages of deals, cached and uncached, a sales team's day, many connections, import,
// export, and the start; and it checks for stale responses during faults.
//
// `make bench` runs it, with a PostgreSQL with durable settings. It prints ratios to a minimal
// peer, since absolute figures of one machine mean little on another. bench/RESULTS.md
// contains the results of a run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sixty/bench/internal/fleet"
)

// settings configure how much is measured.
type settings struct {
	only       []string
	engines    []string
	rows       int
	deals      int
	besideRows int
	rounds     int
	rate       int
	lasting    time.Duration
	seed       uint64
	old        string
}

func main() {
	var s settings
	flag.IntVar(&s.rows, "import-rows", 1_000_000, "deals to import and export")
	flag.IntVar(&s.besideRows, "beside-rows", 500_000, "deals to import beside pages")
	flag.IntVar(&s.deals, "deals", 50_000, "deals behind the page")
	flag.IntVar(&s.rounds, "rounds", 7, "rounds of each peer")
	flag.IntVar(&s.rate, "rate", 200, "requests per second of the day")
	flag.DurationVar(&s.lasting, "lasting", time.Minute, "how long the day, the connections, and each search for stale answers last")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of what is random")
	flag.StringVar(&s.old, "old", "", "an earlier build of the program, for versus, writes and organisations")
	only := flag.String("only", "page,cached,limited,start,day,stale,connections,handover,import,export", "what to measure, of these, jobs, beside, scale, versus, writes and organisations")
	engines := flag.String("engines", "PostgreSQL,SQLite", "the engines to measure on")
	bare := flag.String("bare", "", "serve as the bare peer (used by the program itself)")
	memory := flag.String("memory", "", "serve bytes from memory as a bare peer (used by the program itself)")
	flag.Parse()
	s.only, s.engines = strings.Split(*only, ","), strings.Split(*engines, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case *bare != "":
		err = serveBare(ctx, *bare)
	case *memory != "":
		err = serveMemory(ctx, *memory)
	default:
		err = measure(ctx, s)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp("", "sixty-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sixty, err := fleet.Build(ctx, dir)
	if err != nil {
		return err
	}
	for _, engine := range s.engines {
		b, err := newBed(ctx, engine, sixty, filepath.Join(dir, strings.ToLower(engine)))
		if err != nil {
			return err
		}
		err = b.all(s)
		b.close()
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}

func (b *bed) all(s settings) error {
	for _, m := range []struct {
		name string
		run  func() error
	}{
		{"page", func() error { return b.page(s.deals, s.rounds) }},
		{"cached", func() error { return b.onServer(func() error { return b.cached(s.deals, s.rounds) }) }},
		{"limited", func() error { return b.onServer(func() error { return b.limited(s.deals, s.rounds) }) }},
		{"start", func() error { return b.start(s.deals) }},
		{"day", func() error { return b.onServer(func() error { return b.day(s) }) }},
		{"stale", func() error { return b.stale(s) }},
		{"connections", func() error { return b.onServer(func() error { return b.connections(s) }) }},
		{"handover", func() error { return b.withNew((*bed).handOver) }},
		{"import", func() error { return b.importing(s.rows) }},
		{"export", func() error { return b.exporting(s.rows) }},
		{"beside", func() error { return b.withNew(func(b *bed) error { return b.beside(s.deals, s.besideRows) }) }},
		{"versus", func() error { return b.withNew(func(b *bed) error { return b.versus(s.old, s.deals, s.rounds) }) }},
		{"writes", func() error { return b.withNew(func(b *bed) error { return b.writes(s.old, s.rounds) }) }},
		{"organisations", func() error {
			return b.onServer(func() error { return b.withNew(func(b *bed) error { return b.organisations(s.old, s.rounds) }) })
		}},
		{"jobs", func() error { return b.withNew(func(b *bed) error { return b.jobs(s.rounds) }) }},
		{"scale", func() error { return b.withNew(func(b *bed) error { return b.scale(s.rows) }) }},
	} {
		if !slices.Contains(s.only, m.name) {
			continue
		}
		if err := m.run(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// onServer measures on PostgreSQL only what does not depend on the engine.
func (b *bed) onServer(run func() error) error {
	if b.url == "" {
		return nil
	}
	return run()
}
