package telemetry

import "github.com/prometheus/client_golang/prometheus"

// ObserveEach registers figures that are kept elsewhere, and asked for whenever they
// are read: figures calls emit with each of them, a counter or else a gauge, and its
// labels as names and values in turn. Which ones there are may change.
func (m *Metrics) ObserveEach(figures func(emit func(name, help string, counter bool, value float64, labels ...string))) {
	m.registry.MustRegister(each(figures))
}

// each is figures as a collector.
type each func(emit func(name, help string, counter bool, value float64, labels ...string))

// Describe describes nothing, as it is not known beforehand what there will be.
func (each) Describe(chan<- *prometheus.Desc) {}

// Collect asks for the figures.
func (e each) Collect(metrics chan<- prometheus.Metric) {
	e(func(name, help string, counter bool, value float64, labels ...string) {
		kind := prometheus.GaugeValue
		if counter {
			kind = prometheus.CounterValue
		}
		var names, values []string
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		metrics <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
	})
}
