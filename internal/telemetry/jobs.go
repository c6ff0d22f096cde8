package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Jobs are the metrics of the jobs that an instance runs, by kind. Each kind becomes a time series,
// so there must be few.
type Jobs struct {
	started *prometheus.CounterVec
	ended   *prometheus.CounterVec
	waited  *prometheus.HistogramVec
	ran     *prometheus.HistogramVec
}

// NewJobs registers the metrics of jobs.
func (m *Metrics) NewJobs() *Jobs {
	kind := []string{"kind"}
	j := &Jobs{
		started: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sixty_jobs_started_total", Help: "Attempts at jobs that this instance has begun.",
		}, kind),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sixty_jobs_ended_total",
			Help: "Attempts that have ended, by the state that they left the job in: done, failed, cancelled; scheduled and ready are to be tried again.",
		}, []string{"kind", "state"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sixty_jobs_wait_seconds", Help: "Time from when a job was due until it was begun.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600},
		}, kind),
		ran: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sixty_jobs_run_seconds", Help: "Duration of attempts at jobs.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30, 300, 3600},
		}, kind),
	}
	m.registry.MustRegister(j.started, j.ended, j.waited, j.ran)
	return j
}

// Started records that an attempt has begun.
func (j *Jobs) Started(kind string, waited time.Duration) {
	j.started.WithLabelValues(kind).Inc()
	j.waited.WithLabelValues(kind).Observe(max(0, waited.Seconds()))
}

// Ended records that an attempt has ended.
func (j *Jobs) Ended(kind, state string, took time.Duration) {
	j.ended.WithLabelValues(kind, state).Inc()
	j.ran.WithLabelValues(kind).Observe(took.Seconds())
}
