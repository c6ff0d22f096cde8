// Package changestest has a change log in memory, for tests of what follows one.
package changestest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"

	"sixty/internal/crm"
)

// Epoch is the epoch of a Log.
const Epoch = "EPOCH234"

// Log is a changes.Log in which every organisation exists, and all have the same entries: of
// deals that were created. The zero Log has none.
type Log struct {
	mu       sync.Mutex
	end      int64
	followed map[crm.ID]struct{} // whose tails were read
}

// Grow adds n entries, without notifying.
func (l *Log) Grow(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end += n
}

// LogEnds implements changes.Log.
func (l *Log) LogEnds(_ context.Context, orgs []crm.ID) (crm.LogEnds, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ends(orgs), nil
}

func (l *Log) ends(orgs []crm.ID) crm.LogEnds {
	ends := crm.LogEnds{Epoch: Epoch, Seqs: map[crm.ID]int64{}}
	for _, org := range orgs {
		ends.Seqs[org] = l.end
	}
	return ends
}

// LogGrowth implements changes.Log.
func (l *Log) LogGrowth(_ context.Context, mark string) (crm.LogGrowth, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	grown := crm.LogGrowth{LogEnds: l.ends(nil), Mark: strconv.FormatInt(l.end, 10)}
	if mark != grown.Mark {
		grown.LogEnds = l.ends(slices.Collect(maps.Keys(l.followed)))
	}
	return grown, nil
}

// LogTails implements changes.Log.
func (l *Log) LogTails(_ context.Context, orgs []crm.ID, back int) (crm.LogTails, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tails := crm.LogTails{Epoch: Epoch, Tails: map[crm.ID]crm.LogTail{}}
	if l.followed == nil {
		l.followed = map[crm.ID]struct{}{}
	}
	for _, org := range orgs {
		l.followed[org] = struct{}{}
		tails.Tails[org] = crm.LogTail{End: l.end, Entries: l.since(max(0, l.end-int64(back)), back)}
	}
	return tails, nil
}

// LogSince implements changes.Log.
func (l *Log) LogSince(_ context.Context, _ crm.ID, seq int64, limit int) (crm.LogEntries, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return crm.LogEntries{Epoch: Epoch, Entries: l.since(seq, limit)}, nil
}

func (l *Log) since(seq int64, limit int) (all []crm.LogEntry) {
	for seq < l.end && len(all) < limit {
		seq++
		all = append(all, crm.LogEntry{Seq: seq, Entity: crm.EntityDeal, ID: &crm.ID{1}, Op: crm.OpCreated})
	}
	return all
}

// RenewEpoch implements changes.Log.
func (*Log) RenewEpoch(context.Context, string) error { return nil }

// WatchLog implements changes.Log: it never notifies.
func (*Log) WatchLog(ctx context.Context, _ func(crm.ID, int64)) error {
	<-ctx.Done()
	return nil
}
