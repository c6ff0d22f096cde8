package storetest

import (
	"slices"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// estate is what one person owns: a record of every entity, and a further contact on the
// deal, in which both of two people's contacts take part.
type estate struct {
	owner   crm.Owner
	by      crm.Actor // sees nothing else
	company crm.Company
	contact crm.Contact
	deal    crm.Deal

	activity       crm.Activity
	assigned, made crm.Task
}

// newEstates inserts what two people own in the home organisation. Everything of the
// one refers to the company and the contact of the other.
func newEstates(f *fixture) (mine, theirs estate) {
	f.Helper()
	o := f.home
	for _, e := range []*estate{&mine, &theirs} {
		e.owner = o.newOwner("Owner")
		e.by = crm.Actor{Org: o.ID, User: e.owner.ID, Role: crm.RoleRep}
		e.company, e.contact, e.deal = o.newCompany("Estate"), o.newContact("Estate"), o.newDeal("Estate")
		e.activity, e.assigned, e.made = o.newActivity("meeting"), o.newTask("Estate"), o.newTask("Estate")
		e.company.OwnerID, e.contact.OwnerID, e.deal.OwnerID, e.activity.OwnerID = &e.owner.ID, &e.owner.ID, &e.owner.ID, &e.owner.ID
		e.assigned.AssignedTo, e.made.CreatedBy = &e.owner.ID, &e.owner.ID
	}
	theirs.company.Domain, theirs.contact.Email = ptr("theirs.example"), ptr("they@theirs.example")
	insert(f, o, owners(), mine.owner, theirs.owner)
	insert(f, o, companies(), mine.company, theirs.company)
	insert(f, o, contacts(), mine.contact, theirs.contact)
	for _, e := range []*estate{&mine, &theirs} {
		e.deal.CompanyID, e.deal.PrimaryContactID, e.deal.Value = &theirs.company.ID, &theirs.contact.ID, ptr(crm.Money(100))
		e.deal.ContactName = ptr("Own text")
		e.activity.CompanyID, e.activity.ContactID = &theirs.company.ID, &theirs.contact.ID
	}
	insert(f, o, deals(), mine.deal, theirs.deal)
	insert(f, o, activities(), mine.activity, theirs.activity)
	insert(f, o, tasks(), mine.assigned, mine.made, theirs.assigned, theirs.made)
	f.write(o, 1, func(tx store.Tx) error {
		for _, d := range []crm.Deal{mine.deal, theirs.deal} {
			for _, c := range []crm.ID{mine.contact.ID, theirs.contact.ID} {
				if err := tx.PutDealContact(f.Context(), d, crm.DealContact{DealID: d.ID, ContactID: c, Role: "champion"}); err != nil {
					return err
				}
			}
			move := crm.StageHistoryEntry{OrgID: o.ID, ID: crm.NewID(), DealID: d.ID, StageID: o.stage.ID, EnteredAt: at(1)}
			if err := tx.InsertStageHistory(f.Context(), []crm.StageHistoryEntry{move}); err != nil {
				return err
			}
		}
		return nil
	})
	return mine, theirs
}

// ownedReads reads, in every way, as a user who sees only what they own.
func ownedReads(f *fixture) {
	mine, theirs := newEstates(f)
	ctx, org := f.Context(), f.home.ID
	r := f.store.Reads(mine.by)
	ownedKind(f, mine.by, companies(), []crm.ID{mine.company.ID}, theirs.company.ID)
	ownedKind(f, mine.by, contacts(), []crm.ID{mine.contact.ID}, theirs.contact.ID)
	ownedKind(f, mine.by, deals(), []crm.ID{mine.deal.ID}, theirs.deal.ID)
	ownedKind(f, mine.by, activities(), []crm.ID{mine.activity.ID}, theirs.activity.ID)
	ownedKind(f, mine.by, tasks(), []crm.ID{mine.assigned.ID, mine.made.ID}, theirs.assigned.ID, theirs.made.ID)

	q := crm.ParseQuery("estate")
	hits, err := r.Search(ctx, org, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: crm.MaxLimit})
	var found []crm.ID
	for _, h := range must(f, hits, err).Rows {
		found = append(found, h.ID)
	}
	slices.SortFunc(found, compareIDs)
	want := []crm.ID{mine.company.ID, mine.contact.ID, mine.deal.ID}
	slices.SortFunc(want, compareIDs)
	if diff := cmp.Diff(want, found); diff != "" {
		f.Errorf("search (-want +got):\n%s", diff)
	}
	searched, err := r.Deals().Page(ctx, org, crm.List[crm.DealFilter]{Search: &q, Sort: crm.ByRank, Limit: 5, Filter: crm.DealFilter{OwnerID: crm.Only(theirs.owner.ID)}})
	if n := len(must(f, searched, err).Rows); n != 0 {
		f.Errorf("a search among what another owns finds %d", n)
	}
	on, err := r.Deals().Page(ctx, org, crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: 5, Filter: crm.DealFilter{ContactID: crm.Only(theirs.contact.ID)}})
	if rows := must(f, on, err).Rows; len(rows) != 1 || rows[0].ID != mine.deal.ID {
		f.Errorf("the deals that another's contact is on: %v", rows)
	}

	// The primary contact is another's, so that the deal shows its own text.
	shown, err := r.Deals().ByID(ctx, org, []crm.ID{mine.deal.ID})
	if d := must(f, shown, err)[0]; d.ContactName == nil || *d.ContactName != "Own text" || d.ContactEmail != nil {
		f.Errorf("the deal shows %v, %v of another's contact", d.ContactName, d.ContactEmail)
	}
	both := []crm.ID{mine.deal.ID, theirs.deal.ID}
	further, err := r.DealContacts(ctx, org, both)
	if diff := cmp.Diff([]crm.DealContact{{DealID: mine.deal.ID, ContactID: mine.contact.ID, Role: "champion"}}, must(f, further, err)); diff != "" {
		f.Errorf("further contacts (-want +got):\n%s", diff)
	}
	for deal, n := range map[crm.ID]int{mine.deal.ID: 1, theirs.deal.ID: 0} {
		if moves, err := r.StageHistory(ctx, org, deal); len(must(f, moves, err)) != n {
			f.Errorf("%d moves, want %d", len(moves), n)
		}
	}
	ownedNumbers(f, r, mine, theirs)
}

