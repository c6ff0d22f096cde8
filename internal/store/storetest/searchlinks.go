package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// searchesLinks finds deals by what they show of their company and contacts.
func searchesLinks(f *fixture) {
	acme, zoe, power, grace := f.home.newCompany("Acme Brewing"), f.home.newContact("Zoe O'Brien"), f.home.newContact("Max Power"), f.home.newContact("Grace Hopper")
	zoe.Email, zoe.CompanyID = ptr("zed@acme.example"), &acme.ID
	insert(f, f.home, companies(), acme)
	insert(f, f.home, contacts(), zoe, power, grace)
	linked, typed, plain := f.home.newDeal("Linked"), f.home.newDeal("Typed"), f.home.newDeal("Plain")
	linked.CompanyID, linked.PrimaryContactID = &acme.ID, &zoe.ID
	typed.ContactName, typed.ContactEmail, typed.ContactPhone, typed.ContactIdentifier = ptr("Yves"), ptr("y@yves.example"), ptr("+44 20 7946 0958"), ptr("+1 (555) 0100-99")
	insert(f, f.home, deals(), linked, typed, plain)
	deal := crm.KindDeal
	finds := func(by crm.Actor, typed string, want ...string) {
		f.Helper()
		q := crm.ParseQuery(typed)
		p, err := f.store.Reads(by).Search(f.Context(), f.home.ID, crm.List[crm.HitFilter]{Search: &q, Filter: crm.HitFilter{Kind: crm.Only(deal)}, Sort: crm.ByRank, Limit: 10, Count: crm.CountExact})
		got := []string{}
		for _, h := range must(f, p, err).Rows {
			got = append(got, h.Title)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || p.Truncated || *p.Total != int64(len(want)) {
			f.Errorf("%q finds %q, want %q; truncated %t", typed, got, want, p.Truncated)
		}
	}
	for typed, want := range map[string][]string{
		"zoe": {"Linked"}, "obrien": {"Linked"}, "zed@acme.example": {"Linked"}, "acme brew": {"Linked"}, "linked rewing zoe": {"Linked"}, "zoe max": nil,
		"yves.example": {"Typed"}, "7946 0958": {"Typed"}, "02079460958": {"Typed"}, "+44 (0)20 7946-0958": {"Typed"}, "442079460958": {"Typed"}, "555010099": {"Typed"},
	} {
		finds(f.home.by, typed, want...)
	}

	// With further contacts, and after each kind of change.
	put := func(d crm.Deal, c crm.ID) {
		f.write(f.home, 2, func(tx store.Tx) error {
			return tx.PutDealContact(f.Context(), d, crm.DealContact{DealID: d.ID, ContactID: c, Role: "champion"})
		})
	}
	put(linked, power.ID)
	put(plain, power.ID)
	finds(f.home.by, "power", "Linked", "Plain")
	finds(f.home.by, "zoe max", "Linked")
	f.write(f.home, 3, func(tx store.Tx) error {
		_, err := tx.DeleteDealContact(f.Context(), plain, power.ID)
		return err
	})
	finds(f.home.by, "power", "Linked")
	put(plain, power.ID)
	update(f, f.home, contacts(), 4, func(c *crm.Contact) { c.FirstName, c.FullName = ptr("Mia"), "Mia Power" }, power.ID)
	finds(f.home.by, "max")
	finds(f.home.by, "mia", "Linked", "Plain")
	update(f, f.home, companies(), 4, func(c *crm.Company) { c.Name = "Renamed" }, acme.ID)
	finds(f.home.by, "brewing")
	finds(f.home.by, "renamed", "Linked")
	update(f, f.home, contacts(), 5, func(c *crm.Contact) { c.Email = ptr("new@other.example") }, zoe.ID)
	finds(f.home.by, "other.example", "Linked")
	update(f, f.home, deals(), 6, func(d *crm.Deal) { d.PrimaryContactID = &grace.ID }, linked.ID)
	finds(f.home.by, "zoe")
	finds(f.home.by, "hopper", "Linked")
	update(f, f.home, deals(), 7, func(d *crm.Deal) { d.PrimaryContactID, d.CompanyID = nil, nil }, linked.ID)
	finds(f.home.by, "hopper")
	finds(f.home.by, "renamed")
	update(f, f.home, deals(), 8, func(d *crm.Deal) { d.PrimaryContactID, d.CompanyID = &grace.ID, &acme.ID }, linked.ID)

	// A rep who sees only their own records does not learn of others by what they find.
	rep := crm.Actor{Org: f.home.ID, User: f.home.owner.ID, Role: crm.RoleRep}
	update(f, f.home, deals(), 9, func(d *crm.Deal) { d.OwnerID = &rep.User }, linked.ID)
	finds(f.home.by, "hopper", "Linked")
	finds(rep, "hopper")
	finds(rep, "renamed")
	finds(rep, "linked", "Linked")
	update(f, f.home, contacts(), 9, func(c *crm.Contact) { c.OwnerID = &rep.User }, grace.ID)
	update(f, f.home, companies(), 9, func(c *crm.Company) { c.OwnerID = &rep.User }, acme.ID)
	finds(rep, "hopper renamed", "Linked")

	// What is deleted is no longer shown.
	f.write(f.home, 10, func(tx store.Tx) error { return tx.ClearContact(f.Context(), power.ID) })
	remove(f, f.home, contacts(), 10, power.ID)
	finds(f.home.by, "mia")
	f.write(f.home, 11, func(tx store.Tx) error { return tx.ClearContact(f.Context(), grace.ID) })
	remove(f, f.home, contacts(), 11, grace.ID)
	finds(f.home.by, "hopper")
	f.write(f.home, 12, func(tx store.Tx) error { return tx.ClearCompany(f.Context(), acme.ID) })
	remove(f, f.home, companies(), 12, acme.ID)
	finds(f.home.by, "renamed")
}

// searchPending leaves deals that are too many for one transaction to a background task, and says
// so meanwhile.
func searchPending(f *fixture) {
	const many, atOnce = 1_300, 100
	ctx := f.Context()
	f.store = store.New(f.engine, store.Options{ReindexedAtOnce: atOnce})
	acme, zoe := f.home.newCompany("Acme"), f.home.newContact("Zoe")
	insert(f, f.home, companies(), acme)
	insert(f, f.home, contacts(), zoe)
	rows := make([]crm.Deal, many)
	for i := range rows {
		rows[i] = f.home.newDeal(fmt.Sprintf("Deal %d", i))
		rows[i].CompanyID, rows[i].PrimaryContactID = &acme.ID, &zoe.ID
	}
	insert(f, f.home, deals(), rows...)
	// count returns how many deals a search finds, and whether it is truncated.
	count := func(typed string, at int) (n int64, truncated bool) {
		f.Helper()
		q := crm.ParseQuery(fmt.Sprint(typed, " ", at))
		p, err := f.store.Reads(crm.Actor{}).Deals().Page(ctx, f.home.ID, crm.List[crm.DealFilter]{Search: &q, Sort: crm.Sort{Field: "name"}, Limit: 1, Count: crm.CountExact})
		if must(f, p, err); p.Truncated != (p.Total == nil) {
			f.Errorf("truncated %t, counted %v", p.Truncated, p.Total)
		}
		if p.Total != nil {
			n = *p.Total
		}
		return n, p.Truncated
	}
	complete := func(typed string, want int64) {
		f.Helper()
		if n, truncated := count(typed, 10); n != want || truncated {
			f.Errorf("%s: found %d, want %d, truncated %t", typed, n, want, truncated)
		}
	}
	var all int64 // deals whose number begins with 10
	for i := range rows {
		if s := fmt.Sprint(i); len(s) >= 2 && s[:2] == "10" {
			all++
		}
	}
	complete("acme", all)
	complete("zoe", all)

	rename := func(change func()) {
		f.Helper()
		end := len(changeLog(f, f.home))
		change()
		if log := changeLog(f, f.home)[end:]; len(log) != 1 {
			f.Errorf("logged %+v", log)
		}
		if waiting := pending(f); waiting != many-atOnce {
			f.Errorf("%d deals wait", waiting)
		}
		if _, truncated := count("renamed", 10); !truncated {
			f.Error("the search is not truncated")
		}
		q := crm.ParseQuery("deal 10")
		hits, err := f.store.Reads(crm.Actor{}).Search(ctx, f.home.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 1, Count: crm.CountExact})
		if err != nil || !hits.Truncated || hits.Total != nil {
			f.Errorf("everything: %+v, %v", hits, err)
		}
		list, err := f.store.Reads(crm.Actor{}).Companies().Page(ctx, f.home.ID, crm.List[crm.CompanyFilter]{Search: &q, Sort: crm.ByRank, Limit: 1, Count: crm.CountExact})
		if err != nil || list.Truncated {
			f.Errorf("companies: %+v, %v", list, err)
		}
	}
	finish := func(how func(context.Context) error) {
		f.Helper()
		end := len(changeLog(f, f.home))
		if err := how(ctx); err != nil {
			f.Fatal(err)
		}
		if log := changeLog(f, f.home)[end:]; len(log) < 1 || log[0].Entity != crm.EntityDeal || log[0].Op != string(crm.OpBulk) {
			f.Errorf("logged %+v", log)
		}
		if pending(f) != 0 {
			f.Error("deals still wait")
		}
	}
	rename(func() { update(f, f.home, companies(), 2, func(c *crm.Company) { c.Name = "Renamed Ltd" }, acme.ID) })
	// Interrupted anywhere, it is resumed.
	for after := 1; pending(f) > 0; after += 2 {
		ctx, cancel := context.WithCancel(ctx)
		steps := 0
		s := store.New(f.opener(f.T, patience), store.Options{Observe: func(context.Context, store.StatementEvent) {
			if steps++; steps == after {
				cancel()
			}
		}})
		if err := s.ReindexPending(ctx); err == nil && pending(f) > 0 {
			f.Error("it ends before it is done")
		}
		cancel()
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	}
	complete("renamed", all)
	complete("acme", 0)

	rename(func() { update(f, f.home, contacts(), 3, func(c *crm.Contact) { c.FullName = "Renamed Anew" }, zoe.ID) })
	finish(f.store.ReindexPending)
	complete("anew", all)
	complete("zoe", 0)

	f.write(f.home, 4, func(tx store.Tx) error { return tx.ClearContact(ctx, zoe.ID) })
	remove(f, f.home, contacts(), 4, zoe.ID)
	if _, truncated := count("deal", 10); !truncated || pending(f) != many-atOnce {
		f.Errorf("after a deletion %d deals wait, truncated %t", pending(f), truncated)
	}
	finish(f.store.RebuildDerived)
	complete("anew", 0)
	complete("ltd", all)
}

