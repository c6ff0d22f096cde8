package storetest

import (
	"errors"
	"slices"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// textRebuilt brings texts to the rules that were stored by a release without them. What would
// collide stays as it is and is told, until one of the two records is changed.
func textRebuilt(f *fixture) {
	ctx := f.Context()
	const nfd, nfc = "Cre\u0300merie", "Crèmerie"
	outdate := func() { f.asOwner("UPDATE derived_data SET version = 0 WHERE name = 'text'") }
	rebuild := func() {
		f.Helper()
		if err := f.store.RebuildDerived(ctx); err != nil {
			f.Fatal(err)
		}
	}

	named := f.home.newCompany("\u200e" + nfd + " \u200b")
	named.Industry, named.Domain, named.Description = ptr(nfd), ptr("xn--kln-sna.example"), ptr("\U0001f469\u200d\U0001f4bb\ufeff")
	twin, same := f.home.newCompany("Twin"), f.home.newCompany("Same")
	twin.Domain, same.Domain = ptr("bücher.example"), ptr("xn--bcher-kva.example")
	far := f.away.newCompany("Far") // of another organisation, which is no collision
	far.Domain = ptr("xn--bcher-kva.example")
	plain := f.home.newCompany("Plain")
	insert(f, f.home, companies(), named, twin, same, plain)
	insert(f, f.away, companies(), far)

	person, first, second, odd := f.home.newContact(""), f.home.newContact("First"), f.home.newContact("Second"), f.home.newContact("Odd")
	person.FirstName, person.LastName, person.FullName, person.Email = ptr("Zoe\u0308"), ptr("\u200b"), "Zoe\u0308 \u200b", ptr("zoe@k\u006f\u0308ln.example")
	first.Email, second.Email, odd.Email = ptr("jo\u0308@x.example"), ptr("jö@x.example\u200b"), ptr("a\u200bb@x.example")
	insert(f, f.home, contacts(), person, first, second, odd)
	user := f.home.newOwner("User")
	user.Email = ptr("user@xn--kln-sna.example")
	insert(f, f.home, owners(), user)
	d, a, t := f.home.newDeal(nfd), f.home.newActivity("call"), f.home.newTask(nfd)
	d.ExternalID, a.Description = ptr("D1\u00a0"), ptr(nfd)
	d.PrimaryContactID, d.ContactEmail = nil, ptr("D@XN--KLN-SNA.example")
	d.ContactIdentifier, d.ContactIdentifierType = ptr("\u200eD@XN--KLN-SNA.example"), ptr("email")
	insert(f, f.home, deals(), d)
	insert(f, f.home, activities(), a)
	insert(f, f.home, tasks(), t)
	stage := f.home.newStage(nfd)
	insert(f, f.home, stages(), stage)

	before := get(f, f.home, companies(), named.ID)
	outdate()
	rebuild()

	after := get(f, f.home, companies(), named.ID)
	want := before
	want.Name, want.Industry, want.Domain, want.Description = nfc, ptr(nfc), ptr("köln.example"), ptr("\U0001f469\u200d\U0001f4bb")
	want.Version++
	if diff := cmp.Diff(want, after); diff != "" {
		f.Errorf("a company:\n%s", diff)
	}
	if c := get(f, f.home, companies(), plain.ID); c.Version != plain.Version {
		f.Errorf("what the rules do not change has the version %d", c.Version)
	}
	if c := get(f, f.home, contacts(), person.ID); *c.FirstName != "Zoë" || c.LastName != nil || c.FullName != "Zoë" || *c.Email != "zoe@köln.example" {
		f.Errorf("a contact: %+v", c)
	}
	if o := get(f, f.home, owners(), user.ID); *o.Email != "user@köln.example" {
		f.Errorf("a person: %s", *o.Email)
	}
	if d, a, t := get(f, f.home, deals(), d.ID), get(f, f.home, activities(), a.ID), get(f, f.home, tasks(), t.ID); d.Name != nfc || *d.ExternalID != "D1" || *a.Description != nfc || t.Title != nfc {
		f.Errorf("%q, %q, %q, %q", d.Name, *d.ExternalID, *a.Description, t.Title)
	}
	if d := get(f, f.home, deals(), d.ID); *d.ContactEmail != "d@köln.example" || *d.ContactIdentifier != "d@köln.example" {
		f.Errorf("%q, %q", *d.ContactEmail, *d.ContactIdentifier)
	}
	if s := get(f, f.home, stages(), stage.ID); s.Name != nfc {
		f.Errorf("a stage: %q", s.Name)
	}
	// It is found by its key, and by its words.
	f.write(f.home, 1, func(tx store.Tx) error {
		for key, value := range map[crm.Key]string{crm.KeyName: "crèmerie", crm.KeyDomain: "köln.example"} {
			if found, err := tx.Companies().Find(ctx, key, []string{value}); err != nil || len(found) != 1 || found[0].ID != named.ID {
				f.Errorf("found %+v by %s, %v", found, value, err)
			}
		}
		return nil
	})
	findsJust(f, f.home, "köln", nfc, "Zoë", nfc) // the deal, the contact and the company
	if c := get(f, f.away, companies(), far.ID); *c.Domain != "bücher.example" {
		f.Errorf("in another organisation: %s", *c.Domain)
	}
	// The change log tells that records have changed.
	bulk := 0
	for _, e := range changeLog(f, f.home) {
		if e.Entity == crm.EntityStage && e.Op == string(crm.OpBulk) {
			bulk++
		}
	}
	if bulk == 0 {
		f.Error("the change log does not tell it")
	}

	collides := func(want ...crm.AddressCollision) {
		f.Helper()
		got, err := f.store.AddressCollisions(ctx, crm.AddressCollision{}, 10)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			f.Errorf("collisions: %v\n%s", err, diff)
		}
	}
	domains := crm.AddressCollision{Org: f.home.ID, Entity: crm.EntityCompany, ID: same.ID, Member: "domain", Other: twin.ID}
	// Neither has the normal address, so that the first one gets it.
	emails := crm.AddressCollision{Org: f.home.ID, Entity: crm.EntityContact, ID: second.ID, Member: "email", Other: first.ID}
	collides(domains, emails)
	if c := get(f, f.home, companies(), same.ID); *c.Domain != "xn--bcher-kva.example" || c.Version != same.Version {
		f.Errorf("what collides has changed: %s, version %d", *c.Domain, c.Version)
	}
	if c, o := get(f, f.home, contacts(), first.ID), get(f, f.home, contacts(), odd.ID); *c.Email != "jö@x.example" || *o.Email != "a\u200bb@x.example" {
		f.Errorf("%q, %q", *c.Email, *o.Email)
	}
	outdate()
	rebuild()
	collides(domains, emails)

	// A collision ends with the record, or with the other one's change.
	remove(f, f.home, companies(), 2, same.ID)
	update(f, f.home, contacts(), 2, func(c *crm.Contact) { c.Email = ptr("other@x.example") }, first.ID)
	rebuild()
	collides()
	if c := get(f, f.home, contacts(), second.ID); *c.Email != "jö@x.example" {
		f.Errorf("what collided is %q", *c.Email)
	}
}

