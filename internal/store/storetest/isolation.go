package storetest

import (
	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// A world is the records of an organisation, one of each entity and their relations. Two
// organisations get worlds with records that even share their ids, so that whatever
// forgets the organisation meets both.
type world struct {
	owner   crm.Owner
	stage   crm.Stage
	company crm.Company
	contact crm.Contact
	further crm.Contact
	deal    crm.Deal
	move    crm.StageHistoryEntry
	key     accounts.APIKey

	activity crm.Activity
	task     crm.Task
}

func newWorlds(f *fixture) (home, away world) {
	f.Helper()
	o := f.home
	w := world{owner: o.newOwner("Ada"), stage: o.newStage("Lead"), company: o.newCompany("Acme"), contact: o.newContact("Grace"), further: o.newContact("Edith"), deal: o.newDeal("Ship")}
	w.owner.Email, w.company.Domain, w.company.ExternalID = ptr("ada@acme.example"), ptr("acme.example"), ptr("C-1")
	w.contact.Email, w.contact.ExternalID, w.deal.ExternalID = ptr("grace@acme.example"), ptr("P-1"), ptr("D-1")
	w.company.OwnerID, w.contact.OwnerID, w.deal.OwnerID = &w.owner.ID, &w.owner.ID, &w.owner.ID
	w.contact.CompanyID, w.contact.IsPrimary, w.deal.CompanyID, w.deal.PrimaryContactID = &w.company.ID, true, &w.company.ID, &w.contact.ID
	w.deal.StageID, w.deal.Value = w.stage.ID, ptr(crm.Money(100))
	w.move = crm.StageHistoryEntry{OrgID: o.ID, ID: crm.NewID(), DealID: w.deal.ID, StageID: w.stage.ID, EnteredAt: at(1), UserID: &w.owner.ID}
	w.key = accounts.APIKey{OrgID: o.ID, ID: crm.NewID(), UserID: w.owner.ID, Name: "key", Role: crm.RoleRep, Prefix: "sk", Hash: []byte("home"), CreatedAt: at(1)}
	w.activity, w.task = o.newActivity("meeting"), o.newTask("Call")
	w.activity.OwnerID, w.activity.CompanyID, w.activity.ContactID, w.activity.DealID = &w.owner.ID, &w.company.ID, &w.contact.ID, &w.deal.ID
	w.task.AssignedTo, w.task.CreatedBy, w.task.CompanyID, w.task.ContactID, w.task.DealID = &w.owner.ID, &w.owner.ID, &w.company.ID, &w.contact.ID, &w.deal.ID
	w.activity.ExternalID, w.task.ExternalID = ptr("A-1"), ptr("T-1")
	w.store(f, f.home)
	away = w
	for _, org := range []*crm.ID{&away.owner.OrgID, &away.stage.OrgID, &away.company.OrgID, &away.contact.OrgID, &away.further.OrgID, &away.deal.OrgID, &away.move.OrgID, &away.key.OrgID, &away.activity.OrgID, &away.task.OrgID} {
		*org = f.away.ID
	}
	away.key.Hash, away.deal.Value = []byte("away"), ptr(crm.Money(999))
	away.owner.FullName, away.company.Industry, away.contact.FullName = "Ada of Away", ptr("Away"), "Grace of Away"
	away.activity.Date, away.task.Notes = at(9), ptr("Away")
	away.store(f, f.away)
	return w, away
}

func (w world) store(f *fixture, o tenant) {
	f.Helper()
	insert(f, o, owners(), w.owner)
	insert(f, o, stages(), w.stage)
	insert(f, o, companies(), w.company)
	insert(f, o, contacts(), w.contact, w.further)
	insert(f, o, deals(), w.deal)
	insert(f, o, activities(), w.activity)
	insert(f, o, tasks(), w.task)
	f.write(o, 1, func(tx store.Tx) error {
		if err := tx.InsertStageHistory(f.Context(), []crm.StageHistoryEntry{w.move}); err != nil {
			return err
		}
		if err := tx.PutDealContact(f.Context(), w.deal, crm.DealContact{DealID: w.deal.ID, ContactID: w.further.ID, Role: "champion"}); err != nil {
			return err
		}
		return tx.PutAPIKey(f.Context(), w.key)
	})
}

// A picture is everything that can be read of an organisation.
type picture struct {
	Companies    map[crm.ID]crm.Company
	Contacts     map[crm.ID]crm.Contact
	Deals        map[crm.ID]crm.Deal
	Stages       map[crm.ID]crm.Stage
	Owners       map[crm.ID]crm.Owner
	Activities   map[crm.ID]crm.Activity
	Tasks        map[crm.ID]crm.Task
	DealContacts []crm.DealContact
	StageHistory []crm.StageHistoryEntry
	Keys         []accounts.APIKey
	CompanyStats map[crm.ID]crm.CompanyStats
	OwnerStats   map[crm.ID]crm.OwnerStats
	Company      crm.CompanyTotals
	Contact      crm.ContactTotals
	Changes      []logged
}

func (w world) picture(f *fixture, o tenant) picture {
	f.Helper()
	p := picture{
		Companies: listAll(f, o, companies()), Contacts: listAll(f, o, contacts()), Deals: listAll(f, o, deals()),
		Stages: listAll(f, o, stages()), Owners: listAll(f, o, owners()), Changes: changeLog(f, o),
		Activities: listAll(f, o, activities()), Tasks: listAll(f, o, tasks()),
	}
	reads, ctx := f.store.Reads(crm.Actor{}), f.Context()
	var err error
	p.DealContacts, err = reads.DealContacts(ctx, o.ID, []crm.ID{w.deal.ID})
	p.DealContacts = must(f, p.DealContacts, err)
	p.StageHistory, err = reads.StageHistory(ctx, o.ID, w.deal.ID)
	p.StageHistory = must(f, p.StageHistory, err)
	p.Keys = keysOf(f, o)
	p.CompanyStats, err = reads.CompanyStats(ctx, o.ID, []crm.ID{w.company.ID})
	p.CompanyStats = must(f, p.CompanyStats, err)
	p.OwnerStats, err = reads.OwnerStats(ctx, o.ID, []crm.ID{w.owner.ID})
	p.OwnerStats = must(f, p.OwnerStats, err)
	p.Company, err = reads.CompanyTotals(ctx, o.ID, w.company.ID)
	p.Company = must(f, p.Company, err)
	p.Contact, err = reads.ContactTotals(ctx, o.ID, w.contact.ID)
	p.Contact = must(f, p.Contact, err)
	return p
}

// isolatedReads reads one of two organisations with records that share their ids and
// keys, in every way, and meets its own alone.
func isolatedReads(f *fixture) {
	w, other := newWorlds(f)
	isolatedKind(f, companies(), w.company.ID, map[crm.Key]string{crm.KeyName: "acme", crm.KeyDomain: "acme.example", crm.KeyExternalID: "C-1"})
	isolatedKind(f, contacts(), w.contact.ID, map[crm.Key]string{crm.KeyName: "grace", crm.KeyEmail: "grace@acme.example", crm.KeyExternalID: "P-1"})
	isolatedKind(f, deals(), w.deal.ID, map[crm.Key]string{crm.KeyName: "ship", crm.KeyExternalID: "D-1"})
	isolatedKind(f, owners(), w.owner.ID, map[crm.Key]string{crm.KeyEmail: "ada@acme.example"})
	isolatedKind(f, stages(), w.stage.ID, nil)
	isolatedKind(f, activities(), w.activity.ID, map[crm.Key]string{crm.KeyExternalID: "A-1"})
	isolatedKind(f, tasks(), w.task.ID, map[crm.Key]string{crm.KeyExternalID: "T-1"})

	p := w.picture(f, f.home)
	if d := p.Deals[w.deal.ID]; *d.ContactName != "Grace" || *d.Value != 100 {
		f.Errorf("the deal at home is shown as %s with %s", *d.ContactName, d.Value)
	}
	if len(p.DealContacts) != 1 || len(p.StageHistory) != 1 || p.StageHistory[0].OrgID != f.home.ID || len(p.Keys) != 1 {
		f.Errorf("deal contacts %v, stage moves %v, keys %v", p.DealContacts, p.StageHistory, p.Keys)
	}
	want := []crm.Sum{{Currency: "GBP", Amount: 100}}
	if diff := cmp.Diff(map[crm.ID]crm.CompanyStats{w.company.ID: {Contacts: 1, Deals: 1, Value: want}}, p.CompanyStats); diff != "" {
		f.Errorf("company stats (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[crm.ID]crm.OwnerStats{w.owner.ID: {Deals: 1, Value: want}}, p.OwnerStats); diff != "" {
		f.Errorf("owner stats (-want +got):\n%s", diff)
	}
	one := crm.Tally{Deals: 1, Value: want}
	standing := crm.DealTotals{All: one, Open: one}
	if diff := cmp.Diff(crm.CompanyTotals{Contacts: 1, Deals: standing, LastActivity: &w.activity.Date}, p.Company); diff != "" {
		f.Errorf("company totals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(crm.ContactTotals{Meetings: 1, Deals: standing}, p.Contact); diff != "" {
		f.Errorf("contact totals (-want +got):\n%s", diff)
	}
	for _, k := range []accounts.APIKey{w.key, other.key} {
		key, holder, err := f.store.APIKeyPrincipal(f.Context(), k.Hash)
		if err != nil || key.OrgID != k.OrgID || holder.OrgID != k.OrgID {
			f.Errorf("the key of %s belongs to %s and acts for a user of %s: %v", k.OrgID, key.OrgID, holder.OrgID, err)
		}
	}

	// What only the other organisation has is not there at all.
	theirs := f.away.newCompany("Theirs")
	insert(f, f.away, companies(), theirs)
	if rows := readAll(f, f.home, companies(), []crm.ID{theirs.ID}); len(rows) > 0 {
		f.Error("another organisation's company is read by its id")
	}
}

func isolatedKind[T, F any](f *fixture, k kind[T, F], id crm.ID, keys map[crm.Key]string) {
	f.Helper()
	mine := func(how string, rows ...T) {
		f.Helper()
		met := 0
		for i := range rows {
			if *k.org(&rows[i]) != f.home.ID {
				f.Errorf("%s, %s: a row of another organisation", k.entity, how)
			}
			if *k.id(&rows[i]) == id {
				met++
			}
		}
		if met != 1 {
			f.Errorf("%s, %s: the row is met %d times", k.entity, how, met)
		}
	}
	for _, desc := range []bool{false, true} {
		for _, field := range k.sorts.Fields {
			q := crm.List[F]{Sort: crm.Sort{Field: field, Desc: desc}, Limit: crm.MaxLimit, Count: crm.CountExact}
			p, err := k.view(f.store.Reads(crm.Actor{})).Page(f.Context(), f.home.ID, q)
			mine("page", must(f, p, err).Rows...)
			if *p.Total != int64(len(p.Rows)) {
				f.Errorf("%s: counted %d of %d", k.entity, *p.Total, len(p.Rows))
			}
		}
	}
	for _, ids := range [][]crm.ID{{id}, {id, crm.NewID()}} {
		rows, err := k.view(f.store.Reads(crm.Actor{})).ByID(f.Context(), f.home.ID, ids)
		mine("by id", must(f, rows, err)...)
		f.write(f.home, 2, func(tx store.Tx) error {
			rows, err := k.table(tx).LockForUpdate(f.Context(), ids)
			mine("lock", must(f, rows, err)...)
			held, err := k.table(tx).LockForShare(f.Context(), ids)
			if len(must(f, held, err)) != 1 {
				f.Errorf("%s: held %v", k.entity, held)
			}
			return nil
		})
	}
	for key, value := range keys {
		f.write(f.home, 2, func(tx store.Tx) error {
			found, err := k.table(tx).Find(f.Context(), key, []string{value})
			if diff := cmp.Diff([]crm.KeyMatch{{Key: value, ID: id}}, must(f, found, err)); diff != "" {
				f.Errorf("%s by %s (-want +got):\n%s", k.entity, key, diff)
			}
			return nil
		})
	}
}

// isolatedWrites writes to one of two organisations with records that share their ids,
// in every way, and leaves the other as it was.
func isolatedWrites(f *fixture) {
	w, other := newWorlds(f)
	before := other.picture(f, f.away)
	ctx := f.Context()
	update(f, f.home, companies(), 2, func(c *crm.Company) { c.Name = "Changed" }, w.company.ID)
	update(f, f.home, contacts(), 2, func(c *crm.Contact) { c.FullName = "Changed" }, w.contact.ID)
	update(f, f.home, deals(), 2, func(d *crm.Deal) { d.Name, d.PrimaryContactID = "Changed", &w.further.ID }, w.deal.ID)
	update(f, f.home, stages(), 2, func(s *crm.Stage) { s.Name = "Changed" }, w.stage.ID)
	update(f, f.home, owners(), 2, func(o *crm.Owner) { o.FullName = "Changed" }, w.owner.ID)
	update(f, f.home, activities(), 2, func(a *crm.Activity) { a.Type = "call" }, w.activity.ID)
	update(f, f.home, tasks(), 2, func(t *crm.Task) { t.Title = "Changed" }, w.task.ID)
	f.write(f.home, 3, func(tx store.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.ClearPrimaryContacts(ctx, []crm.ID{w.company.ID}) },
			func() error { return tx.CloseStageHistory(ctx, []crm.ID{w.deal.ID}, at(3)) },
			func() error { _, err := tx.DeleteDealContact(ctx, w.deal, w.further.ID); return err },
			func() error {
				return tx.PutDealContact(ctx, w.deal, crm.DealContact{DealID: w.deal.ID, ContactID: w.contact.ID, Role: "blocker"})
			},
			func() error { return tx.ClearCompany(ctx, w.company.ID) },
			func() error { return tx.ClearContact(ctx, w.contact.ID) },
			func() error { return tx.ClearDeal(ctx, w.deal.ID) },
			func() error { _, err := tx.RevokeAPIKey(ctx, w.key.ID); return err },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	remove(f, f.home, activities(), 4, w.activity.ID)
	remove(f, f.home, tasks(), 4, w.task.ID)
	remove(f, f.home, deals(), 4, w.deal.ID)
	remove(f, f.home, contacts(), 4, w.contact.ID, w.further.ID)
	remove(f, f.home, companies(), 4, w.company.ID)
	remove(f, f.home, stages(), 4, w.stage.ID)
	remove(f, f.home, owners(), 4, w.owner.ID)
	if diff := cmp.Diff(before, other.picture(f, f.away)); diff != "" {
		f.Errorf("the other organisation (-before +after):\n%s", diff)
	}
}

// foreignRows hands a transaction rows of another organisation: they are refused.
func foreignRows(f *fixture) {
	w, other := newWorlds(f)
	theirs := f.away.newContact("Theirs")
	insert(f, f.away, contacts(), theirs)
	before, mine := other.picture(f, f.away), w.picture(f, f.home)
	refuse := func(what string, fn func(tx store.Tx) error) {
		f.Helper()
		if err := f.store.Write(f.Context(), f.home.by, at(2), fn); err == nil {
			f.Errorf("%s of another organisation is accepted", what)
		}
	}
	ctx := f.Context()
	foreignKind(f, companies(), f.away.newCompany("New"), other.company, refuse)
	foreignKind(f, contacts(), f.away.newContact("New"), other.contact, refuse)
	foreignKind(f, deals(), f.away.newDeal("New"), other.deal, refuse)
	foreignKind(f, stages(), f.away.newStage("New"), other.stage, refuse)
	foreignKind(f, owners(), f.away.newOwner("New"), other.owner, refuse)
	foreignKind(f, activities(), f.away.newActivity("call"), other.activity, refuse)
	foreignKind(f, tasks(), f.away.newTask("New"), other.task, refuse)
	refuse("a deal contact", func(tx store.Tx) error {
		return tx.PutDealContact(ctx, w.deal, crm.DealContact{DealID: w.deal.ID, ContactID: theirs.ID, Role: "champion"})
	})
	refuse("a stage move", func(tx store.Tx) error {
		move := other.move
		move.ID = crm.NewID()
		return tx.InsertStageHistory(ctx, []crm.StageHistoryEntry{move})
	})
	refuse("the making", func(tx store.Tx) error {
		return tx.PutOrganisation(ctx, crm.Organisation{ID: crm.NewID(), Name: "Third", DefaultCurrency: "GBP"})
	})
	if diff := cmp.Diff(before, other.picture(f, f.away)); diff != "" {
		f.Errorf("the other organisation (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(mine, w.picture(f, f.home)); diff != "" {
		f.Errorf("the own organisation (-before +after):\n%s", diff)
	}
}

func foreignKind[T, F any](f *fixture, k kind[T, F], added, stored T, refuse func(string, func(store.Tx) error)) {
	f.Helper()
	refuse("a new "+k.entity, func(tx store.Tx) error { return k.table(tx).Insert(f.Context(), []T{added}) })
	refuse("many a new "+k.entity, func(tx store.Tx) error {
		rows := copies(k, []T{added}, 60)
		return k.table(tx).Insert(f.Context(), rows)
	})
	refuse("a changed "+k.entity, func(tx store.Tx) error {
		return k.table(tx).Update(f.Context(), []crm.Change[T]{{Before: stored, After: stored}})
	})
}
