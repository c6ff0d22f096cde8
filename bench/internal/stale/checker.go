package stale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sixty/bench/internal/load"
)

// Options configure a Checker.
type Options struct {
	Instances []string // HOST:PORT of each
	Key       string   // of a manager or admin, in an organisation without other writers
	// Tokens sends a consistency token with every read, and checks only the writes that it
	// covers. Otherwise, all acknowledged writes are checked.
	Tokens     bool
	Writers    int
	Readers    int
	WriteEvery time.Duration // of each writer, on average
	Seed       uint64
	// Excuse reports whether a failed request is explained by an injected fault; nil: none is.
	// Err is nil for a 5xx status.
	Excuse func(addr string, sent time.Time, err error) bool
}

// Checker writes, reads and checks. The caller must Close it.
type Checker struct {
	options Options
	client  client
	ledger  Ledger
	grant   atomic.Pointer[grant] // the latest
	tally   tally
	owners  []string // ids
	stages  []string // ids, of open stages

	mu    sync.RWMutex
	known map[Kind][]known // the latest things that were made
}

// grant is a consistency token and the writes it covers: those acknowledged before its write was
// sent, and that write. Others may have been committed after it.
type grant struct {
	token  string
	floors Floors
}

// known is a record and its id.
type known struct {
	thing Thing
	id    string
}

// maxKnown bounds the records of a kind that are read individually.
const maxKnown = 100

// New returns a Checker, after reading the people and stages of the organisation.
func New(ctx context.Context, o Options) (*Checker, error) {
	c := &Checker{
		options: o, client: client{load.NewClient(o.Readers + o.Writers), o.Key},
		known: map[Kind][]known{},
	}
	c.grant.Store(&grant{})
	var err error
	if c.owners, err = c.ids(ctx, "/api/owners", func(row) bool { return true }); err != nil {
		return nil, err
	}
	if c.stages, err = c.ids(ctx, "/api/stages", func(r row) bool { return r.Outcome == "open" }); err != nil {
		return nil, err
	}
	if len(c.owners) == 0 || len(c.stages) == 0 {
		return nil, errors.New("the organisation has no people or no stages")
	}
	return c, nil
}

// Close closes connections.
func (c *Checker) Close() { c.client.Close() }

// Report returns the present results.
func (c *Checker) Report() Report {
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	r := c.tally.Report
	r.Examples = slices.Clone(r.Examples)
	return r
}

type row struct {
	ID      string
	Outcome string
}

func (c *Checker) ids(ctx context.Context, path string, fits func(row) bool) ([]string, error) {
	a, err := c.client.do(ctx, c.options.Instances[0], http.MethodGet, path+"?limit=100", nil)
	if err != nil {
		return nil, err
	}
	var list struct{ Data []row }
	if err := json.Unmarshal(a.Body, &list); err != nil {
		return nil, fmt.Errorf("%s: status %d: %w", path, a.Status, err)
	}
	var ids []string
	for _, r := range list.Data {
		if fits(r) {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

// Prepare creates the records to be written. There must be no faults during it.
func (c *Checker) Prepare(ctx context.Context) ([]*Writer, error) {
	writers := make([]*Writer, c.options.Writers)
	for i := range writers {
		writers[i] = &Writer{c: c, random: rand.New(rand.NewPCG(c.options.Seed, uint64(i)))}
		if err := writers[i].prepare(ctx); err != nil {
			return nil, err
		}
	}
	return writers, nil
}

// Run runs writers and readers until ctx ends.
func (c *Checker) Run(ctx context.Context, writers []*Writer) {
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() { w.run(ctx) })
	}
	for i := range c.options.Readers {
		r := &reader{c: c, random: rand.New(rand.NewPCG(c.options.Seed, uint64(1000+i))), cached: map[string]cached{}}
		wg.Go(func() { r.run(ctx) })
	}
	wg.Wait()
}

// Settle reads everything from every instance after the last write: each must show all that was
// acknowledged. The caller leaves several instances the time to read the log.
func (c *Checker) Settle(ctx context.Context) {
	r := &reader{c: c, random: rand.New(rand.NewPCG(c.options.Seed, 1<<20)), cached: map[string]cached{}}
	floors := c.ledger.Floors()
	for _, addr := range c.options.Instances {
		for _, v := range c.views(r.random) {
			if ctx.Err() != nil {
				return
			}
			r.read(ctx, addr, v, &grant{floors: floors})
		}
	}
}

func (c *Checker) learn(kind Kind, k known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[kind] = append(c.known[kind], k)
	c.known[kind] = c.known[kind][max(0, len(c.known[kind])-maxKnown):]
}

// anyOf returns a random record of a kind.
func (c *Checker) anyOf(kind Kind, r *rand.Rand) known {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return pick(r, c.known[kind])
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// excused reports whether a failure is explained by a fault.
func (c *Checker) excused(addr string, sent time.Time, err error) bool {
	return c.options.Excuse != nil && c.options.Excuse(addr, sent, err)
}
