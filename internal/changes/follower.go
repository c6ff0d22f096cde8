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
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

const (
	// pollInterval is how often it is read which logs have grown.
	pollInterval = 250 * time.Millisecond
	// confirmedFor is how long a confirmed end of a log is trusted.
	confirmedFor = time.Second
	// dropAfter is how long an unused organisation is followed.
	dropAfter = 10 * time.Minute
	// maxMemory bounds the memory of the followed organisations, in bytes, to within a quarter.
	maxMemory = 64 << 20
)

// Options configure a Follower.
type Options struct {
	// Logger logs when the log cannot be read, and when it can again; may be nil.
	Logger *slog.Logger
	// Poll is how often it is read which logs have grown; 250 ms if zero. It must be well
	// below a second, which is how long a confirmed end is trusted.
	Poll time.Duration
	// Grown is called with organisations whose logs have grown, whichever process has written,
	// possibly more than once. It must not block; may be nil.
	Grown func(orgs ...crm.ID)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Poll <= 0 {
		o.Poll = pollInterval
	}
	if o.Grown == nil {
		o.Grown = func(...crm.ID) {}
	}
	return o
}

// Follower follows the change logs of the organisations in use. It is safe for concurrent
// use. Positions are known only while Run runs.
type Follower struct {
	logger  *slog.Logger
	poll    time.Duration
	grown   func(orgs ...crm.ID)
	started time.Time // the origin of now

	generations atomic.Uint64
	failing     atomic.Bool   // the last read of the log failed
	pollAll     atomic.Bool   // a poll was requested
	woken       chan struct{} // wakes Run to poll, or to read the requested logs
	stopped     chan struct{} // closed when Run has ended

	log     atomic.Pointer[Log] // nil before Run
	current atomic.Pointer[history]
	polled  atomic.Int64 // when the last successful poll began; see organisation.behind

	mu        sync.Mutex // held to add and remove organisations and subscriptions, and to replace current
	requested []*organisation
	ended     bool // Run has ended: no new subscriptions

	polls signal // sent after every poll, and when the log cannot be read
	last  poll   // of Run alone
}

// New returns a Follower; the caller must call Run.
func New(o Options) *Follower {
	o = o.withDefaults()
	f := &Follower{
		logger: o.Logger, poll: o.Poll, grown: o.Grown,
		// Such that now is never 0, which means never.
		started: time.Now().Add(-time.Hour),
		woken:   make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	f.current.Store(newHistory(""))
	return f
}

// now returns the time since started, by the monotonic clock.
func (f *Follower) now() time.Duration { return time.Since(f.started) }

// follow returns the state of an organisation under the current epoch, which it starts to
// follow if necessary. It returns nil if there is no memory for it at the moment.
func (f *Follower) follow(org crm.ID, now time.Duration) *organisation {
	if o := f.current.Load().get(org); o != nil {
		o.use(now)
		return o
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.current.Load()
	if o := h.get(org); o != nil {
		return o
	}
	if h.memory.Load() > maxMemory+maxMemory/4 {
		return nil // until the next poll has made room
	}
	o := newOrganisation(h, org, now, &f.generations)
	h.add(o)
	o.readRequested.Store(true)
	f.requested = append(f.requested, o)
	f.wake()
	return o
}

// requestRead has Run read an organisation's log as soon as possible.
func (f *Follower) requestRead(o *organisation) {
	if o.readRequested.Swap(true) {
		f.wake()
		return
	}
	f.mu.Lock()
	f.requested = append(f.requested, o)
	f.mu.Unlock()
	f.wake()
}

// requestPoll has Run poll as soon as possible.
func (f *Follower) requestPoll() {
	f.pollAll.Store(true)
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
func (f *Follower) Committed(org crm.ID, epoch string, entries []crm.LogEntry) {
	f.useEpoch(epoch)
	f.grown(org)
	o := f.follow(org, f.now())
	if o == nil || o.history.epoch != epoch || len(entries) == 0 {
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

// Unchanged implements crm.CommitListener: the log reaches at least to a position, which the
// writer's consistency token contains.
func (f *Follower) Unchanged(org crm.ID, at crm.LogPosition) {
	f.useEpoch(at.Epoch)
	if o := f.follow(org, f.now()); o != nil && o.history.epoch == at.Epoch && at.Seq > o.seq.Load() {
		o.extend(at.Seq)
		f.requestRead(o)
	}
}

// Known returns the greatest known position of an organisation, from the log or from own
// commits; zero if it is not followed.
func (f *Follower) Known(org crm.ID) crm.LogPosition {
	o := f.current.Load().get(org)
	if o == nil {
		return crm.LogPosition{}
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	return crm.LogPosition{Epoch: o.history.epoch, Seq: o.known}
}

// Fresh implements cache.Freshness: it reports whether none of the tags was invalidated
// after a position, as far as the log was read. It is false if that is unknown.
func (f *Follower) Fresh(org crm.ID, at crm.LogPosition, tags []crm.Tag) bool {
	h := f.current.Load()
	if h.epoch != at.Epoch {
		return false
	}
	o := h.get(org)
	return o != nil && o.fresh(at.Seq, tags)
}

// Position implements cache.Freshness: it returns how far the organisation's log was read,
// if that was its end at some time within the last second; otherwise, and if it cannot be
// confirmed now, ok is false. Reads of the database after Position see at least that. The
// generation increases with every known change of the organisation: callers with the same
// generation may share the result of one read.
func (f *Follower) Position(ctx context.Context, org crm.ID) (at crm.LogPosition, generation uint64, ok bool) {
	now := f.now()
	o := f.follow(org, now)
	if o == nil {
		return crm.LogPosition{}, 0, false
	}
	if !f.confirmed(o, now) {
		if o = f.confirm(ctx, org); o == nil {
			return crm.LogPosition{}, 0, false
		}
	}
	// In this order, so that the generation is at least that of seq.
	at = crm.LogPosition{Epoch: o.history.epoch, Seq: o.seq.Load()}
	return at, o.generation.Load(), true
}

// confirmed reports whether the position of an organisation counts as the end of the log.
func (f *Follower) confirmed(o *organisation, now time.Duration) bool {
	at := f.polled.Load() // before behind, which the poll has set
	if o.behind.Load() {
		at = 0
	}
	return int64(now)-max(at, o.confirmed.Load()) <= int64(confirmedFor)
}
