package cache

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Figures tell how a Cache has fared since it was made.
type Figures struct {
	// Bytes is the memory that the entries take, and Limit the most that they may.
	Bytes int64 `json:"bytes"`
	Limit int64 `json:"limit_bytes"`
	// Entries is how many are kept, those that are no longer valid included.
	Entries int64 `json:"entries"`
	// Operations are the figures by tier and operation, in that order.
	Operations []OperationFigures `json:"operations"`
	// Shared are those of the shared tier; nil if there is none.
	Shared *SharedFigures `json:"shared"`
}

// OperationFigures are the figures of one operation in one tier. Every request counts
// once as one of hits to bypassed, also when it fails, and as stale in addition
// when it was answered in spite of that.
type OperationFigures struct {
	Tier       Tier   `json:"tier"`
	Operation  string `json:"operation"`
	Hits       int64  `json:"hits"`        // from memory
	SharedHits int64  `json:"shared_hits"` // from the shared tier
	Misses     int64  `json:"misses"`
	Joined     int64  `json:"joined"`
	Bypassed   int64  `json:"bypassed"`
	Stale      int64  `json:"stale"`
	Evicted    int64  `json:"evicted"` // entries that made room for others
	Entries    int64  `json:"entries"`
	Bytes      int64  `json:"bytes"`
}

// SharedFigures tell how a shared tier has fared.
type SharedFigures struct {
	Hits    int64 `json:"hits"`
	Misses  int64 `json:"misses"`
	Sets    int64 `json:"sets"`
	Errors  int64 `json:"errors"`  // that it did not answer, or not in time
	Skipped int64 `json:"skipped"` // that it was not asked, as it did not answer before
	Dropped int64 `json:"dropped"` // values that were not written, as too many waited or they were too great
	// Breaker is "closed" while the tier is asked, "open" while it is not, and
	// "half-open" while it is tried whether it answers again; "connecting" as long as it
	// was never reached.
	Breaker string `json:"breaker"`
}

// seriesKey is what figures are kept by.
type seriesKey struct {
	tier      Tier
	operation string
}

// series are the counters of an operation.
type series struct {
	hits, sharedHits, misses, joined, bypassed, stale, evicted atomic.Int64
}

// figures are the counters of all operations.
type figures struct {
	mu     sync.RWMutex
	series map[seriesKey]*series
}

// of gives the counters of a request's operation.
func (f *figures) of(r *Request) *series {
	k := seriesKey{r.Tier, r.Operation}
	f.mu.RLock()
	s := f.series[k]
	f.mu.RUnlock()
	if s != nil {
		return s
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s = f.series[k]; s == nil {
		s = &series{}
		f.series[k] = s
	}
	return s
}

// Figures gives the figures. It goes through all entries, which is for looking at
// now and then and not for every request.
func (c *Cache) Figures() Figures {
	all := Figures{Limit: c.limit, Operations: []OperationFigures{}}
	of := map[*series]*OperationFigures{}
	c.figures.mu.RLock()
	for k, s := range c.figures.series {
		of[s] = &OperationFigures{
			Tier: k.tier, Operation: k.operation,
			Hits: s.hits.Load(), SharedHits: s.sharedHits.Load(), Misses: s.misses.Load(), Joined: s.joined.Load(),
			Bypassed: s.bypassed.Load(), Stale: s.stale.Load(), Evicted: s.evicted.Load(),
		}
	}
	c.figures.mu.RUnlock()
	if c.entries != nil {
		all.Bytes = int64(c.entries.WeightedSize())
		for e := range c.entries.Values() {
			if o := of[e.series]; o != nil { // nil: it has come since
				o.Entries++
				o.Bytes += e.weight()
				all.Entries++
			}
		}
	}
	if c.shared != nil {
		s := c.shared.store.Figures()
		all.Shared = &s
	}
	for _, o := range of {
		all.Operations = append(all.Operations, *o)
	}
	slices.SortFunc(all.Operations, func(a, b OperationFigures) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Operation, b.Operation))
	})
	return all
}

// Observe gives emit one figure after another as Prometheus knows them: a counter or
// else a gauge, and its labels as names and values in turn.
func (c *Cache) Observe(emit func(name, help string, counter bool, value float64, labels ...string)) {
	f := c.Figures()
	emit("sixty_cache_limit_bytes", "Most memory that cached answers may take.", false, float64(f.Limit))
	for _, o := range f.Operations {
		labels := []string{"tier", string(o.Tier), "operation", o.Operation}
		for _, outcome := range []struct {
			name  string
			count int64
		}{{"hit", o.Hits}, {"shared_hit", o.SharedHits}, {"miss", o.Misses}, {"joined", o.Joined}, {"bypass", o.Bypassed}} {
			emit("sixty_cache_requests_total", "Requests by how they were answered.", true, float64(outcome.count), append(slices.Clip(labels), "outcome", outcome.name)...)
		}
		emit("sixty_cache_stale_total", "Requests that failed and were answered with what was there before.", true, float64(o.Stale), labels...)
		emit("sixty_cache_evictions_total", "Entries that made room for others.", true, float64(o.Evicted), labels...)
		emit("sixty_cache_entries", "Entries in memory.", false, float64(o.Entries), labels...)
		emit("sixty_cache_bytes", "Memory that entries take.", false, float64(o.Bytes), labels...)
	}
	if f.Shared == nil {
		return
	}
	for _, outcome := range []struct {
		name  string
		count int64
	}{{"hit", f.Shared.Hits}, {"miss", f.Shared.Misses}, {"set", f.Shared.Sets}, {"error", f.Shared.Errors}, {"skipped", f.Shared.Skipped}, {"dropped", f.Shared.Dropped}} {
		emit("sixty_cache_shared_total", "What was asked of the shared tier, by what came of it.", true, float64(outcome.count), "outcome", outcome.name)
	}
	up := 0.0
	if f.Shared.Breaker == "closed" {
		up = 1
	}
	emit("sixty_cache_shared_up", "Whether the shared tier is asked: 0 while it was not reached yet, or its circuit breaker is open.", false, up)
}
