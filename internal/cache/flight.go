package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sixty/internal/crm"
)

// fillLimit bounds one fill, which many may wait for.
const fillLimit = 30 * time.Second

// What callers see when a fill gives nothing.
var (
	errSlow = crm.Unavailable(fmt.Errorf("a fill took more than %s", fillLimit))
	// errPanicked is for those who wait; the panic is the first caller's.
	errPanicked = &crm.Error{Code: crm.CodeInternal, Message: "Something went wrong on our side.", Cause: errors.New("a fill that was waited for has panicked")}
)

// position is how far an organisation's log was known, and when that was asked.
type position struct {
	seq        int64
	generation uint64
	read       time.Time
}

// flightKey is what callers have in common who share a fill. A fill that began
// before something changed may not have seen it, hence the generation.
type flightKey struct {
	key
	generation uint64
}

// flight is a fill that runs, on the goroutine of the caller who was first.
type flight struct {
	cancel  context.CancelFunc
	waiting int           // how many want its answer; guarded by flights.mu
	done    chan struct{} // closed when what follows is set

	entry  *Entry
	source Source
	looked time.Time // when it was known that there is no entry, or where it is
	err    error
}

// flights are the fills that run.
type flights struct {
	mu      sync.Mutex
	running map[flightKey]*flight
}

// board joins the flight of this key that runs, or begins one, which is then to be
// ended by land; first tells which.
func (fs *flights) board(k flightKey, cancel context.CancelFunc) (f *flight, first bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f, ok := fs.running[k]; ok {
		f.waiting++
		return f, false
	}
	f = &flight{cancel: cancel, waiting: 1, done: make(chan struct{}), err: errPanicked}
	fs.running[k] = f
	return f, true
}

// leave tells that somebody does not want the answer any more. When nobody does, the
// fill is cancelled, and whoever comes later begins another.
func (fs *flights) leave(k flightKey, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	fs.remove(k, f)
	f.cancel()
}

// land gives the answer to those who wait.
func (fs *flights) land(k flightKey, f *flight) {
	fs.mu.Lock()
	fs.remove(k, f)
	fs.mu.Unlock()
	close(f.done)
}

func (fs *flights) remove(k flightKey, f *flight) {
	if fs.running[k] == f {
		delete(fs.running, k)
	}
}

// share answers a request for which there is no entry in memory, together with all
// who ask the same meanwhile.
func (c *Cache) share(ctx context.Context, r *Request, at position, fill func(context.Context) (*Answer, error)) (Result, error) {
	k := flightKey{key{r.Org, r.Key}, at.generation}
	// Whoever asked first may give up; those who joined must not suffer for it.
	shared, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), fillLimit, errSlow)
	defer cancel()
	f, first := c.flights.board(k, cancel)
	if !first {
		return c.join(ctx, r, at, k, f)
	}
	c.lead(shared, ctx, r, at, k, f, fill)
	now := c.now()
	res := Result{Entry: f.entry, Outcome: Miss, Source: f.source, Lookup: f.looked.Sub(at.read), Fill: now.Sub(f.looked)}
	if f.source != "" {
		res.Outcome = Hit
	}
	s := c.figures.of(r)
	if res.Outcome == Hit {
		s.sharedHits.Add(1)
	} else {
		s.misses.Add(1)
	}
	if f.err != nil {
		if ctx.Err() != nil {
			return res, context.Cause(ctx)
		}
		return res, f.err
	}
	res.TTL = f.entry.ttl(now)
	if res.Outcome == Miss && c.shared != nil {
		c.shared.put(f.entry, now) // those who wait have their answer already
	}
	return res, nil
}

// lead runs a flight. Its context is shared by those who wait, and own is the first
// caller's.
func (c *Cache) lead(shared, own context.Context, r *Request, at position, k flightKey, f *flight, fill func(context.Context) (*Answer, error)) {
	defer c.flights.land(k, f)
	defer context.AfterFunc(own, func() { c.flights.leave(k, f) })()
	if c.shared != nil {
		if e := c.shared.get(shared, k.key); e != nil && c.valid(e, at.seq, at.read) {
			e.series = c.figures.of(r)
			c.put(e, e.end, at.read)
			f.entry, f.source, f.looked, f.err = e, SharedSource, c.now(), nil
			return
		}
	}
	f.looked = c.now()
	a, err := fill(shared)
	if err != nil {
		f.err = err
		return
	}
	f.entry, f.err = c.keep(r, at, a), nil
}

// join waits for another caller's flight.
func (c *Cache) join(ctx context.Context, r *Request, at position, k flightKey, f *flight) (Result, error) {
	c.figures.of(r).joined.Add(1)
	joined := c.now()
	res := Result{Outcome: Joined, Lookup: joined.Sub(at.read)}
	select {
	case <-f.done:
	case <-ctx.Done():
		c.flights.leave(k, f)
		return res, context.Cause(ctx)
	}
	now := c.now()
	res.Fill = now.Sub(joined)
	if f.err != nil {
		return res, f.err
	}
	res.Entry, res.Source, res.TTL = f.entry, f.source, f.entry.ttl(now)
	return res, nil
}
