package changes

import (
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

// organisation is what is known of one organisation's log. What every answer from a
// cache asks for is read without the lock, or with it held for reading.
type organisation struct {
	id         crm.ID
	used       atomic.Int64  // the moment of its last use, to the second
	seq        atomic.Int64  // its position: every entry up to it was heard; -1 before anything is known
	generation atomic.Uint64 // of what is known
	confirmed  atomic.Int64  // the last moment of which it is known that nothing after seq had been committed
	wanted     atomic.Bool   // somebody waits for its log to be read

	generations *atomic.Uint64 // what generations are taken from; they are never used twice

	mu            sync.RWMutex
	floor         int64 // of entries up to here it is not known what they raised
	known         int64 // the greatest seq heard of
	doubts        int   // commits whose outcome is not known
	raised        raised
	subscriptions map[*Subscription]struct{}
	changed       chan struct{} // closed with the next change of all this; nil: nobody waits
}

// readBack is how many entries are read that were there before an organisation was
// followed: for answers of that time that others have kept.
const readBack = 1000

func newOrganisation(id crm.ID, now time.Duration, generations *atomic.Uint64) *organisation {
	o := &organisation{id: id, generations: generations, subscriptions: map[*Subscription]struct{}{}}
	o.used.Store(int64(now))
	o.seq.Store(-1)
	o.generation.Store(generations.Add(1))
	return o
}

// use notes that the organisation is in use. It rarely writes: all who use it share it.
func (o *organisation) use(now time.Duration) {
	if int64(now)-o.used.Load() > int64(time.Second) {
		o.used.Store(int64(now))
	}
}

// forgettable tells whether it may cease to be followed. While a log is shorter than it
// once was, it must be remembered that what was known of its end is worth nothing.
func (o *organisation) forgettable() bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.subscriptions) == 0 && (o.seq.Load() < 0 || o.floor <= o.seq.Load())
}

// confirmedAt tells whether the position counts as the log's end.
func (o *organisation) confirmedAt(now time.Duration) bool {
	return int64(now)-o.confirmed.Load() <= int64(confirmedFor)
}

// fresh tells whether none of the tags was raised after seq. An answer from beyond the
// position is of another log: one that was, before a backup was restored.
func (o *organisation) fresh(seq int64, tags []crm.Tag) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return seq >= o.floor && seq <= o.seq.Load() && (seq >= o.known || o.raised.noneAfter(seq, tags))
}

// waiting gives what is closed when anything that is known changes next.
func (o *organisation) waiting() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// tell wakes those who wait; the lock is held.
func (o *organisation) tell() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// wake wakes those who wait.
func (o *organisation) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell()
}

// change begins a generation; the lock is held. The position is stored after it.
func (o *organisation) change() { o.generation.Store(o.generations.Add(1)) }

// take takes in entries, in order, from whomever they were heard. Their tags are raised
// at once; the position goes as far as there is no gap.
func (o *organisation) take(entries []crm.LogEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range entries {
		o.raised.raise(&entries[i])
		o.known = max(o.known, entries[i].Seq)
	}
	o.change()
	seq := o.seq.Load()
	for i := range entries {
		if seq >= 0 && entries[i].Seq == seq+1 {
			o.publish(&entries[i])
			seq++
		}
	}
	o.seq.Store(seq)
	o.tell()
}

// mark is what was known before the log was asked, for its answer to be judged by.
type mark struct {
	at     time.Duration
	seq    int64
	known  int64
	doubts int
}

func (o *organisation) mark(now time.Duration) mark {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return mark{now, o.seq.Load(), o.known, o.doubts}
}

// confirm notes that at the moment of the mark the log had not gone beyond the position,
// unless a commit has come into doubt since: that one may not be counted in.
func (o *organisation) confirm(m mark) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.doubts == o.doubts && int64(m.at) > o.confirmed.Load() {
		o.confirmed.Store(int64(m.at))
	}
	o.tell()
}

// grown says that the log reaches to end at least.
func (o *organisation) grown(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = max(o.known, end)
	o.wanted.Store(true)
}

// doubt says that a commit may have happened or not.
func (o *organisation) doubt() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doubts++
	o.change()
	o.confirmed.Store(0)
}

// begin sets the position from which on the log is read, given its end.
func (o *organisation) begin(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.floor = max(end-readBack, 0)
	o.known = max(o.known, end)
	o.seq.Store(o.floor)
	o.tell()
}

// skip goes on behind entries that are not kept any more.
func (o *organisation) skip(to int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if to <= o.seq.Load() {
		return
	}
	o.floor = max(o.floor, to)
	o.known = max(o.known, to)
	o.end(ErrReset, func(s *Subscription) bool { return s.live && s.heard < to }) // others read for themselves
	o.change()
	o.seq.Store(to)
	o.tell()
}

// reset begins anew with a log that ends before what was known of it: that of a backup.
// As long as it has not become longer than the other one was, an answer of that time
// cannot be told from one of today, and none is trusted.
func (o *organisation) reset(end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.floor = max(o.floor, o.known)
	o.known = end
	o.raised = raised{}
	o.end(ErrReset, func(*Subscription) bool { return true })
	o.change()
	o.seq.Store(end)
	o.tell()
}

// lose says that the organisation has no log.
func (o *organisation) lose() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.confirmed.Store(0)
	o.tell()
}
