package store

import (
	"context"
	"errors"
	"math/rand/v2"

	"sixty/internal/crm"
)

// Removing what is older than its retention. Only the organisations that have something to
// remove are visited, in small transactions, by one instance at a time: each transaction
// holds a lock of the database. The caller computes the instants from [Store.Now].

// pruneBatch bounds the entries that one transaction removes: others want to write.
const pruneBatch = 500

// pruneLock is the number of the lock of every transaction that removes old rows.
const pruneLock int64 = 0x7369787479 // "sixty"

// errElsewhere says that another instance is removing old rows.
var errElsewhere = errors.New("another instance is removing old rows")

// Each of these finds the organisations with a row from before $1. The change log is pruned
// from its first entry on, so that this entry decides.
var (
	oldLogs = &Statement{"change.old", `SELECT o.id FROM organisations o
WHERE (SELECT c.at FROM changes c WHERE c.org_id = o.id ORDER BY c.seq LIMIT 1) < $1 ORDER BY o.id`}
	oldAnswers       = oldRows("idempotency.old", "idempotency", "at")
	oldAudit         = oldRows("audit.old", "audit", "at")
	oldSessions      = oldUnindexed("session.old", "sessions", "expires_at")
	oldOneTimeTokens = oldUnindexed("ticket.old", "tickets", "expires_at")
)

// oldRows is for a table with an index on the organisation and the instant.
func oldRows(name, table, instant string) *Statement {
	return &Statement{name, "SELECT o.id FROM organisations o WHERE (SELECT t." + instant + " FROM " + table +
		" t WHERE t.org_id = o.id ORDER BY t." + instant + " LIMIT 1) < $1 ORDER BY o.id"}
}

// oldUnindexed is for a small table without one, which is read once.
func oldUnindexed(name, table, instant string) *Statement {
	return &Statement{name, "SELECT DISTINCT org_id FROM " + table + " WHERE " + instant + " < $1 ORDER BY org_id"}
}

var (
	oldestLog  = &Statement{"change.oldest", `SELECT seq, at FROM changes WHERE org_id = $1 ORDER BY seq LIMIT $2`}
	pruneLog   = &Statement{"change.prune", `DELETE FROM changes WHERE org_id = $1 AND seq <= $2`}
	pruneAudit = &Statement{"audit.prune", `DELETE FROM audit WHERE org_id = $1 AND id IN
(SELECT id FROM audit WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)`}
	pruneAnswers = &Statement{"idempotency.prune", `DELETE FROM idempotency WHERE org_id = $1 AND (principal, key, target) IN
(SELECT principal, key, target FROM idempotency WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)`}
)

// PruneLog removes entries of the change log from before an instant, at most limit.
func (s *Store) PruneLog(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneOrganisations(ctx, oldLogs, before, limit, pruneBatch, func(org crm.ID, batch int) (int64, error) {
		return s.pruneLogOf(ctx, org, before, batch)
	})
}

// PruneIdempotencyKeys implements crm.Store.
func (s *Store) PruneIdempotencyKeys(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneRows(ctx, oldAnswers, pruneAnswers, before, limit)
}

// PruneAudit implements crm.Store.
func (s *Store) PruneAudit(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneRows(ctx, oldAudit, pruneAudit, before, limit)
}

// PruneExpiredCredentials removes the sessions and one-time tokens that expired before an
// instant. They are rejected already, so the change log has no entry of it.
func (s *Store) PruneExpiredCredentials(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	removed, err := s.pruneRows(ctx, oldSessions, pruneSessions, before, limit)
	if err != nil {
		return removed, err
	}
	n, err := s.pruneRows(ctx, oldOneTimeTokens, pruneOneTimeTokens, before, limit-int(removed))
	return removed + n, err
}

// pruneRows removes rows from before an instant by a statement on an organisation, the
// instant and a limit.
func (s *Store) pruneRows(ctx context.Context, find, prune *Statement, before crm.Instant, limit int) (int64, error) {
	return s.pruneOrganisations(ctx, find, before, limit, pruneBatch, func(org crm.ID, batch int) (int64, error) {
		return s.removeLocked(ctx, prune, org, before, int64(batch))
	})
}

