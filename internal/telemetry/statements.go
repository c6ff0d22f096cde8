package telemetry

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// SlowStatement is the duration from which on a statement counts as slow.
const SlowStatement = 100 * time.Millisecond

// StatementStats are the figures of the statements of one name since the start.
type StatementStats struct {
	Name                     string
	Executions, Errors, Slow int64
	Rows                     int64 // read, or affected
	Total, Least, Most       time.Duration
}

// Statements counts and times the statements of the database by their names, of which there
// must be few. It is safe for concurrent use.
type Statements struct{ byName sync.Map } // string → *statementCounter

type statementCounter struct {
	mu    sync.Mutex
	stats StatementStats
}

// Observe counts an execution.
func (s *Statements) Observe(name string, took time.Duration, rows int64, err error) {
	found, ok := s.byName.Load(name)
	if !ok {
		found, _ = s.byName.LoadOrStore(name, &statementCounter{stats: StatementStats{Name: name}})
	}
	c := found.(*statementCounter)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.Executions == 0 || took < c.stats.Least {
		c.stats.Least = took
	}
	c.stats.Executions++
	c.stats.Rows += rows
	c.stats.Total += took
	c.stats.Most = max(c.stats.Most, took)
	if took >= SlowStatement {
		c.stats.Slow++
	}
	if err != nil {
		c.stats.Errors++
	}
}

// Stats returns the figures, sorted by name.
func (s *Statements) Stats() []StatementStats {
	var all []StatementStats
	s.byName.Range(func(_, found any) bool {
		c := found.(*statementCounter)
		c.mu.Lock()
		defer c.mu.Unlock()
		all = append(all, c.stats)
		return true
	})
	slices.SortFunc(all, func(a, b StatementStats) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
