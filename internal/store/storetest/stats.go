package storetest

import (
	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// dealsWith stores a deal for each amount (nil: one without a value), made by edit.
func dealsWith(f *fixture, currency string, amounts []*crm.Money, edit func(*crm.Deal)) []crm.ID {
	f.Helper()
	rows := make([]crm.Deal, len(amounts))
	for i, v := range amounts {
		rows[i] = f.home.newDeal("Deal")
		rows[i].Value, rows[i].Currency = v, currency
		edit(&rows[i])
	}
	insert(f, f.home, deals(), rows...)
	return idsOf(deals(), rows)
}

func amounts(values ...crm.Money) []*crm.Money {
	out := make([]*crm.Money, len(values))
	for i := range values {
		out[i] = &values[i]
	}
	return out
}

// companyStats counts and sums by currency what is not deleted, for those of the
// companies asked for that have anything.
func companyStats(f *fixture) {
	o, ctx := f.home, f.Context()
	rows := []crm.Company{o.newCompany("Deals"), o.newCompany("Contacts"), o.newCompany("Nothing"), o.newCompany("Not asked")}
	insert(f, o, companies(), rows...)
	ids := idsOf(companies(), rows)
	of := func(company crm.ID) func(*crm.Deal) { return func(d *crm.Deal) { d.CompanyID = &company } }
	dealsWith(f, "GBP", append(amounts(150, 250, crm.MaxMoney), nil), of(ids[0]))
	dealsWith(f, "EUR", amounts(7), of(ids[0]))
	dealsWith(f, "USD", []*crm.Money{nil}, of(ids[0]))
	gone := dealsWith(f, "GBP", amounts(1000), of(ids[0]))
	remove(f, o, deals(), 3, gone...)
	dealsWith(f, "GBP", amounts(9), of(ids[3]))
	people := copies(contacts(), []crm.Contact{o.newContact("P")}, 4)
	for i := range people {
		people[i].CompanyID = &ids[min(i, 1)]
	}
	insert(f, o, contacts(), people...)
	remove(f, o, contacts(), 3, people[3].ID)

	got, err := f.store.Reads(crm.Actor{}).CompanyStats(ctx, o.ID, append(ids[:3:3], crm.NewID()))
	want := map[crm.ID]crm.CompanyStats{
		ids[0]: {Contacts: 1, Deals: 6, Value: []crm.Sum{{Currency: "EUR", Amount: 7}, {Currency: "GBP", Amount: crm.MaxMoney + 400}, {Currency: "USD"}}},
		ids[1]: {Contacts: 2},
	}
	if diff := cmp.Diff(want, must(f, got, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	got, err = f.store.Reads(crm.Actor{}).CompanyStats(ctx, o.ID, nil)
	if len(must(f, got, err)) > 0 {
		f.Errorf("for no companies: %v", got)
	}
}

// ownerStats does the same for owners.
func ownerStats(f *fixture) {
	o := f.home
	people := three(f, owners(), o.newOwner)
	of := func(owner crm.ID) func(*crm.Deal) { return func(d *crm.Deal) { d.OwnerID = &owner } }
	dealsWith(f, "GBP", append(amounts(150, 250), nil), of(people[0]))
	dealsWith(f, "EUR", amounts(7), of(people[0]))
	remove(f, o, deals(), 3, dealsWith(f, "EUR", amounts(1000), of(people[0]))...)
	dealsWith(f, "GBP", amounts(9), of(people[2]))
	got, err := f.store.Reads(crm.Actor{}).OwnerStats(f.Context(), o.ID, people[:2])
	want := map[crm.ID]crm.OwnerStats{
		people[0]: {Deals: 4, Value: []crm.Sum{{Currency: "EUR", Amount: 7}, {Currency: "GBP", Amount: 400}}},
	}
	if diff := cmp.Diff(want, must(f, got, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
}