// pruneOrganisations goes round the organisations that a statement finds, a batch of each at
// a time, and begins at any of them, so that a limit that does not suffice for all is not
// always spent on the same. prune removes at most a batch of an organisation's, and returns
// how many.
func (s *Store) pruneOrganisations(
	ctx context.Context, find *Statement, before crm.Instant, limit, most int, prune func(org crm.ID, batch int) (int64, error),
) (removed int64, err error) {
	if limit <= 0 {
		return 0, nil
	}
	orgs, err := collect(ctx, s, s.service(), find, func(id *crm.ID) []any { return []any{id} }, before)
	if err != nil || len(orgs) == 0 {
		return 0, err
	}
	first := rand.N(len(orgs)) //nolint:gosec // any will do
	for orgs = append(orgs[first:], orgs[:first]...); len(orgs) > 0; {
		var more []crm.ID
		for _, org := range orgs {
			batch := min(most, limit-int(removed))
			if batch <= 0 {
				return removed, nil
			}
			n, err := s.pruneBatch(ctx, org, batch, prune)
			removed += n
			switch {
			case errors.Is(err, errElsewhere):
				return removed, nil
			case err != nil:
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

// pruneBatch runs one batch when requests leave room for it, again if the engine wants that.
func (s *Store) pruneBatch(ctx context.Context, org crm.ID, batch int, prune func(org crm.ID, batch int) (int64, error)) (n int64, err error) {
	leave, err := s.background(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	for range maxAttempts {
		n, err = prune(org, batch)
		if again := (*retryError)(nil); !errors.As(err, &again) {
			break
		}
	}
	return n, err
}

// pruneLogOf removes an organisation's entries from the oldest up to the first that is not
// from before the instant, at most limit of them: what is left has no gaps.
func (s *Store) pruneLogOf(ctx context.Context, org crm.ID, before crm.Instant, limit int) (int64, error) {
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
	return s.removeLocked(ctx, pruneLog, org, last)
}

// removeLocked is execInService under the lock of pruning, and returns how many rows were
// removed.
func (s *Store) removeLocked(ctx context.Context, st *Statement, args ...any) (removed int64, err error) {
	err = s.pruning(ctx, func(etx EngineTx) error {
		removed, err = s.exec(ctx, etx, st, args...)
		return err
	})
	return removed, err
}

// pruning is inService under the lock of pruning. It returns errElsewhere if another transaction
// holds the lock.
func (s *Store) pruning(ctx context.Context, fn func(EngineTx) error) error {
	return s.inService(ctx, func(etx EngineTx) error {
		lock := s.statement("prune.lock", func() *Statement {
			return &Statement{"prune.lock", "SELECT " + s.dialect.TryLock(1)}
		})
		free, err := collect(ctx, s, etx, lock, func(b *bool) []any { return []any{b} }, pruneLock)
		if err != nil {
			return err
		}
		if !free[0] {
			return errElsewhere
		}
		return fn(etx)
	})
}

// execInService runs a statement in a transaction of its own that enters no change.
func (s *Store) execInService(ctx context.Context, st *Statement, args ...any) error {
	return s.inService(ctx, func(etx EngineTx) error {
		_, err := s.exec(ctx, etx, st, args...)
		return err
	})
}

// inService runs fn in a transaction that may write to all organisations' rows, and enters
// no change.
func (s *Store) inService(ctx context.Context, fn func(EngineTx) error) error {
	return s.in(ctx, Scope{Service: true}, fn)
}

// byKeyInService is inService for statements that find rows by their keys, and is run again when the
// engine wants that.
func (s *Store) byKeyInService(ctx context.Context, fn func(EngineTx) error) error {
	return s.again(ctx, func() error { return s.in(ctx, Scope{Service: true, ByKey: true}, fn) })
}

func (s *Store) in(ctx context.Context, scope Scope, fn func(EngineTx) error) error {
	etx, err := s.engine.Begin(ctx, scope)
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() { _ = etx.Rollback() }()
	if err := fn(etx); err != nil {
		return err
	}
	etx.Guard(guardOf(ctx, scope))
	return s.fault(ctx, etx.Commit(ctx))
}
