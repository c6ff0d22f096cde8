package ratelimit

import (
	"container/heap"
	"hash/maphash"
	"sync"
)

const (
	// shards is into how many parts memory is divided, each with a lock of its own.
	// All subjects of a caller are in one, as they are charged together.
	shards = 16
	// sweep is how many subjects are looked at for each one that is added, to see
	// whether they can go. It is more than one, so that they become fewer.
	sweep = 2
	// search bounds the looking for the subject that can go soonest.
	search = 16
)

// memory keeps states of a bounded number of subjects. Addresses have room of their
// own: strangers cannot push out those who are signed in.
//
// A subject goes when its states say nothing any more. Should there be no room even
// so, the one goes for which that will be so soonest, and leaves behind how long that
// would have been: whoever is added starts with that (see shard.floor). So nobody
// gains anything by coming from more addresses than there is room for; newcomers have
// a little less meanwhile. All that is lost is the count of violations.
type memory struct {
	rules    *penalties
	seed     maphash.Seed // so that nobody can choose the shard they are in
	unknown  [shards]shard
	signedIn [shards]shard
}

// shard is a part of memory.
type shard struct {
	mu      sync.Mutex
	room    int
	entries map[subject]*entry
	queue   queue
	// floor is, for each tier, the latest tat of a subject that had to go too soon.
	// It is the least that can be told of a subject that is not there: it may be that
	// one. Mostly it has passed.
	floor [tiers]int64
}

// entry is a subject that is known.
type entry struct {
	subject subject
	states  [tiers]state
	leases  [tiers]lease // of whoever asks; an organisation has none
	due     int64        // when it could go, as it was when last looked at; no later than it is
}

func newMemory(rules *penalties, room int) *memory {
	m := &memory{rules: rules, seed: maphash.MakeSeed()}
	for i := range shards {
		for _, s := range []*shard{&m.unknown[i], &m.signedIn[i]} {
			s.room = room / shards
			s.entries = map[subject]*entry{}
		}
	}
	return m
}

// trial is a request that is decided.
type trial struct {
	caller  Caller
	plan    *plan
	cost    Cost
	charges [maxCharges]charge // what the cost comes to
	lend    Cost               // what a lease is asked for of
	counts  bool               // whether a refusal is a violation

	// What came of it: the states are those afterwards, or, before it is decided,
	// what is known.
	allowed bool
	lent    bool
	states  [maxCharges]state
	held    [tiers]Cost // by leases
}

// decide decides a trial.
func (m *memory) decide(now int64, t *trial) {
	s := m.shardOf(&t.caller)
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.add(now, t, s.floor)
	var at [maxCharges]*state
	n := len(t.plan.limits)
	for i := range n {
		l := &t.plan.limits[i]
		at[i] = &entries[l.subject].states[l.tier]
	}
	t.allowed = m.rules.decide(now, t.charges[:n], at[:n], t.counts)
	for i := range n {
		t.states[i] = *at[i]
	}
	s.trim(now, m.rules)
}

// recall gives what is known of the subjects of a trial. It adds none. It tells whether
// that is enough to decide it: one of them is blocked, or a lease pays for it.
func (m *memory) recall(now int64, t *trial) (blocked, paid bool) {
	s := m.shardOf(&t.caller)
	s.mu.Lock()
	defer s.mu.Unlock()
	subjects, n := t.caller.subjects()
	var found [perCaller]*entry
	for i, sub := range subjects[:n] {
		found[i] = s.entries[sub]
	}
	for i := range t.plan.limits {
		l := &t.plan.limits[i]
		if e := found[l.subject]; e != nil {
			t.states[i] = e.states[l.tier]
		} else {
			t.states[i] = state{}
		}
		blocked = blocked || m.rules.blocks(&t.states[i], now)
	}
	own := found[0]
	if own == nil {
		return blocked, false
	}
	t.allowed = !blocked && own.leases[t.plan.tier].pay(now, t)
	t.held = own.held(now)
	return blocked, t.allowed
}

// learn takes over the states of a trial that was decided elsewhere.
func (m *memory) learn(now int64, t *trial) {
	s := m.shardOf(&t.caller)
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.add(now, t, [tiers]int64{}) // what is learnt is the truth
	for i := range t.plan.limits {
		l := &t.plan.limits[i]
		known, told := &entries[l.subject].states[l.tier], &t.states[i]
		known.tat = max(known.tat, told.tat)
		if told.mark > known.mark {
			known.level, known.mark = told.level, told.mark
		}
	}
	entries[0].leases[t.plan.tier].learn(now, t)
	t.held = entries[0].held(now)
	s.trim(now, m.rules)
}

func (m *memory) shardOf(c *Caller) *shard {
	i := maphash.Comparable(m.seed, c.home) % shards
	if c.signedIn {
		return &m.signedIn[i]
	}
	return &m.unknown[i]
}

// add gives the entries of a trial's subjects. New ones begin with floor. It may go
// beyond the room: trim is to follow.
func (s *shard) add(now int64, t *trial, floor [tiers]int64) (entries [perCaller]*entry) {
	subjects, n := t.caller.subjects()
	for i, sub := range subjects[:n] {
		e := s.entries[sub]
		if e == nil {
			e = &entry{subject: sub, due: now}
			for tier := range e.states {
				e.states[tier].tat = floor[tier]
			}
			s.entries[sub] = e
			heap.Push(&s.queue, e)
		}
		entries[i] = e
	}
	return entries
}

// trim removes some of the subjects that can go, and as many as there is no room for.
func (s *shard) trim(now int64, rules *penalties) {
	for range sweep {
		if len(s.queue) == 0 || s.queue[0].due > now {
			break
		}
		if s.queue[0].ends(rules) <= now {
			s.drop()
		} else {
			s.postpone(rules)
		}
	}
	for len(s.queue) > s.room {
		for range search {
			if !s.postpone(rules) {
				break
			}
		}
		for tier, st := range s.queue[0].states {
			s.floor[tier] = max(s.floor[tier], st.tat)
		}
		s.drop()
	}
}

// postpone looks at the first in the queue and tells whether its turn is later now.
func (s *shard) postpone(rules *penalties) bool {
	e := s.queue[0]
	ends := e.ends(rules)
	if ends <= e.due {
		return false
	}
	e.due = ends
	heap.Fix(&s.queue, 0)
	return true
}

// drop removes the first in the queue.
func (s *shard) drop() {
	delete(s.entries, heap.Pop(&s.queue).(*entry).subject)
}

// ends is when the states say nothing any more.
func (e *entry) ends(rules *penalties) int64 {
	var ends int64
	for i := range e.states {
		ends = max(ends, rules.ends(&e.states[i]))
	}
	return ends
}

// queue holds the entries, whose due is least first; see container/heap.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*entry)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}
