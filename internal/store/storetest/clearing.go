package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// byContact lists the deals of a contact in the default order, newest first, and
// checks that the order is that of the deals' own updated_at, wherever else that is
// kept.
func byContact(f *fixture, contact crm.ID) []crm.Deal {
	f.Helper()
	q := crm.List[crm.DealFilter]{Filter: crm.DealFilter{ContactID: crm.Only(contact)}, Sort: crm.Deals.Sorts.Default, Limit: crm.MaxLimit}
	p, err := f.store.Reads(crm.Actor{}).Deals().Page(f.Context(), f.home.ID, q)
	rows := must(f, p, err).Rows
	newestFirst := func(a, b crm.Deal) int {
		return cmp.Or(cmp.Compare(b.UpdatedAt, a.UpdatedAt), bytes.Compare(b.ID[:], a.ID[:]))
	}
	if !slices.IsSortedFunc(rows, newestFirst) {
		f.Error("the deals of a contact are not in the order of their updated_at")
	}
	if p.First != nil && p.First.Number != int64(rows[0].UpdatedAt) {
		f.Errorf("a contact's first deal is listed as of %d, it was updated at %d", p.First.Number, rows[0].UpdatedAt)
	}
	return rows
}

// A cast is a company with contacts and deals for clearing to work on.
type cast struct {
	company, other   crm.Company
	contact, further crm.Contact
	deals            []crm.Deal // of the company, the first two with contact as primary
	elsewhere        crm.Deal   // of the other company, with further as primary
}

func newCast(f *fixture) cast {
	f.Helper()
	o := f.home
	c := cast{company: o.newCompany("Acme"), other: o.newCompany("Other"), contact: o.newContact("Grace"), further: o.newContact("Edith")}
	c.contact.CompanyID, c.contact.IsPrimary, c.further.CompanyID = &c.company.ID, true, &c.other.ID
	for i := range 4 {
		d := o.newDeal("Deal")
		d.CompanyID, d.UpdatedAt = &c.company.ID, at(i)
		if i < 2 {
			d.PrimaryContactID = &c.contact.ID
		}
		c.deals = append(c.deals, d)
	}
	c.elsewhere = o.newDeal("Elsewhere")
	c.elsewhere.CompanyID, c.elsewhere.PrimaryContactID, c.elsewhere.UpdatedAt = &c.other.ID, &c.further.ID, at(2)
	insert(f, o, companies(), c.company, c.other)
	insert(f, o, contacts(), c.contact, c.further)
	insert(f, o, deals(), append(c.deals, c.elsewhere)...)
	for i, link := range []struct {
		deal    crm.Deal
		contact crm.ID
	}{{c.deals[2], c.contact.ID}, {c.deals[0], c.further.ID}, {c.elsewhere, c.contact.ID}} {
		c.put(f, 5+i, link.deal, link.contact, "champion")
	}
	return c
}

func (c cast) put(f *fixture, n int, d crm.Deal, contact crm.ID, role string) {
	f.Helper()
	f.write(f.home, n, func(tx store.Tx) error {
		return tx.PutDealContact(f.Context(), d, crm.DealContact{DealID: d.ID, ContactID: contact, Role: role})
	})
}

// touched checks that a deal was or was not changed at the time n since it was as
// before says.
func touched(f *fixture, before crm.Deal, n int, want bool) crm.Deal {
	f.Helper()
	d := get(f, f.home, deals(), before.ID)
	switch {
	case want && (d.Version != before.Version+1 || d.UpdatedAt != at(n)):
		f.Errorf("version %d of %s after %d, want the next, of %s", d.Version, d.UpdatedAt, before.Version, at(n))
	case !want && (d.Version != before.Version || d.UpdatedAt != before.UpdatedAt):
		f.Errorf("version %d of %s after %d of %s, want no change", d.Version, d.UpdatedAt, before.Version, before.UpdatedAt)
	}
	return d
}

// clearCompany takes a company off its deals and contacts, and touches no others.
func clearCompany(f *fixture) {
	c := newCast(f)
	before := readAll(f, f.home, deals(), append(idsOf(deals(), c.deals), c.elsewhere.ID))
	f.write(f.home, 20, func(tx store.Tx) error { return tx.ClearCompany(f.Context(), c.company.ID) })
	for _, d := range c.deals {
		if d := touched(f, before[d.ID], 20, true); d.CompanyID != nil {
			f.Error("a deal kept its company")
		}
	}
	if d := touched(f, before[c.elsewhere.ID], 20, false); !is(d.CompanyID, c.other.ID) {
		f.Error("another company's deal lost it")
	}
	contact := get(f, f.home, contacts(), c.contact.ID)
	if contact.CompanyID != nil || contact.IsPrimary || contact.Version != 2 || contact.UpdatedAt != at(20) {
		f.Errorf("the company's contact: %+v", contact)
	}
	if further := get(f, f.home, contacts(), c.further.ID); !is(further.CompanyID, c.other.ID) || further.Version != 1 {
		f.Errorf("another company's contact: %+v", further)
	}
	if n := len(byContact(f, c.contact.ID)); n != 4 {
		f.Errorf("the contact has %d deals, want 4", n)
	}
	byContact(f, c.further.ID)
}

