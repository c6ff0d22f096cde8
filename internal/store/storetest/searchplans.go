package storetest

import (
	"testing"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// searchedDeals is the number of deals in the organisation whose searches are explained.
const searchedDeals = 20_000

// RunSearchPlans holds an engine to a search's beginning at the index over the terms.
// judge returns what is wrong with the plan of a statement, together with the plan.
func RunSearchPlans(t *testing.T, database func(tb testing.TB) Opener, judge func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string) {
	t.Helper()
	f := newFixture(t, database)
	m := newMaker()
	of := m.populate(f, f.home, searchedDeals)
	f.asOwner("ANALYZE")
	explain := Explainer{Faults: func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, _ Bounds) []string {
		tb.Helper()
		return judge(tb, tx, st, args)
	}}
	for _, typed := range []string{"abc", "ab cd", "q", "nothing like it"} {
		q := crm.ParseQuery(typed)
		seen := &recorder{Engine: f.engine}
		reads := store.New(seen, store.Options{}).Reads(crm.Actor{})
		searches := []func() error{
			func() error {
				_, err := reads.Search(f.Context(), f.home.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 0})
				return err
			},
			func() error {
				_, err := reads.Companies().Page(f.Context(), f.home.ID, crm.List[crm.CompanyFilter]{Search: &q, Sort: crm.Companies.Sorts.Default, Filter: crm.CompanyFilter{OwnerID: crm.Only(of.owner)}})
				return err
			},
			func() error {
				_, err := reads.Deals().Page(f.Context(), f.home.ID, crm.List[crm.DealFilter]{Search: &q, Sort: crm.ByRank, Filter: crm.DealFilter{Status: crm.Only(crm.StatusWon)}})
				return err
			},
		}
		for _, search := range searches {
			if err := search(); err != nil {
				f.Fatal(err)
			}
		}
		for _, s := range seen.ran {
			if s.statement.Name != "company.search" && s.statement.Name != "contact.search" && s.statement.Name != "deal.search" {
				continue // what was found is read by its ids
			}
			for _, fault := range faults(f, explain, s, Bounds{}) {
				f.Errorf("%q: %s", typed, fault)
			}
		}
	}
}
