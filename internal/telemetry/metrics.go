package telemetry

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the program's metrics, in a registry of their own. They are safe for
// concurrent use.
type Metrics struct {
	registry   *prometheus.Registry
	statements *prometheus.HistogramVec
	vitals     *prometheus.HistogramVec
	shifts     prometheus.Histogram
	observers  sync.Map // run → prometheus.Observer, to avoid the lookup by labels
}

// run is a combination of labels of the statement histogram.
type run struct {
	statement string
	failed    bool
}

// NewMetrics returns Metrics that include those of the Go runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		statements: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sixty_db_statement_duration_seconds",
			Help:    "Time from sending a statement until its last row was read, by the statement's name and its outcome (ok, error).",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"statement", "outcome"}),
		vitals: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sixty_web_vital_seconds",
			Help:    "Times that browsers measured of the front end's pages, by the metric's name (LCP, INP, FCP, TTFB, FID).",
			Buckets: []float64{.05, .1, .2, .5, .8, 1.8, 2.5, 3, 4, 6, 10},
		}, []string{"name"}),
		shifts: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "sixty_web_vital_layout_shift",
			Help:    "Layout shift (CLS) that browsers measured of the front end's pages.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1},
		}),
	}
	m.registry.MustRegister(m.statements, m.vitals, m.shifts,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveStatement records the duration of a database statement. Each name becomes a time
// series, so there must be few.
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

// layoutShift is the metric of a page that is a score and no time.
const layoutShift = "CLS"

// ObserveVital records what a browser measured of a page, in milliseconds. Each name becomes a
// time series, so there must be few.
func (m *Metrics) ObserveVital(name string, value float64) {
	if name == layoutShift {
		m.shifts.Observe(value)
		return
	}
	m.vitals.WithLabelValues(name).Observe(value / 1000)
}

// ObservePool registers gauges of a connection pool: open connections, connections in use,
// and the maximum.
func (m *Metrics) ObservePool(state func() (open, inUse, limit int)) {
	gauge := func(name, help string, value func() int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge("sixty_db_connections_open", "Open database connections.", func() int { n, _, _ := state(); return n })
	gauge("sixty_db_connections_in_use", "Database connections in use.", func() int { _, n, _ := state(); return n })
	gauge("sixty_db_connections_max", "Maximum number of database connections.", func() int { _, _, n := state(); return n })
}

// Handler serves the metrics in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
