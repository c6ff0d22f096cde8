package main

import (
	"maps"
	"slices"
	"time"
)

// instanceBound is how long after its acknowledgement a write may be missing in reads without
// a token on other instances: a second (docs/caching.md), and the time that the clients need.
const instanceBound = time.Second + 200*time.Millisecond

// verdict is what a read was found to be.
type verdict string

const (
	right    verdict = "right"
	stale    verdict = "stale"
	lost     verdict = "lost"
	doubled  verdict = "doubled"
	never    verdict = "never existed"
	unknown  verdict = "unknowable"
	mixed    verdict = "mixed"
	unjudged verdict = "unjudged"
)

// view is what a read must show: the state after at least low writes of a history.
type view struct {
	began   time.Time
	history int
	low     int
	own     []int  // writes after low that the instance acknowledged itself
	token   string // to be sent with the read
}

// look says what a read that begins now must show: with a token, what the token was for;
// without one, what the instance (if known) acknowledged itself, and what others have
// acknowledged long enough ago.
func (g *group) look(instance string, withToken bool) view {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := view{began: time.Now(), history: g.history}
	if withToken {
		v.token = g.old
	}
	for i, o := range g.ops {
		if o.acked.IsZero() {
			continue
		}
		tokened := withToken && o.token != ""
		if tokened {
			v.token = o.token
		}
		if tokened || v.began.Sub(o.acked) > instanceBound {
			v.low = i + 1
		} else if instance != "" && o.via == instance {
			v.own = append(v.own, i)
		}
	}
	return v
}

// observation is what a read showed, reduced to what the ledger knows.
type observation interface {
	// matches reports whether a state would be shown so.
	matches(s state) bool
	// rows are the records shown, if any.
	rows() []record
	// concerns reports whether a write of a record shows in it.
	concerns(r record) bool
}

// after returns how many writes a read must show: the last one that the instance acknowledged
// itself counts if the read is of the same records. What others wrote before it may be missing
// for as long as without it.
func (v view) after(ops []*op, o observation) int {
	low := v.low
	for _, i := range v.own {
		if o.concerns(ops[i].record) {
			low = max(low, i+1)
		}
	}
	return low
}

// judge compares a read with the states that were possible from its begin to its end.
func (g *group) judge(v view, ended time.Time, o observation) verdict {
	fair := g.book.judging(v.began)
	g.mu.Lock()
	defer g.mu.Unlock()
	if v.history != g.history || !fair || g.doubled {
		return unjudged
	}
	v.low = v.after(g.ops, o)
	high := v.low
	for high < len(g.ops) && g.ops[high].began.Before(ended) {
		high++
	}
	for i := v.low; i <= high; i++ {
		if o.matches(g.state(i)) {
			return right
		}
	}
	if f, searched := o.(found); searched && f.mixes(g, v.low, high) {
		return mixed
	}
	if key, twice := repeated(o.rows()); twice {
		g.doubled, g.retired = true, true
		return g.blame(key)
	}
	if _, sums := o.(total); sums && g.blurred {
		return unknown
	}
	for i := range v.low {
		if o.matches(g.state(i)) {
			return stale
		}
	}
	if _, sums := o.(total); sums {
		return never
	}
	for _, row := range o.rows() {
		if !g.wrote(row, high) {
			return never
		}
	}
	return stale
}

// blame says what a record that exists twice is: if an instance was killed before it had
// answered, no client without a key can know whether to repeat.
func (g *group) blame(key string) verdict {
	for _, o := range g.ops {
		if o.key == key && o.cut && !o.keyed {
			return unknown
		}
	}
	return doubled
}

// wrote reports whether a record ever was in this history; the caller holds mu.
func (g *group) wrote(r record, n int) bool {
	is := func(w record) bool {
		return w.key == r.key && w.kind == r.kind && (w.value == r.value || r.value == anyValue)
	}
	if is(g.base[r.key]) {
		return true
	}
	return slices.ContainsFunc(g.ops[:n], func(o *op) bool { return !o.removes && is(o.record) })
}

func repeated(rows []record) (string, bool) {
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.key] {
			return row.key, true
		}
		seen[row.key] = true
	}
	return "", false
}

// list is all records of one kind in a group.
type list struct {
	kind  kind
	shown []record
}

func (l list) rows() []record { return l.shown }

func (l list) concerns(r record) bool { return r.kind == l.kind }

func (l list) matches(s state) bool {
	return same(l.shown, s.of(l.kind))
}

// same reports whether records are those of a state, each once.
func same(shown []record, s state) bool {
	for _, r := range shown {
		if want, there := s[r.key]; !there || want != r {
			return false
		}
	}
	_, twice := repeated(shown)
	return !twice && len(shown) == len(s)
}

// of returns the records of one kind.
func (s state) of(k kind) state {
	part := state{}
	for key, r := range s {
		if r.kind == k {
			part[key] = r
		}
	}
	return part
}

// found is what a search showed: the deals of a group, or of everything that it finds only
// the keys. The program finds records with one statement and reads them with another, so that
// writes between the two show in some of its rows only.
type found struct {
	shown []record
	deals bool
}

// anyValue is the value of a record of which only the key is shown.
const anyValue = -1

func (f found) rows() []record { return f.shown }

func (f found) concerns(r record) bool { return r.kind == deal || !f.deals && r.kind != activity }

func (f found) matches(s state) bool { return same(f.shown, f.of(s)) }

// of returns what a search finds in a state.
func (f found) of(s state) state {
	if f.deals {
		return s.of(deal)
	}
	keys := state{}
	for key, r := range s {
		if r.kind != activity {
			keys[key] = record{r.kind, key, anyValue}
		}
	}
	return keys
}

// mixes reports whether each record by itself is, or is missing, as in one of the states.
func (f found) mixes(g *group, low, high int) bool {
	if _, twice := repeated(f.shown); twice {
		return false
	}
	shown := state{}
	for _, r := range f.shown {
		shown[r.key] = r
	}
	keys := maps.Clone(shown)
	var states []state
	for i := low; i <= high; i++ {
		s := f.of(g.state(i))
		states = append(states, s)
		maps.Copy(keys, s)
	}
	for key := range keys {
		if !slices.ContainsFunc(states, func(s state) bool { return s[key] == shown[key] }) {
			return false
		}
	}
	return true
}

// one is a single record, or its absence.
type one struct {
	key   string
	shown []record // one or none
}

func (o one) rows() []record { return o.shown }

func (o one) concerns(r record) bool { return r.key == o.key }

func (o one) matches(s state) bool {
	want, there := s[o.key]
	if !there || len(o.shown) == 0 {
		return !there && len(o.shown) == 0
	}
	return o.shown[0] == want
}

// total is a count of deals and the sum of their values.
type total struct{ count, sum int64 }

func (t total) rows() []record { return nil }

func (t total) concerns(r record) bool { return r.kind == deal }

func (t total) matches(s state) bool {
	var want total
	for _, r := range s.of(deal) {
		want.count++
		want.sum += r.value
	}
	return t == want
}

// everything is all records of a group.
type everything struct{ shown []record }

func (e everything) rows() []record { return e.shown }

func (e everything) concerns(record) bool { return true }

func (e everything) matches(s state) bool { return same(e.shown, s) }
