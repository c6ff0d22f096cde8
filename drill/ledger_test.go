package main

import (
	"testing"
	"time"
)

// a written group: its company, a deal of value 2, then 3, and another deal.
func written(t *testing.T) *group {
	t.Helper()
	l := newLedger()
	g := l.open(&organisation{id: "o"}, principal{})
	for _, r := range []record{{company, g.tag, 1}, {deal, g.tag + "d2", 2}, {deal, g.tag + "d2", 3}, {deal, g.tag + "d4", 4}} {
		acknowledged(g, &op{record: r}, "0")
	}
	return g
}

// acknowledged writes and acknowledges, longer ago than any bound.
func acknowledged(g *group, o *op, via string) {
	g.begin(o)
	g.acknowledge(o, "id of "+o.key, "token of "+o.key, via)
	o.began, o.acked = o.began.Add(-time.Minute), o.acked.Add(-time.Minute)
}

func deals(g *group, values ...int64) observation {
	keys := []string{g.tag + "d2", g.tag + "d4"}
	l := list{kind: deal}
	for i, value := range values {
		l.shown = append(l.shown, record{deal, keys[i], value})
	}
	return l
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shown func(*group) observation
		want  verdict
	}{
		"the last state":                {func(g *group) observation { return deals(g, 3, 4) }, right},
		"a former state":                {func(g *group) observation { return deals(g, 3) }, stale},
		"a former value":                {func(g *group) observation { return one{g.tag + "d2", []record{{deal, g.tag + "d2", 2}}} }, stale},
		"a missing record":              {func(g *group) observation { return one{key: g.tag + "d4"} }, stale},
		"states mixed by one statement": {func(g *group) observation { return deals(g, 2, 4) }, stale},
		"a value of no write":           {func(g *group) observation { return deals(g, 3, 5) }, never},
		"a record twice": {func(g *group) observation {
			return list{deal, []record{{deal, g.tag + "d2", 3}, {deal, g.tag + "d4", 4}, {deal, g.tag + "d4", 4}}}
		}, doubled},
		"the right sum":  {func(*group) observation { return total{2, 7} }, right},
		"a former sum":   {func(*group) observation { return total{1, 3} }, stale},
		"a sum of never": {func(*group) observation { return total{2, 8} }, never},
		"a search without a record": {func(g *group) observation {
			return found{shown: []record{{company, g.tag, anyValue}, {deal, g.tag + "d2", anyValue}}}
		}, stale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := written(t)
			v := g.look("", false)
			if got := g.judge(v, time.Now(), c.shown(g)); got != c.want {
				t.Errorf("verdict %q, want %q", got, c.want)
			}
		})
	}
}

// TestBounds: what a write makes visible, and when.
func TestBounds(t *testing.T) {
	t.Parallel()
	g := written(t)
	o := &op{record: record{deal, g.tag + "d4", 5}}
	g.begin(o)
	before := deals(g, 3, 4)
	if got := g.judge(g.look("", true), time.Now(), before); got != right {
		t.Errorf("before its acknowledgement a write may be missing; verdict %q", got)
	}
	g.acknowledge(o, "", "new token", "1")
	for _, c := range []struct {
		instance string
		token    bool
		want     verdict
	}{
		{"", false, right},
		{"0", false, right},
		{"1", false, stale}, // its own write
		{"0", true, stale},
		{"", true, stale},
	} {
		v := g.look(c.instance, c.token)
		if c.token != (v.token == "new token") {
			t.Errorf("token %q", v.token)
		}
		if got := g.judge(v, time.Now(), before); got != c.want {
			t.Errorf("a read of instance %q with token %t that lacks the write: verdict %q, want %q", c.instance, c.token, got, c.want)
		}
	}
	if got := g.judge(g.look("1", false), time.Now(), one{g.tag, []record{{company, g.tag, 1}}}); got != right {
		t.Errorf("a read that does not concern the write: verdict %q", got)
	}
	o.acked = o.acked.Add(-instanceBound)
	if got := g.judge(g.look("0", false), time.Now(), before); got != stale {
		t.Errorf("after the bound the write must be visible everywhere; verdict %q", got)
	}
}

// TestMixedSearch: a search may show writes of the time while it runs in some rows only.
func TestMixedSearch(t *testing.T) {
	t.Parallel()
	g := written(t)
	v := g.look("", false)
	for _, r := range []record{{deal, g.tag + "d5", 5}, {deal, g.tag + "d4", 6}} {
		g.begin(&op{record: r})
	}
	torn := []record{{deal, g.tag + "d2", 3}, {deal, g.tag + "d4", 6}}
	if got := g.judge(v, time.Now(), found{torn, true}); got != mixed {
		t.Errorf("a search: verdict %q", got)
	}
	if got := g.judge(v, time.Now(), list{deal, torn}); got == right {
		t.Errorf("a list: verdict %q", got)
	}
}

