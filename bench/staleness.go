package main

import (
	"fmt"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/load"
	"sixty/bench/internal/stale"
	"sixty/bench/internal/trial"
)

// agreements is the number of measurements of the time until all instances agree.
const agreements = 200

// stale checks for stale responses: of one instance, of three with tokens and without, and of
// three during faults.
func (b *bed) stale(s settings) error {
	options := trial.Options{Program: b.program.Path, Lasting: s.lasting, Seed: s.seed}
	options.Log = func(format string, args ...any) { fmt.Printf("%10s    "+format+"\n", append([]any{""}, args...)...) }
	fmt.Printf("%-10s  stale responses, %s each, seed %d (aim: 0):\n", b.engine, s.lasting, s.seed)
	one := options
	one.Instances = 1
	if b.url == "" {
		return b.noneStale("one instance", one)
	}
	server, err := fleet.ServerURL()
	if err != nil {
		return err
	}
	one.Server, one.Redis = server, true
	if err := b.noneStale("one instance", one); err != nil {
		return err
	}
	three := one
	three.Instances, three.Tokens = 3, true
	if err := b.noneStale("three with tokens", three); err != nil {
		return err
	}
	beset := three
	beset.Faults = true
	if err := b.noneStale("three with tokens, and faults", beset); err != nil {
		return err
	}
	three.Tokens = false
	report, err := b.tried("three without tokens", three)
	if err != nil {
		return err
	}
	if report.Failed > 0 {
		return report.Err()
	}
	three.Dir = trial.Path(b.dir, "agreement")
	return b.agreement(three)
}

// tried runs a trial and prints its result.
func (b *bed) tried(name string, o trial.Options) (stale.Report, error) {
	o.Dir = trial.Path(b.dir, name)
	report, err := trial.Run(b.ctx, o)
	fmt.Printf("%10s    %-30s %s\n", "", name, &report)
	return report, err
}

func (b *bed) noneStale(name string, o trial.Options) error {
	report, err := b.tried(name, o)
	if err != nil {
		return err
	}
	return report.Err()
}

// agreement measures how long after its acknowledgement a write is visible on all instances
// without a token.
func (b *bed) agreement(o trial.Options) error {
	bed, err := trial.Open(b.ctx, o)
	if err != nil {
		return err
	}
	defer bed.Close()
	took, err := stale.Agreement(b.ctx, bed.Key, bed.Addrs(), agreements, o.Seed)
	if err != nil {
		return err
	}
	fmt.Printf("%10s    %d instances agree after a write, without tokens: median %.1f ms, p95 %.1f ms, worst %.1f ms of %d\n", "",
		o.Instances, load.Percentile(took, 50), load.Percentile(took, 95), float64(took[len(took)-1])/float64(time.Millisecond), len(took))
	return nil
}
