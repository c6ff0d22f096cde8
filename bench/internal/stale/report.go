package stale

import (
	"fmt"
	"sync"
)

// maxExamples bounds the reported failures.
const maxExamples = 10

// Report is the result of a check.
type Report struct {
	Reads       int // answered ones
	Writes      int // acknowledged ones
	Hits        int // by Cache-Status
	SharedHits  int // values that instances found in Redis, valid or not; set by the caller
	NotModified int // 304 responses
	Resent      int // writes that were repeated after a failure
	Excused     int // failures explained by faults
	Stale       int // stale responses
	Failed      int // other failures
	Examples    []string
}

// Err returns an error if anything is stale or failed, or nothing was checked.
func (r *Report) Err() error {
	switch {
	case r.Stale > 0 || r.Failed > 0:
		return fmt.Errorf("%d of %d responses were stale, %d requests failed: %q", r.Stale, r.Reads, r.Failed, r.Examples)
	case r.Reads == 0 || r.Writes == 0:
		return fmt.Errorf("nothing was checked: %d answers, %d writes", r.Reads, r.Writes)
	}
	return nil
}

// String returns the report on one line.
func (r *Report) String() string {
	return fmt.Sprintf("%d reads (%d hits, %d not modified; %d found in Redis), %d writes (%d sent again), %d failures excused, %d not, stale: %d",
		r.Reads, r.Hits, r.NotModified, r.SharedHits, r.Writes, r.Resent, r.Excused, r.Failed, r.Stale)
}

// tally collects a report.
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