// TestFork: after a failover that lost writes, these must not be shown any more.
func TestFork(t *testing.T) {
	t.Parallel()
	g := written(t)
	during := g.look("", false)
	open := &op{record: record{deal, g.tag + "d6", 6}}
	g.begin(open)
	truth := map[string][]record{g.tag: {{company, g.tag, 1}, {deal, g.tag + "d2", 2}}}
	if void := g.book.fork(truth); void != 2 {
		t.Errorf("%d writes are void, want 2", void)
	}
	if got := g.judge(during, time.Now(), deals(g, 3, 4)); got != unjudged {
		t.Errorf("a read that began before: verdict %q", got)
	}
	if got := g.judge(g.look("", false), time.Now(), deals(g, 3, 4)); got != unjudged {
		t.Errorf("before the promotion is known: verdict %q", got)
	}
	g.book.settle(time.Now().Add(-time.Millisecond))
	v := g.look("", true)
	if v.token == "" {
		t.Error("a token of the former history is not sent")
	}
	for shown, want := range map[observation]verdict{
		&[]list{deals(g, 3, 4).(list)}[0]: never,
		&[]list{deals(g, 2).(list)}[0]:    right,
	} {
		if got := g.judge(v, time.Now(), shown); got != want {
			t.Errorf("%v: verdict %q, want %q", shown, got, want)
		}
	}
	if g.acknowledge(open, "id", "token", "0") {
		t.Error("a write that began in the former history is certain")
	}
	if !g.over() {
		t.Error("the group is still written")
	}
}

// TestBlame: only a client without a key, whose instance was killed, cannot avoid doubling.
func TestBlame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cut, keyed bool
		want       verdict
	}{{false, false, doubled}, {true, false, unknown}, {true, true, doubled}} {
		g := written(t)
		o := &op{record: record{deal, g.tag + "d7", 7}, keyed: c.keyed}
		g.begin(o)
		if c.cut {
			g.cut(o)
		}
		g.acknowledge(o, "id", "", "0")
		shown := append(deals(g, 3, 4).rows(), o.record, o.record)
		if got := g.judge(g.look("0", false), time.Now(), list{deal, shown}); got != c.want {
			t.Errorf("cut %t, keyed %t: verdict %q, want %q", c.cut, c.keyed, got, c.want)
		}
	}
}

// TestFailures: which failures are faults.
func TestFailures(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(from, to time.Duration) span { return span{start.Add(from), start.Add(to)} }
	away := []span{at(10*time.Second, 12*time.Second)}
	for name, c := range map[string]struct {
		failure failure
		faults  int
	}{
		"while the database is away":  {failure{span: at(11*time.Second, 11*time.Second+1), status: 503, problem: true}, 0},
		"shortly after":               {failure{span: at(13*time.Second, 13*time.Second+1), status: 503, problem: true}, 0},
		"without a problem":           {failure{span: at(11*time.Second, 11*time.Second+1), status: 503}, 1},
		"another status":              {failure{span: at(11*time.Second, 11*time.Second+1), status: 500, problem: true}, 1},
		"before":                      {failure{span: at(8*time.Second, 9*time.Second), status: 503, problem: true}, 1},
		"much later":                  {failure{span: at(15*time.Second, 16*time.Second), status: 503, problem: true}, 1},
		"cut off by a kill":           {failure{span: at(20*time.Second, 21*time.Second), status: 502, proxy: true, problem: true}, 0},
		"cut off otherwise":           {failure{span: at(30*time.Second, 31*time.Second)}, 1},
		"of the program after a kill": {failure{span: at(20*time.Second, 21*time.Second), status: 503, problem: true}, 1},
	} {
		tally := newTally()
		tally.cuts = []span{at(20*time.Second, 22*time.Second)}
		tally.failures = []failure{c.failure}
		tally.judgeFailures(away)
		if len(tally.faults) != c.faults {
			t.Errorf("%s: faults %v, want %d", name, tally.faults, c.faults)
		}
	}
}

// TestFollower: gaps, repetitions and entries of another history are reported.
func TestFollower(t *testing.T) {
	t.Parallel()
	log := []entry{{1, "deal", "a", "created"}, {2, "deal", "b", "created"}, {3, "deal", "a", "updated"}}
	other := entry{3, "deal", "c", "created"}
	for name, c := range map[string]struct {
		told  []entry
		reset bool
		want  verdict
	}{
		"all":             {log, false, ""},
		"a gap":           {[]entry{log[0], log[2]}, false, lost},
		"a repetition":    {[]entry{log[0], log[1], log[1], log[2]}, false, doubled},
		"another history": {[]entry{log[0], log[1], other}, false, never},
		"a reset":         {[]entry{log[0], log[1], other}, true, ""},
	} {
		b := &bed{tally: newTally()}
		b.resettable.Store(true)
		f := &follower{b: b, c: &client{}}
		for _, e := range c.told {
			f.add(e)
		}
		if c.reset {
			f.reset("EPOCH.2", 0)
			f.add(log[2])
		}
		f.verify(log, 0)
		for _, v := range faulty {
			if got := b.tally.verdicts[v]; (got > 0) != (v == c.want) {
				t.Errorf("%s: %d %s", name, got, v)
			}
		}
		if f.verify(log, 1); (len(b.tally.faults) == 0) != c.reset {
			t.Errorf("%s: after a failover: faults %v", name, b.tally.faults)
		}
	}
}
