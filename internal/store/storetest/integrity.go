package storetest

import (
	"errors"
	"reflect"
	"slices"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// conflicts checks that an error is a conflict and, where the engine reports which
// constraint was met, that it names the member. "" is for no member.
func conflicts(f *fixture, err error, field string) {
	f.Helper()
	var e *crm.Error
	if !errors.As(err, &e) || e.Code != crm.CodeConflict {
		f.Errorf("%v, of code %q, want a conflict", err, crm.CodeOf(err))
		return
	}
	var want []string
	if field != "" && f.engine.Dialect().Classify(e.Cause).Constraint != "" {
		want = []string{field}
	}
	var got []string
	for _, bad := range e.Fields {
		got = append(got, bad.Field)
	}
	if !slices.Equal(got, want) {
		f.Errorf("the conflict names %v, want %v", got, want)
	}
}

// uniqueKeys keeps keys unique within an organisation among what is not deleted,
// whether a row comes alone, with many or by an update.
func uniqueKeys(f *fixture) {
	r := newRefs(f, f.home)
	f.sub("company domain", func(f *fixture) {
		uniqueKey(f, companies(), tenant.newCompany, "domain", func(c *crm.Company, key *string) { c.Domain = key })
	})
	f.sub("company external_id", func(f *fixture) {
		uniqueKey(f, companies(), tenant.newCompany, "external_id", func(c *crm.Company, key *string) { c.ExternalID = key })
	})
	f.sub("contact email", func(f *fixture) {
		uniqueKey(f, contacts(), tenant.newContact, "email", func(c *crm.Contact, key *string) { c.Email = key })
	})
	f.sub("contact external_id", func(f *fixture) {
		uniqueKey(f, contacts(), tenant.newContact, "external_id", func(c *crm.Contact, key *string) { c.ExternalID = key })
	})
	f.sub("deal external_id", func(f *fixture) {
		uniqueKey(f, deals(), tenant.newDeal, "external_id", func(d *crm.Deal, key *string) { d.ExternalID = key })
	})
	f.sub("owner email", func(f *fixture) {
		uniqueKey(f, owners(), tenant.newOwner, "email", func(o *crm.Owner, key *string) { o.Email = key })
	})
	f.sub("owner external_id", func(f *fixture) {
		uniqueKey(f, owners(), tenant.newOwner, "external_id", func(o *crm.Owner, key *string) { o.ExternalID = key })
	})
	f.sub("primary contact", func(f *fixture) {
		first, second := f.home.newContact("First"), f.home.newContact("Second")
		first.CompanyID, first.IsPrimary = &r.company.ID, true
		second.CompanyID, second.IsPrimary = &r.company.ID, true
		insert(f, f.home, contacts(), first)
		put := func(tx store.Tx) error { return tx.Contacts().Insert(f.Context(), []crm.Contact{second}) }
		conflicts(f, f.fails(f.home, put), "is_primary")
		remove(f, f.home, contacts(), 2, first.ID)
		f.write(f.home, 3, put)
	})
}

func uniqueKey[T, F any](f *fixture, k kind[T, F], blank func(tenant, string) T, field string, set func(*T, *string)) {
	build := func(o tenant, key *string) T {
		row := blank(o, "Row")
		set(&row, key)
		return row
	}
	key := ptr("taken.example")
	first := build(f.home, key)
	insert(f, f.home, k, first)
	insert(f, f.away, k, build(f.away, key))                     // another organisation's
	insert(f, f.home, k, build(f.home, nil), build(f.home, nil)) // none is no key
	insert(f, f.home, k, build(f.home, ptr("Taken.example")))    // keys are compared as they are
	conflicts(f, f.fails(f.home, func(tx store.Tx) error {       // alone
		return k.table(tx).Insert(f.Context(), []T{build(f.home, key)})
	}), field)
	conflicts(f, f.fails(f.home, func(tx store.Tx) error { // among many
		rows := copies(k, []T{build(f.home, nil)}, 60)
		set(&rows[59], key)
		return k.table(tx).Insert(f.Context(), rows)
	}), field)
	other := build(f.home, ptr("other.example"))
	insert(f, f.home, k, other)
	conflicts(f, f.fails(f.home, func(tx store.Tx) error { // by an update
		after := other
		set(&after, key)
		return k.table(tx).Update(f.Context(), []crm.Change[T]{{Before: other, After: after}})
	}), field)
	if got := get(f, f.home, k, *k.id(&other)); !reflect.DeepEqual(got, other) {
		f.Errorf("a refused update changed the row: %+v", got)
	}
	remove(f, f.home, k, 2, *k.id(&first))
	insert(f, f.home, k, build(f.home, key)) // what is deleted frees its key
}

// uniqueOrganisation keeps the names of organisations unique, whatever their case.
func uniqueOrganisation(f *fixture) {
	for _, name := range []string{"Home", "hOME", " home "} {
		o := crm.Organisation{ID: crm.NewID(), Name: name, DefaultCurrency: "GBP", CreatedAt: at(1)}
		err := f.store.Write(f.Context(), crm.Actor{Org: o.ID}, at(1), func(tx store.Tx) error { return tx.PutOrganisation(f.Context(), o) })
		conflicts(f, err, "name")
	}
}

// references rejects rows that refer to nothing, or to another organisation's records.
func references(f *fixture) {
	w, _ := newWorlds(f)
	theirs := f.away.newCompany("Theirs")
	insert(f, f.away, companies(), theirs)
	before, ctx, nothing := w.picture(f, f.home), f.Context(), crm.NewID()
	company, contact, deal := f.home.newCompany("New"), f.home.newContact("New"), f.home.newDeal("New")
	for name, fn := range map[string]func(tx store.Tx) error{
		"company's owner": func(tx store.Tx) error {
			c := company
			c.OwnerID = &nothing
			return tx.Companies().Insert(ctx, []crm.Company{c})
		},
		"contact's owner": func(tx store.Tx) error {
			c := contact
			c.OwnerID = &nothing
			return tx.Contacts().Insert(ctx, []crm.Contact{c})
		},
		"contact's company": func(tx store.Tx) error {
			c := contact
			c.CompanyID = &nothing
			return tx.Contacts().Insert(ctx, []crm.Contact{c})
		},
		"deal's owner": func(tx store.Tx) error {
			d := deal
			d.OwnerID = &nothing
			return tx.Deals().Insert(ctx, []crm.Deal{d})
		},
		"deal's company": func(tx store.Tx) error {
			d := deal
			d.CompanyID = &nothing
			return tx.Deals().Insert(ctx, []crm.Deal{d})
		},
		"deal's company elsewhere": func(tx store.Tx) error {
			d := deal
			d.CompanyID = &theirs.ID
			return tx.Deals().Insert(ctx, []crm.Deal{d})
		},
		"deal's contact": func(tx store.Tx) error {
			d := deal
			d.PrimaryContactID = &nothing
			return tx.Deals().Insert(ctx, []crm.Deal{d})
		},
		"deal's stage": func(tx store.Tx) error {
			d := deal
			d.StageID = nothing
			return tx.Deals().Insert(ctx, []crm.Deal{d})
		},
		"deal's stage elsewhere, by an update": func(tx store.Tx) error {
			rows, err := tx.Deals().LockForUpdate(ctx, []crm.ID{w.deal.ID})
			after := must(f, rows, err)[0]
			after.StageID = f.away.stage.ID
			return tx.Deals().Update(ctx, []crm.Change[crm.Deal]{{Before: rows[0], After: after}})
		},
		"deal contact's contact": func(tx store.Tx) error {
			return tx.PutDealContact(ctx, w.deal, crm.DealContact{DealID: w.deal.ID, ContactID: nothing, Role: "champion"})
		},
		"stage move's deal": func(tx store.Tx) error {
			m := w.move
			m.ID, m.DealID = crm.NewID(), nothing
			return tx.InsertStageHistory(ctx, []crm.StageHistoryEntry{m})
		},
		"stage move's stage": func(tx store.Tx) error {
			m := w.move
			m.ID, m.StageID = crm.NewID(), nothing
			return tx.InsertStageHistory(ctx, []crm.StageHistoryEntry{m})
		},
		"key's user": func(tx store.Tx) error {
			k := w.key
			k.ID, k.UserID, k.Hash = crm.NewID(), nothing, []byte("new")
			return tx.PutAPIKey(ctx, k)
		},
	} {
		f.sub(name, func(f *fixture) {
			conflicts(f, f.fails(f.home, func(tx store.Tx) error {
				// What came before in the transaction goes with it.
				if err := tx.Companies().Insert(ctx, []crm.Company{f.home.newCompany("Before")}); err != nil {
					return err
				}
				return fn(tx)
			}), "")
		})
	}
	unchanged(f, w, before)
}

// referencesInBulk refuses many rows when one of them refers to nothing.
func referencesInBulk(f *fixture) {
	w, _ := newWorlds(f)
	before := w.picture(f, f.home)
	conflicts(f, f.fails(f.home, func(tx store.Tx) error {
		rows := copies(deals(), []crm.Deal{f.home.newDeal("Many")}, 60)
		rows[59].StageID = crm.NewID()
		return tx.Deals().Insert(f.Context(), rows)
	}), "")
	conflicts(f, f.fails(f.home, func(tx store.Tx) error {
		moves := make([]crm.StageHistoryEntry, 60)
		for i := range moves {
			moves[i] = w.move
			moves[i].ID = crm.NewID()
		}
		moves[59].StageID = crm.NewID()
		return tx.InsertStageHistory(f.Context(), moves)
	}), "")
	unchanged(f, w, before)
}
