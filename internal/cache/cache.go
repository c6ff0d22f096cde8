package cache

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/maypok86/otter/v2"

	"sixty/internal/crm"
)

// greatestShare is the part of the memory, one in so many, that an entry may take
// when it is made: what is greater is not worth what it would push out.
const greatestShare = 64

// key is what an entry is found under.
type key struct {
	org  crm.ID
	name string
}

// Cache keeps answers. It is safe for concurrent use.
type Cache struct {
	limit     int64
	jitter    float64
	tiers     map[Tier]tier
	freshness Freshness
	shared    *sharedTier // nil if there is none
	now       func() time.Time
	entries   *otter.Cache[key, *Entry] // nil if the cache is off
	flights   flights
	figures   figures
}

// tier is what is settled about one.
type tier struct {
	ttl  time.Duration
	tags [2]crm.Tag // those that clear it
}

// New makes a Cache. Close ends it.
func New(o Options) *Cache {
	c := &Cache{
		limit: o.Bytes, jitter: o.Jitter, tiers: map[Tier]tier{}, freshness: o.Freshness, now: o.Now,
		flights: flights{running: map[flightKey]*flight{}}, figures: figures{series: map[seriesKey]*series{}},
	}
	if c.now == nil {
		c.now = time.Now
	}
	for _, t := range Tiers() {
		c.tiers[t] = tier{o.TTL[t], [2]crm.Tag{{Entity: crm.EntityCache}, {Entity: crm.EntityCache + "." + string(t)}}}
	}
	if o.Bytes <= 0 {
		return c
	}
	c.entries = otter.Must(&otter.Options[key, *Entry]{
		MaximumWeight: uint64(o.Bytes),
		Weigher:       func(_ key, e *Entry) uint32 { return uint32(min(e.weight(), math.MaxUint32)) },
		// An entry that has ended stays for StaleFor. Its end does not move when it
		// is written again because it has grown.
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[key, *Entry]) time.Duration {
			return max(1, e.Value.end.Add(StaleFor).Sub(c.now()))
		}),
		OnDeletion: func(e otter.DeletionEvent[key, *Entry]) {
			if e.Cause == otter.CauseOverflow {
				e.Value.series.evicted.Add(1)
			}
		},
		// Maintenance on the caller's goroutine: it is little, and so what is too much
		// has gone before the write returns that has brought it.
		Executor: func(f func()) { f() },
		Logger:   oddities{o.Logger},
	})
	if o.Shared != nil && o.Epoch != nil {
		c.shared = newSharedTier(o.Shared, o.Epoch, o.Logger, o.Bytes/greatestShare)
	}
	return c
}

// Close ends what the cache has running. Nothing may be asked of it any more.
func (c *Cache) Close() {
	if c.entries != nil {
		c.entries.StopAllGoroutines()
	}
	if c.shared != nil {
		c.shared.close()
	}
}

// Find answers a request from an entry in memory that is valid; false if there is none.
// It is Do without what Do needs for all else, as most requests are answered so. Do is to
// follow if it is false. Where the cache is off, or it cannot be told whether the log goes
// on, Find sets Bypass, so that Do does not ask for that again.
func (c *Cache) Find(ctx context.Context, r *Request) (Result, bool) {
	if r.Bypass = r.Bypass || c.entries == nil; r.Bypass {
		return Result{}, false
	}
	asked := c.now()
	at, ok := c.position(ctx, r, asked)
	if !ok {
		r.Bypass = true
		return Result{}, false
	}
	return c.find(r, at)
}

// Do answers a request: from an entry that is valid, by joining another caller's
// fill, or by fill. An entry is valid if nothing that it was made from has changed
// as far as the log is known, and only while it is known that the log goes on.
//
// Whoever calls fill stays until it ends, also when its ctx ends before, as others
// may be waiting. The context that fill is given holds ctx's values and ends when
// everybody who waits has gone, or after 30 seconds. Errors are those of fill, and
// ctx's cause for whoever has gone; they are not kept.
func (c *Cache) Do(ctx context.Context, r Request, fill func(context.Context) (*Answer, error)) (Result, error) {
	res, err := c.do(ctx, &r, fill)
	if r.StaleIfError <= 0 || crm.CodeOf(err) != crm.CodeUnavailable || c.entries == nil {
		return res, err
	}
	e, ok := c.entries.GetIfPresent(key{r.Org, r.Key})
	if !ok || !e.goodWithin(r.StaleIfError, c.now()) {
		return res, err
	}
	e.series.stale.Add(1)
	res.Entry, res.Outcome, res.Source, res.TTL = e, StaleError, Memory, 0
	return res, nil
}

