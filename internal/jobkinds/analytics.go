package jobkinds

import (
	"context"
	"log/slog"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

const (
	// sumsLimit bounds the time of a run: the next one begins with the organisations that were
	// checked the longest ago.
	sumsLimit = 10 * time.Minute
	// sumsAtOnce is the number of organisations that are asked for at once.
	sumsAtOnce = 100
	// sumsTold bounds the differences in a result.
	sumsTold = 100
)

// Sums are the kept sums of the organisations' records; *store.Store implements it.
type Sums interface {
	Now(ctx context.Context) (crm.Instant, error)
	SumsAreRebuilt(ctx context.Context) (bool, error)
	SumsDue(ctx context.Context, since crm.Instant, limit int) ([]crm.SumsDue, error)
	CheckSums(ctx context.Context, due crm.SumsDue) (crm.SumCheck, error)
}

// sumsChecked is the checkpoint of a check, and its result.
type sumsChecked struct {
	Since     crm.Instant         `json:"since"`
	Checked   int                 `json:"checked"` // organisations
	Records   int64               `json:"records"`
	Mended    int                 `json:"mended"`    // rows of the sums
	Differing []crm.SumDifference `json:"differing"` // the first of them
	// Rebuilt says that the sums are about to be rebuilt, so that nothing was checked.
	Rebuilt bool `json:"rebuilt"`
}

// UpdateAnalytics returns the kind of jobs that check the kept sums, and mend what is wrong.
func UpdateAnalytics(sums Sums, clock func() time.Time, log *slog.Logger) jobs.Spec {
	return complete(jobs.Spec{Kind: jobs.UpdateAnalytics, Run: func(ctx context.Context, t *jobs.Task) (any, error) {
		at := sumsChecked{Differing: []crm.SumDifference{}}
		if _, err := t.Resume(&at); err != nil {
			return nil, err
		}
		var err error
		if at.Since == 0 {
			if at.Since, err = sums.Now(ctx); err != nil {
				return nil, err
			}
		}
		if at.Rebuilt, err = sums.SumsAreRebuilt(ctx); at.Rebuilt || err != nil {
			return at, err
		}
		for until := clock().Add(sumsLimit); ; {
			due, err := sums.SumsDue(ctx, at.Since, sumsAtOnce)
			if err != nil || len(due) == 0 {
				return at, err
			}
			for _, d := range due {
				if clock().After(until) {
					return at, nil
				}
				if err := checkSums(ctx, sums, d, &at, log); err != nil {
					return nil, err
				}
				if err := t.Save(ctx, at, nil); err != nil {
					return nil, err
				}
			}
		}
	}})
}

// checkSums checks an organisation's sums. That any differ is a defect.
func checkSums(ctx context.Context, sums Sums, due crm.SumsDue, at *sumsChecked, log *slog.Logger) error {
	found, err := sums.CheckSums(ctx, due)
	if found.Differing > 0 {
		log.ErrorContext(ctx, "kept sums were not those of the records", "organisation", due.Org, "rows", found.Differing, "rebuilt", err == nil, "first", found.Differences[0])
	}
	if err != nil {
		return err
	}
	at.Checked++
	at.Records += found.Records
	at.Mended += found.Differing
	at.Differing = append(at.Differing, found.Differences[:min(len(found.Differences), sumsTold-len(at.Differing))]...)
	return nil
}
