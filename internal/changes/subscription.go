package changes

import (
	"context"
	"errors"
	"time"

	"sixty/internal/crm"
)

// Why a subscription has ended.
var (
	// ErrSlow says that the subscriber did not keep up with what happens. It may
	// subscribe again from where it is.
	ErrSlow = errors.New("the reader was too slow for what happens")
	// ErrReset says that the log does not hold what follows on where the subscriber was:
	// entries are not kept any more, or there never were any. It must begin anew.
	ErrReset = errors.New("the change log does not go on from there")
	// ErrStopped says that changes are not followed any more, since the program ends.
	ErrStopped = errors.New("changes are not followed any more")
)

const (
	// maxUnread bounds the entries that wait for a subscriber in memory. What is beyond, it
	// reads from the log, however much has happened at once.
	maxUnread = 256
	// slowAfter is how long a subscriber for whom more waits may take nothing.
	slowAfter = 10 * time.Second
)

// Subscription gives the entries of an organisation's log one after the other, without
// loss or repetition: those that are there already, and then those that are written. It
// is for one goroutine.
type Subscription struct {
	f *Follower
	o *organisation

	at    int64         // the last that Next has given
	ready chan struct{} // there is something for Next

	// Under the organisation's lock:
	live   bool           // it has read all that was there and hears what happens
	behind time.Time      // more has happened than it has room for: when it last took something; else zero
	heard  int64          // the last that stands in unread, or was there before
	unread []crm.LogEntry // what has happened
	ended  error
}

// Subscribe gives the entries after one that the subscriber knows. Close must follow.
func (f *Follower) Subscribe(ctx context.Context, org crm.ID, after int64) (*Subscription, error) {
	if !f.Await(ctx, org, 0) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, crm.Unavailable(ErrStopped)
	}
	// The position may be behind what the subscriber has been told by another process.
	ends, err := (*f.log.Load()).LogEnds(ctx, []crm.ID{org})
	if err != nil {
		return nil, err
	}
	s := &Subscription{f: f, at: after, heard: after, ready: make(chan struct{}, 1)}
	if end, there := ends[org]; !there || after < 0 || after > end {
		s.ended = ErrReset
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.o = f.followed()[org]
	if f.ended || s.o == nil {
		return nil, crm.Unavailable(ErrStopped)
	}
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	if s.ended == nil {
		s.o.subscriptions[s] = struct{}{}
	}
	return s, nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	delete(s.o.subscriptions, s)
}

// Next waits for entries and gives at least one, in order. It fails with ErrSlow,
// ErrReset or ErrStopped when there are no more to come, with ctx's error when that
// ends, and with the store's when it cannot be read; after these it may be called again.
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

// take gives what has happened. A subscriber who has read up to the position hears
// from then on what happens next.
func (s *Subscription) take() (entries []crm.LogEntry, live bool, err error) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	entries, s.unread = s.unread, nil
	if len(entries) == 0 {
		err = s.ended
	}
	if !s.behind.IsZero() {
		s.behind = time.Now()
	}
	if !s.live && s.at >= s.o.seq.Load() {
		s.live, s.heard, s.behind = true, s.at, time.Time{}
	}
	return entries, s.live, err
}

// read gives what is there already. There is something, since the position is beyond.
func (s *Subscription) read(ctx context.Context) ([]crm.LogEntry, error) {
	entries, err := (*s.f.log.Load()).LogSince(ctx, s.o.id, s.at, maxUnread)
	if err == nil && (len(entries) == 0 || entries[0].Seq != s.at+1) {
		return nil, s.fail(ErrReset)
	}
	return entries, err
}

// fail ends the subscription.
func (s *Subscription) fail(err error) error {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.end(err, func(o *Subscription) bool { return o == s })
	return s.ended
}

// publish gives an entry, the one after the position, to the subscribers who have heard
// of those before; the lock is held. Whoever has no room for it will read it from the log,
// and is cut off if they take nothing for long.
func (o *organisation) publish(e *crm.LogEntry) {
	for s := range o.subscriptions {
		switch {
		case !s.behind.IsZero():
			if time.Since(s.behind) > slowAfter {
				o.end(ErrSlow, func(other *Subscription) bool { return other == s })
			}
		case !s.live || e.Seq <= s.heard:
		case len(s.unread) == maxUnread:
			s.live, s.behind = false, time.Now()
		default:
			s.unread, s.heard = append(s.unread, *e), e.Seq
			s.wake()
		}
	}
}

// end ends subscriptions; the lock is held. What they have heard they may still read.
func (o *organisation) end(why error, which func(*Subscription) bool) {
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
