package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sixty/internal/crm"
)

// fillLimit bounds one fill, which many callers may wait for.
const fillLimit = 30 * time.Second

// Errors that callers see when a fill has no result.
var (
	errSlow = crm.Unavailable(fmt.Errorf("the fill took more than %s", fillLimit))
	// errPanicked is for waiting callers; the panic propagates in the first one.
	errPanicked = &crm.Error{Code: crm.CodeInternal, Message: "Something went wrong on our side.", Cause: errors.New("the shared fill panicked")}
)

// position is how far an organisation's log was known, and when it was asked.
type position struct {
	log        crm.LogPosition
	generation uint64
	read       time.Time
}

// flightKey identifies a shared fill. A fill that began before a change may not have seen
// it, hence the generation.
type flightKey struct {
	key
	generation uint64
}

// flight is a running fill, on the goroutine of the first caller.
type flight struct {
	cancel  context.CancelFunc
	waiters int           // number of callers; guarded by flights.mu
	done    chan struct{} // closed when the fields below are set

	entry    *Entry
	source   Source
	lookedUp time.Time // when the lookup had ended
	err      error
}

// flights are the running fills.
type flights struct {
	mu      sync.Mutex
	running map[flightKey]*flight
}

// join joins the running flight of a key, or starts one, which the caller must finish. It
// reports whether it is the first.
func (fs *flights) join(k flightKey, cancel context.CancelFunc) (f *flight, first bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f, ok := fs.running[k]; ok {
		f.waiters++
		return f, false
	}
	f = &flight{cancel: cancel, waiters: 1, done: make(chan struct{}), err: errPanicked}
	fs.running[k] = f
	return f, true
}

// leave removes a waiting caller. The last one cancels the fill, and later callers start
// another.
func (fs *flights) leave(k flightKey, f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return
	}
	fs.remove(k, f)
	f.cancel()
}

// finish releases the waiting callers.
func (fs *flights) finish(k flightKey, f *flight) {
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

// coalesce answers a request without an entry in memory, together with all concurrent
// requests of the same key.
func (c *Cache) coalesce(ctx context.Context, r *Request, at position, fill func(context.Context) (*Answer, error)) (Result, error) {
	k := flightKey{key{r.Org, r.Key}, at.generation}
	// Not cancelled with the first caller: others may have joined.
	shared, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), fillLimit, errSlow)
	defer cancel()
	f, first := c.flights.join(k, cancel)
	if !first {
		return c.wait(ctx, r, at, k, f)
	}
	c.run(shared, ctx, r, at, k, f, fill)
	now := c.now()
	res := Result{Entry: f.entry, Outcome: Miss, Source: f.source, Lookup: f.lookedUp.Sub(at.read), Fill: now.Sub(f.lookedUp)}
	if f.source != "" {
		res.Outcome = Hit
	}
	s := c.stats.of(r)
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
		c.shared.put(f.entry, now) // after the waiting callers were released
	}
	return res, nil
}

// run runs a flight. shared is the context of all waiting callers, own that of the first.
func (c *Cache) run(shared, own context.Context, r *Request, at position, k flightKey, f *flight, fill func(context.Context) (*Answer, error)) {
	defer c.flights.finish(k, f)
	defer context.AfterFunc(own, func() { c.flights.leave(k, f) })()
	if c.shared != nil {
		if e := c.shared.get(shared, k.key, at.log.Epoch); e != nil && c.valid(e, at.log, at.read) {
			e.series = c.stats.of(r)
			e.countFirst(r)
			c.put(e, e.expires, at.read)
			f.entry, f.source, f.lookedUp, f.err = e, SharedSource, c.now(), nil
			return
		}
	}
	f.lookedUp = c.now()
	a, err := fill(shared)
	if err != nil {
		f.err = err
		return
	}
	f.entry, f.err = c.store(r, at, a), nil
}

// wait waits for another caller's flight.
func (c *Cache) wait(ctx context.Context, r *Request, at position, k flightKey, f *flight) (Result, error) {
	c.stats.of(r).joined.Add(1)
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
