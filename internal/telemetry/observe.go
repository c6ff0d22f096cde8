package telemetry

import "github.com/prometheus/client_golang/prometheus"

// ObserveEach registers metrics that are collected at every scrape: collect calls emit for
// each metric, a counter or else a gauge, with its labels as alternating names and values.
// The set of metrics may change.
func (m *Metrics) ObserveEach(collect func(emit func(name, help string, counter bool, value float64, labels ...string))) {
	m.registry.MustRegister(collector(collect))
}

// collector is such a function as a prometheus.Collector.
type collector func(emit func(name, help string, counter bool, value float64, labels ...string))

// Describe sends nothing, because the metrics are not known in advance.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (e collector) Collect(metrics chan<- prometheus.Metric) {
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