// clearContact takes a contact off the deals that it is on in any way, and touches
// no others.
func clearContact(f *fixture) {
	c := newCast(f)
	before := readAll(f, f.home, deals(), append(idsOf(deals(), c.deals), c.elsewhere.ID))
	f.write(f.home, 20, func(tx store.Tx) error { return tx.ClearContact(f.Context(), c.contact.ID) })
	for i, d := range c.deals {
		if d := touched(f, before[d.ID], 20, i < 3); d.PrimaryContactID != nil {
			f.Error("a deal kept its primary contact")
		}
	}
	if d := touched(f, before[c.elsewhere.ID], 20, true); !is(d.PrimaryContactID, c.further.ID) {
		f.Error("a deal lost another primary contact")
	}
	if rows := byContact(f, c.contact.ID); len(rows) > 0 {
		f.Errorf("the contact has still %d deals", len(rows))
	}
	if rows := byContact(f, c.further.ID); len(rows) != 2 {
		f.Errorf("the other contact has %d deals, want 2", len(rows))
	}
	ids := append(idsOf(deals(), c.deals), c.elsewhere.ID)
	links, err := f.store.Reads(crm.Actor{}).DealContacts(f.Context(), f.home.ID, ids)
	if len(must(f, links, err)) != 1 || links[0].ContactID != c.further.ID {
		f.Errorf("further contacts left: %+v", links)
	}
}

// clearWhileWriting clears companies while others move deals to and from them, and
// ends with every deal listed where its updated_at says.
func clearWhileWriting(f *fixture) {
	c := newCast(f)
	ids := append(idsOf(deals(), c.deals), c.elsewhere.ID)
	ctx := f.Context()
	errs := make(chan error, 2)
	var working sync.WaitGroup
	working.Go(func() {
		for n := range 40 {
			errs <- f.store.Write(ctx, f.home.by, at(100+2*n), func(tx store.Tx) error { return tx.ClearCompany(ctx, c.company.ID) })
		}
	})
	working.Go(func() {
		for n := range 40 {
			errs <- f.store.Write(ctx, f.home.by, at(101+2*n), func(tx store.Tx) error {
				rows, err := tx.Deals().LockForUpdate(ctx, []crm.ID{ids[n%len(ids)]})
				if err != nil {
					return err
				}
				after := rows[0]
				after.UpdatedAt, after.CompanyID = at(101+2*n), &c.company.ID
				if is(rows[0].CompanyID, c.company.ID) {
					after.CompanyID = &c.other.ID
				}
				return tx.Deals().Update(ctx, []crm.Change[crm.Deal]{{Before: rows[0], After: after}})
			})
		}
	})
	go func() {
		working.Wait()
		close(errs)
	}()
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		f.Fatal(failed)
	}
	for _, contact := range []crm.ID{c.contact.ID, c.further.ID} {
		for _, d := range byContact(f, contact) {
			listedAt(f, contact, d)
		}
	}
}

// listedAt checks that a contact's list has the deal at its updated_at: a position
// there, inclusive, begins with it.
func listedAt(f *fixture, contact crm.ID, d crm.Deal) {
	f.Helper()
	q := crm.List[crm.DealFilter]{
		Filter: crm.DealFilter{ContactID: crm.Only(contact)}, Sort: crm.Deals.Sorts.Default, Limit: 1,
		From: &crm.Position{Number: int64(d.UpdatedAt), ID: d.ID, Inclusive: true},
	}
	p, err := f.store.Reads(crm.Actor{}).Deals().Page(context.WithoutCancel(f.Context()), f.home.ID, q)
	if must(f, p, err); len(p.Rows) != 1 || p.Rows[0].ID != d.ID || p.First.Number != int64(d.UpdatedAt) {
		f.Errorf("a deal updated at %s is not listed there for its contact", d.UpdatedAt)
	}
}

// clearPrimaryContacts checks that the primary contacts of the named companies, and no
// others, become ordinary ones.
func clearPrimaryContacts(f *fixture) {
	c := newCast(f)
	update(f, f.home, contacts(), 2, func(p *crm.Contact) { p.IsPrimary = true }, c.further.ID)
	ordinary := f.home.newContact("Ordinary")
	ordinary.CompanyID = &c.company.ID
	insert(f, f.home, contacts(), ordinary)
	f.write(f.home, 20, func(tx store.Tx) error {
		for company, want := range map[crm.ID][]crm.ID{c.company.ID: {c.contact.ID}, crm.NewID(): nil} {
			locked, err := tx.LockPrimaryContacts(f.Context(), company)
			if err != nil {
				return err
			}
			if got := idsOf(contacts(), locked); !slices.Equal(got, want) {
				f.Errorf("the primary contacts are %v, want %v", got, want)
			}
		}
		if err := tx.ClearPrimaryContacts(f.Context(), []crm.ID{c.company.ID, crm.NewID()}); err != nil {
			return err
		}
		before := ordinary
		ordinary.IsPrimary, ordinary.UpdatedAt = true, at(20)
		return tx.Contacts().Update(f.Context(), []crm.Change[crm.Contact]{{Before: before, After: ordinary}})
	})
	for _, want := range []struct {
		id      crm.ID
		primary bool
		version int64
	}{{c.contact.ID, false, 2}, {ordinary.ID, true, 2}, {c.further.ID, true, 2}} {
		got := get(f, f.home, contacts(), want.id)
		if got.IsPrimary != want.primary || got.Version != want.version || want.id == c.contact.ID && got.UpdatedAt != at(20) {
			f.Errorf("primary %v, version %d, updated %s; want %v, %d", got.IsPrimary, got.Version, got.UpdatedAt, want.primary, want.version)
		}
	}
	f.write(f.home, 30, func(tx store.Tx) error {
		return tx.ClearPrimaryContacts(f.Context(), []crm.ID{c.company.ID, c.other.ID})
	})
	for _, id := range []crm.ID{ordinary.ID, c.further.ID} {
		if got := get(f, f.home, contacts(), id); got.IsPrimary || got.Version != 3 {
			f.Errorf("primary %v, version %d", got.IsPrimary, got.Version)
		}
	}
}
