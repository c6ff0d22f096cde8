package sqlite_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

// planDeals is the number of deals that plans are read on. It is what keeps a sort more costly than
// a scan of an index: more rows would favour the scan more, and take longer to insert.
const planDeals = 5_000

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
	if want.Several {
		return severalFaults(tb, tx, st, args, want)
	}
	return stepFaults(st, queryPlan(tb, tx, st, args), want)
}

// severalFaults looks at the scan of each value: what is merged of them is not more than a page
// of each.
func severalFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, want storetest.Bounds) (faults []string) {
	tb.Helper()
	scans := map[int64][]string{} // the steps of each
	var order []int64
	for _, s := range planSteps(tb, tx, st, args) {
		switch {
		case s.text == "CO-ROUTINE a":
			order = append(order, s.id)
			scans[s.id] = nil
		case slices.Contains(order, s.parent):
			scans[s.parent] = append(scans[s.parent], s.text)
		case strings.HasPrefix(s.text, "SCAN ") && !slices.Contains([]string{"SCAN a", "SCAN u", "SCAN m"}, s.text):
			faults = append(faults, "a step "+s.text+":\n"+st.SQL)
		}
	}
	if len(order) < 2 {
		faults = append(faults, fmt.Sprintf("%d scans of values:\n%s", len(order), st.SQL))
	}
	for _, id := range order {
		faults = append(faults, stepFaults(st, scans[id], want)...)
	}
	return faults
}

func stepFaults(st *store.Statement, steps []string, want storetest.Bounds) (faults []string) {
	for _, step := range steps {
		if !strings.HasPrefix(step, "SEARCH ") && !strings.HasPrefix(step, "CORRELATED SCALAR SUBQUERY") { // of deals without a contact
			faults = append(faults, "a step "+step)
		}
	}
	driving := steps[0]
	if want.ByID && !strings.Contains(driving, "(org_id=?") || want.ByID && want.Keyset && !byID.MatchString(driving) {
		faults = append(faults, "the id is no index condition")
	}
	if !want.ByID && !want.Unique && want.Keyset && !keyset.MatchString(driving) {
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
	for _, s := range planSteps(tb, tx, st, args) {
		steps = append(steps, s.text)
	}
	return steps
}

// A planStep is a step of a plan, below another.
type planStep struct {
	id, parent int64
	text       string
}

func planSteps(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) (steps []planStep) {
	tb.Helper()
	rows, err := tx.Query(tb.Context(), &store.Statement{Name: "test", SQL: "EXPLAIN QUERY PLAN " + st.SQL}, args)
	if err != nil {
		tb.Fatalf("%s: %v", st.SQL, err)
	}
	defer rows.Close()
	for rows.Next() {
		var step planStep
		var unused int64
		if err := rows.Scan(&step.id, &step.parent, &unused, &step.text); err != nil {
			tb.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		tb.Fatalf("%s: %d steps, %v", st.SQL, len(steps), err)
	}
	return steps
}
