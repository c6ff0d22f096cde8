package changes

import (
	"context"

	"sixty/internal/crm"
)

// The log is what tells whether an answer holds. An answer that is made from it holds for
// nobody else.

func (s trackedStore) LogEnds(ctx context.Context, orgs []crm.ID) (map[crm.ID]int64, error) {
	tracked(ctx).forbid()
	return s.store.LogEnds(ctx, orgs)
}

func (s trackedStore) LogSince(ctx context.Context, org crm.ID, seq int64, limit int) ([]crm.LogEntry, error) {
	tracked(ctx).forbid()
	return s.store.LogSince(ctx, org, seq, limit)
}

func (s trackedStore) LogStart(ctx context.Context, org crm.ID) (int64, error) {
	tracked(ctx).forbid()
	return s.store.LogStart(ctx, org)
}

func (s trackedStore) PruneLog(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.store.PruneLog(ctx, before, limit)
}

func (s trackedStore) WatchLog(ctx context.Context, poke func(org crm.ID, seq int64)) error {
	return s.store.WatchLog(ctx, poke)
}
