package changes

import (
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

// organisation is the state of one organisation's log. The fast path of a cache hit uses
// only atomics and the read lock.
type organisation struct {
	id            crm.ID
	used          atomic.Int64  // time of last use, to the second
	seq           atomic.Int64  // the position: all entries up to it are known; -1 before the first read
	generation    atomic.Uint64 // see Follower.Position
	confirmed     atomic.Int64  // the latest time at which seq was the end of the log
	readRequested atomic.Bool   // a read of the log was requested

	generations *atomic.Uint64 // shared counter: a generation is never reused

	mu             sync.RWMutex
	floor          int64 // the tags invalidated up to here are unknown
	known          int64 // the greatest known seq
	unknownCommits int   // number of commits with an unknown outcome
	invalidations  invalidations
	subscriptions  map[*Subscription]struct{}
	changed        chan struct{} // closed at the next change; nil: no waiters
}

// readBack is how many earlier entries are read when following starts, so that entries of a
// shared cache from before can be validated.
const readBack = 1000

func newOrganisation(id crm.ID, now time.Duration, generations *atomic.Uint64) *organisation {
	o := &organisation{id: id, generations: generations, subscriptions: map[*Subscription]struct{}{}}
	o.used.Store(int64(now))
	o.seq.Store(-1)
	o.generation.Store(generations.Add(1))
	return o
}

// use records the time of use, seldom, because all readers share the field.
func (o *organisation) use(now time.Duration) {
	if int64(now)-o.used.Load() > int64(time.Second) {
		o.used.Store(int64(now))
	}
}

// droppable reports whether following may stop. After a log was reset, its state must be
// retained until the log has reached its former length (see reset).
func (o *organisation) droppable() bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.subscriptions) == 0 && (o.seq.Load() < 0 || o.floor <= o.seq.Load())
}

// confirmedAt reports whether the position counts as the end of the log.
func (o *organisation) confirmedAt(now time.Duration) bool {
	return int64(now)-o.confirmed.Load() <= int64(confirmedFor)
}

// fresh reports whether none of the tags was invalidated after seq. A seq beyond the
// position belongs to another log, from before a backup was restored.
func (o *organisation) fresh(seq int64, tags []crm.Tag) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return seq >= o.floor && seq <= o.seq.Load() && (seq >= o.known || o.invalidations.noneAfter(seq, tags))
}

// nextChange returns a channel that is closed at the next change of the state.
func (o *organisation) nextChange() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// broadcast wakes the waiters; the lock is held.
func (o *organisation) broadcast() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// wakeWaiters wakes the waiters.
func (o *organisation) wakeWaiters() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broadcast()
}

// advance starts a new generation; the lock is held. The position must be stored after it.
func (o *organisation) advance() { o.generation.Store(o.generations.Add(1)) }

// apply adds entries, in order, from any source. Their tags are invalidated at once; the
// position advances up to the first gap.
func (o *organisation) apply(entries []crm.LogEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range entries {
		o.invalidations.add(&entries[i])
		o.known = max(o.known, entries[i].Seq)
	}
	o.advance()
	seq := o.seq.Load()
	for i := range entries {
		if seq >= 0 && entries[i].Seq == seq+1 {
			o.publish(&entries[i])
			seq++
		}
	}
	o.seq.Store(seq)
	o.broadcast()
}

// snapshot is the state before a read of the log, with which its result is compared.
type snapshot struct {
	at             time.Duration
	seq            int64
	known          int64
	unknownCommits int
}

func (o *organisation) snapshot(now time.Duration) snapshot {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return snapshot{now, o.seq.Load(), o.known, o.unknownCommits}
}

// confirm records that at the time of the snapshot the position was the end of the log,
// unless the outcome of a commit has become unknown since: the read may have missed it.
func (o *organisation) confirm(m snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.unknownCommits == o.unknownCommits && int64(m.at) > o.confirmed.Load() {
		o.confirmed.Store(int64(m.at))
	}
	o.broadcast()
}

// extend records that the log reaches at least to end.
func (o *organisation) extend(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = max(o.known, end)
	o.readRequested.Store(true)
}

// commitUnknown records a commit whose outcome is unknown.
func (o *organisation) commitUnknown() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unknownCommits++
	o.advance()
	o.confirmed.Store(0)
}

// start sets the first position, given the end of the log.
func (o *organisation) start(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.floor = max(end-readBack, 0)
	o.known = max(o.known, end)
	o.seq.Store(o.floor)
	o.broadcast()
}

// skip advances the position beyond pruned entries.
func (o *organisation) skip(to int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if to <= o.seq.Load() {
		return
	}
	o.floor = max(o.floor, to)
	o.known = max(o.known, to)
	o.endSubscriptions(ErrReset, func(s *Subscription) bool { return s.live && s.queued < to }) // others will notice when reading
	o.advance()
	o.seq.Store(to)
	o.broadcast()
}

// reset starts over after the log has become shorter than it was: a backup was restored. Up
// to its former length, positions of the two logs cannot be told apart, so none is trusted.
func (o *organisation) reset(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.floor = max(o.floor, o.known)
	o.known = end
	o.invalidations = invalidations{}
	o.endSubscriptions(ErrReset, func(*Subscription) bool { return true })
	o.advance()
	o.seq.Store(end)
	o.broadcast()
}

// remove records that the organisation has no log.
func (o *organisation) remove() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.confirmed.Store(0)
	o.broadcast()
}
