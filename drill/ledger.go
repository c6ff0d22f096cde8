package main

import (
	"crypto/rand"
	"maps"
	"strings"
	"sync"
	"time"
)

// kind is the kind of a record.
type kind string

const (
	company  kind = "company"
	contact  kind = "contact"
	deal     kind = "deal"
	activity kind = "activity"
)

// record is what the drill knows of one record: its key, which is in a text member and
// unique, and a number that each write changes.
type record struct {
	kind  kind
	key   string
	value int64
}

// state is the records of one group by their keys.
type state map[string]record

// op is one write of a group. It is acknowledged when acked is set.
type op struct {
	record
	removes bool
	began   time.Time
	acked   time.Time
	token   string
	via     string // the instance that acknowledged it, if known
	keyed   bool   // sent with an Idempotency-Key
	cut     bool   // an attempt ended without an answer because its instance was killed
}

// apply changes a state as the write does.
func (o *op) apply(s state) {
	if o.removes {
		delete(s, o.key)
	} else {
		s[o.key] = o.record
	}
}

// group is a company with its contacts, deals and activities, and a user of its own who owns
// them all. It has one writer, so that its states form a sequence: each read must show one of
// those that were possible during the read.
type group struct {
	book *ledger
	org  *organisation
	who  principal
	tag  string // begins every key of its records and no other
	// sleeper: it is not read from a failover until the log is as long again.
	sleeper bool

	mu      sync.Mutex
	history int               // number of the history that base and ops belong to
	base    state             // at the beginning of this history
	ops     []*op             // since, in order; only the last may be without an acknowledgement
	ids     map[string]string // of each key that was ever acknowledged
	void    []record          // acknowledged in former histories only
	old     string            // a token of a former history
	retired bool              // it is not written any more
	doubled bool              // it has a record twice, so that its reads cannot be judged
	blurred bool              // a killed instance may have doubled a record: sums cannot be judged
}

// ledger holds what was written, and the histories of the database.
type ledger struct {
	mu      sync.Mutex
	groups  []*group
	history int
	forked  time.Time // when the present history began
	settled time.Time // reads begun before are not judged; zero: not yet known
}

func newLedger() *ledger { return &ledger{settled: time.Unix(0, 0)} }

// open adds a group.
func (l *ledger) open(org *organisation, who principal) *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := &group{book: l, org: org, who: who, tag: "g" + strings.ToLower(rand.Text()[:7]), history: l.history, base: state{}, ids: map[string]string{}}
	l.groups = append(l.groups, g)
	return g
}

func (l *ledger) all() []*group {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*group(nil), l.groups...)
}

// judging reports whether a read begun at this time in this history can be judged.
func (l *ledger) judging(began time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history == 0 || !l.settled.IsZero() && began.After(l.settled)
}

// begin notes a write before it is sent.
func (g *group) begin(o *op) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o.began = time.Now()
	g.ops = append(g.ops, o)
}

// acknowledge notes that a write was acknowledged. One that began in a former history may
// have been executed in either: its outcome stays open, and the group is retired.
func (g *group) acknowledge(o *op, id, token, via string) (certain bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if id != "" {
		g.ids[o.key] = id
	}
	if g.history > 0 && o.began.Before(g.book.forkedAt()) {
		g.retired = true
		return false
	}
	o.acked, o.token, o.via = time.Now(), token, via
	return true
}

func (l *ledger) forkedAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forked
}

// retire ends the writing of a group.
func (g *group) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = true
}

// state returns the state after the first n writes of this history; the caller holds mu.
func (g *group) state(n int) state {
	s := maps.Clone(g.base)
	for _, o := range g.ops[:n] {
		o.apply(s)
	}
	return s
}

// now returns the last state, acknowledged or not.
func (g *group) now() state {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state(len(g.ops))
}

func (g *group) id(key string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ids[key]
}

// fork begins another history, whose records are those that the new primary has. It returns
// how many acknowledged writes are void. Reads are judged again once settle was called.
func (l *ledger) fork(truth map[string][]record) (void int) {
	l.mu.Lock()
	l.history++
	l.forked, l.settled = time.Now(), time.Time{}
	history, groups := l.history, append([]*group(nil), l.groups...)
	l.mu.Unlock()
	for _, g := range groups {
		void += g.fork(history, truth[g.tag])
	}
	return void
}

func (g *group) fork(history int, rows []record) (void int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	base := state{}
	for _, row := range rows {
		base[row.key] = row
	}
	var open []*op
	acked := g.ops
	if n := len(g.ops); n > 0 && g.ops[n-1].acked.IsZero() {
		acked, open = g.ops[:n-1], g.ops[n-1:]
	}
	for i := len(acked); i >= 0; i-- {
		if reached := g.state(i); maps.Equal(reached, base) || i == len(acked) && open != nil && maps.Equal(g.state(i+1), base) {
			void = len(acked) - i
			break
		}
		if i == 0 {
			void = len(acked)
		}
	}
	for _, o := range acked {
		g.old = o.token
	}
	for _, o := range acked[len(acked)-void:] {
		g.void = append(g.void, o.record)
	}
	for key, r := range g.state(len(acked)) {
		if _, kept := base[key]; !kept {
			g.void = append(g.void, r)
		}
	}
	if _, kept := base[g.tag]; !kept && len(acked) > 0 {
		g.retired = true
	}
	g.history, g.base, g.ops = history, base, open
	return void
}

// settle says from when on the instances must have noticed that the history is another one.
func (l *ledger) settle(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled = at
}

// tagOf returns the tag of the group that a key belongs to.
func tagOf(key string) string { return key[:min(len(key), 8)] }
