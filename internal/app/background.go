package app

import (
	"context"
	"sync/atomic"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/bulk"
	"sixty/internal/config"
	"sixty/internal/crm"
)

const (
	// pruneEvery is the interval of pruning, and pruneAtOnce bounds the rows of each kind.
	pruneEvery  = 10 * time.Minute
	pruneAtOnce = 100_000
	// rebuildRetry is the time between two attempts to rebuild derived data.
	rebuildRetry = 30 * time.Second
	// reindexEvery is the interval at which deals that wait for being indexed are looked for.
	reindexEvery = 5 * time.Second
)

// turn is where background work waits while requests wait: at the server's bulkheads, once
// there is a server.
type turn struct {
	enter atomic.Pointer[func(context.Context) (leave func(), err error)]
}

// give says where to wait from now on.
func (t *turn) give(enter func(context.Context) (leave func(), err error)) { t.enter.Store(&enter) }

// take waits for room. leave must be called.
func (t *turn) take(ctx context.Context) (leave func(), err error) {
	if enter := t.enter.Load(); enter != nil {
		return (*enter)(ctx)
	}
	return func() {}, nil
}

// prune removes old rows of the change log and the audit trail, stored responses, expired
// sessions and one-time tokens, and networks of sign-ins, periodically until ctx ends.
func (s *serving) prune(ctx context.Context, cfg config.Cache) {
	repeat(ctx, pruneEvery, func() bool {
		s.pruneOnce(ctx, cfg)
		return ctx.Err() == nil
	})
}

// pruneOnce removes what is old by the database's clock, unless the clock of this instance
// is wrong: what else it decides by the time is not to be trusted either.
func (s *serving) pruneOnce(ctx context.Context, cfg config.Cache) {
	recent, skew := s.heartbeat.state()
	if !recent || skew != 0 {
		return
	}
	now, err := s.core.Store.Now(ctx)
	if err != nil {
		return // the next time
	}
	for _, old := range []struct {
		what  string
		kept  time.Duration
		prune func(ctx context.Context, before crm.Instant, limit int) (int64, error)
	}{
		{"the change log", cfg.ChangesRetention, s.core.Store.PruneLog},
		{"what imports have changed", bulk.UndoTime, s.core.Store.PruneImports},
		{"stored responses", crm.IdempotencyRetention, s.core.Store.PruneIdempotencyKeys},
		{"the audit trail", cfg.AuditRetention, s.core.Store.PruneAudit},
		{"sessions and one-time tokens", 0, s.core.Store.PruneExpiredCredentials},
		{"networks of sign-ins", accounts.SignInNetworkRetention, s.core.Store.PruneSignInNetworks},
	} {
		removed, err := old.prune(ctx, now-crm.Instant(old.kept.Microseconds()), pruneAtOnce)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.core.Log.Warn("old rows could not be removed", "of", old.what, "error", err)
		case removed > 0:
			s.core.Log.Info("old rows were removed", "of", old.what, "rows", removed)
		}
	}
}

// repeat calls work at once and then periodically, until it returns false or ctx ends.
func repeat(ctx context.Context, period time.Duration, work func() bool) {
	every := time.NewTicker(period)
	defer every.Stop()
	for work() {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// rebuild rebuilds derived data of an older version, until that is done or ctx ends.
func (s *serving) rebuild(ctx context.Context) {
	repeat(ctx, rebuildRetry, func() bool {
		err := s.core.Store.RebuildDerived(ctx)
		if err == nil {
			err = s.warnOfCollisions(ctx)
		}
		if err == nil || ctx.Err() != nil {
			return false
		}
		s.core.Log.Warn("what is derived from records is not rebuilt yet, so that searches may be incomplete; it is tried again", "error", err)
		return true
	})
}

// reindex indexes the deals that wait for it, periodically until ctx ends.
func (s *serving) reindex(ctx context.Context) {
	failed := false
	repeat(ctx, reindexEvery, func() bool {
		err := s.core.Store.ReindexPending(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			s.core.Log.Warn("deals wait for being indexed, so that searches may be incomplete; it is tried again", "error", err)
		}
		failed = err != nil
		return ctx.Err() == nil
	})
}

// warnOfCollisions logs, once, that records have addresses that only one may have.
func (s *serving) warnOfCollisions(ctx context.Context) error {
	found, err := s.core.Store.AddressCollisions(ctx, crm.AddressCollision{}, 1)
	if len(found) > 0 {
		s.core.Log.Warn("records have the same address or domain as others, but for how it is written; `sixty migrate` lists them")
	}
	return err
}
