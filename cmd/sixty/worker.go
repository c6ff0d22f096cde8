package main

import (
	"context"
	"errors"
	"fmt"

	"sixty/internal/app"
	"sixty/internal/config"
)

type workerCmd struct {
	Settings config.Server `embed:""`
}

func (workerCmd) Help() string {
	return "Jobs are run by every server that was not started with --no-jobs, too. Settings that are about requests have no effect."
}

func (c *workerCmd) Run(ctx context.Context, env *environment) (err error) {
	w, err := app.NewWorker(ctx, config.Config{Base: env.config, Server: c.Settings}, env.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	tuneCollector(serverGrowth)
	limitMemory(serverMemory + int64(c.Settings.CacheBytes))
	_, _ = fmt.Fprintln(env.stdout, "sixty runs jobs")
	w.Run(ctx)
	return nil
}
