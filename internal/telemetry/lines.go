package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxBuffered bounds the bytes that are buffered.
	maxBuffered = 32 << 10
	// flushAfter is how long a line may be buffered.
	flushAfter = 100 * time.Millisecond
)

// Lines buffers log lines, so that a busy server does not wait for each to be written. It
// flushes when the buffer is full, after flushAfter, or at once for a warning or error.
// Callers must Close it.
type Lines struct {
	w io.Writer

	mu     sync.Mutex
	text   []byte
	timer  *time.Timer // nil if the buffer is empty
	closed bool
}

// NewLines returns Lines that write to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// Write buffers one or more lines. It does not fail: lines that cannot be written are lost.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	switch {
	case l.closed || len(l.text) >= maxBuffered:
		l.flush()
	case l.timer == nil:
		l.timer = time.AfterFunc(flushAfter, l.Flush)
	}
	return len(p), nil
}

// Flush writes the buffered lines.
func (l *Lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

func (l *Lines) flush() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if len(l.text) > 0 {
		_, _ = l.w.Write(l.text)
		l.text = l.text[:0]
	}
}

// Close flushes; later lines are written immediately.
func (l *Lines) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.flush()
}

// prompt is a handler that flushes after warnings and errors.
type prompt struct {
	slog.Handler
	lines *Lines
}

func (p prompt) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		p.lines.Flush()
	}
	return err
}

func (p prompt) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prompt{p.Handler.WithAttrs(attrs), p.lines}
}

func (p prompt) WithGroup(name string) slog.Handler {
	return prompt{p.Handler.WithGroup(name), p.lines}
}
