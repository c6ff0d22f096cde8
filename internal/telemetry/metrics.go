package telemetry

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the program's own measurements, in a registry of their own. They are
// safe for concurrent use.
type Metrics struct {
	registry   *prometheus.Registry
	statements *prometheus.HistogramVec
	observers  sync.Map // run → prometheus.Observer: so that an observation looks up no labels
}

// run is what kinds of runs of statements are told apart by.
type run struct {
	statement string
	failed    bool
}

// NewMetrics makes the measurements and registers those of the Go runtime and the
// process with them.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		statements: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sixty_db_statement_duration_seconds",
			Help:    "Time from sending a statement until its last row was read, by the statement's name and its outcome (ok, error).",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"statement", "outcome"}),
	}
	m.registry.MustRegister(m.statements,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveStatement enters one run of a database statement. Names must be few: each
// becomes a time series.
func (m *Metrics) ObserveStatement(name string, took time.Duration, err error) {
	key := run{name, err != nil}
	o, ok := m.observers.Load(key)
	if !ok {
		outcome := "ok"
		if key.failed {
			outcome = "error"
		}
		o, _ = m.observers.LoadOrStore(key, m.statements.WithLabelValues(name, outcome))
	}
	o.(prometheus.Observer).Observe(took.Seconds())
}

// ObservePool registers gauges that ask for a pool's state whenever they are read:
// its open connections, those of them that are in use, and how many there may be.
func (m *Metrics) ObservePool(state func() (open, inUse, limit int)) {
	gauge := func(name, help string, value func() int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge("sixty_db_connections_open", "Database connections that are open.", func() int { n, _, _ := state(); return n })
	gauge("sixty_db_connections_in_use", "Database connections that are in use.", func() int { _, n, _ := state(); return n })
	gauge("sixty_db_connections_max", "Most database connections that may be open.", func() int { _, _, n := state(); return n })
}

// Handler writes everything in the text format that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
