package cache_test

import (
	"context"
	"testing"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// unchanging is a log without changes, at no cost.
type unchanging struct{}

func (unchanging) Position(context.Context, crm.ID) (at crm.LogPosition, generation uint64, ok bool) {
	return crm.LogPosition{Epoch: "E", Seq: 1}, 1, true
}
func (unchanging) Fresh(crm.ID, crm.LogPosition, []crm.Tag) bool { return true }

func warm(b *testing.B) *bench {
	b.Helper()
	c := newBench(b, func(o *cache.Options) { o.Freshness = unchanging{} })
	c.want(b, list(), text("body"), "body", cache.Miss)
	b.ReportAllocs()
	return c
}

func BenchmarkHit(b *testing.B) {
	c, r, fill := warm(b), list(), text("body")
	for b.Loop() {
		if res, err := c.Do(b.Context(), r, fill); err != nil || res.Outcome != cache.Hit {
			b.Fatal(res, err)
		}
	}
}

func BenchmarkHitParallel(b *testing.B) {
	c, fill := warm(b), text("body")
	b.RunParallel(func(p *testing.PB) {
		r := list()
		for p.Next() {
			if res, err := c.Do(context.Background(), r, fill); err != nil || res.Outcome != cache.Hit {
				b.Error(res, err)
				return
			}
		}
	})
}

func BenchmarkEncoded(b *testing.B) {
	c := warm(b)
	e := c.want(b, list(), text("body"), "body", cache.Hit).Entry
	for b.Loop() {
		e.Encoded("br", func(body []byte) []byte { return body })
	}
}

func BenchmarkMiss(b *testing.B) {
	c := newBench(b, func(o *cache.Options) { o.Freshness = unchanging{} })
	r, fill := list(), text("body")
	r.Tier = "none" // uncached
	b.ReportAllocs()
	for b.Loop() {
		if res, err := c.Do(b.Context(), r, fill); err != nil || res.Outcome != cache.Miss {
			b.Fatal(res, err)
		}
	}
}
