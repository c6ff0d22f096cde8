package changes

import (
	"context"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	askTimeout    = time.Second            // for one read of the log
	confirmWait   = 250 * time.Millisecond // for a caller to wait for a confirmation
	maxPause      = 2 * time.Second        // between failing polls
	pageSize      = 500                    // entries per read
	pagesAtATime  = 4                      // of one organisation in a row
	maxWatchPause = 5 * time.Second        // between attempts to receive notifications
	watchedLong   = 10 * time.Second       // after receiving them for so long, the pause starts over
)

// Log is the change log as a Follower needs it. Errors are those of crm.Store.
type Log interface {
	crm.ChangeLog
	// LogStart returns the seq of the oldest entry that is stored: one more than that of
	// the last entry when none is.
	LogStart(ctx context.Context, org crm.ID) (int64, error)
	// WatchLog calls notify when the log of an organisation may have grown, to seq at
	// least, whichever process has written; with the zero ID when it cannot tell which
	// organisation, as once when it begins to listen. It returns when ctx ends, or with
	// the error that keeps it from listening. A call may be lost; it must not block.
	WatchLog(ctx context.Context, notify func(org crm.ID, seq int64)) error
}

// Run follows the logs until ctx ends, which is not an error. It must run once.
func (f *Follower) Run(ctx context.Context, log Log) error {
	f.log.Store(&log)
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(ctx, log) })
	f.loop(ctx, log)
	cancel()
	watching.Wait()
	f.stop()
	return nil
}

// stop ends all waits and subscriptions.
func (f *Follower) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	close(f.stopped)
	for _, o := range f.followed() {
		o.mu.Lock()
		o.endSubscriptions(ErrStopped, func(*Subscription) bool { return true })
		o.confirmed.Store(0)
		o.mu.Unlock()
	}
}

// loop reads the ends of all logs at every poll, and the requested logs whenever it is
// woken.
func (f *Follower) loop(ctx context.Context, log Log) {
	pause := f.poll
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		all := true
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-f.woken:
			if f.failing.Load() {
				continue // until the next poll
			}
			all = f.pollAll.Swap(false)
		}
		err := f.round(ctx, log, all)
		if ctx.Err() != nil {
			return
		}
		pause = f.pauseAfter(ctx, err, pause)
		if all || err != nil {
			poll.Reset(pause)
		}
	}
}

// pauseAfter returns how long to pause after a round with err: longer with each consecutive
// failure.
func (f *Follower) pauseAfter(ctx context.Context, err error, pause time.Duration) time.Duration {
	failed := f.failing.Swap(err != nil)
	if err == nil {
		if failed {
			f.logger.InfoContext(ctx, "change log: readable again")
		}
		return f.poll
	}
	if !failed {
		f.logger.WarnContext(ctx, "change log: cannot be read, answers are not cached", "error", err)
	}
	for _, o := range f.followed() {
		o.wakeWaiters() // to give up
	}
	return min(2*pause, maxPause)
}

// round reads the ends of all logs, or only of those without a position yet, and then the
// logs that have grown or were requested.
func (f *Follower) round(ctx context.Context, log Log, all bool) error {
	now := f.now()
	if all {
		f.dropIdle(now)
	}
	var ids []crm.ID
	marks := map[*organisation]snapshot{}
	for id, o := range f.followed() {
		if all || o.seq.Load() < 0 {
			ids = append(ids, id)
			marks[o] = o.snapshot(now)
		}
	}
	if len(ids) > 0 {
		limited, cancel := context.WithTimeout(ctx, askTimeout)
		ends, err := log.LogEnds(limited, ids)
		cancel()
		if err != nil {
			return err
		}
		for o, m := range marks {
			end, there := ends[o.id]
			f.compare(ctx, o, m, end, there)
		}
	}
	for _, o := range f.followed() {
		if o.readRequested.Swap(false) && o.seq.Load() >= 0 {
			if err := f.read(ctx, log, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare compares the end of a log with the state before it was read.
func (f *Follower) compare(ctx context.Context, o *organisation, m snapshot, end int64, there bool) {
	switch {
	case !there:
		o.remove()
		return
	case m.seq < 0:
		o.start(end)
	case end < m.known:
		f.logger.WarnContext(ctx, "change log: has become shorter, cached answers are not trusted",
			"organisation", o.id, "was", m.known, "is", end)
		o.reset(end)
	}
	if o.seq.Load() >= end {
		o.confirm(m)
		return
	}
	o.extend(end)
}

// read reads a log to its end, or pagesAtATime pages of it.
func (f *Follower) read(ctx context.Context, log Log, o *organisation) error {
	for range pagesAtATime {
		m := o.snapshot(f.now())
		limited, cancel := context.WithTimeout(ctx, askTimeout)
		entries, err := log.LogSince(limited, o.id, m.seq, pageSize)
		cancel()
		if err != nil {
			o.readRequested.Store(true)
			return err
		}
		switch {
		case len(entries) > 0:
			o.skip(entries[0].Seq - 1) // no effect unless entries are missing
			o.apply(entries)
		case m.known > m.seq:
			o.skip(m.known) // they were pruned
		}
		if len(entries) < pageSize {
			o.confirm(m)
			return nil
		}
	}
	f.requestRead(o)
	return nil
}

// watch receives notifications of writes by others. Missed ones are found by polling.
func (f *Follower) watch(ctx context.Context, log Log) {
	pause := f.poll
	for ctx.Err() == nil {
		began := time.Now()
		err := log.WatchLog(ctx, f.notify)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= watchedLong {
			pause = f.poll
		}
		f.logger.WarnContext(ctx, "change log: no notifications, changes by others are found by polling", "error", err, "again_in", pause)
		retry := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			retry.Stop()
			return
		case <-retry.C:
		}
		pause = min(2*pause, maxWatchPause)
	}
}

// notify handles a notification that a log, or an unknown one, has grown.
func (f *Follower) notify(org crm.ID, seq int64) {
	if org == (crm.ID{}) {
		f.pollAll.Store(true)
		f.wake()
		return
	}
	if o := f.followed()[org]; o != nil && o.seq.Load() < seq {
		f.requestRead(o)
	}
}
