package sqlite_test

import (
	"strings"
	"testing"

	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

func TestSumPlans(t *testing.T) {
	t.Parallel()
	storetest.RunSumPlans(t, database, sumFaults)
}

// sumFaults demands that a page's numbers are found by their ids, and that a dashboard's
// are read from what is kept of sums, by its key.
func sumFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
	tb.Helper()
	steps := queryPlan(tb, tx, st, args)
	plan := ":\n" + st.SQL + "\n" + strings.Join(steps, "\n")
	dashboard := strings.HasPrefix(st.Name, "dashboard.")
	var faults []string
	for _, step := range steps {
		table, isSearch := strings.CutPrefix(step, "SEARCH ")
		switch {
		case strings.HasPrefix(step, "SCAN ") && !strings.HasPrefix(step, "SCAN json_each") && (!dashboard || step != "SCAN s"):
			faults = append(faults, "a step "+step+plan)
		case isSearch && dashboard && !strings.HasPrefix(table, "t USING PRIMARY KEY (org_id=? AND period=?"):
			faults = append(faults, "the key does not serve"+plan)
		case isSearch && strings.HasSuffix(st.Name, ".stats") && !strings.Contains(table, "company_id=?") && !strings.Contains(table, "owner_id=?"):
			faults = append(faults, "the ids are no index condition"+plan)
		}
	}
	return faults
}
