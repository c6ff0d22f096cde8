package changes

import (
	"context"
	"errors"
	"time"

	"sixty/internal/crm"
)

// Why a subscription has ended.
var (
	// ErrSlow means that the subscriber was too slow. It may subscribe again from where it
	// is.
	ErrSlow = errors.New("the subscriber was too slow")
	// ErrReset means that the log does not continue from the subscriber's position: entries
	// were pruned, or never existed. The subscriber must start over.
	ErrReset = errors.New("the change log does not continue from there")
	// ErrStopped means that the program is shutting down.
	ErrStopped = errors.New("changes are no longer followed")
)

const (
	// maxPending bounds the entries queued for a subscriber in memory. It reads any further
	// ones from the log.
	maxPending = 256
	// slowAfter is how long a subscriber with a full queue may read nothing.
	slowAfter = 10 * time.Second
)

// Subscription returns the entries of an organisation's log without gaps or duplicates:
// the existing ones, and then new ones as they are written. It is for one goroutine.
type Subscription struct {
	f *Follower
	o *organisation

	at    int64         // the last seq returned by Next
	ready chan struct{} // signals Next

	// Guarded by the organisation's lock:
	live      bool           // it has read all existing entries and receives new ones
	fullSince time.Time      // when a subscriber with a full queue last read; else zero
	queued    int64          // the last seq that was queued, or read before
	pending   []crm.LogEntry // the queue
	ended     error
}

// Subscribe subscribes to the entries after a position. The caller must Close it.
func (f *Follower) Subscribe(ctx context.Context, org crm.ID, after crm.LogPosition) (*Subscription, error) {
	if f.wait(ctx, org, func(o *organisation) bool { return o.seq.Load() >= 0 }) == nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, crm.Unavailable(ErrStopped)
	}
	// The subscriber may have its position from another process that is ahead.
	ends, err := (*f.log.Load()).LogEnds(ctx, []crm.ID{org})
	if err != nil {
		return nil, err
	}
	s := &Subscription{f: f, at: after.Seq, queued: after.Seq, ready: make(chan struct{}, 1)}
	if end, there := ends.Seqs[org]; !there || ends.Epoch != after.Epoch || after.Seq < 0 || after.Seq > end {
		s.ended = ErrReset
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.o = f.current.Load().get(org)
	if f.ended || s.o == nil {
		return nil, crm.Unavailable(ErrStopped)
	}
	if s.o.history.epoch != after.Epoch {
		s.ended = ErrReset
	}
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	if s.ended == nil {
		s.o.subscriptions[s] = struct{}{}
	}
	return s, nil
}

// Epoch returns the epoch of the log that the entries are of.
func (s *Subscription) Epoch() string { return s.o.history.epoch }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	delete(s.o.subscriptions, s)
}

// Next waits for entries and returns at least one, in order. It returns ErrSlow, ErrReset or
// ErrStopped if the subscription has ended, the cause if ctx ends, and the store's error if
// the log cannot be read; after the latter two it may be called again.
func (s *Subscription) Next(ctx context.Context) ([]crm.LogEntry, error) {
	for {
		entries, live, err := s.take()
		if err == nil && !live && len(entries) == 0 {
			entries, err = s.read(ctx)
		}
		if err != nil {
			return nil, err
		}
		if n := len(entries); n > 0 {
			s.at = entries[n-1].Seq
			return entries, nil
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take returns the queued entries. A subscriber that has read up to the position becomes
// live.
func (s *Subscription) take() (entries []crm.LogEntry, live bool, err error) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	entries, s.pending = s.pending, nil
	if len(entries) == 0 {
		err = s.ended
	}
	if !s.fullSince.IsZero() {
		s.fullSince = time.Now()
	}
	if !s.live && s.at >= s.o.seq.Load() {
		s.live, s.queued, s.fullSince = true, s.at, time.Time{}
	}
	return entries, s.live, err
}

// read reads entries from the log. There are some, because the position is ahead.
func (s *Subscription) read(ctx context.Context) ([]crm.LogEntry, error) {
	read, err := (*s.f.log.Load()).LogSince(ctx, s.o.id, s.at, maxPending)
	if err == nil && (read.Epoch != s.Epoch() || len(read.Entries) == 0 || read.Entries[0].Seq != s.at+1) {
		return nil, s.fail(ErrReset)
	}
	return read.Entries, err
}

// fail ends the subscription.
func (s *Subscription) fail(err error) error {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.endSubscriptions(err, func(o *Subscription) bool { return o == s })
	return s.ended
}

// publish queues the entry after the position for the live subscribers; the lock is held. A
// subscriber with a full queue will read from the log, and is ended if it reads nothing for
// slowAfter.
func (o *organisation) publish(e *crm.LogEntry) {
	for s := range o.subscriptions {
		switch {
		case !s.fullSince.IsZero():
			if time.Since(s.fullSince) > slowAfter {
				o.endSubscriptions(ErrSlow, func(other *Subscription) bool { return other == s })
			}
		case !s.live || e.Seq <= s.queued:
		case len(s.pending) == maxPending:
			s.live, s.fullSince = false, time.Now()
		default:
			s.pending, s.queued = append(s.pending, *e), e.Seq
			s.wake()
		}
	}
}

// endSubscriptions ends some subscriptions; the lock is held. Queued entries can still be
// read.
func (o *organisation) endSubscriptions(why error, which func(*Subscription) bool) {
	for s := range o.subscriptions {
		if which(s) {
			s.ended = why
			delete(o.subscriptions, s)
			s.wake()
		}
	}
}

func (s *Subscription) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
