package changes

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	askTimeout      = time.Second            // for one read of the log
	confirmWait     = 250 * time.Millisecond // for a caller to wait for a confirmation
	maxPause        = 2 * time.Second        // between failing polls
	pageSize        = 500                    // entries per read
	pagesAtATime    = 4                      // of one organisation in a row
	startAtATime    = 100                    // organisations whose tails are read at once
	endsAtATime     = 1000                   // organisations whose ends are read at once
	checkInterval   = 10 * time.Second       // between reads of the ends of all logs
	minPollInterval = 20 * time.Millisecond  // however often a poll is requested
	maxGap          = time.Minute            // between polls, by the wall clock, before all ends are read
	maxWatchPause   = 5 * time.Second        // between attempts to receive notifications
	watchedLong     = 10 * time.Second       // after receiving them for so long, the pause starts over
)

// Log is the change log as a Follower needs it. Errors are those of crm.Store.
type Log interface {
	crm.ChangeLog
	// LogGrowth returns the ends of the logs that have grown since a mark, which an earlier call
	// has returned; none for the mark "". If the epoch is not that of the server, it renews it
	// first.
	LogGrowth(ctx context.Context, mark string) (crm.LogGrowth, error)
	// LogTails returns the last entries of the logs of organisations, at most back of each.
	LogTails(ctx context.Context, orgs []crm.ID, back int) (crm.LogTails, error)
	// RenewEpoch begins a new epoch, if the present one is still was.
	RenewEpoch(ctx context.Context, was string) error
	// WatchLog calls notify when the log of an organisation may have grown, to seq at
	// least, whichever process has written; with the zero ID when it cannot tell which
	// organisation, as once when it begins to listen. It returns when ctx ends, or with
	// the error that keeps it from listening. A call may be lost; it must not block.
	WatchLog(ctx context.Context, notify func(org crm.ID, seq int64)) error
}

// Run follows the logs until ctx ends, which is not an error. It must run once.
func (f *Follower) Run(ctx context.Context, log Log) error {
	f.log.Store(&log)
	ctx, cancel := context.WithCancel(crm.WithFollowsLog(ctx))
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
	f.current.Load().all(func(o *organisation) { o.retire(ErrStopped) })
}

// poll is the last poll that succeeded.
type poll struct {
	mark, epoch string
	at          time.Time     // by the wall clock
	checked     time.Duration // when the ends of all logs were last read
}

// loop polls regularly, and reads the requested logs whenever it is woken.
func (f *Follower) loop(ctx context.Context, log Log) {
	pause := f.poll
	poll := time.NewTimer(0)
	defer poll.Stop()
	var polled time.Time
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
			if all = f.pollAll.Swap(false); all && time.Since(polled) < minPollInterval {
				all = false
				poll.Reset(minPollInterval)
			}
		}
		if all {
			polled = time.Now()
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
	f.polls.send() // for waiters to give up
	return min(2*pause, maxPause)
}

// round polls, if that is due, and reads the requested logs.
func (f *Follower) round(ctx context.Context, log Log, all bool) error {
	if all {
		if err := f.pollGrowth(ctx, log); err != nil {
			return err
		}
	}
	f.mu.Lock()
	requested := f.requested
	f.requested = nil
	f.mu.Unlock()
	var starting []*organisation
	for i, o := range requested {
		o.readRequested.Store(false)
		if o.seq.Load() < 0 {
			starting = append(starting, o)
			continue
		}
		if err := f.read(ctx, log, o); err != nil {
			for _, o := range append(requested[i:], starting...) {
				f.requestRead(o)
			}
			return err
		}
	}
	for part := range slices.Chunk(starting, startAtATime) {
		if err := f.start(ctx, log, part); err != nil {
			for _, o := range starting {
				f.requestRead(o)
			}
			return err
		}
	}
	return nil
}

