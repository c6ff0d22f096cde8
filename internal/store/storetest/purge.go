package storetest

import (
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// count counts the organisation's rows of a table that meet a condition.
func (f *fixture) count(o tenant, table, where string, args ...any) (n int64) {
	f.Helper()
	rows, err := f.engine.Query(f.Context(), store.Scope{Org: o.ID}, &store.Statement{
		Name: "test.count", SQL: "SELECT count(*) FROM " + table + " t WHERE t.org_id = $1 AND " + where,
	}, append([]any{o.ID}, args...))
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		f.Fatal(rows.Err())
	}
	if err := rows.Scan(&n); err != nil {
		f.Fatal(err)
	}
	return n
}

// purge removes deleted records of all kinds, and returns how many of each.
func purge(f *fixture, before, limit int) map[string]int64 {
	f.Helper()
	gone := map[string]int64{}
	for _, kind := range store.PurgedKinds {
		n, err := f.store.PurgeDeleted(f.Context(), kind, at(before), limit)
		if must(f, n, err) > 0 {
			gone[kind] = n
		}
	}
	return gone
}

// purgedRecords removes what was deleted before an instant, with all that belongs to it, and nothing else.
func purgedRecords(f *fixture) {
	ctx, o := f.Context(), f.home
	n := 10
	service := crm.NewService(f.store.CRM(), func() time.Time { return at(n).Time() })
	c, stay := newCast(f), newCast(f)
	company, contact, deal := c.company.ID, c.contact.ID, c.deals[0].ID
	call, todo := o.newActivity("call"), o.newTask("Call back")
	call.CompanyID, call.ContactID, call.DealID = &company, &contact, &deal
	todo.CompanyID, todo.ContactID, todo.DealID = &company, &contact, &deal
	insert(f, o, activities(), call)
	insert(f, o, tasks(), todo)
	everything := func() (n int64) {
		for _, table := range []string{"companies", "contacts", "deals", "activities", "tasks", "deal_contacts", "deal_stage_moves", "search"} {
			n += f.count(o, table, "true")
		}
		return n
	}
	all := everything()
	do := func(err error) {
		f.Helper()
		if err != nil {
			f.Fatal(err)
		}
	}
	// What was deleted can be restored in any order until it is removed.
	do(service.DeleteActivity(ctx, o.by, call.ID, crm.VersionCondition{}))
	do(service.DeleteTask(ctx, o.by, todo.ID, crm.VersionCondition{}))
	n++
	do(service.DeleteDeal(ctx, o.by, deal, crm.VersionCondition{}))
	n++
	do(service.DeleteContact(ctx, o.by, contact, crm.VersionCondition{}))
	n++
	do(service.DeleteCompany(ctx, o.by, company, crm.VersionCondition{}))
	if gone := purge(f, 10, 1000); len(gone) > 0 {
		f.Errorf("%v are removed although they were not deleted before then", gone)
	}
	if gone := purge(f, 100, 0); len(gone) > 0 {
		f.Errorf("%v are removed, within a limit of none", gone)
	}
	before, seq := everything(), logEnd(f, o.ID)
	if gone := purge(f, 11, 1000); gone["activity"] != 1 || gone["task"] != 1 || len(gone) != 2 {
		f.Errorf("%v are removed, want the activity and the task", gone)
	}
	if _, err := service.RestoreActivity(ctx, o.by, call.ID); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("the activity is restored: %v", err)
	}
	n++
	if d, err := service.RestoreDeal(ctx, o.by, deal); err != nil || d.ID != deal {
		f.Errorf("the deal is not restored: %v", err)
	}
	do(service.DeleteDeal(ctx, o.by, deal, crm.VersionCondition{}))
	if gone := purge(f, 14, 1000); gone["contact"] != 1 || gone["company"] != 1 || len(gone) != 2 {
		f.Errorf("%v are removed, want the contact and the company", gone)
	}
	if _, err := service.RestoreDeal(ctx, o.by, deal); err != nil {
		f.Errorf("the deal, without what is removed: %v", err)
	}
	do(service.DeleteDeal(ctx, o.by, deal, crm.VersionCondition{}))
	if gone := purge(f, 100, 1000); gone["deal"] != 1 || len(gone) != 1 {
		f.Errorf("%v are removed, want the deal", gone)
	}
	for what, err := range map[string]error{
		"deal":    second(service.RestoreDeal(ctx, o.by, deal)),
		"contact": second(service.RestoreContact(ctx, o.by, contact)),
		"company": second(service.RestoreCompany(ctx, o.by, company)),
	} {
		if crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("the %s is restored: %v", what, err)
		}
	}
	for table, where := range map[string]string{
		"deal_contacts": "(deal_id = $2 OR contact_id = $3)", "deal_stage_moves": "deal_id = $2 AND $3 = $3",
		"cleared_references": "record_id IN ($2, $3)", "search": "id IN ($2, $3)", "search_pending": "id IN ($2, $3)",
	} {
		if left := f.count(o, table, where, deal, contact); left != 0 {
			f.Errorf("of %s %d are left", table, left)
		}
	}
	if left := f.count(o, "cleared_references", "true"); left != 0 {
		f.Errorf("%d cleared references are left", left)
	}
	if after := everything(); before >= all || after >= before || after == 0 {
		f.Errorf("there were %d rows, %d after the deletions, and %d after these were removed", all, before, after)
	}
	for _, d := range append(stay.deals, stay.elsewhere) {
		if got := get(f, o, deals(), d.ID); *got.CompanyID != *d.CompanyID || got.PrimaryContactID != nil && *got.PrimaryContactID != *d.PrimaryContactID {
			f.Errorf("a deal that refers to nothing that was deleted: %+v", got)
		}
	}
	if end := logEnd(f, o.ID); end <= seq {
		f.Errorf("the log ends at %d", end)
	}
}

