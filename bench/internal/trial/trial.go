// Package trial runs the staleness checker against the real program: one instance, or several
// that share PostgreSQL and Redis, with or without faults.
package trial

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/bench/internal/stale"
)

// Options configure a trial.
type Options struct {
	Program   string // the built binary
	Dir       string // a directory for this trial only
	Server    string // PostgreSQL's URL, for a new database; "" for SQLite
	Instances int
	Redis     bool
	Tokens    bool // reads carry consistency tokens
	Faults    bool // inject faults; requires Server and Redis
	Lasting   time.Duration
	Seed      uint64
	Log       func(format string, args ...any) // logs each fault
}

// calm is how long after the last write, or fault, everything must have settled.
const calm = 2 * time.Second

// A Bed is a set of running servers and what they depend on. The caller must Close it.
type Bed struct {
	Key       string // an admin's
	instances []*instance
	redis     *fleet.Process
	redisPath *fleet.Proxy // between the instances and Redis
	dir       string
	closing   []func()
}

// instance is a server with its own proxy to the database.
type instance struct {
	program  fleet.Program
	env      []string
	process  *fleet.Process
	database *fleet.Proxy // nil for SQLite
}

// Open creates a database with an organisation of some people, and starts servers on it. It
// creates the directory if necessary.
func Open(ctx context.Context, o Options) (bed *Bed, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	bed = &Bed{dir: o.Dir}
	defer func() {
		if err != nil {
			bed.Close()
		}
	}()
	databaseURL := ""
	if o.Server != "" {
		var drop func()
		if databaseURL, drop, err = fleet.NewDatabase(ctx, o.Server); err != nil {
			return nil, err
		}
		bed.closing = append(bed.closing, drop)
	}
	program := fleet.Program{Path: o.Program, Dir: o.Dir, Env: []string{"LOG_LEVEL=warn"}}
	if bed.Key, err = people(ctx, program, databaseURL); err != nil {
		return nil, err
	}
	var env []string
	if o.Redis {
		if env, err = bed.startRedis(ctx); err != nil {
			return nil, err
		}
	}
	for range o.Instances {
		if err := bed.startInstance(ctx, program, databaseURL, env); err != nil {
			return nil, err
		}
	}
	return bed, nil
}

// people creates an organisation with some people, and an admin's key.
func people(ctx context.Context, p fleet.Program, databaseURL string) (key string, err error) {
	run := func(args ...string) string {
		c := p.Command(ctx, args...)
		c.Env = append(c.Env, "DATABASE_URL="+databaseURL)
		out, failed := c.Output()
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("sixty %q: %w", args, failed))
		}
		return strings.TrimSpace(string(out))
	}
	key = run("apikey", "create", "--name", "checker", "--role", "admin")
	for _, name := range []string{"Ann Alder", "Bob Beech", "Cleo Cedar"} {
		run("user", "create", "--name", name, "--role", "rep")
	}
	return key, err
}

func (b *Bed) startRedis(ctx context.Context) (env []string, err error) {
	if b.redis, err = fleet.StartRedis(ctx, b.dir, ""); err != nil {
		return nil, err
	}
	b.closing = append(b.closing, func() { b.redis.Stop() })
	if b.redisPath, err = fleet.NewProxy(b.redis.Addr); err != nil {
		return nil, err
	}
	b.closing = append(b.closing, b.redisPath.Cut)
	return []string{"REDIS_URL=redis://" + b.redisPath.Addr}, nil
}

func (b *Bed) startInstance(ctx context.Context, p fleet.Program, databaseURL string, env []string) error {
	i := &instance{program: p, env: append([]string{"DATABASE_URL=" + databaseURL}, env...)}
	if databaseURL != "" {
		u, err := url.Parse(databaseURL)
		if err != nil {
			return err
		}
		if i.database, err = fleet.NewProxy(u.Host); err != nil {
			return err
		}
		b.closing = append(b.closing, i.database.Cut)
		u.Host = i.database.Addr
		i.env[0] = "DATABASE_URL=" + u.String()
	}
	var err error
	if i.process, err = p.Serve(ctx, "", i.env...); err != nil {
		return err
	}
	b.closing = append(b.closing, func() { i.process.Stop() })
	b.instances = append(b.instances, i)
	return nil
}

// Addrs returns the addresses of the instances, which a restart does not change.
func (b *Bed) Addrs() []string {
	addrs := make([]string, len(b.instances))
	for i, in := range b.instances {
		addrs[i] = in.process.Addr
	}
	return addrs
}

// Close stops everything in reverse order.
func (b *Bed) Close() {
	for i := len(b.closing) - 1; i >= 0; i-- {
		b.closing[i]()
	}
	b.closing = nil
}

// Run runs a trial on a new Bed and returns the checker's report. Its error means that the trial
// could not run.
func Run(ctx context.Context, o Options) (stale.Report, error) {
	bed, err := Open(ctx, o)
	if err != nil {
		return stale.Report{}, err
	}
	defer bed.Close()
	return bed.Check(ctx, o, bed.Addrs())
}

// Check runs the checker against servers at the given addresses.
func (b *Bed) Check(ctx context.Context, o Options, addrs []string) (stale.Report, error) {
	excuses := &excuses{}
	checker, err := stale.New(ctx, stale.Options{
		Instances: addrs, Key: b.Key, Tokens: o.Tokens,
		Writers: 4, Readers: 6, WriteEvery: 100 * time.Millisecond, Seed: o.Seed, Excuse: excuses.cover,
	})
	if err != nil {
		return stale.Report{}, err
	}
	defer checker.Close()
	writers, err := checker.Prepare(ctx)
	if err != nil {
		return stale.Report{}, err
	}
	lasting, end := context.WithCancel(ctx)
	defer end()
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		checker.Run(lasting, writers)
	}()
	if o.Faults {
		err = b.beset(ctx, o, excuses)
	} else {
		wait(ctx, o.Lasting)
	}
	if o.Faults || len(addrs) > 1 {
		// The final check is without faults and excuses.
		wait(ctx, calm)
	}
	end()
	<-checked
	if err != nil {
		return checker.Report(), err
	}
	if len(addrs) > 1 {
		wait(ctx, calm) // for all to read the last write
	}
	checker.Settle(ctx)
	report := checker.Report()
	for _, i := range b.instances {
		m, err := i.process.Metrics(ctx)
		if err != nil {
			return report, err
		}
		report.SharedHits += int(m[fleet.MetricSharedHits])
	}
	return report, ctx.Err()
}

// Path returns a directory for a trial.
func Path(dir, name string) string { return filepath.Join(dir, strings.ReplaceAll(name, " ", "-")) }

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
