package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"sixty/internal/crm"
)

// Reading the change log; changelog.go writes it.

// logEnd is the end of an organisation's log, as it is read with the epoch.
type logEnd struct {
	epoch *string
	mark  *string
	org   *crm.ID
	seq   int64
}

// LogEnds implements crm.ChangeLog.
func (s *Store) LogEnds(ctx context.Context, orgs []crm.ID) (crm.LogEnds, error) {
	st := s.statement("change.ends", func() *Statement {
		return &Statement{"change.ends", "SELECT " + s.dialect.Epoch() + ", id, log_seq FROM organisations WHERE " + s.dialect.AnyID("id", 1)}
	})
	found, err := inParts(orgs, func(part []crm.ID) ([]logEnd, error) {
		return collect(ctx, s, s.logReader(ctx), st, func(e *logEnd) []any { return []any{&e.epoch, &e.org, &e.seq} }, s.dialect.IDs(part))
	})
	ends := crm.LogEnds{Seqs: make(map[crm.ID]int64, len(found))}
	for i, e := range found {
		if e.epoch == nil || i > 0 && *e.epoch != ends.Epoch {
			return crm.LogEnds{}, crm.Unavailable(errEpoch)
		}
		ends.Epoch, ends.Seqs[*e.org] = *e.epoch, e.seq
	}
	return ends, err
}

// errEpoch is the cause of reads that fail because the epoch is not that of the server.
var errEpoch = errors.New("the epoch of the change log is not established on this server")

// LogGrowth implements changes.Log.
func (s *Store) LogGrowth(ctx context.Context, mark string) (crm.LogGrowth, error) {
	for attempt := 0; ; attempt++ {
		grown, err := s.logGrowth(ctx, mark)
		if err != nil || grown.Epoch != "" {
			return grown, err
		}
		if attempt > 0 {
			return crm.LogGrowth{}, crm.Unavailable(errEpoch)
		}
		if err := s.BeginEpoch(ctx); err != nil {
			return crm.LogGrowth{}, err
		}
	}
}

func (s *Store) logGrowth(ctx context.Context, mark string) (crm.LogGrowth, error) {
	st := s.statement("change.growth", func() *Statement { return &Statement{"change.growth", s.dialect.LogGrowth()} })
	grown := crm.LogGrowth{LogEnds: crm.LogEnds{Seqs: map[crm.ID]int64{}}}
	var e logEnd
	dest := []any{&e.epoch, &e.mark, &e.org, &e.seq}
	err := s.query(ctx, s.logReader(ctx), st, []any{mark}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		if e.mark == nil {
			grown.Seqs[*e.org] = max(grown.Seqs[*e.org], e.seq)
			return true, nil
		}
		grown.Mark = *e.mark
		if e.epoch != nil {
			grown.Epoch = *e.epoch
		}
		return true, nil
	})
	return grown, err
}

// establishEpoch renews the epoch of the log if it belongs to another server.
func (s *Store) establishEpoch(ctx context.Context) error {
	_, err := s.LogGrowth(ctx, "")
	return err
}

// storedEpoch is the epoch whichever server it belongs to.
var storedEpoch = &Statement{"epoch.get", `SELECT epoch FROM log_epoch`}

// BeginEpoch begins a new epoch of the change log, which is needed after a backup was restored.
func (s *Store) BeginEpoch(ctx context.Context) error {
	found, err := collect(ctx, s, s.service(), storedEpoch, func(epoch *string) []any { return []any{epoch} })
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return crm.Unavailable(errEpoch)
	}
	return s.RenewEpoch(ctx, found[0])
}

// RenewEpoch implements changes.Log. Of several processes that renew the same epoch, one does.
func (s *Store) RenewEpoch(ctx context.Context, was string) error {
	st := s.statement("epoch.renew", func() *Statement { return &Statement{"epoch.renew", s.dialect.RenewEpoch()} })
	return s.execInService(ctx, st, rand.Text()[:10], was)
}