// accountTextRebuilt brings the names of organisations and keys to the rules. A name that another
// organisation has stays as it is, and is told.
func accountTextRebuilt(f *fixture) {
	ctx := f.Context()
	rename := func(o tenant, name, key string) {
		f.outsideLog(&store.Statement{Name: "test.organisation_name", SQL: `UPDATE organisations SET name = $2, name_key = $3 WHERE id = $1`}, o.ID, name, key)
	}
	rebuild := func() {
		f.Helper()
		f.asOwner("UPDATE derived_data SET version = 0 WHERE name = 'text'")
		if err := f.store.RebuildDerived(ctx); err != nil {
			f.Fatal(err)
		}
	}
	names := func(home, away string, want ...crm.AddressCollision) {
		f.Helper()
		for o, want := range map[crm.ID]string{f.home.ID: home, f.away.ID: away} {
			if got, err := f.store.Organisation(ctx, o); err != nil || got.Name != want {
				f.Errorf("%q, want %q: %v", got.Name, want, err)
			}
		}
		got, err := f.store.AddressCollisions(ctx, crm.AddressCollision{}, 10)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			f.Errorf("collisions: %v\n%s", err, diff)
		}
	}
	// taken reports whether another organisation may not have the name.
	taken := func(name string) bool {
		other := crm.Actor{Org: crm.NewID()}
		err := f.store.Accounts().Write(ctx, other, at(3), func(tx accounts.Tx) error {
			org := crm.Organisation{ID: other.Org, Name: name, DefaultCurrency: "GBP", RepsSee: crm.RepsSeeAll, CreatedAt: at(3)}
			if err := tx.PutOrganisation(ctx, org); err != nil {
				return err
			}
			return errUndone
		})
		if !errors.Is(err, errUndone) && crm.CodeOf(err) != crm.CodeConflict {
			f.Fatal(err)
		}
		return crm.CodeOf(err) == crm.CodeConflict
	}

	keys := []accounts.APIKey{
		{Name: "\u200eCre\u0300me \u200b"}, {Name: "Plain"}, {Name: "\u200b"},
	}
	f.write(f.home, 1, func(tx store.Tx) error {
		for i, k := range keys {
			k.OrgID, k.ID, k.UserID, k.Role, k.Prefix, k.Hash, k.CreatedAt = f.home.ID, crm.NewID(), f.home.owner.ID, crm.RoleViewer, "p", []byte{byte(i)}, at(i)
			if err := tx.PutAPIKey(ctx, k); err != nil {
				return err
			}
		}
		return nil
	})

	rename(f.home, "Acme\u200b", "acme\u200b")
	rename(f.away, "Other", "other")
	rebuild()
	names("Acme", "Other")
	if !taken("ACME\u200b") || taken("Another") {
		f.Error("a second organisation can have the name")
	}
	for i, k := range keysOf(f, f.home) {
		if want := []string{"Crème", "Plain", "\u200b"}[i]; k.Name != want { // what breaks a rule stays
			f.Errorf("a key is named %q, want %q", k.Name, want)
		}
	}

	rename(f.away, "ACME\u2060", "acme\u2060")
	rebuild()
	collision := crm.AddressCollision{Org: f.away.ID, Entity: crm.EntityOrganisation, ID: f.away.ID, Member: "name", Other: f.home.ID}
	names("Acme", "ACME\u2060", collision)
	rename(f.home, "Home", "home")
	if err := f.store.RebuildDerived(ctx); err != nil { // which checks collisions again
		f.Fatal(err)
	}
	names("Home", "ACME")
}

