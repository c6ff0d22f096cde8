package app

import (
	"context"
	"sync"
	"time"

	"sixty/internal/jobs"
	"sixty/internal/telemetry"
)

const (
	// jobStatsFor is how long the numbers of the waiting jobs are kept: they are asked of the database.
	jobStatsFor = 10 * time.Second
	// jobStatsLimit bounds the time that a scrape waits for them.
	jobStatsLimit = 2 * time.Second
)

// jobMetrics is a jobs.Observer.
type jobMetrics struct{ jobs *telemetry.Jobs }

func (m jobMetrics) JobStarted(kind jobs.Kind, waited time.Duration) {
	m.jobs.Started(string(kind), waited)
}

func (m jobMetrics) JobEnded(kind jobs.Kind, state jobs.State, took time.Duration) {
	m.jobs.Ended(string(kind), string(state), took)
}

// observeJobs registers the metrics of jobs: of those that this instance runs, and of those that wait,
// over all instances.
func (c *Core) observeJobs(store jobs.Store) jobs.Observer {
	waiting := &waitingJobs{store: store, clock: c.Clock}
	c.metrics.ObserveEach(waiting.observe)
	return jobMetrics{c.metrics.NewJobs()}
}

// waitingJobs are the numbers of the jobs of each kind.
type waitingJobs struct {
	store jobs.Store
	clock func() time.Time

	mu    sync.Mutex
	at    time.Time
	stats []jobs.KindStats
	now   time.Time // by the database's clock
}

// observe emits them; none while the database does not respond.
func (w *waitingJobs) observe(emit func(name, help string, counter bool, value float64, labels ...string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := w.clock(); w.at.IsZero() || at.Sub(w.at) >= jobStatsFor {
		ctx, cancel := context.WithTimeout(context.Background(), jobStatsLimit)
		defer cancel()
		stats, err := w.store.Stats(ctx, nil)
		if err != nil {
			return
		}
		now, err := w.store.Now(ctx)
		if err != nil {
			return
		}
		w.at, w.stats, w.now = at, stats, now.Time()
	}
	for _, k := range w.stats {
		for _, of := range []struct {
			state jobs.State
			n     int64
		}{{jobs.Scheduled, k.Scheduled}, {jobs.Ready, k.Ready}, {jobs.Running, k.Running}} {
			emit("sixty_jobs", "Jobs that have not ended, over all instances.", false, float64(of.n), "kind", string(k.Kind), "state", string(of.state))
		}
		oldest := 0.0
		if k.OldestReady > 0 {
			oldest = max(0, w.now.Sub(k.OldestReady.Time()).Seconds())
		}
		emit("sixty_jobs_oldest_ready_seconds", "Time for which the job has waited that waits longest, over all instances; 0: none waits.", false, oldest, "kind", string(k.Kind))
	}
}