func compareIDs(a, b crm.ID) int { return slices.Compare(a[:], b[:]) }

// ownedNumbers adds up nothing but what the one owns, whatever it is of.
func ownedNumbers(f *fixture, r crm.Reads, mine, theirs estate) {
	f.Helper()
	ctx, org := f.Context(), f.home.ID
	sum := []crm.Sum{{Currency: "GBP", Amount: 100}}
	companyStats, err := r.CompanyStats(ctx, org, []crm.ID{mine.company.ID, theirs.company.ID})
	if diff := cmp.Diff(map[crm.ID]crm.CompanyStats{theirs.company.ID: {Deals: 1, Value: sum}}, must(f, companyStats, err)); diff != "" {
		f.Errorf("company stats (-want +got):\n%s", diff)
	}
	ownerStats, err := r.OwnerStats(ctx, org, []crm.ID{mine.owner.ID, theirs.owner.ID})
	if diff := cmp.Diff(map[crm.ID]crm.OwnerStats{mine.owner.ID: {Deals: 1, Value: sum}}, must(f, ownerStats, err)); diff != "" {
		f.Errorf("owner stats (-want +got):\n%s", diff)
	}
	one := crm.Tally{Deals: 1, Value: sum}
	company, err := r.CompanyTotals(ctx, org, theirs.company.ID)
	if diff := cmp.Diff(crm.CompanyTotals{Deals: crm.DealTotals{All: one, Open: one}, LastActivity: &mine.activity.Date}, must(f, company, err)); diff != "" {
		f.Errorf("company totals (-want +got):\n%s", diff)
	}
	contact, err := r.ContactTotals(ctx, org, theirs.contact.ID)
	if diff := cmp.Diff(crm.ContactTotals{Meetings: 1, Deals: crm.DealTotals{All: one, Open: one}}, must(f, contact, err)); diff != "" {
		f.Errorf("contact totals (-want +got):\n%s", diff)
	}
	for filter, n := range map[*crm.DashboardFilter]int64{
		{}:                          1,
		{From: ptr(crm.Date(0))}:    1,
		{OwnerID: &mine.owner.ID}:   1,
		{OwnerID: &theirs.owner.ID}: 0,
	} {
		var deals, events int64
		err := r.DealGroups(ctx, org, *filter, func(g *crm.DealGroup) { deals += g.Count })
		numbers, aerr := r.ActivityNumbers(ctx, org, *filter)
		for _, a := range must(f, numbers, aerr) {
			events += a.Count
		}
		if err != nil || deals != n || events != n {
			f.Errorf("a dashboard of %d deals and %d activities, want %d: %v", deals, events, n, err)
		}
	}
}