var errUndone = errors.New("undone")

// textRebuildInterrupted resumes a rebuild, and waits for servers of an older release.
func textRebuildInterrupted(f *fixture) {
	const nfd, nfc = "Cre\u0300merie", "Crèmerie"
	ids := make([]crm.ID, 3)
	spoil := func() {
		for i, id := range ids {
			c := get(f, f.home, companies(), id)
			c.Name, c.Industry = nfd+string(rune('A'+i)), ptr(nfd)
			update(f, f.home, companies(), 2, func(old *crm.Company) { c.Version = old.Version; *old = c }, id)
		}
		f.asOwner("UPDATE derived_data SET version = 0 WHERE name = 'text'")
	}
	var rows []crm.Company
	for i := range ids {
		rows = append(rows, f.home.newCompany(nfd))
		ids[i] = rows[i].ID
	}
	insert(f, f.home, companies(), rows...)
	done := func() bool {
		all := listAll(f, f.home, companies())
		return len(all) == len(ids) && !slices.ContainsFunc(ids, func(id crm.ID) bool { return *all[id].Industry != nfc })
	}
	for n := 1; n < 12; n++ {
		spoil()
		f.interruptRebuild(4 * n)
		if err := f.store.RebuildDerived(f.Context()); err != nil || !done() {
			f.Fatalf("resumed after %d statements: %v", 4*n, err)
		}
	}

	older := f.home.newOwner("Older").ID
	if _, err := f.store.Heartbeat(f.Context(), older); err != nil {
		f.Fatal(err)
	}
	f.asOwner("UPDATE instances SET search_version = 1") // the release before the rules
	spoil()
	if err := f.store.RebuildDerived(f.Context()); !errors.Is(err, store.ErrOlderInstance) || done() {
		f.Errorf("beside an older instance: %v", err)
	}
	if err := f.store.EndInstance(f.Context(), older); err != nil {
		f.Fatal(err)
	}
	if err := f.store.RebuildDerived(f.Context()); err != nil || !done() {
		f.Errorf("after an older instance: %v", err)
	}
}
