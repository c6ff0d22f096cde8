package cache_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sixty/internal/cache"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	shared := &store{values: map[string][]byte{}}
	b := newBench(t, sharing(shared))
	b.want(t, list(), text("1"), "1", cache.Miss)
	b.want(t, list(), text("2"), "1", cache.Hit)
	b.want(t, list(), text("3"), "1", cache.Hit)
	r := list()
	r.Bypass = true
	b.want(t, r, text("4"), "4", cache.Bypass)
	b.log.invalidate(deals)
	r = list()
	r.StaleIfError = cache.StaleFor
	b.want(t, r, unavailable, "1", cache.StaleError)
	other := newBench(t, sharing(shared))
	other.want(t, list(), text("5"), "1", cache.Hit)
	me := cache.Request{Org: home, Key: "/api/me", Tier: cache.Session, Operation: "me"}
	b.want(t, me, text("me"), "me", cache.Miss)

	want := []cache.OperationStats{
		{Tier: cache.Frequent, Operation: "list-deals", Hits: 2, Misses: 2, Bypassed: 1, Stale: 1, Entries: 1},
		{Tier: cache.Session, Operation: "me", Misses: 1, Entries: 1},
	}
	bytes := cmpopts.IgnoreFields(cache.OperationStats{}, "Bytes")
	f := b.Stats()
	if d := cmp.Diff(want, f.Operations, bytes); d != "" {
		t.Error(d)
	}
	if f.Entries != 2 || f.Bytes != f.Operations[0].Bytes+f.Operations[1].Bytes || f.Shared == nil || f.Shared.Breaker != "closed" {
		t.Errorf("Figures = %+v", f)
	}
	want = []cache.OperationStats{{Tier: cache.Frequent, Operation: "list-deals", SharedHits: 1, Entries: 1}}
	if d := cmp.Diff(want, other.Stats().Operations, bytes); d != "" {
		t.Error(d)
	}

	var seen strings.Builder
	b.Observe(func(name, _ string, counter bool, value float64, labels ...string) {
		fmt.Fprintln(&seen, name, counter, labels, value)
	})
	for _, line := range []string{
		"sixty_cache_limit_bytes false [] 1.048576e+06",
		"sixty_cache_requests_total true [tier frequent operation list-deals outcome hit] 2",
		"sixty_cache_requests_total true [tier frequent operation list-deals outcome miss] 2",
		"sixty_cache_requests_total true [tier frequent operation list-deals outcome bypass] 1",
		"sixty_cache_stale_total true [tier frequent operation list-deals] 1",
		"sixty_cache_entries false [tier session operation me] 1",
		"sixty_cache_shared_total true [outcome hit] 0",
		"sixty_cache_shared_up false [] 1",
	} {
		if !strings.Contains(seen.String(), line+"\n") {
			t.Errorf("%q is missing:\n%s", line, seen.String())
		}
	}
}
