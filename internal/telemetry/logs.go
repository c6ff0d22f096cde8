// Package telemetry provides structured logs and Prometheus metrics. It knows nothing of
// what is logged or measured.
package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes JSON or text lines. If w is a *Lines, warnings and
// errors are flushed at once. The level may change.
func NewLogger(w io.Writer, json bool, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
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
