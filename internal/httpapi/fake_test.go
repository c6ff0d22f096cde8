package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/cache"
	"sixty/internal/changes"
	"sixty/internal/changes/changestest"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// fakeStore is the part of a store that the tests of this package need. Package app tests
// the API over databases.
type fakeStore struct {
	crm.Store
	deals fakeDeals
}

func (s *fakeStore) Reads(crm.Actor) crm.Reads { return fakeReads{store: s} }

type fakeReads struct {
	crm.Reads
	store *fakeStore
}

func (r fakeReads) Deals() crm.View[crm.Deal, crm.DealFilter] { return r.store.deals }

// fakeDeals returns the same page for every query.
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

// everyone authenticates every token as one manager.
type everyone struct{}

func (everyone) Authenticate(context.Context, string) (crm.Actor, error) {
	return crm.Actor{Org: crm.ID{15: 1}, User: crm.ID{15: 2}, Role: crm.RoleManager, Scopes: crm.AllScopes}, nil
}

func (everyone) Lookup(context.Context, string) (crm.Actor, bool) { return crm.Actor{}, false }

func (everyone) LastKnown(string) (crm.Actor, bool) { return crm.Actor{}, false }

// testOptions are those of a server and of the API on it.
type testOptions struct {
	server.Options
	Service *crm.Service
	Health  Health
	Docs    bool
}

// testAPI is an API with its server.
type testAPI struct {
	*API
	*server.Server
}

// newAPI returns an API without storage.
func newAPI(tb testing.TB, change ...func(*testOptions)) testAPI {
	tb.Helper()
	o := testOptions{
		Options: server.Options{
			Bearers: everyone{}, Sessions: auth.NewSessions(auth.SessionOptions{}), Cache: cache.New(cache.Options{}), Changes: changes.New(changes.Options{}),
			Logger: slog.New(slog.DiscardHandler),
		},
		Service: crm.NewService(nil, time.Now), Docs: true,
	}
	for _, f := range change {
		f(&o)
	}
	o.Writes = o.Service
	s, err := server.New(o.Options)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := New(Options{
		Server: s, Service: o.Service, Accounts: accounts.NewService(nil, time.Now, "GBP"), Keys: &auth.Keys{}, Sessions: &auth.Sessions{}, Sealer: newSealer(tb, "a secret of tests, long enough"),
		Health: o.Health, Docs: o.Docs,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return testAPI{a, s}
}

// apiOver returns an API whose deals are what page returns.
func apiOver(tb testing.TB, page func(context.Context) (crm.Page[crm.Deal], error), change ...func(*testOptions)) testAPI {
	tb.Helper()
	store := &fakeStore{deals: fakeDeals{page}}
	return newAPI(tb, append([]func(*testOptions){func(o *testOptions) {
		o.Service = crm.NewService(store, time.Now)
	}}, change...)...)
}

// cachedAPI is apiOver with a cache, and a change log without changes.
func cachedAPI(tb testing.TB, page func(context.Context) (crm.Page[crm.Deal], error), change ...func(*testOptions)) testAPI {
	tb.Helper()
	follower := changes.New(changes.Options{})
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := follower.Run(ctx, new(changestest.Log)); err != nil {
			tb.Error(err)
		}
	})
	responses := cache.New(cache.Options{
		Bytes: 64 << 20, Freshness: follower, Logger: slog.New(slog.DiscardHandler),
		TTL: map[cache.Tier]time.Duration{cache.Frequent: time.Minute, cache.Session: time.Minute, cache.Static: time.Minute},
	})
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		responses.Close()
	})
	store := changes.Tracked(&fakeStore{deals: fakeDeals{page}})
	return newAPI(tb, append([]func(*testOptions){func(o *testOptions) {
		o.Service, o.Cache, o.Changes = crm.NewService(store, time.Now), responses, follower
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
