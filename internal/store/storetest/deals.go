package storetest

import (
	"bytes"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// dealContacts keeps further contacts beside the primary one: one contact may be
// both, and ceasing to be one leaves the other.
func dealContacts(f *fixture) {
	o, ctx := f.home, f.Context()
	a, b, c := o.newContact("A"), o.newContact("B"), o.newContact("C")
	insert(f, o, contacts(), a, b, c)
	d, other := o.newDeal("Deal"), o.newDeal("Other")
	d.PrimaryContactID = &a.ID
	insert(f, o, deals(), d, other)
	n, version := 10, int64(1)
	put := func(contact crm.ID, role string) {
		f.Helper()
		n++
		f.write(o, n, func(tx store.Tx) error {
			return tx.PutDealContact(ctx, d, crm.DealContact{DealID: d.ID, ContactID: contact, Role: role})
		})
		version++
	}
	drop := func(contact crm.ID, want bool) {
		f.Helper()
		n++
		f.write(o, n, func(tx store.Tx) error {
			was, err := tx.DeleteDealContact(ctx, d, contact)
			if was != want {
				f.Errorf("it was on: %v, want %v", was, want)
			}
			return err
		})
		if want {
			version++
		}
	}
	primary := func(contact *crm.ID) {
		f.Helper()
		n++
		update(f, o, deals(), n, func(d *crm.Deal) { d.PrimaryContactID = contact }, d.ID)
		version++
	}
	// check compares the roles, and the contacts that list the deal.
	check := func(roles map[crm.ID]string, listed ...crm.ID) {
		f.Helper()
		links, err := f.store.Reads(crm.Actor{}).DealContacts(ctx, o.ID, []crm.ID{d.ID, other.ID})
		got := map[crm.ID]string{}
		for _, l := range must(f, links, err) {
			if l.DealID != d.ID {
				f.Errorf("a contact on another deal: %+v", l)
			}
			got[l.ContactID] = l.Role
		}
		if diff := cmp.Diff(roles, got); diff != "" {
			f.Errorf("roles (-want +got):\n%s", diff)
		}
		for _, contact := range []crm.ID{a.ID, b.ID, c.ID} {
			if rows := byContact(f, contact); (len(rows) == 1) != slices.Contains(listed, contact) {
				f.Errorf("a contact's list has %d deals", len(rows))
			}
		}
		if v := get(f, o, deals(), d.ID).Version; v != version {
			f.Errorf("version %d, want %d", v, version)
		}
	}
	check(map[crm.ID]string{}, a.ID)
	put(b.ID, "champion")
	check(map[crm.ID]string{b.ID: "champion"}, a.ID, b.ID)
	put(b.ID, "blocker") // another role
	put(a.ID, "influencer")
	check(map[crm.ID]string{a.ID: "influencer", b.ID: "blocker"}, a.ID, b.ID)
	primary(&c.ID) // the one before keeps its role
	check(map[crm.ID]string{a.ID: "influencer", b.ID: "blocker"}, a.ID, b.ID, c.ID)
	primary(&b.ID) // one without a role goes
	check(map[crm.ID]string{a.ID: "influencer", b.ID: "blocker"}, a.ID, b.ID)
	drop(b.ID, true) // it is still the primary contact
	check(map[crm.ID]string{a.ID: "influencer"}, a.ID, b.ID)
	drop(b.ID, false)
	drop(c.ID, false)
	drop(a.ID, true)
	check(map[crm.ID]string{}, b.ID)
	primary(nil)
	check(map[crm.ID]string{})

	// They are told ordered by deal and contact.
	put(b.ID, "champion")
	put(a.ID, "champion")
	f.write(o, n, func(tx store.Tx) error {
		return tx.PutDealContact(ctx, other, crm.DealContact{DealID: other.ID, ContactID: c.ID, Role: "stakeholder"})
	})
	links, err := f.store.Reads(crm.Actor{}).DealContacts(ctx, o.ID, []crm.ID{other.ID, d.ID})
	ordered := slices.IsSortedFunc(must(f, links, err), func(x, y crm.DealContact) int {
		if c := bytes.Compare(x.DealID[:], y.DealID[:]); c != 0 {
			return c
		}
		return bytes.Compare(x.ContactID[:], y.ContactID[:])
	})
	if len(links) != 3 || !ordered {
		f.Errorf("contacts of two deals: %+v", links)
	}
}

// dealContactOrder keeps a contact's list of deals in the order of their updated_at
// through changes of one and of many, of the deals and of their contacts.
func dealContactOrder(f *fixture) {
	o := f.home
	first, second := o.newContact("First"), o.newContact("Second")
	insert(f, o, contacts(), first, second)
	rows := copies(deals(), []crm.Deal{o.newDeal("Deal")}, 130)
	for i := range rows {
		rows[i].UpdatedAt = at(-i)
		if i%2 == 0 {
			rows[i].PrimaryContactID = &first.ID
		}
	}
	insert(f, o, deals(), rows...)
	ids := idsOf(deals(), rows)
	check := func(contact crm.ID, want int) {
		f.Helper()
		listed := byContact(f, contact)
		if len(listed) != want {
			f.Errorf("%d deals are listed, want %d", len(listed), want)
		}
		for _, d := range listed {
			listedAt(f, contact, d)
		}
	}
	check(first.ID, 65)
	cast{}.put(f, 10, rows[99], first.ID, "champion")
	cast{}.put(f, 11, rows[98], second.ID, "champion")
	check(first.ID, 66)
	update(f, o, deals(), 12, func(d *crm.Deal) { d.Name = "One" }, ids[40])
	update(f, o, deals(), 13, func(d *crm.Deal) { d.Name = "Many" }, ids[60:]...)
	check(first.ID, 66)
	n := 20
	update(f, o, deals(), n, func(d *crm.Deal) { // each with a time of its own
		n++
		d.UpdatedAt = at(n * 7 % 97)
		d.PrimaryContactID = &second.ID
	}, ids[:70]...)
	check(first.ID, 31)
	check(second.ID, 71)
}

// newDealContacts adds further contacts to deals that have just been stored, as
// if they had come with them.
func newDealContacts(f *fixture) {
	o, ctx := f.home, f.Context()
	people := three(f, contacts(), o.newContact)
	for _, n := range []int{1, 120} {
		rows := copies(deals(), []crm.Deal{o.newDeal("Deal")}, n)
		var links []crm.DealContact
		for i := range rows {
			rows[i].PrimaryContactID, rows[i].UpdatedAt = &people[0], at(i)
			links = append(links, crm.DealContact{DealID: rows[i].ID, ContactID: people[1], Role: "champion"}, crm.DealContact{DealID: rows[i].ID, ContactID: people[2], Role: "blocker"})
		}
		log := entered(f, func() {
			f.write(o, 1, func(tx store.Tx) error {
				if err := tx.Deals().Insert(ctx, rows); err != nil {
					return err
				}
				return tx.InsertDealContacts(ctx, rows, links)
			})
		})
		if len(log) != n {
			f.Errorf("%d deals are entered as %d changes", n, len(log))
		}
		got, err := f.store.Reads(crm.Actor{}).DealContacts(ctx, o.ID, idsOf(deals(), rows))
		byIDs := cmpopts.SortSlices(func(a, b crm.DealContact) bool {
			return bytes.Compare(append(a.DealID[:], a.ContactID[:]...), append(b.DealID[:], b.ContactID[:]...)) < 0
		})
		if diff := cmp.Diff(links, must(f, got, err), byIDs); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
		for i := range rows {
			touched(f, rows[i], 0, false)
		}
		for _, contact := range people {
			for _, d := range byContact(f, contact) {
				listedAt(f, contact, d)
			}
		}
	}
	conflicts(f, f.fails(o, func(tx store.Tx) error {
		d := o.newDeal("Deal")
		if err := tx.Deals().Insert(ctx, []crm.Deal{d}); err != nil {
			return err
		}
		return tx.InsertDealContacts(ctx, []crm.Deal{d}, []crm.DealContact{{DealID: d.ID, ContactID: crm.NewID(), Role: "champion"}})
	}), "")
}

// stageHistory enters stays and ends them; no stay ends before it began.
func stageHistory(f *fixture) {
	o, ctx := f.home, f.Context()
	second := o.newStage("Second")
	insert(f, o, stages(), second)
	d, e := o.newDeal("Deal"), o.newDeal("Other")
	insert(f, o, deals(), d, e)
	stay := func(d crm.Deal, stage crm.ID, entered crm.Instant, exited *crm.Instant, user *crm.ID) crm.StageHistoryEntry {
		return crm.StageHistoryEntry{OrgID: o.ID, ID: crm.NewID(), DealID: d.ID, StageID: stage, EnteredAt: entered, ExitedAt: exited, UserID: user}
	}
	moves := []crm.StageHistoryEntry{
		stay(d, second.ID, at(20), nil, nil),
		stay(d, o.stage.ID, at(5), ptr(at(20)), &o.owner.ID),
		stay(e, o.stage.ID, at(7), nil, nil),
		stay(d, second.ID, firstTime, ptr(before70), nil),
		stay(d, o.stage.ID, at(20), ptr(at(20)), nil), // as long as no time at all
	}
	f.write(o, 1, func(tx store.Tx) error { return tx.InsertStageHistory(ctx, moves) })
	check := func(d crm.Deal, want ...crm.StageHistoryEntry) {
		f.Helper()
		got, err := f.store.Reads(crm.Actor{}).StageHistory(ctx, o.ID, d.ID)
		if diff := cmp.Diff(want, must(f, got, err)); diff != "" {
			f.Errorf("stays (-want +got):\n%s", diff)
		}
	}
	check(d, moves[3], moves[1], moves[0], moves[4])
	check(e, moves[2])
	f.write(o, 2, func(tx store.Tx) error { return tx.CloseStageHistory(ctx, []crm.ID{d.ID, e.ID}, at(10)) })
	moves[0].ExitedAt, moves[2].ExitedAt = ptr(at(20)), ptr(at(10)) // the first had begun later
	check(d, moves[3], moves[1], moves[0], moves[4])
	check(e, moves[2])
	f.write(o, 3, func(tx store.Tx) error { return tx.CloseStageHistory(ctx, []crm.ID{d.ID}, at(30)) })
	check(d, moves[3], moves[1], moves[0], moves[4]) // what has ended has ended

	many := copies(deals(), []crm.Deal{o.newDeal("Many")}, 5100)
	insert(f, o, deals(), many...)
	stays := make([]crm.StageHistoryEntry, len(many))
	for i := range many {
		stays[i] = stay(many[i], o.stage.ID, at(i), nil, nil)
	}
	f.write(o, 4, func(tx store.Tx) error { return tx.InsertStageHistory(ctx, stays) })
	f.write(o, 5, func(tx store.Tx) error { return tx.CloseStageHistory(ctx, idsOf(deals(), many), at(6000)) })
	for _, i := range []int{0, 4999, 5000, 5099} {
		stays[i].ExitedAt = ptr(at(6000))
		check(many[i], stays[i])
	}
}

// inUse reports what records that are not deleted refer to.
func inUse(f *fixture) {
	o, ctx := f.home, f.Context()
	check := func(what string, ask func(store.Tx) (bool, error), want bool) {
		f.Helper()
		f.write(o, 2, func(tx store.Tx) error {
			used, err := ask(tx)
			if used != want {
				f.Errorf("%s in use: %v, want %v", what, used, want)
			}
			return err
		})
	}
	stage := func(tx store.Tx) (bool, error) { return tx.StageInUse(ctx, o.stage.ID) }
	owner := func(tx store.Tx) (bool, error) { return tx.OwnerInUse(ctx, o.owner.ID) }
	check("stage", stage, false)
	check("owner", owner, false)

	c, p, d := o.newCompany("C"), o.newContact("P"), o.newDeal("D")
	c.OwnerID, p.OwnerID, d.OwnerID = &o.owner.ID, &o.owner.ID, &o.owner.ID
	insert(f, o, companies(), c)
	check("owner of a company", owner, true)
	remove(f, o, companies(), 3, c.ID)
	check("owner of a deleted company", owner, false)
	insert(f, o, contacts(), p)
	check("owner of a contact", owner, true)
	remove(f, o, contacts(), 3, p.ID)
	check("owner of a deleted contact", owner, false)
	insert(f, o, deals(), d)
	check("owner of a deal", owner, true)
	check("stage of a deal", stage, true)
	remove(f, o, deals(), 3, d.ID)
	check("owner of a deleted deal", owner, false)
	check("stage of a deleted deal", stage, false)

	a, t := o.newActivity("call"), o.newTask("T")
	a.OwnerID, t.AssignedTo = &o.owner.ID, &o.owner.ID
	insert(f, o, activities(), a)
	check("owner of an activity", owner, true)
	remove(f, o, activities(), 3, a.ID)
	insert(f, o, tasks(), t)
	check("owner of a task", owner, true)
	remove(f, o, tasks(), 3, t.ID)
	check("owner of a deleted activity and task", owner, false)
}
