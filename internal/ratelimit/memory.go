package ratelimit

import (
	"container/heap"
	"hash/maphash"
	"sync"
)

const (
	// shards is the number of parts of memory, each with its own lock. The subjects of a
	// caller share a shard, because they are charged together.
	shards = 16
	// sweep is how many entries are checked for expiry per added entry. Above 1, so that
	// their number shrinks.
	sweep = 2
	// search bounds the search for the entry that expires first.
	search = 16
)

// memory holds the states of a bounded number of subjects. Addresses and principals have
// separate capacities: anonymous callers cannot evict signed-in ones.
//
// An entry is removed once its states have expired. If the capacity is exceeded before,
// the entry that expires first is evicted, and its expiry becomes the initial state of
// every entry added later (see shard.floor). So using more addresses than fit gains
// nothing; new callers start with slightly less. Only the count of violations is lost.
type memory struct {
	rules     *penalties
	seed      maphash.Seed // random, so that callers cannot choose their shard
	anonymous [shards]shard
	signedIn  [shards]shard
}

type shard struct {
	mu       sync.Mutex
	capacity int
	entries  map[subject]*entry
	queue    queue
	// floor is, for each tier, the latest tat of an evicted subject: the lowest safe
	// initial value for a subject without an entry, which may be the evicted one.
	floor [tiers]int64
}

// entry holds the states of one subject.
type entry struct {
	subject subject
	states  [tiers]state
	leases  [tiers]lease // of the caller; an organisation has none
	due     int64        // a lower bound of the expiry, by which the queue is ordered
}

func newMemory(rules *penalties, capacity int) *memory {
	m := &memory{rules: rules, seed: maphash.MakeSeed()}
	for i := range shards {
		for _, s := range []*shard{&m.anonymous[i], &m.signedIn[i]} {
			s.capacity = capacity / shards
			s.entries = map[subject]*entry{}
		}
	}
	return m
}

// attempt is a request to be decided, and the result.
type attempt struct {
	caller         Caller
	plan           *plan
	cost           Cost
	charges        [maxCharges]charge // the cost in terms of each limit
	leaseCost      Cost               // the cost of the lease to ask for; 0: none
	countViolation bool               // whether a rejection is a violation

	// The result. The states are those after the decision; before it, those known here.
	allowed      bool
	leaseGranted bool
	states       [maxCharges]state
	leased       [tiers]Cost // unspent in leases
}

func (m *memory) decide(now int64, t *attempt) {
	s := m.shardOf(&t.caller)
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.getOrAdd(now, t, s.floor)
	var at [maxCharges]*state
	n := len(t.plan.limits)
	for i := range n {
		l := &t.plan.limits[i]
		at[i] = &entries[l.subject].states[l.tier]
	}
	t.allowed = m.rules.decide(now, t.charges[:n], at[:n], t.countViolation)
	for i := range n {
		t.states[i] = *at[i]
	}
	s.evict(now, m.rules)
}

// lookup sets the known states of an attempt, without adding entries. It reports whether
// they decide it: a subject is blocked, or a lease pays for the request.
func (m *memory) lookup(now int64, t *attempt) (blocked, paid bool) {
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
	t.allowed = !blocked && own.leases[t.plan.tier].spend(now, t)
	t.leased = own.leased(now)
	return blocked, t.allowed
}

// merge records the states of an attempt that Redis has decided.
func (m *memory) merge(now int64, t *attempt) {
	s := m.shardOf(&t.caller)
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.getOrAdd(now, t, [tiers]int64{}) // Redis knows the subject: no floor
	for i := range t.plan.limits {
		l := &t.plan.limits[i]
		known, got := &entries[l.subject].states[l.tier], &t.states[i]
		known.tat = max(known.tat, got.tat)
		if got.penaltyEnd > known.penaltyEnd {
			known.level, known.penaltyEnd = got.level, got.penaltyEnd
		}
	}
	entries[0].leases[t.plan.tier].settle(now, t)
	t.leased = entries[0].leased(now)
	s.evict(now, m.rules)
}

func (m *memory) shardOf(c *Caller) *shard {
	i := maphash.Comparable(m.seed, c.home) % shards
	if c.kind == byPrincipal {
		return &m.signedIn[i]
	}
	return &m.anonymous[i]
}

// getOrAdd returns the entries of the subjects. New entries start with floor. It may
// exceed the capacity, so evict must follow.
func (s *shard) getOrAdd(now int64, t *attempt, floor [tiers]int64) (entries [perCaller]*entry) {
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

// evict removes some expired entries, and others as long as the capacity is exceeded.
func (s *shard) evict(now int64, rules *penalties) {
	for range sweep {
		if len(s.queue) == 0 || s.queue[0].due > now {
			break
		}
		if s.queue[0].expiry(rules) <= now {
			s.pop()
		} else {
			s.requeue(rules)
		}
	}
	for len(s.queue) > s.capacity {
		for range search {
			if !s.requeue(rules) {
				break
			}
		}
		for tier, st := range s.queue[0].states {
			s.floor[tier] = max(s.floor[tier], st.tat)
		}
		s.pop()
	}
}

// requeue updates the position of the first entry and reports whether it has moved.
func (s *shard) requeue(rules *penalties) bool {
	e := s.queue[0]
	expiry := e.expiry(rules)
	if expiry <= e.due {
		return false
	}
	e.due = expiry
	heap.Fix(&s.queue, 0)
	return true
}

// pop removes the first entry of the queue.
func (s *shard) pop() {
	delete(s.entries, heap.Pop(&s.queue).(*entry).subject)
}

// expiry returns when the states of the entry no longer have an effect.
func (e *entry) expiry(rules *penalties) int64 {
	var expiry int64
	for i := range e.states {
		expiry = max(expiry, rules.expiry(&e.states[i]))
	}
	return expiry
}

// queue implements heap.Interface, ordered by due.
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
