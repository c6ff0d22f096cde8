package sqlite_test

import (
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
		steps := queryPlan(tb, tx, st, args)
		index := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, "SCAN i VIRTUAL TABLE INDEX") })
		sorts := slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "TEMP B-TREE") })
		others := slices.ContainsFunc(steps, func(s string) bool {
			return strings.HasPrefix(s, "SCAN ") && !strings.HasPrefix(s, "SCAN i ")
		})
		if index < 0 || sorts || others {
			return []string{st.SQL + "\n" + strings.Join(steps, "\n")}
		}
		return nil
	})
}

// Each table is read by an index, by more of it than the organisation.
func TestLinkPlans(t *testing.T) {
	t.Parallel()
	storetest.RunLinkPlans(t, database, func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string {
		tb.Helper()
		steps := queryPlan(tb, tx, st, args)
		if slices.ContainsFunc(steps, func(s string) bool {
			return strings.HasPrefix(s, "SCAN ") && !strings.Contains(s, "json_each") && !strings.Contains(s, "VIRTUAL TABLE") ||
				strings.HasPrefix(s, "SEARCH ") && strings.HasSuffix(s, "(org_id=?)")
		}) {
			return []string{st.SQL + "\n" + strings.Join(steps, "\n")}
		}
		return nil
	})
}
