// Package telemetry is how the running program tells about itself: structured logs
// and Prometheus metrics. It knows nothing of what is logged or measured.
package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger makes a logger that writes lines of JSON, for machines, or of text, for
// people.
func NewLogger(w io.Writer, json bool, least slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: least}
	if json {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
