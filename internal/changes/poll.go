package changes

import (
	"context"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	askTimeout    = time.Second            // for the log to answer one question
	confirmWait   = 250 * time.Millisecond // for a position to be confirmed while somebody waits
	maxPause      = 2 * time.Second        // between questions that nobody answers
	pageSize      = 500                    // entries that are read at once
	pagesAtATime  = 4                      // of one organisation, before others have their turn
	maxWatchPause = 5 * time.Second        // between attempts to hear of writes
	watchedLong   = 10 * time.Second       // hearing for so long, there was nothing wrong with the attempt
)

// Run follows the logs until ctx ends, which is not an error. It must run once.
func (f *Follower) Run(ctx context.Context, log crm.Log) error {
	f.log.Store(&log)
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(ctx, log) })
	f.follows(ctx, log)
	cancel()
	watching.Wait()
	f.stop()
	return nil
}

// stop ends what waits and who is subscribed.
func (f *Follower) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	close(f.stopped)
	for _, o := range f.followed() {
		o.mu.Lock()
		o.end(ErrStopped, func(*Subscription) bool { return true })
		o.confirmed.Store(0)
		o.mu.Unlock()
	}
}

// follows asks for the ends of all logs at every poll, and reads those that somebody
// wants whenever it is woken.
func (f *Follower) follows(ctx context.Context, log crm.Log) {
	pause := f.poll
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		all := true
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-f.kick:
			if f.failing.Load() {
				continue // the poll tries again when it is time
			}
			all = f.askAll.Swap(false)
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

// pauseAfter tells how long to pause after a round that ended so: the longer, the more
// have failed in a row.
func (f *Follower) pauseAfter(ctx context.Context, err error, pause time.Duration) time.Duration {
	failed := f.failing.Swap(err != nil)
	if err == nil {
		if failed {
			f.logger.InfoContext(ctx, "the change log can be read again")
		}
		return f.poll
	}
	if !failed {
		f.logger.WarnContext(ctx, "the change log cannot be read: answers come from the database, if any", "error", err)
	}
	for _, o := range f.followed() {
		o.wake() // waiting is in vain
	}
	return min(2*pause, maxPause)
}

// round asks for the ends of all logs, or of those alone that are yet to be begun, and
// reads those that have grown or that somebody wants.
func (f *Follower) round(ctx context.Context, log crm.Log, all bool) error {
	now := f.now()
	if all {
		f.forgetIdle(now)
	}
	var ids []crm.ID
	marks := map[*organisation]mark{}
	for id, o := range f.followed() {
		if all || o.seq.Load() < 0 {
			ids = append(ids, id)
			marks[o] = o.mark(now)
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
			f.judge(ctx, o, m, end, there)
		}
	}
	for _, o := range f.followed() {
		if o.wanted.Swap(false) && o.seq.Load() >= 0 {
			if err := f.read(ctx, log, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge compares the end of a log with what was known before it was asked for.
func (f *Follower) judge(ctx context.Context, o *organisation, m mark, end int64, there bool) {
	switch {
	case !there:
		o.lose()
		return
	case m.seq < 0:
		o.begin(end)
	case end < m.known:
		f.logger.WarnContext(ctx, "a change log has become shorter: nothing that was known of it is trusted",
			"organisation", o.id, "was", m.known, "is", end)
		o.reset(end)
	}
	if o.seq.Load() >= end {
		o.confirm(m)
		return
	}
	o.grown(end)
}

// read reads on in a log until its end, or for so many pages.
func (f *Follower) read(ctx context.Context, log crm.Log, o *organisation) error {
	for range pagesAtATime {
		m := o.mark(f.now())
		limited, cancel := context.WithTimeout(ctx, askTimeout)
		entries, err := log.LogSince(limited, o.id, m.seq, pageSize)
		cancel()
		if err != nil {
			o.wanted.Store(true)
			return err
		}
		switch {
		case len(entries) > 0:
			o.skip(entries[0].Seq - 1) // nothing, unless entries are missing
			o.take(entries)
		case m.known > m.seq:
			o.skip(m.known) // they were there once
		}
		if len(entries) < pageSize {
			o.confirm(m)
			return nil
		}
	}
	f.want(o)
	return nil
}

// watch hears of what others write, as well as can be: what it misses, the poll meets.
func (f *Follower) watch(ctx context.Context, log crm.Log) {
	pause := f.poll
	for ctx.Err() == nil {
		began := time.Now()
		err := log.WatchLog(ctx, f.poke)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= watchedLong {
			pause = f.poll
		}
		f.logger.WarnContext(ctx, "changes by others are met by polling alone", "error", err, "again_in", pause)
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

// poke hears that a log has grown, or that any may have.
func (f *Follower) poke(org crm.ID, seq int64) {
	if org == (crm.ID{}) {
		f.askAll.Store(true)
		f.wake()
		return
	}
	if o := f.followed()[org]; o != nil && o.seq.Load() < seq {
		f.want(o)
	}
}
