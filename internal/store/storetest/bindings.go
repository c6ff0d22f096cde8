package storetest

import (
	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// bindings are of one organisation for each domain, and found from all of them.
func bindings(f *fixture) {
	ctx := f.Context()
	expect := func(home, away accounts.Binding) {
		f.Helper()
		want := map[crm.ID]accounts.Binding{}
		for id, b := range map[crm.ID]accounts.Binding{f.home.ID: home, f.away.ID: away} {
			if b.Issuer != "" || b.Domains != nil {
				want[id] = b
			}
		}
		got, err := f.store.Bindings(ctx)
		if diff := gocmp.Diff(want, must(f, got, err)); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
	}
	holder := func(domain string, want crm.ID) {
		f.Helper()
		got, err := f.store.DomainHolder(ctx, domain)
		if got != want || (err == nil) != (want != crm.ID{}) || err != nil && crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("%s is bound to %s: %v", domain, got, err)
		}
	}
	unbind := func(o tenant, domain string, want bool) {
		f.Helper()
		f.write(o, 2, func(tx store.Tx) error {
			was, err := tx.UnbindDomain(ctx, domain)
			if was != want {
				f.Errorf("%s unbound: %t, want %t", domain, was, want)
			}
			return err
		})
	}
	bind := func(o tenant, domain string) {
		f.Helper()
		f.write(o, 1, func(tx store.Tx) error { return tx.BindDomain(ctx, domain) })
	}
	expect(accounts.Binding{}, accounts.Binding{})
	holder("acme.example", crm.ID{})
	bind(f.home, "b.acme.example")
	bind(f.home, "acme.example")
	bind(f.away, "away.example")
	f.write(f.home, 1, func(tx store.Tx) error { return tx.SetIssuer(ctx, "https://id.example/") })
	expect(accounts.Binding{Issuer: "https://id.example/", Domains: []string{"acme.example", "b.acme.example"}}, accounts.Binding{Domains: []string{"away.example"}})
	holder("acme.example", f.home.ID)
	holder("away.example", f.away.ID)
	for _, o := range []tenant{f.home, f.away} {
		conflicts(f, f.fails(o, func(tx store.Tx) error { return tx.BindDomain(ctx, "acme.example") }), "")
	}
	unbind(f.away, "acme.example", false)
	unbind(f.home, "acme.example", true)
	unbind(f.home, "acme.example", false)
	bind(f.away, "acme.example")
	f.write(f.home, 1, func(tx store.Tx) error { return tx.SetIssuer(ctx, "") })
	expect(accounts.Binding{Domains: []string{"b.acme.example"}}, accounts.Binding{Domains: []string{"acme.example", "away.example"}})
}