func (c *Cache) do(ctx context.Context, r *Request, fill func(context.Context) (*Answer, error)) (Result, error) {
	asked := c.now()
	if r.Bypass || c.entries == nil {
		return c.bypass(ctx, r, asked, fill)
	}
	at, ok := c.position(ctx, r, asked)
	if !ok {
		return c.bypass(ctx, r, asked, fill)
	}
	if res, ok := c.find(r, at); ok {
		return res, nil
	}
	return c.share(ctx, r, at, fill)
}

// position tells how far the log of a request's organisation is known.
func (c *Cache) position(ctx context.Context, r *Request, asked time.Time) (position, bool) {
	seq, generation, ok := c.freshness.Position(ctx, r.Org)
	return position{seq, generation, asked}, ok
}

// find looks for an entry in memory that is valid at a position.
func (c *Cache) find(r *Request, at position) (Result, bool) {
	e, ok := c.entries.GetIfPresent(key{r.Org, r.Key})
	if !ok || !c.valid(e, at.seq, at.read) {
		return Result{}, false
	}
	e.noteGood(at.read)
	e.series.hits.Add(1)
	return Result{Entry: e, Outcome: Hit, Source: Memory, TTL: e.ttl(at.read), Lookup: c.now().Sub(at.read)}, true
}

// valid tells whether an entry may be given to whoever has read the log's position
// at now. One from beyond the position is not: the log has gone back, and what
// has become of it is not known.
func (c *Cache) valid(e *Entry, seq int64, now time.Time) bool {
	return now.Before(e.end) && e.seq <= seq && c.freshness.Fresh(e.key.org, e.seq, e.tags)
}

// bypass answers by fill alone.
func (c *Cache) bypass(ctx context.Context, r *Request, asked time.Time, fill func(context.Context) (*Answer, error)) (Result, error) {
	s := c.figures.of(r)
	s.bypassed.Add(1)
	began := c.now()
	res := Result{Outcome: Bypass, Lookup: began.Sub(asked)}
	a, err := fill(ctx)
	res.Fill = c.now().Sub(began)
	if err != nil {
		return res, err
	}
	res.Entry = newEntry(key{r.Org, r.Key}, a, s)
	return res, nil
}

// keep makes an answer an entry, and keeps it if that is allowed and worth it.
func (c *Cache) keep(r *Request, at position, a *Answer) *Entry {
	e := newEntry(key{r.Org, r.Key}, a, c.figures.of(r))
	t, ok := c.tiers[r.Tier]
	if !ok || a.NoStore || !keepable(a.Status) {
		return e
	}
	e.seq = at.seq
	e.tags = append(append(make([]crm.Tag, 0, len(a.Tags)+len(t.tags)), a.Tags...), t.tags[:]...)
	spread := rand.Float64() * c.jitter //nolint:gosec // it spreads load and keeps no secret
	end := at.read.Add(t.ttl - time.Duration(spread*float64(t.ttl)))
	if until := a.Until.Time(); a.Until != 0 && until.Before(end) {
		end = until
	}
	c.put(e, end, at.read)
	return e
}

// put keeps an entry until end, which was good at good.
func (c *Cache) put(e *Entry, end, good time.Time) {
	if !good.Before(end) || e.weight() > c.limit/greatestShare {
		return
	}
	e.end, e.home = end, c
	e.good.Store(good.UnixNano())
	c.entries.Set(e.key, e)
}

// keepable tells whether answers of a status are kept: what is, and that something
// is not.
func keepable(status int) bool {
	return status >= 200 && status < 300 || status == http.StatusNotFound
}

// reweigh counts an entry anew that has grown, if it is still there.
func (c *Cache) reweigh(e *Entry) {
	c.entries.Compute(e.key, func(old *Entry, found bool) (*Entry, otter.ComputeOp) {
		if !found || old != e {
			return old, otter.CancelOp
		}
		return e, otter.WriteOp
	})
}

// oddities hands on what otter finds odd.
type oddities struct{ log *slog.Logger }

func (o oddities) Warn(ctx context.Context, msg string, err error) {
	o.log.WarnContext(ctx, msg, slog.Any("error", err))
}

func (o oddities) Error(ctx context.Context, msg string, err error) {
	o.log.ErrorContext(ctx, msg, slog.Any("error", err))
}
