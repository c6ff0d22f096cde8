package changes_test

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"sixty/internal/crm"
)

var errDown = errors.New("the database is down")

// memoryLog is a change log in memory, with faults on demand.
type memoryLog struct {
	mu      sync.Mutex
	epoch   string
	orgs    map[crm.ID]*memoryOrg
	written int           // calls of write, which is the mark
	down    error         // returned by every read
	hold    chan struct{} // if set, LogGrowth reads, then waits until it is closed
	held    chan struct{} // receives for every LogGrowth that waits
	polls   int           // calls of LogGrowth
	endsFor []int         // the number of organisations in each call of LogEnds
	reads   int           // calls of LogSince and LogTails

	notify  func(crm.ID, int64)
	broken  chan error // ends WatchLog
	watched int        // calls of WatchLog
}

type memoryOrg struct {
	end     int64
	written int // the last write
	entries []crm.LogEntry
}

func newMemoryLog(orgs ...crm.ID) *memoryLog {
	l := &memoryLog{epoch: "EPOCH001", orgs: map[crm.ID]*memoryOrg{}, held: make(chan struct{}, 10), broken: make(chan error)}
	for _, org := range orgs {
		l.orgs[org] = &memoryOrg{}
	}
	return l
}

// write commits entries without notifying.
func (l *memoryLog) write(org crm.ID, entries ...crm.LogEntry) []crm.LogEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orgs[org]
	l.written++
	o.written = l.written
	for i := range entries {
		o.end++
		entries[i].Seq = o.end
	}
	o.entries = append(o.entries, entries...)
	return entries
}

// announce notifies of a commit.
func (l *memoryLog) announce(org crm.ID, seq int64) {
	l.mu.Lock()
	notify := l.notify
	l.mu.Unlock()
	notify(org, seq)
}

// restore makes the log end earlier, in the same epoch.
func (l *memoryLog) restore(org crm.ID, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orgs[org]
	o.end, o.entries = end, o.entries[:end]
}

// prune removes entries up to seq.
func (l *memoryLog) prune(org crm.ID, seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orgs[org]
	o.entries = o.entries[len(o.entries)-int(o.end-seq):]
}

func (l *memoryLog) set(change func(*memoryLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *memoryLog) LogEnds(_ context.Context, orgs []crm.ID) (crm.LogEnds, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endsFor = append(l.endsFor, len(orgs))
	ends := crm.LogEnds{Epoch: l.epoch, Seqs: map[crm.ID]int64{}}
	for _, org := range orgs {
		if o := l.orgs[org]; o != nil {
			ends.Seqs[org] = o.end
		}
	}
	return ends, l.down
}

func (l *memoryLog) LogGrowth(ctx context.Context, mark string) (crm.LogGrowth, error) {
	l.mu.Lock()
	l.polls++
	grown := crm.LogGrowth{LogEnds: crm.LogEnds{Epoch: l.epoch, Seqs: map[crm.ID]int64{}}, Mark: strconv.Itoa(l.written)}
	since, unknown := strconv.Atoi(mark)
	for id, o := range l.orgs {
		if unknown == nil && o.written > since {
			grown.Seqs[id] = o.end
		}
	}
	err, hold := l.down, l.hold
	l.mu.Unlock()
	if hold != nil {
		l.held <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return crm.LogGrowth{}, context.Cause(ctx)
		}
	}
	return grown, err
}

func (l *memoryLog) LogSince(_ context.Context, org crm.ID, seq int64, limit int) (crm.LogEntries, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	return crm.LogEntries{Epoch: l.epoch, Entries: l.since(org, seq, limit)}, l.down
}

func (l *memoryLog) since(org crm.ID, seq int64, limit int) (out []crm.LogEntry) {
	for _, e := range l.orgs[org].entries {
		if e.Seq > seq && len(out) < limit {
			out = append(out, e)
		}
	}
	return out
}

func (l *memoryLog) LogTails(_ context.Context, orgs []crm.ID, back int) (crm.LogTails, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	tails := crm.LogTails{Epoch: l.epoch, Tails: map[crm.ID]crm.LogTail{}}
	for _, org := range orgs {
		if o := l.orgs[org]; o != nil {
			tails.Tails[org] = crm.LogTail{End: o.end, Entries: l.since(org, o.end-int64(back), back)}
		}
	}
	return tails, l.down
}

func (l *memoryLog) RenewEpoch(_ context.Context, was string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == was {
		l.epoch = was + "N"
	}
	return l.down
}

func (l *memoryLog) WatchLog(ctx context.Context, notify func(crm.ID, int64)) error {
	l.set(func(l *memoryLog) { l.notify, l.watched = notify, l.watched+1 })
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-l.broken:
		return err
	}
}

// updated is a change of a deal.
func updated(deal crm.ID, refs crm.Refs) crm.LogEntry {
	return crm.LogEntry{Entity: crm.EntityDeal, ID: &deal, Op: crm.OpUpdated, Refs: refs}
}

// several returns changes of n deals.
func several(n int) []crm.LogEntry {
	entries := make([]crm.LogEntry, n)
	for i := range entries {
		entries[i] = updated(crm.NewID(), crm.Refs{})
	}
	return entries
}

// ofDeal and allDeals are tags.
func ofDeal(id crm.ID) crm.Tag { return crm.Tag{Entity: crm.EntityDeal, By: crm.ByID, ID: id} }

var allDeals = crm.Tag{Entity: crm.EntityDeal}
