package changes

import (
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

// organisation is the state of one organisation's log under one epoch. The fast path of a
// cache hit uses only atomics and the read lock.
type organisation struct {
	history       *history
	id            crm.ID
	used          atomic.Int64  // time of last use, to the second
	seq           atomic.Int64  // the position: all entries up to it are known; -1 before the first read
	generation    atomic.Uint64 // see Follower.Position
	confirmed     atomic.Int64  // the latest time at which a read of this log has shown that seq is its end
	behind        atomic.Bool   // there may be entries after seq: only a read of this log can confirm the end, a poll cannot
	readRequested atomic.Bool   // a read of the log was requested
	changed       signal        // sent at every change

	generations *atomic.Uint64 // shared counter: a generation is never reused

	mu             sync.RWMutex
	floor          int64 // the tags invalidated up to here are unknown
	known          int64 // the greatest known seq
	unknownCommits int   // number of commits with an unknown outcome
	invalidations  invalidations
	subscriptions  map[*Subscription]struct{}
	retired        bool // it is not followed any more
}

// organisationSize is the memory of an organisation without its invalidations, in bytes.
const organisationSize = 640

// readBack is how many earlier entries are read when following starts, so that cached
// entries from before can be validated.
const readBack = 50

func newOrganisation(h *history, id crm.ID, now time.Duration, generations *atomic.Uint64) *organisation {
	o := &organisation{history: h, id: id, generations: generations, subscriptions: map[*Subscription]struct{}{}}
	o.used.Store(int64(now))
	o.seq.Store(-1)
	o.behind.Store(true)
	o.generation.Store(generations.Add(1))
	return o
}

// use records the time of use, seldom, because all readers share the field.
func (o *organisation) use(now time.Duration) {
	if int64(now)-o.used.Load() > int64(time.Second) {
		o.used.Store(int64(now))
	}
}

// droppable reports whether following may stop.
func (o *organisation) droppable() bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.subscriptions) == 0
}

// size returns the memory of the organisation, in bytes.
func (o *organisation) size() int64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return organisationSize + o.invalidations.size()
}

// retire records that the organisation is not followed any more, and wakes the waiters.
// Subscriptions end for the given reason.
func (o *organisation) retire(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retired = true
	o.confirmed.Store(0)
	o.behind.Store(true)
	o.endSubscriptions(why, func(*Subscription) bool { return true })
	o.changed.send()
}

// fresh reports whether none of the tags was invalidated after seq, which must be known.
func (o *organisation) fresh(seq int64, tags []crm.Tag) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return seq >= o.floor && seq <= o.seq.Load() && (seq >= o.known || o.invalidations.noneAfter(seq, tags))
}

// advance starts a new generation; the lock is held. The position must be stored after it.
func (o *organisation) advance() { o.generation.Store(o.generations.Add(1)) }

// apply adds entries, in order, from any source. Their tags are invalidated at once; the
// position advances up to the first gap.
func (o *organisation) apply(entries []crm.LogEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.invalidate(entries)
	o.advance()
	seq := o.seq.Load()
	for i := range entries {
		if seq >= 0 && entries[i].Seq == seq+1 {
			o.publish(&entries[i])
			seq++
		}
	}
	o.seq.Store(seq)
	o.changed.send()
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

// invalidate adds the tags of entries; the lock is held.
func (o *organisation) invalidate(entries []crm.LogEntry) {
	before := o.invalidations.size()
	for i := range entries {
		o.invalidations.add(&entries[i])
		o.known = max(o.known, entries[i].Seq)
	}
	if !o.retired {
		o.history.memory.Add(o.invalidations.size() - before)
	}
}

// confirm records that at the time of the snapshot the position was the end of the log,
// unless the outcome of a commit has become unknown since: the read may have missed it.
func (o *organisation) confirm(m snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.confirmAt(m)
	o.changed.send()
}

// confirmAt is confirm while the lock is held.
func (o *organisation) confirmAt(m snapshot) {
	if o.retired || m.unknownCommits != o.unknownCommits {
		return
	}
	if int64(m.at) > o.confirmed.Load() {
		o.confirmed.Store(int64(m.at))
	}
	o.behind.Store(o.known > o.seq.Load())
}

// extend records that the log reaches at least to end.
func (o *organisation) extend(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = max(o.known, end)
	o.behind.Store(true)
}

// commitUnknown records a commit whose outcome is unknown.
func (o *organisation) commitUnknown() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unknownCommits++
	o.advance()
	o.confirmed.Store(0)
	o.behind.Store(true)
}

// start sets the first position from the last entries of the log, which were read after the
// snapshot.
func (o *organisation) start(m snapshot, tail crm.LogTail) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.floor = tail.End - int64(len(tail.Entries))
	o.known = max(o.known, tail.End)
	o.invalidate(tail.Entries)
	o.seq.Store(tail.End)
	o.confirmAt(m)
	o.changed.send()
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
	o.changed.send()
}
