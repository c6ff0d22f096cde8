package jobkinds

import (
	"context"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// The bounds of a warm-up. It costs the database what as many requests do.
const (
	warmedAtMost = 200
	warmupLimit  = 30 * time.Second
)

// Warmup makes the cached responses again that were read most.
type Warmup struct {
	// MostUsed returns the keys of the responses that this instance's clients read most.
	MostUsed func(limit int) []cache.Use
	// Warm makes the response of a key, if there is no valid one; it yields to requests.
	Warm  func(ctx context.Context, org crm.ID, key string) (made bool, err error)
	Clock func() time.Time
}

// CacheWarmup returns the kind of jobs that warm the cache of the instance that runs them, and the tier
// that all share. Only the responses that all users of an organisation see alike are made.
func CacheWarmup(w Warmup) jobs.Spec {
	return complete(jobs.Spec{Kind: jobs.CacheWarmup, Run: func(ctx context.Context, t *jobs.Task) (any, error) {
		var result struct {
			Keys   int `json:"keys"`
			Made   int `json:"made"`
			Failed int `json:"failed"`
		}
		until := w.Clock().Add(warmupLimit)
		used := w.MostUsed(warmedAtMost)
		for i, use := range used {
			if err := stopped(ctx, t); err != nil {
				return nil, err
			}
			if w.Clock().After(until) {
				break
			}
			t.Progress(100*i/len(used), "")
			result.Keys++
			made, err := w.Warm(ctx, use.Org, use.Key)
			switch {
			case err != nil:
				result.Failed++
			case made:
				result.Made++
			}
		}
		return result, nil
	}})
}

// stopped returns why a job is not to go on; nil if it is.
func stopped(ctx context.Context, t *jobs.Task) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return t.Stopping()
}
