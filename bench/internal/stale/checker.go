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

// Options say what is checked.
type Options struct {
	Instances []string // HOST:PORT of each
	Key       string   // of a manager or admin, in an organisation that nobody else writes to
	// Tokens makes every read carry a consistency token, and judges it by the writes
	// that the token covers. Without, it is judged by all that were acknowledged.
	Tokens     bool
	Writers    int
	Readers    int
	WriteEvery time.Duration // of each writer, on average
	Seed       uint64
	// Excuse tells whether a failure to answer is the fault of something that was
	// done to the servers meanwhile; nothing is excused if nil. Err is nil for a
	// status of the server's own failing.
	Excuse func(addr string, sent time.Time, err error) bool
}

// Checker writes, reads and judges. New makes it, Close frees its connections.
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

// grant is a consistency token and what it covers: all that had been acknowledged
// before the write was sent that it was given for, and that write. What was
// acknowledged meanwhile may have come after it.
type grant struct {
	token  string
	floors Floors
}

// known is a thing with its id.
type known struct {
	thing Thing
	id    string
}

// maxKnown bounds the things of a kind that are asked for one by one.
const maxKnown = 100

// New makes a checker and learns who and what there is in the organisation.
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

// Close frees what New holds.
func (c *Checker) Close() { c.client.Close() }

// Report tells what was found so far.
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

// Prepare makes the things that are written to. No fault may fall on it.
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

// Run lets writers write and readers read, until ctx ends.
func (c *Checker) Run(ctx context.Context, writers []*Writer) {
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() { w.run(ctx) })
	}
	for i := range c.options.Readers {
		r := &reader{c: c, random: rand.New(rand.NewPCG(c.options.Seed, uint64(1000+i))), kept: map[string]kept{}}
		wg.Go(func() { r.run(ctx) })
	}
	wg.Wait()
}

// Settle asks every instance for everything there is, once nothing is written any
// more: each must show all that was acknowledged. The caller leaves instances the time
// to hear of it, where there is more than one.
func (c *Checker) Settle(ctx context.Context) {
	r := &reader{c: c, random: rand.New(rand.NewPCG(c.options.Seed, 1<<20)), kept: map[string]kept{}}
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

// anyOf picks one of the known things of a kind.
func (c *Checker) anyOf(kind Kind, r *rand.Rand) known {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return pick(r, c.known[kind])
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// excused tells whether a failure is not the server's.
func (c *Checker) excused(addr string, sent time.Time, err error) bool {
	return c.options.Excuse != nil && c.options.Excuse(addr, sent, err)
}
