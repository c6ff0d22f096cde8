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

// sumFaults demands that a page's numbers are found by their ids, and that the
// dashboard reads nothing but its index, which over all days is in its order; one
// owner's may find the owner's deals.
func sumFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
	tb.Helper()
	steps := queryPlan(tb, tx, st, args)
	plan := ":\n" + st.SQL + "\n" + strings.Join(steps, "\n")
	var faults []string
	for _, step := range steps {
		table, isSearch := strings.CutPrefix(step, "SEARCH ")
		switch {
		case strings.HasPrefix(step, "SCAN ") && !strings.HasPrefix(step, "SCAN json_each"):
			faults = append(faults, "a step "+step+plan)
		case isSearch && st.Name == "dashboard.deals" && !strings.Contains(table, "USING COVERING INDEX deals_dashboard ") && !strings.Contains(table, "owner_id=?"):
			faults = append(faults, "the dashboard's index does not serve"+plan)
		case isSearch && strings.HasSuffix(st.Name, ".stats") && !strings.Contains(table, "company_id=?") && !strings.Contains(table, "owner_id=?"):
			faults = append(faults, "the ids are no index condition"+plan)
		case st.Name == "dashboard.deals" && len(args) == 1 && strings.Contains(step, "TEMP B-TREE"):
			faults = append(faults, "a step "+step+plan)
		}
	}
	return faults
}
