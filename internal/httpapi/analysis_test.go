package httpapi

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is recommended follows from the figures.
func TestAnalysis(t *testing.T) {
	t.Parallel()
	a := newAPI(t).API
	if got := a.analysis(); len(got.SlowQueries)+len(got.Recommendations) > 0 {
		t.Errorf("without figures: %+v", got)
	}
	a.Figures = func() Figures {
		return Figures{Prepared: true, Open: 4, InUse: 1, Statements: []StatementFigures{
			{Name: "a.quick", Executions: 1000, Total: time.Second, Most: 50 * time.Millisecond},
			{Name: "b.rarely", Executions: 1000, Slow: 1, Total: 2 * time.Second, Most: 150 * time.Millisecond},
			{Name: "c.often", Executions: 10, Slow: 5, Total: 1500 * time.Millisecond, Most: 400 * time.Millisecond},
		}}
	}
	want := performanceAnalysis{
		SlowQueries:        []slowQuery{{"b.rarely", 1000, 1, "2.00ms", "150.00ms"}, {"c.often", 10, 5, "150.00ms", "400.00ms"}},
		PoolStats:          poolStats{Total: 4, Idle: 3},
		PreparedStatements: preparedUsage{3, "100.00%"},
		Recommendations: []recommendation{
			{"query", "medium", "The statement c.often is often slow.", "5 of 10 executions took 100 ms or more, the longest 400.00ms."},
		},
	}
	if diff := cmp.Diff(want, a.analysis()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
