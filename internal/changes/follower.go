// Package changes reads the change log, so that others of this process need not: it
// follows the logs of the organisations that are in use, whoever writes them, and tells
// a cache how far it has followed and whether an answer still holds, and live readers
// what has happened. It also notes what an answer is made from while it is made.
//
// What is heard of a log, by whatever way, is the same and may be heard twice:
// transactions of this process are told by the store as they commit, those of others by
// the store's poke, and what neither has told is met by a poll. Only the log itself, asked,
// confirms that there is no more.
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
	// pollInterval is how often the ends of the logs are asked for.
	pollInterval = 250 * time.Millisecond
	// confirmedFor is how long a log's end, once confirmed, counts as such.
	confirmedFor = time.Second
	// forgetAfter is how long an organisation is followed without being used.
	forgetAfter = 10 * time.Minute
	// maxFollowed bounds the organisations that are followed at once.
	maxFollowed = 1000
)

// Options are what a Follower can be told.
type Options struct {
	// Logger hears when the log cannot be followed, and when it can again; it may be nil.
	Logger *slog.Logger
	// Poll is how often the ends of the logs are asked for, 250 ms if zero. An answer
	// holds for a second after that, so it must stay well below.
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

// Follower follows the change logs of the organisations that are in use. It is safe for
// concurrent use, and of use only while Run runs: before and after, nothing is known.
type Follower struct {
	logger  *slog.Logger
	poll    time.Duration
	started time.Time // what moments are counted from

	generations atomic.Uint64
	failing     atomic.Bool   // the log could not be read when it was last asked
	askAll      atomic.Bool   // somebody has written, it is not known to which log
	kick        chan struct{} // wakes Run, which then looks at who wants to be caught up
	stopped     chan struct{} // closed when Run has ended

	log   atomic.Pointer[crm.Log] // nil before Run
	orgs  atomic.Pointer[map[crm.ID]*organisation]
	mu    sync.Mutex // held to replace orgs, and to enter subscriptions
	ended bool       // Run has ended: nobody is subscribed any more
}

// New makes a Follower, which Run then sets to work.
func New(o Options) *Follower {
	o = o.withDefaults()
	f := &Follower{
		logger: o.Logger, poll: o.Poll,
		// No moment is zero, which is that of never.
		started: time.Now().Add(-time.Hour),
		kick:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	f.orgs.Store(&map[crm.ID]*organisation{})
	return f
}

// now gives the moment, by a clock that nobody sets back.
func (f *Follower) now() time.Duration { return time.Since(f.started) }

// followed gives the organisations that are followed, to be read alone.
func (f *Follower) followed() map[crm.ID]*organisation { return *f.orgs.Load() }

// follow gives the state of an organisation that is used now, beginning to follow it if
// need be. It is nil when too many are followed that cannot be forgotten.
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
	if len(all) >= maxFollowed && !forgetOne(all) {
		return nil
	}
	o := newOrganisation(org, now, &f.generations)
	all[org] = o
	f.orgs.Store(&all)
	f.want(o)
	return o
}

// forgetOne forgets the organisation that was used the longest ago.
func forgetOne(all map[crm.ID]*organisation) bool {
	var oldest *organisation
	for _, o := range all {
		if (oldest == nil || o.used.Load() < oldest.used.Load()) && o.forgettable() {
			oldest = o
		}
	}
	if oldest == nil {
		return false
	}
	delete(all, oldest.id)
	return true
}

// forgetIdle forgets the organisations that nobody has used for long.
func (f *Follower) forgetIdle(now time.Duration) {
	idle := func(_ crm.ID, o *organisation) bool {
		return now-time.Duration(o.used.Load()) > forgetAfter && o.forgettable()
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

// want has an organisation's log read as soon as can be.
func (f *Follower) want(o *organisation) {
	o.wanted.Store(true)
	f.wake()
}

// wake wakes Run.
func (f *Follower) wake() {
	select {
	case f.kick <- struct{}{}:
	default: // it is about to wake already
	}
}

// Committed implements crm.CommitListener: what this process has written is known
// before whoever wrote it is answered.
func (f *Follower) Committed(org crm.ID, entries []crm.LogEntry) {
	o := f.follow(org, f.now())
	if o == nil || len(entries) == 0 {
		return // who is not followed is not answered from a cache
	}
	if o.take(entries); o.seq.Load() < entries[len(entries)-1].Seq {
		f.want(o) // others have written before, and are yet to be heard of
	}
}

// CommitUnknown implements crm.CommitListener: what is known of the organisation is worth
// nothing until the log has been asked again.
func (f *Follower) CommitUnknown(org crm.ID) {
	if o := f.follow(org, f.now()); o != nil {
		o.doubt()
		f.want(o)
	}
}

// Unchanged implements crm.CommitListener: the log reaches to seq, so that whoever wrote
// is told of what they found.
func (f *Follower) Unchanged(org crm.ID, seq int64) {
	if o := f.follow(org, f.now()); o != nil && seq > o.seq.Load() {
		o.grown(seq)
		f.want(o)
	}
}

// Known gives the greatest seq of an organisation that this process knows of: from the
// log, or from its own commits. It is 0 for one that is not followed.
func (f *Follower) Known(org crm.ID) int64 {
	o := f.followed()[org]
	if o == nil {
		return 0
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.known
}

// Fresh tells whether an answer holds that was made from these tags after seq was the
// organisation's position: none has been raised since, as far as this process has
// followed. It is false where that cannot be told.
func (f *Follower) Fresh(org crm.ID, seq int64, tags []crm.Tag) bool {
	o := f.followed()[org]
	return o != nil && o.fresh(seq, tags)
}

// Position tells how far the organisation's log has been followed, provided that this
// was its end at some moment of the last second: ok is false if that is not so, and
// cannot be made so right now. What is read from the database after Position has seq and
// all that came before in it. The generation ascends whenever anything of the
// organisation changes, as far as is known: who asks in one generation may be given what
// was read for somebody else who asked in it.
func (f *Follower) Position(ctx context.Context, org crm.ID) (seq int64, generation uint64, ok bool) {
	now := f.now()
	o := f.follow(org, now)
	if o == nil || !o.confirmedAt(now) && !f.confirm(ctx, o) {
		return 0, 0, false
	}
	// In this order: who sees a seq, sees a generation that it has begun, or a later one.
	seq = o.seq.Load()
	return seq, o.generation.Load(), true
}
