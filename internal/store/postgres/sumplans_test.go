package postgres_test

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

// sumFaults demands that a page's numbers are found by their ids. A dashboard is the
// sum of many deals, which the planner may well read as a whole.
func sumFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
	tb.Helper()
	var faults []string
	for _, plan := range planTexts(tb, tx, st, args) {
		if strings.HasSuffix(st.Name, ".stats") && strings.Contains(plan, "Seq Scan") {
			faults = append(faults, "a whole scan:\n"+st.SQL+"\n"+plan)
		}
	}
	return faults
}
