// Package changes reads the change log on behalf of the rest of the process. It follows the
// logs of the organisations in use, whichever process writes them. A cache learns from it
// how far they were read and whether an entry is still valid, and live readers what has
// changed. It also records what an answer depends on while it is built.
//
// New entries become known in three ways, and possibly more than once: the store reports
// the commits of this process, the store's notifications announce those of others, and
// polling finds what was missed. Only reading the log confirms that there are no more.
package changes

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

const (
	// pollInterval is how often the ends of the logs are read.
	pollInterval = 250 * time.Millisecond
	// confirmedFor is how long a confirmed end of a log is trusted.
	confirmedFor = time.Second
	// dropAfter is how long an unused organisation is followed.
	dropAfter = 10 * time.Minute
	// maxFollowed bounds the number of followed organisations.
	maxFollowed = 1000
)

// Options configure a Follower.
type Options struct {
	// Logger logs when the log cannot be read, and when it can again; may be nil.
	Logger *slog.Logger
	// Poll is how often the ends of the logs are read; 250 ms if zero. It must be well
	// below a second, which is how long a confirmed end is trusted.
	Poll time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Poll <= 0 {
		o.Poll = pollInterval
	}
	return o
}

// Follower follows the change logs of the organisations in use. It is safe for concurrent
// use. Positions are known only while Run runs.
type Follower struct {
	logger  *slog.Logger
	poll    time.Duration
	started time.Time // the origin of now

	generations atomic.Uint64
	failing     atomic.Bool   // the last read of the log failed
	pollAll     atomic.Bool   // there was a write in an unknown organisation
	woken       chan struct{} // wakes Run to read the requested logs
	stopped     chan struct{} // closed when Run has ended

	log   atomic.Pointer[Log] // nil before Run
	orgs  atomic.Pointer[map[crm.ID]*organisation]
	mu    sync.Mutex // held to replace orgs, and to add subscriptions
	ended bool       // Run has ended: no new subscriptions
}

// New returns a Follower; the caller must call Run.
func New(o Options) *Follower {
	o = o.withDefaults()
	f := &Follower{
		logger: o.Logger, poll: o.Poll,
		// Such that now is never 0, which means never.
		started: time.Now().Add(-time.Hour),
		woken:   make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	f.orgs.Store(&map[crm.ID]*organisation{})
	return f
}

// now returns the time since started, by the monotonic clock.
func (f *Follower) now() time.Duration { return time.Since(f.started) }

// followed returns the followed organisations; read-only.
func (f *Follower) followed() map[crm.ID]*organisation { return *f.orgs.Load() }

// follow returns the state of an organisation, which it starts to follow if necessary. It
// returns nil if too many are followed and none can be dropped.
func (f *Follower) follow(org crm.ID, now time.Duration) *organisation {
	if o := f.followed()[org]; o != nil {
		o.use(now)
		return o
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := maps.Clone(f.followed())
	if o := all[org]; o != nil {
		return o
	}
	if len(all) >= maxFollowed && !dropOldest(all) {
		return nil
	}
	o := newOrganisation(org, now, &f.generations)
	all[org] = o
	f.orgs.Store(&all)
	f.requestRead(o)
	return o
}

// dropOldest drops the least recently used organisation.
func dropOldest(all map[crm.ID]*organisation) bool {
	var oldest *organisation
	for _, o := range all {
		if (oldest == nil || o.used.Load() < oldest.used.Load()) && o.droppable() {
			oldest = o
		}
	}
	if oldest == nil {
		return false
	}
	delete(all, oldest.id)
	return true
}

// dropIdle drops the organisations that have been unused for dropAfter.
func (f *Follower) dropIdle(now time.Duration) {
	idle := func(_ crm.ID, o *organisation) bool {
		return now-time.Duration(o.used.Load()) > dropAfter && o.droppable()
	}
	some := false
	for id, o := range f.followed() {
		some = some || idle(id, o)
	}
	if !some {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := maps.Clone(f.followed())
	maps.DeleteFunc(all, idle)
	f.orgs.Store(&all)
}

// requestRead has Run read an organisation's log as soon as possible.
func (f *Follower) requestRead(o *organisation) {
	o.readRequested.Store(true)
	f.wake()
}

// wake wakes Run.
func (f *Follower) wake() {
	select {
	case f.woken <- struct{}{}:
	default: // already pending
	}
}

// Committed implements crm.CommitListener: a write of this process takes effect here before
// it is answered.
func (f *Follower) Committed(org crm.ID, entries []crm.LogEntry) {
	o := f.follow(org, f.now())
	if o == nil || len(entries) == 0 {
		return // an organisation that is not followed is not cached
	}
	if o.apply(entries); o.seq.Load() < entries[len(entries)-1].Seq {
		f.requestRead(o) // others have written entries before these
	}
}

// CommitUnknown implements crm.CommitListener: the position is not trusted until the log
// has been read again.
func (f *Follower) CommitUnknown(org crm.ID) {
	if o := f.follow(org, f.now()); o != nil {
		o.commitUnknown()
		f.requestRead(o)
	}
}

// Unchanged implements crm.CommitListener: the log reaches at least to seq, which the
// writer's consistency token contains.
func (f *Follower) Unchanged(org crm.ID, seq int64) {
	if o := f.follow(org, f.now()); o != nil && seq > o.seq.Load() {
		o.extend(seq)
		f.requestRead(o)
	}
}

// Known returns the greatest known seq of an organisation, from the log or from own
// commits; 0 if it is not followed.
func (f *Follower) Known(org crm.ID) int64 {
	o := f.followed()[org]
	if o == nil {
		return 0
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.known
}

// Fresh implements cache.Freshness: it reports whether none of the tags was invalidated
// after seq, as far as the log was read. It is false if that is unknown.
func (f *Follower) Fresh(org crm.ID, seq int64, tags []crm.Tag) bool {
	o := f.followed()[org]
	return o != nil && o.fresh(seq, tags)
}

// Position implements cache.Freshness: it returns how far the organisation's log was read,
// if that was its end at some time within the last second; otherwise, and if it cannot be
// confirmed now, ok is false. Reads of the database after Position see at least seq. The
// generation increases with every known change of the organisation: callers with the same
// generation may share the result of one read.
func (f *Follower) Position(ctx context.Context, org crm.ID) (seq int64, generation uint64, ok bool) {
	now := f.now()
	o := f.follow(org, now)
	if o == nil || !o.confirmedAt(now) && !f.confirm(ctx, o) {
		return 0, 0, false
	}
	// In this order, so that the generation is at least that of seq.
	seq = o.seq.Load()
	return seq, o.generation.Load(), true
}
