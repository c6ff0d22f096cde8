package telemetry

import (
	"runtime/metrics"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// ProcessStats are what the process uses.
type ProcessStats struct {
	Resident            int64 // bytes, as the operating system counts them
	HeapTotal, HeapUsed int64 // bytes
	CPU                 time.Duration
}

// Process returns what the process uses. What the operating system does not tell is zero.
func Process() ProcessStats {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	p := ProcessStats{HeapTotal: int64(samples[0].Value.Uint64()), HeapUsed: int64(samples[1].Value.Uint64())}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, _ := registry.Gather() // without what cannot be read
	for _, f := range families {
		switch m := f.GetMetric(); f.GetName() {
		case "process_cpu_seconds_total":
			p.CPU = time.Duration(m[0].GetCounter().GetValue() * float64(time.Second))
		case "process_resident_memory_bytes":
			p.Resident = int64(m[0].GetGauge().GetValue())
		}
	}
	return p
}