// ownedKind reads an entity as a user who sees some of its records, and not others.
func ownedKind[T, F any](f *fixture, by crm.Actor, k kind[T, F], mine []crm.ID, theirs ...crm.ID) {
	f.Helper()
	r := f.store.Reads(by)
	is := func(how string, rows []T) {
		f.Helper()
		got := idsOf(k, rows)
		slices.SortFunc(got, compareIDs)
		want := slices.SortedFunc(slices.Values(mine), compareIDs)
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("%s, %s (-want +got):\n%s", k.entity, how, diff)
		}
	}
	for _, field := range k.sorts.Fields {
		for _, desc := range []bool{false, true} {
			p, err := k.view(r).Page(f.Context(), by.Org, crm.List[F]{Sort: crm.Sort{Field: field, Desc: desc}, Limit: 10, Count: crm.CountExact})
			is("by "+field, must(f, p, err).Rows)
			if *p.Total != int64(len(mine)) || p.HasMore || p.HasPrevious {
				f.Errorf("%s by %s: %d in all, more %v, %v", k.entity, field, *p.Total, p.HasMore, p.HasPrevious)
			}
			rest, err := k.view(r).Page(f.Context(), by.Org, crm.List[F]{Sort: crm.Sort{Field: field, Desc: desc}, Limit: 10, From: p.Last})
			if n := len(must(f, rest, err).Rows); n > 0 || rest.HasMore || !rest.HasPrevious {
				f.Errorf("%s by %s: %d after the last", k.entity, field, n)
			}
		}
	}
	rows, err := k.view(r).ByID(f.Context(), by.Org, append(slices.Clone(mine), theirs...))
	is("by ids", must(f, rows, err))
	for _, id := range theirs {
		rows, err := k.view(r).ByID(f.Context(), by.Org, []crm.ID{id})
		if n := len(must(f, rows, err)); n > 0 {
			f.Errorf("%s: another's is read by its id", k.entity)
		}
	}
	all := append(slices.Clone(mine), theirs...)
	if err := f.store.Write(f.Context(), by, at(2), func(tx store.Tx) error {
		rows, err := k.table(tx).LockForUpdate(f.Context(), all)
		is("locked", must(f, rows, err))
		held, err := k.table(tx).LockForShare(f.Context(), all)
		if n := len(must(f, held, err)); n != len(mine) {
			f.Errorf("%s: %d held, want %d", k.entity, n, len(mine))
		}
		within, err := k.view(tx.Reads()).ByID(f.Context(), by.Org, all)
		is("within a transaction", must(f, within, err))
		return nil
	}); err != nil {
		f.Error(err)
	}
	if err := f.store.Snapshot(f.Context(), by, func(r crm.Reads) error {
		rows, err := k.view(r).ByID(f.Context(), by.Org, all)
		is("in a snapshot", must(f, rows, err))
		return nil
	}); err != nil {
		f.Error(err)
	}
}

