// Command drill runs the program through what goes wrong in production, and checks that it
// loses, doubles, invents and delays nothing: see docs/drill.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	drillBound    = 10 * time.Minute
	scenarioBound = 2 * time.Minute
)

// drill is one run.
type drill struct {
	m         *machine
	root      string // of the repository
	bin       string // PostgreSQL's programs
	binary    string // the tested program
	previous  string // revision to upgrade from
	keep      bool
	templates map[string]*template
}

func main() {
	only := flag.String("only", "", "scenarios to run, separated by commas; all if empty")
	quick := flag.Bool("quick", false, "run the quick part only")
	binary := flag.String("binary", "", "program to test; built from this tree if empty")
	previous := flag.String("previous", "", "revision to upgrade from; if empty, where this branch left main, or the commit before")
	keep := flag.Bool("keep", false, "keep the servers' files and logs")
	listed := flag.Bool("list", false, "list the scenarios")
	flag.Parse()
	if *listed {
		for _, s := range scenarios() {
			fmt.Println(s.name)
		}
		return
	}
	chosen, err := choose(*only, *quick)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	passed, err := run(&drill{binary: *binary, previous: *previous, keep: *keep, templates: map[string]*template{}}, chosen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

// choose selects scenarios by name.
func choose(only string, quick bool) ([]scenario, error) {
	all := scenarios()
	if only == "" {
		return slices.DeleteFunc(all, func(s scenario) bool { return quick && !s.quick }), nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q; -list lists them", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// run runs scenarios one after the other and prints the report.
func run(d *drill, chosen []scenario) (passed bool, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, drillBound)
	defer cancel()
	if d.m, err = newMachine(); err != nil {
		return false, err
	}
	defer d.m.close()
	if d.root, err = os.Getwd(); err != nil {
		return false, err
	}
	if _, err := os.Stat(filepath.Join(d.root, "cmd", "sixty")); err != nil {
		return false, fmt.Errorf("the drill is run in the root of the repository: %w", err)
	}
	if d.bin, err = findPostgres(ctx, d.root); err != nil {
		return false, err
	}
	if d.binary == "" {
		if d.binary, err = d.build(ctx, d.root, "sixty"); err != nil {
			return false, err
		}
	}
	if d.binary, err = d.reachable(d.binary); err != nil {
		return false, err
	}
	var results []*result
	passed = true
	for _, s := range chosen {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("%-24s", s.name)
		if s.plan.binary == previousBinary {
			if s.plan.binary, err = d.buildPrevious(ctx); err != nil {
				return false, err
			}
		}
		r := d.runOne(ctx, s)
		fmt.Printf("%4.0f s  %s\n", r.seconds, map[bool]string{true: "FAILED", false: "passed"}[r.failed()])
		r.print(os.Stdout)
		results = append(results, r)
		passed = passed && !r.failed()
	}
	table(os.Stdout, results)
	if ctx.Err() != nil {
		err = errors.New("interrupted, or longer than " + drillBound.String())
	}
	return passed, err
}

// runOne runs a scenario.
func (d *drill) runOne(ctx context.Context, s scenario) *result {
	r := &result{name: s.name, tally: newTally()}
	defer func() { r.seconds = time.Since(r.began).Seconds() }()
	ctx, cancel := context.WithTimeout(ctx, scenarioBound)
	defer cancel()
	b, err := d.open(ctx, s.plan, r.tally)
	if err != nil {
		r.err = err
		return r
	}
	defer b.close()
	if r.err = s.run(ctx, b); r.err == nil {
		r.err = b.finish(ctx)
	}

	r.excused = r.judgeFailures(b.probe.away())
	for _, away := range b.probe.away() {
		r.say("the database could not be written from %s to %s", away.from.Sub(r.began).Round(time.Millisecond), away.to.Sub(r.began).Round(time.Millisecond))
	}
	return r
}

// build builds the program of a source tree.
func (d *drill) build(ctx context.Context, tree, name string) (string, error) {
	file := filepath.Join(d.m.dir, name)
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", file, "./cmd/sixty")
	c.Dir = tree
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	_, err := output(c)
	return file, err
}

// buildPrevious builds the program to upgrade from.
func (d *drill) buildPrevious(ctx context.Context) (string, error) {
	file := filepath.Join(d.m.dir, "sixty-previous")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	revision := d.previous
	git := func(args ...string) (string, error) {
		return output(exec.CommandContext(ctx, "git", append([]string{"-C", d.root}, args...)...))
	}
	if revision == "" {
		head, err := git("rev-parse", "HEAD")
		if err != nil {
			return "", err
		}
		if revision, err = git("merge-base", "HEAD", "main"); err != nil || revision == head {
			revision = "HEAD~1"
		}
	}
	tree := filepath.Join(d.m.dir, "previous")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return "", err
	}
	archive := filepath.Join(d.m.dir, "previous.tar")
	if _, err := git("archive", "--output", archive, revision); err != nil {
		return "", fmt.Errorf("the previous version %s: %w", revision, err)
	}
	if _, err := output(exec.CommandContext(ctx, "tar", "-x", "-f", archive, "-C", tree)); err != nil {
		return "", err
	}
	return d.build(ctx, tree, "sixty-previous")
}

// reachable copies a binary to where the servers' user can read it.
func (d *drill) reachable(binary string) (string, error) {
	text, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	file := filepath.Join(d.m.dir, "sixty-tested")
	return file, os.WriteFile(file, text, 0o755)
}
