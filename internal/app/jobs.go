package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	jobsredis "sixty/internal/jobs/redis"
)

// enqueued is where the store tells of jobs that were added: the announcer, once there is one.
type enqueued struct {
	announcer atomic.Pointer[jobs.Announcer]
}

// tell is a store.Options.Enqueued. Jobs that a command adds are found by the servers.
func (e *enqueued) tell(kinds []jobs.Kind) {
	if a := e.announcer.Load(); a != nil {
		a.Enqueued(kinds)
	}
}

// specs returns the kinds of jobs, with what each does.
func (s *serving) specs(cfg config.Server) []jobs.Spec {
	core := s.core
	exports := jobkinds.ExportLimits{Timeout: cfg.ExportTimeout, MaxWAL: int64(cfg.ExportMaxWAL), WALSize: core.Store.WALSize}
	return append(slices.Concat(s.upkeep(cfg.Cache), s.messages()), jobkinds.Notification(s.hooks), jobkinds.BulkImport(core.Imports), jobkinds.DataExport(core.Bulk, core.Files, exports))
}

// background is the part of a server or a worker that adds jobs and runs them.
type background struct {
	handover  *jobsredis.Handover // nil without Redis
	stop      context.CancelFunc  // ends the runner
	end       context.CancelFunc  // ends the announcer
	runner    sync.WaitGroup
	announcer sync.WaitGroup
}

// startJobs begins to run jobs, unless the settings say that others do. close must follow.
func (s *serving) startJobs(cfg config.Server) error {
	schedules, err := systemSchedules(cfg.Jobs)
	if err != nil {
		return err
	}
	if err := s.openWebhooks(cfg); err != nil {
		return err
	}
	core := s.core
	core.openImports(cfg.Files)
	specs := withSettings(replaced(s.specs(cfg), core.ownJobs), cfg.Jobs)
	store := core.Store.Jobs()
	b := &s.background
	core.Jobs = jobs.NewService(store, specs...)
	core.Jobs.Trail = core.jobTrail
	core.Mail.Jobs = core.Jobs
	var handover jobs.Handover
	if s.redis != nil {
		b.handover = jobsredis.New(s.redis, s.database, core.Log)
		handover = b.handover
	}
	var runner *jobs.Runner
	running, stop := context.WithCancel(context.Background())
	b.stop = stop
	if !cfg.NoJobs {
		var places []string
		if place := core.Files.Place(); place != "" {
			places = []string{place}
		}
		runner = jobs.NewRunner(jobs.RunnerOptions{
			Store: store, Specs: specs, Rights: core.rights, Handover: handover, Logger: core.Log,
			Places: places, StopLimit: cfg.JobStop, Schedules: schedules, Observer: core.observeJobs(store),
		})
		b.runner.Go(func() { runner.Run(running) })
	}
	announcing, end := context.WithCancel(context.Background())
	b.end = end
	announcer := jobs.NewAnnouncer(store, runner, handover)
	b.announcer.Go(func() { announcer.Run(announcing) })
	core.enqueued.announcer.Store(announcer)
	return nil
}

// close lets running jobs reach a checkpoint, and stops.
func (b *background) close() {
	if b.stop == nil { // it has not begun
		return
	}
	b.stop()
	b.runner.Wait()
	b.end()
	b.announcer.Wait()
	if b.handover != nil {
		b.handover.Close()
	}
}

// rights returns the actor of a job, with the rights that they have now. The command line, and
// schedules without an actor, act for the organisation as a whole.
func (c *Core) rights(ctx context.Context, job jobs.Job) (crm.Actor, error) {
	if job.ActorID == nil {
		return crm.Operator(job.OrgID), nil
	}
	return c.Accounts.ActorOf(ctx, job.OrgID, *job.ActorID, job.KeyID)
}

// Worker runs jobs without serving requests.
type Worker struct {
	core    *Core
	serving *serving
}

// NewWorker opens everything, and begins to run jobs. Close must follow.
func NewWorker(ctx context.Context, cfg config.Config, o Options) (*Worker, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	core, err := Open(ctx, cfg.Base, o)
	if err != nil {
		return nil, err
	}
	err = core.openFiles(ctx, cfg)
	if err == nil {
		err = core.openMail(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, core.Close())
	}
	serving, err := newServing(ctx, core, cfg.Server)
	if err != nil {
		return nil, errors.Join(err, core.Close())
	}
	return &Worker{core, serving}, nil
}

// Run runs jobs until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	w.core.Log.Info("running jobs")
	w.core.lines.Flush()
	<-ctx.Done()
}

// Close lets running jobs reach a checkpoint, and frees everything, the database last.
func (w *Worker) Close() error {
	w.serving.close()
	return w.core.Close()
}
