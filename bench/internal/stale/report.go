package stale

import (
	"fmt"
	"sync"
)

// maxExamples bounds what is kept of what went wrong.
const maxExamples = 10

// Report is what a check found.
type Report struct {
	Reads       int // that were answered
	Writes      int // that were acknowledged
	Hits        int // reads whose answer was kept, by Cache-Status
	SharedHits  int // answers that instances found in Redis, fresh or not; for whoever runs them to tell
	NotModified int // reads that were answered so
	Resent      int // writes that were sent again, having failed or been lost
	Excused     int // failures that a fault excuses
	Stale       int // answers that were stale
	Failed      int // failures that nothing excuses
	Examples    []string
}

// Err says what must not be; nil if all is well.
func (r *Report) Err() error {
	switch {
	case r.Stale > 0 || r.Failed > 0:
		return fmt.Errorf("%d of %d answers were stale, %d requests failed: %q", r.Stale, r.Reads, r.Failed, r.Examples)
	case r.Reads == 0 || r.Writes == 0:
		return fmt.Errorf("nothing was checked: %d answers, %d writes", r.Reads, r.Writes)
	}
	return nil
}

// String gives it on one line.
func (r *Report) String() string {
	return fmt.Sprintf("%d reads (%d hits, %d not modified; %d found in Redis), %d writes (%d sent again), %d failures excused, %d not, stale: %d",
		r.Reads, r.Hits, r.NotModified, r.SharedHits, r.Writes, r.Resent, r.Excused, r.Failed, r.Stale)
}

// tally counts for a report.
type tally struct {
	mu sync.Mutex
	Report
}

func (t *tally) note(f func(*Report)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.Report)
}

func (r *Report) example(text string) {
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, text)
	}
}
