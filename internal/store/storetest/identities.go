package storetest

import (
	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// identities are one of an issuer for each person, and no one else's, in any
// organisation; those of the deleted are free again.
func identities(f *fixture) {
	ctx := f.Context()
	const issuer, other = "https://id.example", "https://id.example/"
	ada, grace, away := f.home.newOwner("Ada"), f.home.newOwner("Grace"), f.away.newOwner("Edith")
	ada.Role = crm.RoleManager
	insert(f, f.home, owners(), ada, grace)
	insert(f, f.away, owners(), away)
	identity := func(o crm.Owner, issuer, subject string) accounts.Identity {
		return accounts.Identity{OrgID: o.OrgID, UserID: o.ID, Issuer: issuer, Subject: subject, CreatedAt: at(2)}
	}
	put := func(o tenant, i accounts.Identity) {
		f.Helper()
		f.write(o, 2, func(tx store.Tx) error { return tx.PutIdentity(ctx, i) })
	}
	taken := func(o tenant, i accounts.Identity) {
		f.Helper()
		conflicts(f, f.fails(o, func(tx store.Tx) error { return tx.PutIdentity(ctx, i) }), "")
	}
	holder := func(i accounts.Identity) accounts.Principal {
		f.Helper()
		got, o, err := f.store.IdentityPrincipal(ctx, i.Issuer, i.Subject)
		if diff := gocmp.Diff(i, must(f, got, err)); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
		return o
	}
	gone := func(issuer, subject string) {
		f.Helper()
		if _, _, err := f.store.IdentityPrincipal(ctx, issuer, subject); crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("%q of %q: %v", subject, issuer, err)
		}
	}
	before := len(changeLog(f, f.home))
	odd := identity(ada, issuer, oddText)
	put(f.home, odd)
	put(f.home, identity(ada, other, "1"))
	put(f.home, identity(grace, issuer, "1"))
	put(f.away, identity(away, issuer, "2"))
	if n := len(changeLog(f, f.home)) - before; n != 0 {
		f.Errorf("identities made %d entries of the change log", n)
	}
	if o := holder(odd); o.ID != ada.ID || o.OrgID != f.home.ID || o.Role != crm.RoleManager || o.DeactivatedAt != nil {
		f.Errorf("it is %+v's", o)
	}
	holder(identity(away, issuer, "2"))
	gone(issuer, "3")
	gone("https://other.example", "1")

	of := func(o crm.Owner, want ...accounts.Identity) {
		f.Helper()
		f.write(f.home, 3, func(tx store.Tx) error {
			got, err := tx.Identities(ctx, o.ID)
			if diff := gocmp.Diff(want, must(f, got, err)); diff != "" {
				f.Errorf("(-want +got):\n%s", diff)
			}
			return nil
		})
	}
	of(ada, odd, identity(ada, other, "1"))
	of(f.home.newOwner("Missing"))
	end := func(o crm.Owner, issuer string, want bool) {
		f.Helper()
		f.write(f.home, 3, func(tx store.Tx) error {
			if was, err := tx.DeleteIdentity(ctx, o.ID, issuer); must(f, was, err) != want {
				f.Errorf("the one of %s was there: %v", issuer, was)
			}
			return nil
		})
	}
	end(ada, other, true)
	end(ada, other, false)
	end(away, issuer, false)
	of(ada, odd)
	put(f.home, identity(ada, other, "1"))

	person := func(org tenant, o crm.Owner) (accounts.Principal, error) {
		return f.store.PersonPrincipal(ctx, org.ID, o.ID)
	}
	if got, err := person(f.home, ada); err != nil || got.ID != ada.ID || got.OrgID != f.home.ID || got.Role != crm.RoleManager || got.DeactivatedAt != nil {
		f.Errorf("%+v, %v", got, err)
	}
	for _, missing := range []crm.Owner{away, f.home.newOwner("Missing")} {
		if got, err := person(f.home, missing); crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("%+v, %v", got, err)
		}
	}

	taken(f.home, identity(ada, issuer, "3"))  // is another subject
	taken(f.home, identity(grace, other, "1")) // another person is
	taken(f.away, identity(away, issuer, "1")) // in another organisation
	taken(f.home, identity(f.home.newOwner("Missing"), issuer, "3"))
	_ = f.fails(f.home, func(tx store.Tx) error { return tx.PutIdentity(ctx, identity(away, other, "9")) })

	update(f, f.home, owners(), 6, func(p *crm.Owner) { p.DeactivatedAt = ptr(at(6)) }, grace.ID)
	if o := holder(identity(grace, issuer, "1")); o.DeactivatedAt == nil {
		f.Error("the holder is not deactivated")
	}
	if got, err := person(f.home, grace); err != nil || got.DeactivatedAt == nil {
		f.Errorf("%+v, %v", got, err)
	}
	taken(f.home, identity(f.home.owner, issuer, "1"))
	remove(f, f.home, owners(), 7, grace.ID)
	if got, err := person(f.home, grace); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("deleted: %+v, %v", got, err)
	}
	gone(issuer, "1")
	taken(f.away, identity(f.away.owner, issuer, "1"))
	put(f.home, identity(f.home.owner, issuer, "1"))
	holder(identity(f.home.owner, issuer, "1"))
}