// pollGrowth reads which logs have grown since the last poll, and requests that they are read.
// This confirms the positions of all others.
func (f *Follower) pollGrowth(ctx context.Context, log Log) error {
	now, wall := f.now(), time.Now().Round(0)
	grown, err := within(ctx, func(ctx context.Context) (crm.LogGrowth, error) { return log.LogGrowth(ctx, f.last.mark) })
	if err != nil {
		return err
	}
	f.useEpoch(grown.Epoch)
	h := f.current.Load()
	f.grown(slices.Collect(maps.Keys(grown.Seqs))...)
	for org, end := range grown.Seqs {
		if o := h.get(org); o != nil && o.seq.Load() < end {
			o.extend(end)
			f.requestRead(o)
		}
	}
	// A mark of another epoch shows no growth, the entries of a long time may have been removed
	// again, and a log that has become shorter, as when the server has crashed, has not grown.
	gap := wall.Sub(f.last.at)
	due := grown.Epoch != f.last.epoch || f.failing.Load() || gap > maxGap || gap < -maxGap || now-f.last.checked >= checkInterval
	if due || h.memory.Load() > maxMemory {
		f.makeRoom(now)
	}
	if due {
		if err := f.checkEnds(ctx, log, h); err != nil {
			return err
		}
		f.last.checked = now
	}
	f.last.mark, f.last.epoch, f.last.at = grown.Mark, grown.Epoch, wall
	if f.current.Load() == h {
		f.polled.Store(int64(now))
	}
	f.polls.send()
	return nil
}

// checkEnds compares the ends of all logs with their state.
func (f *Follower) checkEnds(ctx context.Context, log Log, h *history) error {
	var ids []crm.ID
	h.all(func(o *organisation) {
		if o.seq.Load() >= 0 {
			ids = append(ids, o.id)
		}
	})
	for part := range slices.Chunk(ids, endsAtATime) {
		states := make(map[crm.ID]snapshot, len(part))
		for _, org := range part {
			if o := h.get(org); o != nil {
				states[org] = o.snapshot(f.now())
			}
		}
		ends, err := within(ctx, func(ctx context.Context) (crm.LogEnds, error) { return log.LogEnds(ctx, part) })
		if err != nil {
			return err
		}
		if ends.Epoch != h.epoch && len(ends.Seqs) > 0 {
			f.requestPoll()
			return nil
		}
		for org, m := range states {
			o := h.get(org)
			end, there := ends.Seqs[org]
			switch {
			case o == nil:
			case !there:
				f.remove(h, o)
			case end < m.known:
				f.logger.WarnContext(ctx, "change log: it has become shorter, a new epoch begins", "organisation", org, "was", m.known, "is", end)
				_, err := within(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, log.RenewEpoch(ctx, h.epoch) })
				f.requestPoll()
				return err
			case o.seq.Load() < end:
				o.extend(end)
				f.requestRead(o)
			}
		}
	}
	return nil
}

// remove stops following an organisation that does not exist any more.
func (f *Follower) remove(h *history, o *organisation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.drop(o)
}

// start sets the first positions of organisations.
func (f *Follower) start(ctx context.Context, log Log, starting []*organisation) error {
	ids := make([]crm.ID, len(starting))
	states := make([]snapshot, len(starting))
	for i, o := range starting {
		ids[i], states[i] = o.id, o.snapshot(f.now())
	}
	tails, err := within(ctx, func(ctx context.Context) (crm.LogTails, error) { return log.LogTails(ctx, ids, readBack) })
	if err != nil {
		return err
	}
	for i, o := range starting {
		tail, there := tails.Tails[o.id]
		switch {
		case !there:
			o.changed.send() // there is no such organisation; it is asked for again with the next request
		case o.history.epoch != tails.Epoch:
			f.requestPoll()
		default:
			if o.start(states[i], tail); o.behind.Load() {
				f.requestRead(o)
			}
		}
	}
	return nil
}

func within[T any](ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return read(ctx)
}

// read reads a log to its end, or pagesAtATime pages of it.
func (f *Follower) read(ctx context.Context, log Log, o *organisation) error {
	for range pagesAtATime {
		m := o.snapshot(f.now())
		read, err := within(ctx, func(ctx context.Context) (crm.LogEntries, error) { return log.LogSince(ctx, o.id, m.seq, pageSize) })
		if err != nil {
			return err
		}
		if read.Epoch != o.history.epoch {
			f.requestPoll()
			return nil
		}
		entries := read.Entries
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
		f.requestPoll()
		return
	}
	if o := f.current.Load().get(org); o != nil && o.seq.Load() < seq {
		f.requestRead(o)
	}
}