// newPurgedWorld returns a world without anything deleted.
func newPurgedWorld(f *fixture) *sumsWorld {
	f.Helper()
	w := newSumsWorld(f)
	if gone := purge(f, 1_000_000, 1000); gone[crm.EntityDeal] == 0 || gone[crm.EntityActivity] == 0 {
		f.Fatalf("of what was deleted before, %v are removed", gone)
	}
	w.check("without what was deleted before")
	return w
}

func second[T any](_ T, err error) error { return err }

// purgedReferences removes nothing that something else refers to, and clears the references of
// what is deleted itself.
func purgedReferences(f *fixture) {
	o, w := f.home, newPurgedWorld(f)
	company, contact, deal := o.newCompany("Acme"), o.newContact("Grace"), o.newDeal("Ship")
	stage, owner, idle, spare := o.newStage("Old"), o.newOwner("Alan"), o.newOwner("Idle"), o.newStage("Spare")
	insert(f, o, owners(), owner, idle)
	insert(f, o, stages(), stage, spare)
	insert(f, o, companies(), company)
	contact.CompanyID = &company.ID
	insert(f, o, contacts(), contact)
	deal.CompanyID, deal.PrimaryContactID, deal.StageID, deal.OwnerID = &company.ID, &contact.ID, stage.ID, &owner.ID
	insert(f, o, deals(), deal)
	call, todo := o.newActivity("call"), o.newTask("Call back")
	call.CompanyID, call.ContactID, call.DealID = &company.ID, &contact.ID, &deal.ID
	todo.CompanyID, todo.ContactID, todo.DealID = &company.ID, &contact.ID, &deal.ID
	insert(f, o, activities(), call)
	insert(f, o, tasks(), todo)
	f.write(o, 1, func(tx store.Tx) error {
		if err := tx.PutPassword(f.Context(), idle.ID, "hash"); err != nil {
			return err
		}
		return tx.PutSession(f.Context(), o.newSession(idle.ID, 1))
	})
	// As no use case leaves it: what refers to deleted records is not deleted.
	for _, table := range []string{"companies", "contacts", "deals", "deal_stages", "users"} {
		w.raw("UPDATE "+table+" SET deleted_at = $3 WHERE org_id = $1 AND id IN (SELECT id FROM "+table+" WHERE org_id = $1 AND id IN ($2, $4, $5, $6, $7, $8))",
			company.ID, at(10), contact.ID, deal.ID, stage.ID, owner.ID, idle.ID)
	}
	w.raw("UPDATE deal_stages SET deleted_at = $3 WHERE org_id = $1 AND id = $2", spare.ID, at(10))
	if gone := purge(f, 20, 1000); gone["deal_stage"] != 1 || gone["owner"] != 1 || len(gone) != 2 {
		f.Errorf("%v are removed, want only the stage and the user that nothing refers to", gone)
	}
	if left := f.count(o, "passwords", "true") + f.count(o, "sessions", "true"); left != 0 {
		f.Errorf("of the user who is removed, %d rows are left", left)
	}
	w.check("with records that refer to deleted ones")
	// Once they are deleted, later than what they refer to, they keep nothing.
	w.raw("UPDATE activities SET deleted_at = $3 WHERE org_id = $1 AND id = $2", call.ID, at(30))
	w.raw("UPDATE tasks SET deleted_at = $3 WHERE org_id = $1 AND id = $2", todo.ID, at(30))
	w.raw("UPDATE contacts SET deleted_at = $3 WHERE org_id = $1 AND id = $2", contact.ID, at(30))
	if gone := purge(f, 20, 1000); gone["deal"] != 1 || gone["company"] != 1 || gone["deal_stage"] != 1 || gone["owner"] != 1 || len(gone) != 4 {
		f.Errorf("%v are removed, want the deal, its company, its stage and its owner", gone)
	}
	for _, table := range []string{"activities", "tasks"} {
		if n := f.count(o, table, "t.company_id IS NULL AND t.deal_id IS NULL AND t.contact_id IS NOT NULL AND t.deleted_at IS NOT NULL"); n != 1 {
			f.Errorf("%d of the %s refer to what is left alone", n, table)
		}
	}
	if n := f.count(o, "contacts", "t.id = $2 AND t.company_id IS NULL AND NOT t.is_primary", contact.ID); n != 1 {
		f.Error("the contact refers to a company that is removed")
	}
	if gone := purge(f, 31, 1000); gone["contact"] != 1 || gone["activity"] != 1 || gone["task"] != 1 || len(gone) != 3 {
		f.Errorf("%v are removed, want what is left", gone)
	}
	w.check("at last")
}

