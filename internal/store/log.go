package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"sixty/internal/crm"
)

// Reading the change log; changelog.go writes it.

var (
	logSince = &Statement{"change.since", `SELECT seq, entity, entity_id, op, actor_id, at, CAST(refs AS text)
FROM changes WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`}
	logStart = &Statement{"change.start", `SELECT coalesce((SELECT min(seq) FROM changes WHERE org_id = $1), log_seq + 1)
FROM organisations WHERE id = $1`}
	logOrganisations = &Statement{"change.organisations", `SELECT id FROM organisations ORDER BY id`}
	oldestLog        = &Statement{"change.oldest", `SELECT seq, at FROM changes WHERE org_id = $1 ORDER BY seq LIMIT $2`}
	pruneLog         = &Statement{"change.prune", `DELETE FROM changes WHERE org_id = $1 AND seq <= $2`}
)

// LogEnds implements changes.Log.
func (s *Store) LogEnds(ctx context.Context, orgs []crm.ID) (map[crm.ID]int64, error) {
	type end struct {
		org crm.ID
		seq int64
	}
	st := s.statement("change.ends", func() *Statement {
		return &Statement{"change.ends", "SELECT id, log_seq FROM organisations WHERE " + s.dialect.AnyID("id", 1)}
	})
	found, err := inParts(orgs, func(part []crm.ID) ([]end, error) {
		return collect(ctx, s, s.service(), st, func(e *end) []any { return []any{&e.org, &e.seq} }, s.dialect.IDs(part))
	})
	if err != nil {
		return nil, err
	}
	ends := make(map[crm.ID]int64, len(found))
	for _, e := range found {
		ends[e.org] = e.seq
	}
	return ends, nil
}

// LogSince implements changes.Log.
func (s *Store) LogSince(ctx context.Context, org crm.ID, seq int64, limit int) ([]crm.LogEntry, error) {
	var out []crm.LogEntry
	var e crm.LogEntry
	var refs string
	dest := []any{&e.Seq, &e.Entity, &e.ID, (*string)(&e.Op), &e.ActorID, &e.At, &refs}
	err := s.query(ctx, s.service(), logSince, []any{org, seq, int64(limit)}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		e.Refs = crm.Refs{}
		if err := json.Unmarshal([]byte(refs), &e.Refs); err != nil {
			return false, fmt.Errorf("the refs of change %d of %s: %w", e.Seq, org, err)
		}
		out = append(out, e)
		return true, nil
	})
	return out, err
}

// LogStart implements changes.Log.
func (s *Store) LogStart(ctx context.Context, org crm.ID) (int64, error) {
	found, err := collect(ctx, s, s.service(), logStart, func(seq *int64) []any { return []any{seq} }, org)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, crm.NotFound("organisation")
	}
	return found[0], nil
}

// WatchLog implements changes.Log.
func (s *Store) WatchLog(ctx context.Context, notify func(org crm.ID, seq int64)) error {
	return s.fault(ctx, s.engine.Watch(ctx, notify))
}

// pruneBatch bounds the entries that one transaction removes: others want to write.
const pruneBatch = 500

// PruneLog implements changes.Log.
func (s *Store) PruneLog(ctx context.Context, before crm.Instant, limit int) (removed int64, err error) {
	removed, err = s.pruneAll(ctx, limit, func(org crm.ID, batch int) (int64, error) { return s.prune(ctx, org, before, batch) })
	if err != nil || removed >= int64(limit) {
		return removed, err
	}
	n, err := s.pruneAll(ctx, limit-int(removed), func(org crm.ID, batch int) (int64, error) {
		return s.remove(ctx, pruneImports, org, before, int64(batch))
	})
	return removed + n, err
}

// pruneAll goes round the organisations, a batch of each at a time, and begins at any of
// them, so that a limit that does not suffice for all is not always spent on the same.
// prune removes at most a batch of an organisation's, and returns how many.
func (s *Store) pruneAll(ctx context.Context, limit int, prune func(org crm.ID, batch int) (int64, error)) (removed int64, err error) {
	orgs, err := collect(ctx, s, s.service(), logOrganisations, func(id *crm.ID) []any { return []any{id} })
	if err != nil || len(orgs) == 0 {
		return 0, err
	}
	first := rand.N(len(orgs)) //nolint:gosec // any will do
	for orgs = append(orgs[first:], orgs[:first]...); len(orgs) > 0; {
		var more []crm.ID
		for _, org := range orgs {
			batch := min(pruneBatch, limit-int(removed))
			if batch <= 0 {
				return removed, nil
			}
			n, err := prune(org, batch)
			removed += n
			if err != nil {
				return removed, final(err) // what is left is for the next time
			}
			if n == int64(batch) {
				more = append(more, org)
			}
		}
		orgs = more
	}
	return removed, nil
}

// prune removes an organisation's entries from the oldest up to the first that is not
// from before the instant, at most limit of them: what is left has no gaps.
func (s *Store) prune(ctx context.Context, org crm.ID, before crm.Instant, limit int) (int64, error) {
	var last int64
	var e crm.LogEntry
	dest := []any{&e.Seq, &e.At}
	err := s.query(ctx, s.service(), oldestLog, []any{org, int64(limit)}, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil || e.At >= before {
			return false, err
		}
		last = e.Seq
		return true, nil
	})
	if err != nil || last == 0 {
		return 0, err
	}
	return s.remove(ctx, pruneLog, org, last)
}

// remove runs a statement in a transaction of its own that enters no change.
func (s *Store) remove(ctx context.Context, st *Statement, args ...any) (int64, error) {
	etx, err := s.engine.Begin(ctx, Scope{Service: true})
	if err != nil {
		return 0, s.fault(ctx, err)
	}
	defer func() { _ = etx.Rollback() }()
	n, err := s.exec(ctx, etx, st, args...)
	if err != nil {
		return 0, err
	}
	if err := etx.Commit(ctx); err != nil {
		return 0, s.fault(ctx, err)
	}
	return n, nil
}
