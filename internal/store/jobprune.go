package store

import (
	"context"
	"errors"

	"sixty/internal/crm"
)

// Removing jobs that ended long ago, with their results. Those of all organisations are in one
// index by their end.

var (
	pruneEndedJobs = &Statement{"job.prune", `DELETE FROM jobs WHERE (org_id, id) IN
(SELECT org_id, id FROM jobs WHERE finished_at < $1 AND state IN ('done', 'cancelled') ORDER BY finished_at LIMIT $2)`}
	pruneFailedJobs = &Statement{"job.prune_failed", `DELETE FROM jobs WHERE (org_id, id) IN
(SELECT org_id, id FROM jobs WHERE finished_at < $1 AND state = 'failed' ORDER BY finished_at LIMIT $2)`}
)

// PruneJobs removes jobs that were done or cancelled before an instant, at most limit.
func (s *Store) PruneJobs(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneAll(ctx, pruneEndedJobs, before, limit)
}

// PruneFailedJobs removes jobs that failed before an instant, at most limit.
func (s *Store) PruneFailedJobs(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneAll(ctx, pruneFailedJobs, before, limit)
}

// pruneAll removes rows from before an instant, whichever organisation's, by a statement on the instant
// and a limit.
func (s *Store) pruneAll(ctx context.Context, prune *Statement, before crm.Instant, limit int) (removed int64, err error) {
	for removed < int64(limit) {
		batch := min(pruneBatch, limit-int(removed))
		n, err := s.pruneBatch(ctx, crm.ID{}, batch, func(_ crm.ID, batch int) (int64, error) {
			return s.removeLocked(ctx, prune, before, int64(batch))
		})
		removed += n
		switch {
		case errors.Is(err, errElsewhere):
			return removed, nil
		case err != nil:
			return removed, final(err)
		case n < int64(batch):
			return removed, nil
		}
	}
	return removed, nil
}
