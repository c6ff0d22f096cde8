package main

import (
	"slices"
	"testing"
	"time"

	"sixty/bench/internal/stale"
)

// The oracle has what was asked for before, unless it changed or is too old.
func TestOracle(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	got := oracle([]sight{
		{key: "a", sent: at(0), body: 1, tier: "session"},
		{key: "a", sent: at(1), body: 1, tier: "session"},  // as before
		{key: "b", sent: at(2), body: 1, tier: "session"},  // another
		{key: "a", sent: at(3), body: 2, tier: "session"},  // changed
		{key: "a", sent: at(4), body: 1, tier: "session"},  // changed back
		{key: "a", sent: at(30), body: 1, tier: "session"}, // as before
		{key: "a", sent: at(65), body: 1, tier: "session"}, // too old by now
		{key: "b", sent: at(99), body: 1, tier: "static"},  // lives longer
	})
	if want := []bool{false, true, false, false, false, true, false, true}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A day is the same for the same seed, and day.md's shares are a hundred.
func TestErrands(t *testing.T) {
	t.Parallel()
	sum := 0
	f := &office{keys: []string{"k1", "k2"}, views: map[string][]string{}, stages: []string{"s"}, deals: []string{"d1", "d2"}}
	f.others = map[stale.Kind][]string{stale.Contact: {"c"}, stale.Company: {"o"}}
	for _, c := range dayClasses {
		sum += c.percent
		f.views[c.name] = []string{c.name + "1", c.name + "2"}
	}
	if sum != 100 {
		t.Errorf("the shares are %d of a hundred", sum)
	}
	const n = 20_000
	one, two := errands([]*office{f}, n, 7), errands([]*office{f}, n, 7)
	writes, first, second := 0, 0, 0
	for i := range one {
		a, b := one[i], two[i]
		if a.key != b.key || a.path != b.path || (a.change == nil) != (b.change == nil) || (a.change != nil && *a.change != *b.change) {
			t.Fatalf("request %d is %+v once and %+v then", i, a, b)
		}
		switch {
		case a.change != nil:
			writes++
		case a.path == "details1":
			first++
		case a.path == "details2":
			second++
		}
	}
	if writes < n*writesPercent/200 || writes > n*writesPercent/50 {
		t.Errorf("%d of %d write", writes, n)
	}
	if first <= second || second == 0 {
		t.Errorf("the first is asked for %d times, the second %d", first, second)
	}
}
