package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

func TestSearchPlans(t *testing.T) {
	t.Parallel()
	storetest.RunSearchPlans(t, database, func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
		tb.Helper()
		var faults []string
		for _, plan := range plansOf(tb, tx, st, args) {
			steps, indexes := stepsOf(plan.root)
			if !slices.Contains(indexes, "search_terms") || slices.Contains(steps, "Seq Scan on search") {
				faults = append(faults, fmt.Sprintf("%s\nwith %s\n%s", st.SQL, args, plan.text))
			}
		}
		return faults
	})
}

// Each table is read by an index, by more of it than the organisation.
func TestLinkPlans(t *testing.T) {
	t.Parallel()
	storetest.RunLinkPlans(t, database, func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
		tb.Helper()
		var faults []string
		for _, plan := range plansOf(tb, tx, st, args) {
			if !byMoreThanOrganisation(plan.root) {
				faults = append(faults, fmt.Sprintf("%s\nwith %s\n%s", st.SQL, args, plan.text))
			}
		}
		return faults
	})
}

func byMoreThanOrganisation(n node) bool {
	switch {
	case n.Type == "Seq Scan":
		return false
	case n.Index != "" && !strings.Contains(n.IndexCond, "id = ANY") && !strings.Contains(n.IndexCond, "id = t") && !strings.Contains(n.IndexCond, "(id = "):
		return false
	}
	return !slices.ContainsFunc(n.Plans, func(p node) bool { return !byMoreThanOrganisation(p) })
}

// stepsOf returns all steps of a plan, and the indexes that they use.
func stepsOf(n node) (steps, indexes []string) {
	steps, indexes = []string{n.Type + " on " + n.Table}, []string{n.Index}
	if n.Index == "search_pkey" && strings.Contains(n.IndexCond, "(id = t") {
		indexes = append(indexes, "search_terms") // as good: a row at a time of what a filter leaves
	}
	for _, p := range n.Plans {
		s, i := stepsOf(p)
		steps, indexes = append(steps, s...), append(indexes, i...)
	}
	return steps, indexes
}
