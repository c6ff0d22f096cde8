package postgres_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	storetest.RunPlans(t, database, storetest.Explainer{Faults: planFaults})
}

// node is a node of a plan as EXPLAIN (FORMAT JSON) writes it.
type node struct {
	Type      string `json:"Node Type"`
	Relation  string `json:"Parent Relationship"`
	Index     string `json:"Index Name"`
	Table     string `json:"Relation Name"`
	IndexCond string `json:"Index Cond"`
	Filter    string `json:"Filter"`
	Once      string `json:"One-Time Filter"`
	Plans     []node `json:"Plans"`
}

// steps returns the inputs of a node, without the one that reads, once, the organisation that
// is set.
func (n node) steps() []node {
	return slices.DeleteFunc(slices.Clone(n.Plans), func(p node) bool {
		return p.Relation == "InitPlan" && p.Type == "Result" && len(p.Plans) == 0
	})
}

// planFaults reads a statement's plan for whatever arguments and for these ones:
// PostgreSQL takes either for a prepared statement.
func planFaults(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, want storetest.Bounds) []string {
	tb.Helper()
	var faults []string
	for _, plan := range plansOf(tb, tx, st, args) {
		check := nodeFaults
		if want.Several {
			check = severalFaults
		}
		for _, fault := range check(plan.root, want) {
			faults = append(faults, fmt.Sprintf("%s:\n%s\nwith %s\n%s", fault, st.SQL, args, plan.text))
		}
	}
	return faults
}

// A plan is how PostgreSQL executes a statement, and its text as JSON.
type plan struct {
	text string
	root node
}

// plansOf returns a statement's plans: the generic one, and the one for these arguments.
func plansOf(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) (plans []plan) {
	tb.Helper()
	exec(tb, tx, "PREPARE explained AS "+st.SQL)
	defer exec(tb, tx, "DEALLOCATE explained") // the connection goes back to the pool
	literals := make([]string, len(args))
	for i, a := range args {
		literals[i] = literal(tb, a)
	}
	for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
		exec(tb, tx, "SET LOCAL plan_cache_mode = "+mode)
		text := explain(tb, tx, "EXPLAIN (FORMAT JSON) EXECUTE explained ("+strings.Join(literals, ", ")+")")
		var all []struct{ Plan node }
		if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 {
			tb.Fatalf("the plan %s: %v", text, err)
		}
		plans = append(plans, plan{text, all[0].Plan})
	}
	return plans
}

// severalFaults looks at the scan of each value: what is merged of them is not more than a page
// of each.
func severalFaults(root node, want storetest.Bounds) (faults []string) {
	var appends func(n node) bool
	appends = func(n node) bool {
		return n.Type == "Append" || n.Type == "Merge Append" || slices.ContainsFunc(n.Plans, appends)
	}
	if !appends(root) {
		return []string{"no scans of values"}
	}
	var visit func(n node)
	visit = func(n node) {
		switch {
		case n.Type == "Limit" && !appends(n):
			if never(n) { // its value is NULL
				return
			}
			faults = append(faults, nodeFaults(n, want)...)
			return
		case !slices.Contains([]string{"Limit", "Sort", "Incremental Sort", "Append", "Merge Append", "Aggregate", "Unique", "Subquery Scan",
			"Nested Loop", "Memoize", "Index Scan", "Index Only Scan", "Result"}, n.Type):
			faults = append(faults, "a step "+n.Type)
		}
		for _, p := range n.steps() {
			visit(p)
		}
	}
	visit(root)
	return faults
}

func never(n node) bool { return n.Once == "false" || slices.ContainsFunc(n.Plans, never) }

// nodeFaults looks for steps other than those of a page, and at how the scan that
// drives them is entered.
func nodeFaults(root node, want storetest.Bounds) []string {
	var faults []string
	var visit func(n node)
	visit = func(n node) {
		// A Result with a filter that is judged once compares the organisation that is
		// set with the one that is asked for.
		apart := n.Type == "Result" && n.Once != "" && n.Filter == ""
		sorted := want.Unique && n.Type == "Sort"
		if !apart && !sorted && !slices.Contains([]string{"Limit", "Nested Loop", "Memoize", "Index Scan", "Index Only Scan"}, n.Type) {
			faults = append(faults, "a step "+n.Type)
		}
		for _, p := range n.steps() {
			visit(p)
		}
	}
	visit(root)
	driving := root
	for below := driving.steps(); len(below) > 0; below = driving.steps() {
		driving = below[0]
	}
	if driving.Filter != "" && !want.Unique && (!want.ByID || driving.Filter != "(deleted_at IS NULL)") {
		faults = append(faults, "a condition of the driving scan is no index condition")
	}
	position := "ROW("
	if want.ByID {
		position = "(id "
	}
	if want.Keyset && !want.Unique && !strings.Contains(driving.IndexCond, position) {
		faults = append(faults, "the position is no index condition")
	}
	if want.Until != "" && !strings.Contains(driving.IndexCond, "("+want.Until+" < ") && !strings.Contains(driving.IndexCond, "("+want.Until+" >= ") {
		faults = append(faults, "the end is no index condition")
	}
	if want.Column != "" && !strings.Contains(driving.IndexCond, "("+want.Column+" = ") && !strings.Contains(driving.IndexCond, "("+want.Column+" IS NULL") {
		faults = append(faults, "the filter is no index condition")
	}
	return faults
}

func exec(tb testing.TB, tx store.EngineTx, sql string) {
	tb.Helper()
	if _, err := tx.Exec(tb.Context(), &store.Statement{Name: "test", SQL: sql}, nil); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

func explain(tb testing.TB, tx store.EngineTx, sql string) string {
	tb.Helper()
	rows, err := tx.Query(tb.Context(), &store.Statement{Name: "test", SQL: sql}, nil)
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var text string
	if rows.Next() {
		if err := rows.Scan(&text); err != nil {
			tb.Fatalf("%s: %v", sql, err)
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return text
}

// literal writes an argument as EXECUTE takes it; its type is the parameter's.
func literal(tb testing.TB, arg any) string {
	tb.Helper()
	switch v := arg.(type) {
	case nil:
		return "NULL"
	case crm.ID, crm.Instant, *crm.ID, *crm.Date:
		return fmt.Sprintf("'%s'", v)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case *string:
		return literal(tb, *v)
	case int64:
		return fmt.Sprint(v)
	case *crm.Money:
		return fmt.Sprint(int64(*v))
	case []pgtype.UUID:
		ids := make([]string, len(v))
		for i, id := range v {
			ids[i] = id.String()
		}
		return "'{" + strings.Join(ids, ",") + "}'"
	}
	tb.Fatalf("an argument of type %T", arg)
	return ""
}
