package changes

import (
	"context"

	"sixty/internal/crm"
)

// Answers built from the log itself are not cached.

func (s trackedStore) LogEnds(ctx context.Context, orgs []crm.ID) (crm.LogEnds, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.LogEnds(ctx, orgs)
}

func (s trackedStore) LogSince(ctx context.Context, org crm.ID, seq int64, limit int) (crm.LogEntries, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.LogSince(ctx, org, seq, limit)
}
