package telemetry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/telemetry"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	var s telemetry.Statements
	s.Observe("deal.list", 3*time.Millisecond, 50, nil)
	s.Observe("company.get", time.Millisecond, 1, nil)
	s.Observe("deal.list", 101*time.Millisecond, 2, nil)
	s.Observe("deal.list", time.Millisecond, 0, errors.New("gone"))
	want := []telemetry.StatementStats{
		{Name: "company.get", Executions: 1, Rows: 1, Total: time.Millisecond, Least: time.Millisecond, Most: time.Millisecond},
		{Name: "deal.list", Executions: 3, Errors: 1, Slow: 1, Rows: 52, Total: 105 * time.Millisecond, Least: time.Millisecond, Most: 101 * time.Millisecond},
	}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
