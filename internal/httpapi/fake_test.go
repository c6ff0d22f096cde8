package httpapi

import (
	"context"
	"net/http"
	"testing"
	"time"

	"sixty/internal/crm"
)

// fakeStore answers from memory what the tests of this package need of storage; how
// the API behaves over real databases is tested in package app.
type fakeStore struct {
	crm.Store
	deals fakeDeals
}

func (s *fakeStore) Reads() crm.Reads { return fakeReads{store: s} }

type fakeReads struct {
	crm.Reads
	store *fakeStore
}

func (r fakeReads) Deals() crm.View[crm.Deal, crm.DealFilter] { return r.store.deals }

// fakeDeals answers every question about deals alike.
type fakeDeals struct {
	page func(context.Context) (crm.Page[crm.Deal], error)
}

func (d fakeDeals) Page(ctx context.Context, _ crm.ID, _ crm.List[crm.DealFilter]) (crm.Page[crm.Deal], error) {
	return d.page(ctx)
}

func (d fakeDeals) ByID(ctx context.Context, _ crm.ID, _ []crm.ID) ([]crm.Deal, error) {
	p, err := d.page(ctx)
	return p.Rows, err
}

// everyone lets every token act for one manager.
type everyone struct{}

func (everyone) Authenticate(context.Context, string) (crm.Actor, error) {
	return crm.Actor{Org: crm.ID{15: 1}, User: crm.ID{15: 2}, Role: crm.RoleManager}, nil
}

// apiOver makes an API whose deals are what page answers.
func apiOver(tb testing.TB, page func(context.Context) (crm.Page[crm.Deal], error), change ...func(*Options)) *API {
	tb.Helper()
	store := &fakeStore{deals: fakeDeals{page}}
	return newAPI(tb, append([]func(*Options){func(o *Options) {
		o.Service = crm.NewService(store, time.Now, "GBP")
	}}, change...)...)
}

func dealsPage(n int) crm.Page[crm.Deal] {
	p := crm.Page[crm.Deal]{HasMore: true}
	for i := range n {
		d := exampleDeal()
		d.ID = exampleID(byte(i))
		p.Rows = append(p.Rows, d)
	}
	if n > 0 {
		p.First = &crm.Position{Number: 1, ID: p.Rows[0].ID}
		p.Last = &crm.Position{Number: 2, ID: p.Rows[n-1].ID}
	}
	return p
}

func listDeals(tb testing.TB) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "/api/deals?limit=50", http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer key")
	return r
}