// loggedEntry is an entry as it is read with the epoch and the end of its log; nil for none.
type loggedEntry struct {
	epoch *string
	org   crm.ID
	end   int64

	seq    int64 // 0: there is no entry
	entity *string
	id     *crm.ID
	op     *string
	actor  *crm.ID
	key    *crm.ID
	at     *crm.Instant
	refs   *string
}

const entryColumns = "coalesce(c.seq, 0), c.entity, c.entity_id, c.op, c.actor_id, c.key_id, c.at, CAST(c.refs AS text)"

func (e *loggedEntry) destinations(before ...any) []any {
	return append(before, &e.seq, &e.entity, &e.id, &e.op, &e.actor, &e.key, &e.at, &e.refs)
}

// entry returns the entry; false if there is none.
func (e *loggedEntry) entry(org crm.ID) (crm.LogEntry, bool, error) {
	if e.seq == 0 {
		return crm.LogEntry{}, false, nil
	}
	found := crm.LogEntry{Seq: e.seq, Entity: *e.entity, ID: e.id, Op: crm.Op(*e.op), ActorID: e.actor, KeyID: e.key, At: *e.at}
	if err := json.Unmarshal([]byte(*e.refs), &found.Refs); err != nil {
		return found, true, fmt.Errorf("the refs of change %d of %s: %w", found.Seq, org, err)
	}
	return found, true, nil
}

// LogSince implements crm.ChangeLog.
func (s *Store) LogSince(ctx context.Context, org crm.ID, seq int64, limit int) (crm.LogEntries, error) {
	st := s.statement("change.since", func() *Statement {
		return &Statement{"change.since", "SELECT " + s.dialect.Epoch() + ", " + entryColumns +
			" FROM (SELECT 1) one LEFT JOIN (SELECT * FROM changes WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) c ON true ORDER BY c.seq"}
	})
	var out crm.LogEntries
	var e loggedEntry
	dest := e.destinations(&e.epoch)
	err := s.query(ctx, s.logReader(ctx), st, []any{org, seq, int64(limit)}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		if e.epoch == nil {
			return false, crm.Unavailable(errEpoch)
		}
		out.Epoch = *e.epoch
		entry, there, err := e.entry(org)
		if there {
			out.Entries = append(out.Entries, entry)
		}
		return true, err
	})
	return out, err
}

// LogTails implements changes.Log.
func (s *Store) LogTails(ctx context.Context, orgs []crm.ID, back int) (crm.LogTails, error) {
	st := s.statement("change.tails", func() *Statement {
		return &Statement{"change.tails", "SELECT " + s.dialect.Epoch() + ", o.id, o.log_seq, " + entryColumns +
			" FROM organisations o LEFT JOIN changes c ON c.org_id = o.id AND c.seq > o.log_seq - $2 WHERE " + s.dialect.AnyID("o.id", 1) + " ORDER BY o.id, c.seq"}
	})
	tails := crm.LogTails{Tails: make(map[crm.ID]crm.LogTail, len(orgs))}
	var e loggedEntry
	dest := e.destinations(&e.epoch, &e.org, &e.end)
	err := s.query(ctx, s.logReader(ctx), st, []any{s.dialect.IDs(orgs), int64(back)}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		if e.epoch == nil {
			return false, crm.Unavailable(errEpoch)
		}
		tails.Epoch = *e.epoch
		tail := tails.Tails[e.org]
		tail.End = e.end
		entry, there, err := e.entry(e.org)
		if there {
			tail.Entries = append(tail.Entries, entry)
		}
		tails.Tails[e.org] = tail
		return true, err
	})
	return tails, err
}

// WatchLog implements changes.Log.
func (s *Store) WatchLog(ctx context.Context, notify func(org crm.ID, seq int64)) error {
	return s.fault(ctx, s.engine.Watch(ctx, notify))
}
