package storetest

import (
	"testing"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// sumPlanDeals is the number of deals behind the plans of sums: too many to be read for the
// numbers of a page.
const sumPlanDeals = 10_000

// RunSumPlans has an engine explain the statements that sum up: the numbers of a page
// of companies or owners (company.stats, owner.stats) and of the dashboard
// (dashboard.deals, dashboard.activities). wrong returns what is wrong with a plan, together with the plan.
func RunSumPlans(t *testing.T, database func(tb testing.TB) Opener, wrong func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string) {
	t.Helper()
	f := newFixture(t, database)
	ids := newMaker().populate(f, f.home, sumPlanDeals)
	f.asOwner("ANALYZE")
	firms, people := firstPage(f, companies()), firstPage(f, owners())
	from, to := crm.DateOf(at(0).Time()), crm.DateOf(at(0).Time())+30
	dashboardOf := func(d crm.DashboardFilter) func(crm.Reads) error {
		return func(r crm.Reads) error { return r.DealGroups(f.Context(), f.home.ID, d, func(*crm.DealGroup) {}) }
	}
	activitiesOf := func(d crm.DashboardFilter) func(crm.Reads) error {
		return func(r crm.Reads) error { _, err := r.ActivityNumbers(f.Context(), f.home.ID, d); return err }
	}
	for name, read := range map[string]func(r crm.Reads) error{
		"companies":             func(r crm.Reads) error { _, err := r.CompanyStats(f.Context(), f.home.ID, firms); return err },
		"owners":                func(r crm.Reads) error { _, err := r.OwnerStats(f.Context(), f.home.ID, people); return err },
		"dashboard":             dashboardOf(crm.DashboardFilter{}),
		"dashboard of days":     dashboardOf(crm.DashboardFilter{From: &from, To: &to}),
		"dashboard of an owner": dashboardOf(crm.DashboardFilter{From: &from, OwnerID: &ids.owner}),
		"activities":            activitiesOf(crm.DashboardFilter{}),
		"activities of days":    activitiesOf(crm.DashboardFilter{From: &from, To: &to}),
	} {
		seen := &recorder{Engine: f.engine}
		if err := read(store.New(seen, store.Options{}).Reads(crm.Actor{})); err != nil {
			f.Fatal(err)
		}
		if len(seen.ran) != 1 {
			f.Errorf("%s: %d statements, want one", name, len(seen.ran))
		}
		explain := Explainer{Faults: func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, _ Bounds) []string {
			tb.Helper()
			return wrong(tb, tx, st, args)
		}}
		for _, s := range seen.ran {
			for _, fault := range faults(f, explain, s, Bounds{}) {
				f.Errorf("%s: %s", name, fault)
			}
		}
	}
}

// firstPage returns the ids of a short page: one of fifty would be a large part of what
// there is here, and reading everything the best plan.
func firstPage[T, F any](f *fixture, k kind[T, F]) []crm.ID {
	f.Helper()
	p, err := k.view(f.store.Reads(crm.Actor{})).Page(f.Context(), f.home.ID, crm.List[F]{Sort: k.sorts.Default, Limit: 5})
	return idsOf(k, must(f, p, err).Rows)
}
