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

// maxEntryShare is the fraction (1/64) of the memory that a new entry may use: larger ones
// would evict too many others.
const maxEntryShare = 64

type key struct {
	org  crm.ID
	name string
}

// Cache caches answers. It is safe for concurrent use.
type Cache struct {
	limit     int64
	jitter    float64
	tiers     map[Tier]tier
	freshness Freshness
	shared    *sharedTier // nil if there is none
	now       func() time.Time
	entries   *otter.Cache[key, *Entry] // nil if the cache is off
	flights   flights
	stats     stats
	usage     usage
}

// tier holds the options of a Tier.
type tier struct {
	ttl  time.Duration
	tags [2]crm.Tag // whose invalidation clears the tier
}

// New returns a Cache, which the caller must Close.
func New(o Options) *Cache {
	c := &Cache{
		limit: o.Bytes, jitter: o.Jitter, tiers: map[Tier]tier{}, freshness: o.Freshness, now: o.Now,
		flights: flights{running: map[flightKey]*flight{}}, stats: stats{series: map[seriesKey]*series{}},
		usage: usage{reads: map[key]int64{}},
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
		// Expired entries are retained for StaleFor. The expiry does not change when an
		// entry is written again because it has grown.
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[key, *Entry]) time.Duration {
			return max(1, e.Value.expires.Add(StaleFor).Sub(c.now()))
		}),
		OnDeletion: func(e otter.DeletionEvent[key, *Entry]) {
			if e.Cause == otter.CauseOverflow {
				e.Value.series.evicted.Add(1)
			}
			c.usage.add(e.Value)
		},
		// Maintenance is cheap. On the caller's goroutine, it has evicted whatever exceeds
		// the limit before the write returns.
		Executor: func(f func()) { f() },
		Logger:   otterLogger{o.Logger},
	})
	if o.Shared != nil {
		c.shared = newSharedTier(o.Shared, o.Seal, o.Logger, o.Bytes/maxEntryShare)
	}
	return c
}

// Close ends background work. The cache must not be used afterwards.
func (c *Cache) Close() {
	if c.entries != nil {
		c.entries.StopAllGoroutines()
	}
	if c.shared != nil {
		c.shared.close()
	}
}

// Lookup answers a request from a valid entry in memory; ok is false if there is none. It is
// the fast path of Do, which must follow if ok is false. If the cache is off or the end of
// the log is unknown, Lookup sets Bypass, so that Do does not check again.
func (c *Cache) Lookup(ctx context.Context, r *Request) (Result, bool) {
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

// Do answers a request: from a valid entry, by joining another caller's fill, or by fill.
// An entry is valid if nothing it was built from has changed as far as the log is known,
// and only while the end of the log is known.
//
// The caller that runs fill returns when fill does, even if ctx ends before, because others
// may be waiting. The context passed to fill holds ctx's values and ends when no caller
// waits any more, or after 30 seconds. Errors are those of fill, or the cause of ctx for a
// cancelled caller; errors are not cached.
func (c *Cache) Do(ctx context.Context, r Request, fill func(context.Context) (*Answer, error)) (Result, error) {
	res, err := c.do(ctx, &r, fill)
	if r.StaleIfError <= 0 || crm.CodeOf(err) != crm.CodeUnavailable || c.entries == nil {
		return res, err
	}
	e, ok := c.entries.GetIfPresent(key{r.Org, r.Key})
	if !ok || !e.validWithin(r.StaleIfError, c.now()) {
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
	return c.coalesce(ctx, r, at, fill)
}

// position returns how far the log of the request's organisation is known.
func (c *Cache) position(ctx context.Context, r *Request, asked time.Time) (position, bool) {
	log, generation, ok := c.freshness.Position(ctx, r.Org)
	return position{log, generation, asked}, ok
}

// find looks for an entry in memory that is valid at a position.
func (c *Cache) find(r *Request, at position) (Result, bool) {
	e, ok := c.entries.GetIfPresent(key{r.Org, r.Key})
	if !ok || !c.valid(e, at.log, at.read) {
		return Result{}, false
	}
	if !r.Unread {
		e.markValid(at.read)
	}
	e.series.hits.Add(1)
	return Result{Entry: e, Outcome: Hit, Source: Memory, TTL: e.ttl(at.read), Lookup: c.now().Sub(at.read)}, true
}

// valid reports whether an entry may be used at a position of the log. One from beyond the
// position, or of another epoch, may not.
func (c *Cache) valid(e *Entry, log crm.LogPosition, now time.Time) bool {
	return now.Before(e.expires) && e.log.Epoch == log.Epoch && e.log.Seq <= log.Seq && c.freshness.Fresh(e.key.org, e.log, e.tags)
}

// bypass answers by fill alone.
func (c *Cache) bypass(ctx context.Context, r *Request, asked time.Time, fill func(context.Context) (*Answer, error)) (Result, error) {
	s := c.stats.of(r)
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

// store builds an entry, and caches it if that is allowed and useful.
func (c *Cache) store(r *Request, at position, a *Answer) *Entry {
	e := newEntry(key{r.Org, r.Key}, a, c.stats.of(r))
	e.countFirst(r)
	t, ok := c.tiers[r.Tier]
	if !ok || a.NoStore || !cacheable(a.Status) || a.Epoch != "" && a.Epoch != at.log.Epoch {
		return e
	}
	e.log = at.log
	e.tags = append(append(make([]crm.Tag, 0, len(a.Tags)+len(t.tags)), a.Tags...), t.tags[:]...)
	spread := rand.Float64() * c.jitter //nolint:gosec // spreads load, not security-sensitive
	end := at.read.Add(t.ttl - time.Duration(spread*float64(t.ttl)))
	if until := a.Until.Time(); a.Until != 0 && until.Before(end) {
		end = until
	}
	c.put(e, end, at.read)
	return e
}

// put caches an entry that was valid at good until end.
func (c *Cache) put(e *Entry, expires, validAt time.Time) {
	if !validAt.Before(expires) || e.weight() > c.limit/maxEntryShare {
		return
	}
	e.expires, e.cache = expires, c
	e.validAt.Store(validAt.UnixNano())
	c.entries.Set(e.key, e)
}

// cacheable reports whether answers with a status are cached: success, and that there is
// nothing.
func cacheable(status int) bool {
	return status >= 200 && status < 300 || status == http.StatusNotFound
}

// reweigh updates the weight of an entry that has grown, if it is still cached.
func (c *Cache) reweigh(e *Entry) {
	c.entries.Compute(e.key, func(old *Entry, found bool) (*Entry, otter.ComputeOp) {
		if !found || old != e {
			return old, otter.CancelOp
		}
		return e, otter.WriteOp
	})
}

// otterLogger logs the errors that otter reports.
type otterLogger struct{ log *slog.Logger }

func (o otterLogger) Warn(ctx context.Context, msg string, err error) {
	o.log.WarnContext(ctx, msg, slog.Any("error", err))
}

func (o otterLogger) Error(ctx context.Context, msg string, err error) {
	o.log.ErrorContext(ctx, msg, slog.Any("error", err))
}
