package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/bulk"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/httpapi"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/store"
	"sixty/internal/webhooks"
)

// How long what jobs leave is kept.
const (
	jobsKept       = 7 * 24 * time.Hour // those that were done or cancelled
	failedJobsKept = 30 * 24 * time.Hour
	analysesKept   = 30 * 24 * time.Hour
)

// upkeep returns the kinds of jobs that look after the database and this instance.
func (s *serving) upkeep(cfg config.Cache) []jobs.Spec {
	core := s.core
	return []jobs.Spec{
		jobkinds.DataCleanup(jobkinds.Cleanup{
			Removals: s.removals(cfg), Now: core.Store.Now, Trusted: s.heartbeat.trusted, Clock: core.Clock, Log: core.Log,
		}),
		jobkinds.UpdateAnalytics(core.Store, core.Clock, core.Log),
		jobkinds.PerformanceAnalysis(s.analyse, func(ctx context.Context, id crm.ID, analysis string) error {
			host, err := os.Hostname()
			if err != nil {
				host = "unknown"
			}
			return core.Store.PutPerformanceAnalysis(ctx, id, host, analysis)
		}),
		jobkinds.CacheWarmup(jobkinds.Warmup{MostUsed: s.cache.MostUsed, Warm: s.warm, Clock: core.Clock}),
	}
}

// removals lists all that is kept for a time only. What has expired is removed first: nothing uses it.
func (s *serving) removals(cfg config.Cache) []jobkinds.Removal {
	db := s.core.Store
	all := []jobkinds.Removal{
		{Name: "sessions", Remove: db.PruneExpiredCredentials},
		{Name: "idempotency", Keep: crm.IdempotencyRetention, Remove: db.PruneIdempotencyKeys},
		{Name: "files", Remove: s.core.Files.RemoveExpired},
		{Name: "sign_in_networks", Keep: accounts.SignInNetworkRetention, Remove: db.PruneSignInNetworks},
		{Name: "jobs", Keep: jobsKept, Remove: db.PruneJobs},
		{Name: "failed_jobs", Keep: failedJobsKept, Remove: db.PruneFailedJobs},
		{Name: "outbox", Keep: mail.Retention, Remove: db.PruneOutbox},
		{Name: "webhook_deliveries", Keep: webhooks.DeliveryRetention, Remove: db.PruneWebhookDeliveries},
		{Name: "performance_analyses", Keep: analysesKept, Remove: db.PrunePerformanceAnalyses},
		{Name: "messages", Keep: mail.Retention, Remove: db.PruneOutbox},
		{Name: "changes", Keep: cfg.ChangesRetention, Remove: db.PruneLog},
		{Name: "imports", Keep: bulk.UndoTime, Remove: db.PruneImports},
		{Name: "audit", Keep: cfg.AuditRetention, Remove: db.PruneAudit},
		{Name: "webhook_deliveries", Keep: webhooks.DeliveryRetention, Remove: db.PruneWebhookDeliveries},
	}
	for _, kind := range store.PurgedKinds {
		all = append(all, jobkinds.Removal{
			Name: "deleted_" + kind, Keep: cfg.DeletedRetention, Remove: func(ctx context.Context, before crm.Instant, limit int) (int64, error) {
				return db.PurgeDeleted(ctx, kind, before, limit)
			},
		})
	}
	return all
}

// trusted returns an error if the clock of this instance differs from the database's, or that is
// not known.
func (h *heartbeat) trusted() error {
	recent, skew := h.state()
	switch {
	case !recent:
		return crm.Unavailable(errNoCommit)
	case skew != 0:
		return fmt.Errorf("the clock of this instance differs from the database's by %s: nothing is removed", skew.Round(time.Second))
	}
	return nil
}

// analyse returns the analysis of this instance's performance.
func (s *serving) analyse() any {
	waiting := 0
	if face := s.face.Load(); face != nil {
		waiting = face.Waiting()
	}
	return httpapi.Analyse(s.figures(), s.cache.Stats(), waiting)
}

// analyses returns the analyses that were stored.
func (c *Core) analyses(ctx context.Context) ([]httpapi.Analysis, error) {
	stored, err := c.Store.PerformanceAnalyses(ctx)
	all := make([]httpapi.Analysis, len(stored))
	for i, a := range stored {
		all[i] = httpapi.Analysis(a)
	}
	return all, err
}

// warm makes a cached response again. A process that serves nothing has none.
func (s *serving) warm(ctx context.Context, org crm.ID, key string) (made bool, err error) {
	if face := s.face.Load(); face != nil {
		return face.Warm(ctx, org, key)
	}
	return false, nil
}
