package app

import (
	"context"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

const (
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
