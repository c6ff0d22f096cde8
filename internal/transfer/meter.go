package transfer

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	meterInterval = 200 * time.Millisecond // between two drawings, at least
	meterWidth    = 30                     // of the bar, in characters
	eraseLine     = "\r\x1b[K"
)

// Meter shows the progress of an import on a terminal, on one line that it writes
// over. It is not safe for concurrent use.
type Meter struct {
	w              io.Writer
	now            func() time.Time
	started, drawn time.Time
}

// NewMeter returns a meter that begins to count now.
func NewMeter(w io.Writer, now func() time.Time) *Meter {
	return &Meter{w: w, now: now, started: now()}
}

// Show draws the progress, unless it did so a moment ago.
func (m *Meter) Show(p Progress) {
	now := m.now()
	if !m.drawn.IsZero() && now.Sub(m.drawn) < meterInterval {
		return
	}
	m.drawn = now
	line := fmt.Sprintf("%d rows, %.0f/s", p.Read, float64(p.Read)/max(now.Sub(m.started).Seconds(), 0.001))
	if p.Total > 0 {
		part := min(float64(p.Done)/float64(p.Total), 1)
		done := int(part * meterWidth)
		line = fmt.Sprintf("%3.0f%% [%s%s] %s", 100*part, strings.Repeat("=", done), strings.Repeat(" ", meterWidth-done), line)
	}
	m.print(eraseLine + line)
}

// Clear removes what was drawn, so that something else can be written there.
func (m *Meter) Clear() {
	if !m.drawn.IsZero() {
		m.print(eraseLine)
		m.drawn = time.Time{}
	}
}

// print writes; a terminal that is gone is no reason to end an import.
func (m *Meter) print(s string) { _, _ = io.WriteString(m.w, s) }
