package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxGathered bounds the bytes that are gathered before they are written.
	maxGathered = 32 << 10
	// gatherFor is how long a line may wait for others.
	gatherFor = 100 * time.Millisecond
)

// Lines gathers lines of a log, so that a busy server does not stop for each of them to
// be written: they are written when they are many, a moment after the first of them, or
// at once with one that is a warning or worse. Close must follow.
type Lines struct {
	w io.Writer

	mu     sync.Mutex
	text   []byte
	timer  *time.Timer // set while something waits
	closed bool
}

// NewLines makes Lines that are written to w.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// Write takes one line, or several. It does not fail: what cannot be written is lost, as
// there is nobody to tell.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	switch {
	case l.closed || len(l.text) >= maxGathered:
		l.flush()
	case l.timer == nil:
		l.timer = time.AfterFunc(gatherFor, l.Flush)
	}
	return len(p), nil
}

// Flush writes what waits.
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

// Close writes what waits; what comes after it is written at once.
func (l *Lines) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.flush()
}

// prompt is a handler whose warnings are written at once.
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