// purgedSums leaves the dashboard as it is, keeps to the limit, and to what was deleted.
func purgedSums(f *fixture) {
	w, m, o := newPurgedWorld(f), newMaker(), f.home
	old, recent := w.newDeals(m, 600), w.newDeals(m, 40)
	kept, calls := w.newDeals(m, 80), w.newActivities(m, 700)
	for _, rows := range [][]crm.Deal{old, recent, kept} {
		insert(f, o, deals(), rows...)
	}
	insert(f, o, activities(), calls...)
	remove(f, o, deals(), 10, idsOf(deals(), old)...)
	remove(f, o, deals(), 30, idsOf(deals(), recent)...)
	remove(f, o, activities(), 10, idsOf(activities(), calls[:650])...)
	w.check("deleted")
	for _, want := range []int64{550, 50, 0} {
		n, err := f.store.PurgeDeleted(f.Context(), crm.EntityDeal, at(20), 550)
		if must(f, n, err) != want {
			f.Errorf("%d deals are removed, want %d", n, want)
		}
		w.check("removed")
	}
	if gone := purge(f, 20, 1000); gone["activity"] != 650 || len(gone) != 1 {
		f.Errorf("%v are removed", gone)
	}
	w.check("all removed")
	if n := f.count(o, "deals", "t.deleted_at IS NOT NULL"); n != 40 {
		f.Errorf("%d deleted deals are left", n)
	}
	if _, err := f.store.PurgeDeleted(f.Context(), "session", at(20), 1); err == nil {
		f.Error("sessions are removed as deleted records")
	}
}

// purgedUsers keeps a deleted user whose API key is still shown.
func purgedUsers(f *fixture) {
	o := f.home
	who := o.newOwner("Alan")
	insert(f, o, owners(), who)
	f.write(o, 1, func(tx store.Tx) error {
		return tx.PutAPIKey(f.Context(), accounts.APIKey{OrgID: o.ID, ID: crm.NewID(), UserID: who.ID, Name: "key", Role: crm.RoleRep, Prefix: "sk", Hash: []byte("h"), CreatedAt: at(0)})
	})
	remove(f, o, owners(), 10, who.ID)
	if gone := purge(f, 20, 1000); len(gone) > 0 {
		f.Errorf("%v are removed, but the user has a key", gone)
	}
}
