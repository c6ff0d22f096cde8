package app

import (
	"context"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/imports"
	"sixty/internal/jobs"
)

// openImports sets Imports. The jobs are there before they are asked for.
func (c *Core) openImports(cfg config.Files) {
	store := c.Store.Jobs()
	c.Imports = imports.NewService(imports.Options{
		Bulk: c.Bulk, Files: c.Files, Atomic: c.Service.Atomic, Job: store.Job, MaxBytes: int64(cfg.ImportMaxBytes),
		AddJob: func(ctx context.Context, by crm.Actor, n jobs.NewJob) (jobs.Job, error) {
			added, err := c.Jobs.Add(ctx, by, n)
			if err != nil {
				return jobs.Job{}, err
			}
			return added[0], nil
		},
	})
}

// JobEnded reports whether a job of an organisation has ended, or is no longer there.
func (c *Core) JobEnded(ctx context.Context, org, id crm.ID) (bool, error) {
	job, err := c.Store.Jobs().Job(ctx, org, id)
	if crm.CodeOf(err) == crm.CodeNotFound {
		return true, nil
	}
	return err == nil && job.State.Ended(), err
}
