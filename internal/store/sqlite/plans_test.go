package sqlite_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	// SQLite gathers no statistics of its own accord.
	storetest.RunPlans(t, database, storetest.Explainer{Faults: planFaults, Deals: planDeals, Unanalysed: true})
}

// keyset is a position as an index condition, such as (updated_at,id)<(?,?).
var keyset = regexp.MustCompile(`\(\w+,\w+\)[<>]\(\?,\?\)`)

// byID is the same in the order of the ids alone.
var byID = regexp.MustCompile(` AND id[<>]\?\)`)

// planFaults reads what EXPLAIN QUERY PLAN says, one line for each table, the
// driving one first: SEARCH t USING INDEX name (conditions).
func planFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, want storetest.Bounds) []string {
	tb.Helper()
	steps := queryPlan(tb, tx, st, args)
	var faults []string
	for _, step := range steps {
		if !strings.HasPrefix(step, "SEARCH ") {
			faults = append(faults, "a step "+step)
		}
	}
	driving := steps[0]
	if want.ByID && !strings.Contains(driving, "(org_id=?") || want.ByID && want.Keyset && !byID.MatchString(driving) {
		faults = append(faults, "the id is no index condition")
	}
	if !want.ByID && want.Keyset && !keyset.MatchString(driving) {
		faults = append(faults, "the position is no index condition")
	}
	if want.Until != "" && !strings.Contains(driving, " "+want.Until+"<?") && !strings.Contains(driving, " "+want.Until+">?") {
		faults = append(faults, "the end is no index condition")
	}
	if want.Column != "" && !strings.Contains(driving, " "+want.Column+"=?") {
		faults = append(faults, "the filter is no index condition")
	}
	for i := range faults {
		faults[i] += fmt.Sprintf(":\n%s\n%s", st.SQL, strings.Join(steps, "\n"))
	}
	return faults
}

// queryPlan returns the steps of a statement's plan.
func queryPlan(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) (steps []string) {
	tb.Helper()
	rows, err := tx.Query(tb.Context(), &store.Statement{Name: "test", SQL: "EXPLAIN QUERY PLAN " + st.SQL}, args)
	if err != nil {
		tb.Fatalf("%s: %v", st.SQL, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int64
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			tb.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		tb.Fatalf("%s: %d steps, %v", st.SQL, len(steps), err)
	}
	return steps
}
