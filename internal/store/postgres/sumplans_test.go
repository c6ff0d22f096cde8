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

// sumFaults demands that a page's numbers are found by their ids, and that a dashboard's
// are read from what is kept of sums, by its key. One over all days reads most of what is
// kept here, which a planner does by reading all, unless it is kept from that.
func sumFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
	tb.Helper()
	var faults []string
	if strings.HasPrefix(st.Name, "dashboard.") {
		exec(tb, tx, "SET LOCAL enable_seqscan = off")
	}
	for _, found := range plansOf(tb, tx, st, args) {
		plan := ":\n" + st.SQL + "\n" + found.text
		var visit func(n node)
		visit = func(n node) {
			switch {
			case n.Type == "Seq Scan":
				faults = append(faults, "a whole scan of "+n.Table+plan)
			case strings.HasPrefix(st.Name, "dashboard.") && n.Table != "" && !strings.HasSuffix(n.Table, "_sums"):
				faults = append(faults, n.Table+" is read"+plan)
			case strings.HasSuffix(n.Index, "_sums_pkey") && !strings.Contains(n.IndexCond, "period ="):
				faults = append(faults, "the key does not serve"+plan)
			}
			for _, fed := range n.Plans {
				visit(fed)
			}
		}
		visit(found.root)
	}
	return faults
}