// pending returns how many deals wait for being indexed.
func pending(f *fixture) (n int64) {
	f.Helper()
	rows, err := f.engine.Query(f.Context(), store.Scope{Service: true}, &store.Statement{Name: "test.pending", SQL: "SELECT count(*) FROM search_pending"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			f.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		f.Fatal(err)
	}
	return n
}

// searchLinksConcurrently has many change deals, contacts and companies at once, all linked to each
// other: in the end the index is as if it were made anew.
func searchLinksConcurrently(f *fixture) {
	const writers, writes, few = 6, 25, 3
	s := crm.NewService(f.store.CRM(), func() time.Time { return at(1).Time() })
	var accounts, people, open []crm.ID
	for i := range few {
		company, contact := f.home.newCompany(fmt.Sprintf("Company%d", i)), f.home.newContact(fmt.Sprintf("Contact%d", i))
		insert(f, f.home, companies(), company)
		insert(f, f.home, contacts(), contact)
		deal := f.home.newDeal(fmt.Sprintf("Deal%d", i))
		deal.CompanyID, deal.PrimaryContactID = &company.ID, &contact.ID
		insert(f, f.home, deals(), deal)
		accounts, people, open = append(accounts, company.ID), append(people, contact.ID), append(open, deal.ID)
	}
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // the same in every run
			one := func(ids []crm.ID) crm.ID { return ids[random.IntN(len(ids))] }
			for i := range writes {
				name := crm.Of(fmt.Sprintf("w%dx%d", n, i))
				var err error
				switch random.IntN(6) {
				case 0:
					_, err = s.UpdateCompany(f.Context(), f.home.by, one(accounts), crm.VersionCondition{}, crm.CompanyPatch{Name: name})
				case 1:
					_, err = s.UpdateContact(f.Context(), f.home.by, one(people), crm.VersionCondition{}, crm.ContactPatch{FirstName: name})
				case 2:
					_, err = s.UpdateDeal(f.Context(), f.home.by, one(open), crm.VersionCondition{}, crm.DealPatch{Name: name, CompanyID: crm.Of(one(accounts))})
				case 3:
					_, err = s.UpdateDeal(f.Context(), f.home.by, one(open), crm.VersionCondition{}, crm.DealPatch{PrimaryContactID: crm.Of(one(people))})
				case 4:
					_, err = s.CreateDeal(f.Context(), f.home.by, crm.DealPatch{Name: name, CompanyID: crm.Of(one(accounts)), PrimaryContactID: crm.Of(one(people)), StageID: crm.Of(f.home.stage.ID)})
				case 5:
					_, err = s.PutDealContact(f.Context(), f.home.by, one(open), one(people), crm.VersionCondition{}, "champion")
				}
				if err != nil && crm.CodeOf(err) != crm.CodeUnavailable && crm.CodeOf(err) != crm.CodeConflict {
					f.Error(err)
				}
			}
		})
	}
	all.Wait()
	written := indexed(f)
	if err := f.store.Reindex(f.Context()); err != nil {
		f.Fatal(err)
	}
	if diff := cmp.Diff(indexed(f), written); diff != "" {
		f.Errorf("the index is not what it would be if it were made anew:\n%s", diff)
	}
}

// indexed returns the terms of all records, by their ids.
func indexed(f *fixture) map[crm.ID]string {
	f.Helper()
	rows, err := f.engine.Query(f.Context(), store.Scope{Service: true}, &store.Statement{Name: "test.indexed", SQL: "SELECT id, terms FROM search"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	all := map[crm.ID]string{}
	for rows.Next() {
		var id crm.ID
		var terms string
		if err := rows.Scan(&id, &terms); err != nil {
			f.Fatal(err)
		}
		all[id] = terms
	}
	if err := rows.Err(); err != nil {
		f.Fatal(err)
	}
	return all
}
