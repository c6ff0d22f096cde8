package main

import (
	"fmt"
	"slices"
	"time"
)

// lifetimes are those of the cache's tiers; "" is the default.
var lifetimes = map[string]time.Duration{"": 5 * time.Minute, "frequent": 5 * time.Minute, "session": time.Minute, "static": time.Hour}

// oracle returns for each read, in the order of sending, whether a cache that invalidates an
// entry only when its response really changes would have had a hit.
func oracle(sights []sight) []bool {
	type entry struct {
		body uint64
		made time.Time // at its last miss
	}
	entries := map[string]entry{}
	hits := make([]bool, len(sights))
	for i, s := range sights {
		e, ok := entries[s.key]
		lifetime, known := lifetimes[s.tier]
		if !known {
			lifetime = lifetimes[""]
		}
		if ok && e.body == s.body && s.sent.Sub(e.made) < lifetime {
			hits[i] = true
			continue
		}
		entries[s.key] = entry{s.body, s.sent}
	}
	return hits
}

// finish sorts the reads by the time of sending, and the durations.
func (d *diary) finish() {
	slices.SortStableFunc(d.sights, func(a, b sight) int { return a.sent.Compare(b.sent) })
	slices.Sort(d.took)
}

// printHits prints the hit ratio compared with the oracle's, by class and in total.
func (d *diary) printHits() {
	could := oracle(d.sights)
	line := func(name string, of func(sight) bool) {
		var reads, hits, shared, best int
		for i, s := range d.sights {
			if !of(s) {
				continue
			}
			reads++
			switch {
			case s.hit:
				hits++
			case s.shared:
				shared++
			}
			if could[i] {
				best++
			}
		}
		part := func(n int) float64 { return float64(n) / float64(max(reads, 1)) }
		fmt.Printf("%10s    %-12s %7d %9.4f %9.4f %9.4f %9.3f\n", "", name, reads, part(hits), part(shared), part(best), float64(hits)/float64(max(best, 1)))
	}
	fmt.Printf("%10s    %-12s %7s %9s %9s %9s %9s (aim of all: 0.95)\n", "", "", "reads", "hits", "shared", "oracle's", "ratio")
	for _, c := range dayClasses {
		line(c.name, func(s sight) bool { return s.class == c.name })
	}
	line("all", func(sight) bool { return true })
	fmt.Printf("%10s    and %d writes\n", "", d.writes)
}
