// Package telemetry is how the running program tells about itself: structured logs
// and Prometheus metrics. It knows nothing of what is logged or measured.
package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger makes a logger that writes lines of JSON, for machines, or of text, for
// people. Where w gathers Lines, warnings and what is worse do not wait.
func NewLogger(w io.Writer, json bool, least slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: least}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if json {
		h = slog.NewJSONHandler(w, o)
	}
	if lines, ok := w.(*Lines); ok {
		if json {
			h = plain{h, lines}
		}
		h = prompt{h, lines}
	}
	return slog.New(h)
}
