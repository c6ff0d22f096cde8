package cache

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Stats are the counters of a Cache since the start.
type Stats struct {
	// Bytes is the memory used by entries, Limit its bound.
	Bytes int64 `json:"bytes"`
	Limit int64 `json:"limit_bytes"`
	// Entries counts the entries in memory, including invalid ones.
	Entries int64 `json:"entries"`
	// Operations holds the counters by tier and operation, in that order.
	Operations []OperationStats `json:"operations"`
	// Shared holds those of the shared tier; nil if there is none.
	Shared *SharedStats `json:"shared"`
}

// OperationStats are the counters of one operation in one tier. Every request, failed ones
// included, counts as exactly one of Hits to Bypassed, and also as Stale if it failed and
// was answered from a stale entry.
type OperationStats struct {
	Tier       Tier   `json:"tier"`
	Operation  string `json:"operation"`
	Hits       int64  `json:"hits"`        // from memory
	SharedHits int64  `json:"shared_hits"` // from the shared tier
	Misses     int64  `json:"misses"`
	Joined     int64  `json:"joined"`
	Bypassed   int64  `json:"bypassed"`
	Stale      int64  `json:"stale"`
	Evicted    int64  `json:"evicted"` // to make room for others
	Entries    int64  `json:"entries"`
	Bytes      int64  `json:"bytes"`
}

// SharedStats are the counters of a shared tier.
type SharedStats struct {
	Hits    int64 `json:"hits"`
	Misses  int64 `json:"misses"`
	Sets    int64 `json:"sets"`
	Errors  int64 `json:"errors"`  // no answer, or not in time
	Skipped int64 `json:"skipped"` // not asked, because the breaker is open or Redis not connected
	Dropped int64 `json:"dropped"` // not written: too many waiting, or too large
	// Rejected counts values that were found and not used, because no instance on this database
	// has written them so.
	Rejected int64 `json:"rejected"`
	// Breaker is the state of the circuit breaker: "closed" (in use), "open" (not in use),
	// "half-open" (being tested), or "connecting" before the first connection.
	Breaker string `json:"breaker"`
}

type seriesKey struct {
	tier      Tier
	operation string
}

// series are the counters of an operation.
type series struct {
	hits, sharedHits, misses, joined, bypassed, stale, evicted atomic.Int64
}

// stats are the counters of all operations.
type stats struct {
	mu     sync.RWMutex
	series map[seriesKey]*series
}

// of returns the counters of a request's operation.
func (f *stats) of(r *Request) *series {
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

// Stats returns the current counters. It iterates over all entries, so it is not for every
// request.
func (c *Cache) Stats() Stats {
	all := Stats{Limit: c.limit, Operations: []OperationStats{}}
	of := map[*series]*OperationStats{}
	c.stats.mu.RLock()
	for k, s := range c.stats.series {
		of[s] = &OperationStats{
			Tier: k.tier, Operation: k.operation,
			Hits: s.hits.Load(), SharedHits: s.sharedHits.Load(), Misses: s.misses.Load(), Joined: s.joined.Load(),
			Bypassed: s.bypassed.Load(), Stale: s.stale.Load(), Evicted: s.evicted.Load(),
		}
	}
	c.stats.mu.RUnlock()
	if c.entries != nil {
		all.Bytes = int64(c.entries.WeightedSize())
		for e := range c.entries.Values() {
			if o := of[e.series]; o != nil { // nil: added meanwhile
				o.Entries++
				o.Bytes += e.weight()
				all.Entries++
			}
		}
	}
	if c.shared != nil {
		s := c.shared.store.Stats()
		s.Rejected = c.shared.rejected.Load()
		all.Shared = &s
	}
	for _, o := range of {
		all.Operations = append(all.Operations, *o)
	}
	slices.SortFunc(all.Operations, func(a, b OperationStats) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Operation, b.Operation))
	})
	return all
}

// Observe calls emit for each metric, with its labels as alternating names and values.
func (c *Cache) Observe(emit func(name, help string, counter bool, value float64, labels ...string)) {
	f := c.Stats()
	emit("sixty_cache_limit_bytes", "Limit of the memory used by cached answers.", false, float64(f.Limit))
	for _, o := range f.Operations {
		labels := []string{"tier", string(o.Tier), "operation", o.Operation}
		for _, outcome := range []struct {
			name  string
			count int64
		}{{"hit", o.Hits}, {"shared_hit", o.SharedHits}, {"miss", o.Misses}, {"joined", o.Joined}, {"bypass", o.Bypassed}} {
			emit("sixty_cache_requests_total", "Requests by outcome.", true, float64(outcome.count), append(slices.Clip(labels), "outcome", outcome.name)...)
		}
		emit("sixty_cache_stale_total", "Failed requests that were answered from a stale entry.", true, float64(o.Stale), labels...)
		emit("sixty_cache_evictions_total", "Entries evicted to make room for others.", true, float64(o.Evicted), labels...)
		emit("sixty_cache_entries", "Entries in memory.", false, float64(o.Entries), labels...)
		emit("sixty_cache_bytes", "Memory used by entries.", false, float64(o.Bytes), labels...)
	}
	if f.Shared == nil {
		return
	}
	for _, outcome := range []struct {
		name  string
		count int64
	}{{"hit", f.Shared.Hits}, {"miss", f.Shared.Misses}, {"set", f.Shared.Sets}, {"error", f.Shared.Errors}, {"skipped", f.Shared.Skipped}, {"dropped", f.Shared.Dropped}, {"rejected", f.Shared.Rejected}} {
		emit("sixty_cache_shared_total", "Calls of the shared tier by outcome.", true, float64(outcome.count), "outcome", outcome.name)
	}
	up := 0.0
	if f.Shared.Breaker == "closed" {
		up = 1
	}
	emit("sixty_cache_shared_up", "Whether the shared tier is in use: 0 before the first connection and while its circuit breaker is open.", false, up)
}
