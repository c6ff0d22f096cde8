package changes_test

import (
	"context"
	"errors"
	"sync"

	"sixty/internal/crm"
)

var errDown = errors.New("the database is down")

// memoryLog is a change log in memory, with faults on demand.
type memoryLog struct {
	mu      sync.Mutex
	orgs    map[crm.ID]*memoryOrg
	down    error         // returned by every read
	hold    chan struct{} // if set, LogEnds reads the ends, then waits until it is closed
	held    chan struct{} // receives for every LogEnds that waits
	endsFor []int         // the number of organisations in each call of LogEnds
	reads   int           // calls of LogSince

	notify  func(crm.ID, int64)
	broken  chan error // ends WatchLog
	watched int        // calls of WatchLog
}

type memoryOrg struct {
	end     int64
	entries []crm.LogEntry
}

func newMemoryLog(orgs ...crm.ID) *memoryLog {
	l := &memoryLog{orgs: map[crm.ID]*memoryOrg{}, held: make(chan struct{}, 10), broken: make(chan error)}
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

// restore makes the log end earlier.
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

func (l *memoryLog) LogEnds(ctx context.Context, orgs []crm.ID) (map[crm.ID]int64, error) {
	l.mu.Lock()
	l.endsFor = append(l.endsFor, len(orgs))
	ends := map[crm.ID]int64{}
	for _, org := range orgs {
		if o := l.orgs[org]; o != nil {
			ends[org] = o.end
		}
	}
	err, hold := l.down, l.hold
	l.mu.Unlock()
	if hold != nil {
		l.held <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return ends, err
}

func (l *memoryLog) LogSince(_ context.Context, org crm.ID, seq int64, limit int) ([]crm.LogEntry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	var out []crm.LogEntry
	for _, e := range l.orgs[org].entries {
		if e.Seq > seq && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, l.down
}

func (l *memoryLog) LogStart(_ context.Context, org crm.ID) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orgs[org]
	return o.end - int64(len(o.entries)) + 1, l.down
}

func (l *memoryLog) PruneLog(context.Context, crm.Instant, int) (int64, error) { return 0, nil }

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
