package store

import (
	"context"

	"sixty/internal/crm"
)

// The analyses of instances' performance that were stored. They belong to no organisation.

// PerformanceAnalysis is one of them: Text is a JSON object.
type PerformanceAnalysis struct {
	ID       crm.ID
	At       crm.Instant // by the database's clock
	Instance string
	Text     string
}

// maxAnalyses bounds those that are returned.
const maxAnalyses = 200

var (
	performanceAnalyses = &Statement{"performance_analysis.all", `SELECT id, at, instance, analysis FROM performance_analyses ORDER BY at DESC, id DESC LIMIT $1`}
	pruneAnalyses       = &Statement{"performance_analysis.prune", `DELETE FROM performance_analyses WHERE id IN
(SELECT id FROM performance_analyses WHERE at < $1 ORDER BY at, id LIMIT $2)`}
)

// PutPerformanceAnalysis stores an analysis; one that is stored already remains as it is.
func (s *Store) PutPerformanceAnalysis(ctx context.Context, id crm.ID, instance, text string) error {
	st := s.statement("performance_analysis.put", func() *Statement {
		return &Statement{"performance_analysis.put", "INSERT INTO performance_analyses (id, at, instance, analysis) VALUES ($1, " +
			s.dialect.SecondsAgo(0) + ", $2, $3) ON CONFLICT (id) DO NOTHING"}
	})
	return s.execInService(ctx, st, id, instance, text)
}

// PerformanceAnalyses returns the newest, first.
func (s *Store) PerformanceAnalyses(ctx context.Context) ([]PerformanceAnalysis, error) {
	return collect(ctx, s, s.service(), performanceAnalyses, func(a *PerformanceAnalysis) []any {
		return []any{&a.ID, &a.At, &a.Instance, &a.Text}
	}, int64(maxAnalyses))
}

// PrunePerformanceAnalyses removes analyses from before an instant, at most limit.
func (s *Store) PrunePerformanceAnalyses(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneAll(ctx, pruneAnalyses, before, limit)
}
