package jobkinds

import (
	"context"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// PerformanceAnalysis returns the kind of jobs that keep an analysis of the instance that runs them. analyse
// returns it, and put stores it as JSON.
func PerformanceAnalysis(analyse func() any, put func(ctx context.Context, id crm.ID, analysis string) error) jobs.Spec {
	return complete(jobs.Spec{Kind: jobs.PerformanceAnalysis, Run: func(ctx context.Context, t *jobs.Task) (any, error) {
		text, err := jobs.Encode(analyse())
		if err != nil {
			return nil, err
		}
		result := struct {
			ID crm.ID `json:"analysisId"`
		}{t.Job.ID}
		return result, put(ctx, t.Job.ID, string(text))
	}})
}