// ownedWrites finds keys of others' records, and logs the owner who loses a record.
func ownedWrites(f *fixture) {
	mine, theirs := newEstates(f)
	if err := f.store.Write(f.Context(), mine.by, at(2), func(tx store.Tx) error {
		found, err := tx.Companies().Find(f.Context(), crm.KeyDomain, []string{*theirs.company.Domain})
		if n := len(must(f, found, err)); n != 1 {
			f.Errorf("%d have the domain that another's company has", n)
		}
		return nil
	}); err != nil {
		f.Error(err)
	}
	refs := func(fn func()) crm.Refs {
		f.Helper()
		from := logEnd(f, f.home.ID)
		fn()
		entries := logSince(f, f.home.ID, from, 10)
		if n := len(entries); n != 1 {
			f.Fatalf("%d entries", n)
		}
		return entries[0].Refs
	}
	me, they := mine.owner.ID, theirs.owner.ID
	for name, c := range map[string]struct{ got, want crm.Refs }{
		"handed over": {
			refs(func() {
				update(f, f.home, companies(), 2, func(c *crm.Company) { c.OwnerID = &they }, mine.company.ID)
			}),
			crm.Refs{Owner: []crm.ID{me, they}, PreviousOwners: []crm.ID{me}},
		},
		"given up": {
			refs(func() {
				update(f, f.home, contacts(), 2, func(c *crm.Contact) { c.OwnerID = nil }, mine.contact.ID)
			}),
			crm.Refs{Owner: []crm.ID{me}, PreviousOwners: []crm.ID{me}},
		},
		"a task assigned to another": {
			refs(func() { update(f, f.home, tasks(), 2, func(t *crm.Task) { t.AssignedTo = &they }, mine.made.ID) }),
			crm.Refs{Owner: []crm.ID{me, they}},
		},
		"a task assigned anew": {
			refs(func() { update(f, f.home, tasks(), 2, func(t *crm.Task) { t.AssignedTo = &they }, mine.assigned.ID) }),
			crm.Refs{Owner: []crm.ID{me, they}, PreviousOwners: []crm.ID{me}},
		},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			f.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// organisationSettings checks that an organisation's settings are stored, returned with the
// principal of a credential, and logged.
func organisationSettings(f *fixture) {
	w, _ := newWorlds(f)
	want := f.home.Organisation
	want.Name, want.RepsSee = "Home from home", crm.RepsSeeOwn
	log := entered(f, func() {
		f.write(f.home, 3, func(tx store.Tx) error {
			o, err := tx.LockOrganisation(f.Context())
			if err != nil {
				return err
			}
			o.Name, o.RepsSee = want.Name, want.RepsSee
			return tx.UpdateOrganisation(f.Context(), o)
		})
	})
	if len(log) != 1 || log[0].Entity != crm.EntityOrganisation || *log[0].ID != f.home.ID || log[0].Op != string(crm.OpUpdated) {
		f.Errorf("entered %v", log)
	}
	got, err := f.store.Organisation(f.Context(), f.home.ID)
	if diff := cmp.Diff(want, must(f, got, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	_, holder, err := f.store.APIKeyPrincipal(f.Context(), w.key.Hash)
	if must(f, holder, err).RepsSee != crm.RepsSeeOwn {
		f.Errorf("the key's holder sees %q", holder.RepsSee)
	}
	session := accounts.Session{OrgID: f.home.ID, ID: crm.NewID(), UserID: w.owner.ID, Hash: []byte("session"), CreatedAt: at(1), UsedAt: at(1), ExpiresAt: at(9)}
	f.write(f.home, 4, func(tx store.Tx) error { return tx.PutSession(f.Context(), session) })
	_, holder, err = f.store.SessionPrincipal(f.Context(), session.Hash)
	if must(f, holder, err).RepsSee != crm.RepsSeeOwn {
		f.Errorf("the session's holder sees %q", holder.RepsSee)
	}
	if err := f.fails(f.home, func(tx store.Tx) error { return tx.UpdateOrganisation(f.Context(), f.away.Organisation) }); crm.CodeOf(err) == crm.CodeConflict {
		f.Errorf("the settings of another organisation: %v", err)
	}
	conflict := f.fails(f.home, func(tx store.Tx) error {
		taken := want
		taken.Name = "AWAY"
		return tx.UpdateOrganisation(f.Context(), taken)
	})
	if crm.CodeOf(conflict) != crm.CodeConflict {
		f.Errorf("a name that is taken: %v", conflict)
	}
}
