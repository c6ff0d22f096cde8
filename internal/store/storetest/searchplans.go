package storetest

import (
	"context"
	"slices"
	"strings"
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
			func() error {
				_, err := reads.Deals().Page(f.Context(), f.home.ID, crm.List[crm.DealFilter]{Search: &q, Sort: crm.Sort{Field: "value", Desc: true}})
				return err
			},
		}
		for _, search := range searches {
			if err := search(); err != nil {
				f.Fatal(err)
			}
		}
		for _, s := range seen.ran {
			if !strings.HasSuffix(s.statement.Name, ".search") && !strings.HasSuffix(s.statement.Name, ".search_ids") {
				continue // what was found is read by its ids
			}
			for _, fault := range faults(f, explain, s, Bounds{}) {
				f.Errorf("%q: %s", typed, fault)
			}
		}
	}
}

// linkStatements are those that find the deals that show a record, and what deals show.
var linkStatements = []string{"deal.shows_company_id", "deal.shows_contact_id", "deal.links", "deal.links_further"}

// RunLinkPlans holds an engine to finding the deals that show a record, and the records that deals
// show, by their ids.
// judge returns what is wrong with the plan of a statement, together with the plan.
func RunLinkPlans(t *testing.T, database func(tb testing.TB) Opener, judge func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any) []string) {
	t.Helper()
	f := newFixture(t, database)
	of := newMaker().populate(f, f.home, searchedDeals)
	f.asOwner("ANALYZE")
	seen := &writeRecorder{Engine: f.engine}
	f.store = store.New(seen, store.Options{})
	update(f, f.home, companies(), 1, func(c *crm.Company) { c.Name = "Renamed" }, of.company)
	update(f, f.home, contacts(), 1, func(c *crm.Contact) { c.FullName = "Renamed" }, of.contact)
	explained := map[string]bool{}
	explain := Explainer{Faults: func(tb testing.TB, tx store.EngineTx, st *store.Statement, args []any, _ Bounds) []string {
		tb.Helper()
		return judge(tb, tx, st, args)
	}}
	for _, s := range seen.ran {
		if slices.Contains(linkStatements, s.statement.Name) {
			explained[s.statement.Name] = true
			for _, fault := range faults(f, explain, s, Bounds{}) {
				f.Errorf("%s: %s", s.statement.Name, fault)
			}
		}
	}
	if len(explained) != len(linkStatements) {
		f.Errorf("explained %v", explained)
	}
}

// A writeRecorder is an engine that remembers the queries of its transactions.
type writeRecorder struct {
	store.Engine
	ran []execution
}

func (r *writeRecorder) Begin(ctx context.Context, scope store.Scope) (store.EngineTx, error) {
	tx, err := r.Engine.Begin(ctx, scope)
	return recordedTx{tx, r, scope}, err
}

type recordedTx struct {
	store.EngineTx
	recorder *writeRecorder
	scope    store.Scope
}

func (t recordedTx) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	t.recorder.ran = append(t.recorder.ran, execution{t.scope, st, args})
	return t.EngineTx.Query(ctx, st, args)
}
