package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Literals writes an engine's SQL literals.
type Literals struct {
	ID   func(crm.ID) string
	At   func(crm.Instant) string
	Date func(crm.Date) string
	// Service is what a statement must run after that writes rows of organisations, from
	// migration 12 on; "" for nothing.
	Service string
}

// oldVersions are the versions that databases are upgraded from: all before the last.
const oldVersions = 27

// RunUpgrades upgrades a populated database from every earlier schema version. The rows are
// inserted by SQL that does not depend on the program.
func RunUpgrades(t *testing.T, database func(tb testing.TB) Opener, l Literals) {
	t.Helper()
	for version := int64(1); version <= oldVersions; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			f := &fixture{T: t, database: database, opener: database(t)}
			f.engine, f.store = f.open(patience)
			upgrade(f, version, l)
		})
	}
	t.Run("too new", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, database)
		f.asOwner("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
		var newer *store.SchemaTooNewError
		if err := f.engine.Migrate(f.Context()); !errors.As(err, &newer) || newer.Schema != 9999 || newer.Known < oldVersions {
			t.Errorf("a newer schema: %v", err)
		}
	})
}

// The ids of the old rows.
func oldID(n byte) crm.ID {
	id := crm.ID{0x01, 0x8f, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0xab}
	id[15] = n
	return id
}

const (
	oldOrg = iota + 1
	oldUser
	oldCompany
	oldContact
	oldStage
	oldOpenDeal
	oldWonDeal
	oldDeletedDeal
	oldActivity
	oldTask
	oldTwin
	oldOtherTwin
)

// populate returns the statements that insert rows into a schema of a version.
func populate(version int64, l Literals) []string {
	id := func(n byte) string { return l.ID(oldID(n)) }
	org, user, company, contact, stage := id(oldOrg), id(oldUser), id(oldCompany), id(oldContact), id(oldStage)
	made := l.At(at(0))
	var all []string
	if version >= 12 && l.Service != "" {
		all = append(all, l.Service)
	}
	insert := func(table, columns, values string, args ...any) {
		all = append(all, "INSERT INTO "+table+" ("+columns+") VALUES ("+fmt.Sprintf(values, args...)+")")
	}
	insert("organisations", "id, name, name_key, default_currency, log_seq, created_at", "%s, 'Home', 'home', 'GBP', 1, %s", org, made)
	insert("users", "org_id, id, full_name, name_key, email, role, service, created_at, updated_at, version",
		"%s, %s, 'Ada Lovelace', 'ada lovelace', 'ada@example.com', 'admin', false, %s, %s, 1", org, user, made, made)
	insert("companies", "org_id, id, name, name_key, domain, size, owner_id, created_at, updated_at, version",
		"%s, %s, 'Acme', 'acme', 'acme.example', 'small', %s, %s, %s, 1", org, company, user, made, made)
	// Of a release without rules for text, addresses and domains.
	insert("companies", "org_id, id, name, name_key, domain, created_at, updated_at, version",
		"%s, %s, 'Cre\u0300me\u200b', 'cre\u0300me\u200b', 'bücher.example', %s, %s, 1", org, id(oldTwin), made, made)
	insert("companies", "org_id, id, name, name_key, domain, created_at, updated_at, version",
		"%s, %s, 'Other', 'other', 'xn--bcher-kva.example', %s, %s, 1", org, id(oldOtherTwin), made, made)
	insert("contacts", "org_id, id, full_name, name_key, email, is_primary, company_id, created_at, updated_at, version",
		"%s, %s, 'Grace Hopper', 'grace hopper', 'grace@xn--kln-sna.example', true, %s, %s, %s, 1", org, contact, company, made, made)
	insert("deal_stages", "org_id, id, name, name_key, order_position, default_probability, outcome, created_at, updated_at, version",
		"%s, %s, 'Lead', 'lead', 1, 50, 'open', %s, %s, 1", org, stage, made, made)
	const dealColumns = `org_id, id, name, name_key, company, company_id, primary_contact_id, value, currency, stage_id, stage_changed_at,
probability, status, expected_close_date, closed_at, owner_id, external_id, created_at, updated_at, deleted_at, version`
	closes := l.Date(crm.DateOf(at(0).Time()))
	insert("deals", dealColumns, "%s, %s, 'Ship', 'ship', 'Acme', %s, %s, 10000, 'GBP', %s, %s, 50, 'active', %s, NULL, %s, 'S1', %s, %s, NULL, 3",
		org, id(oldOpenDeal), company, contact, stage, made, closes, user, made, made)
	insert("deals", dealColumns, "%s, %s, 'Boat', 'boat', NULL, NULL, NULL, 2500, 'GBP', %s, %s, 100, 'won', NULL, %s, NULL, NULL, %s, %s, NULL, 1",
		org, id(oldWonDeal), stage, made, made, made, made)
	insert("deals", dealColumns, "%s, %s, 'Gone acme', 'gone acme', NULL, NULL, NULL, 77, 'GBP', %s, %s, 50, 'active', NULL, NULL, NULL, NULL, %s, %s, %s, 2",
		org, id(oldDeletedDeal), stage, made, made, made, made)
	insert("deal_contacts", "org_id, deal_id, contact_id, role, is_primary, deal_updated_at", "%s, %s, %s, 'champion', true, %s", org, id(oldOpenDeal), contact, made)
	insert("deal_stage_moves", "org_id, deal_id, id, stage_id, entered_at, user_id", "%s, %s, %s, %s, %s, %s", org, id(oldOpenDeal), id(99), stage, made, user)
	insert("changes", "org_id, seq, entity, entity_id, op, at, refs", "%s, 1, 'company', %s, 'created', %s, '{}'", org, company, made)
	if version >= 2 {
		insert("activities", "org_id, id, type, status, amount, date, company_id, owner_id, created_at, updated_at, version",
			"%s, %s, 'sale', 'completed', 500, %s, %s, %s, %s, %s, 1", org, id(oldActivity), made, company, user, made, made)
		insert("tasks", "org_id, id, title, name_key, completed, priority, status, task_type, assigned_to, deal_id, created_at, updated_at, version",
			"%s, %s, 'Call', 'call', false, 'high', 'pending', 'call', %s, %s, %s, %s, 1", org, id(oldTask), user, id(oldOpenDeal), made, made)
	}
	if version >= 5 { // the program of that version had an index
		home := oldID(oldOrg)
		key := hex.EncodeToString(home[12:])
		for _, r := range []struct {
			kind  string
			id    byte
			terms string
		}{
			{"company", oldCompany, "%[1]scacme %[1]scexample"}, {"contact", oldContact, "%[1]spgrace %[1]sphopper"},
			{"deal", oldOpenDeal, "%[1]sdship %[1]sdacme %[1]sds1"}, {"deal", oldWonDeal, "%[1]sdboat"},
		} {
			insert("search", "org_id, kind, id, terms", "%s, '%s', %s, '%s'", org, r.kind, id(r.id), fmt.Sprintf(r.terms, key))
		}
	}
	if version >= 7 {
		insert("passwords", "org_id, user_id, hash, changed_at", "%s, %s, 'hash', %s", org, user, made)
	}
	if version >= 13 {
		insert("identities", "org_id, user_id, issuer, subject, created_at", "%s, %s, 'https://issuer.example', 'ada', %s", org, user, made)
	}
	if version >= 17 { // as after an upgrade, before the rebuild
		all = append(all, "UPDATE derived_data SET version = 0 WHERE name = 'text'")
	}
	if version >= 20 {
		all = append(all, "UPDATE derived_data SET version = 1 WHERE name = 'search'")
	}
	return all
}

func upgrade(f *fixture, version int64, l Literals) {
	ctx := f.Context()
	old, ok := f.engine.(interface {
		MigrateTo(ctx context.Context, version int64) error
	})
	if !ok {
		f.Fatal("the engine does not migrate to a version")
	}
	if err := old.MigrateTo(ctx, version); err != nil {
		f.Fatal(err)
	}
	f.asOwner(populate(version, l)...)
	if err := f.engine.Migrate(ctx); err != nil {
		f.Fatal(err)
	}
	f.home = tenant{Organisation: crm.Organisation{ID: oldID(oldOrg), Name: "Home"}, by: crm.Operator(oldID(oldOrg)),
		owner: crm.Owner{ID: oldID(oldUser)}, stage: crm.Stage{ID: oldID(oldStage)}}
	q := crm.ParseQuery("acme")
	p, err := f.store.Reads(f.home.by).Search(ctx, f.home.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 10})
	if err != nil || !p.Truncated {
		f.Errorf("a search before the rebuild is truncated: %t, %v", p.Truncated, err)
	}
	if err := f.store.RebuildDerived(ctx); err != nil {
		f.Fatal(err)
	}

	checkUpgraded(f, version)
	works(f, f.store)
	// What is computed anew is what there was.
	if err := f.store.Reindex(ctx); err != nil {
		f.Fatal(err)
	}
	remove(f, f.home, companies(), 2, slices.Collect(maps.Keys(listAll(f, f.home, companies())))...)
}

func checkUpgraded(f *fixture, version int64) {
	ctx := f.Context()
	twin, other := get(f, f.home, companies(), oldID(oldTwin)), get(f, f.home, companies(), oldID(oldOtherTwin))
	collisions, err := f.store.AddressCollisions(ctx, crm.AddressCollision{}, 10)
	if twin.Name != "Crème" || *twin.Domain != "bücher.example" || *other.Domain != "xn--bcher-kva.example" || err != nil || !slices.Equal(collisions, []crm.AddressCollision{
		{Org: oldID(oldOrg), Entity: crm.EntityCompany, ID: other.ID, Member: "domain", Other: twin.ID},
	}) {
		f.Errorf("the twins: %+v, %+v, %+v, %v", twin, other, collisions, err)
	}
	if owner := get(f, f.home, owners(), oldID(oldUser)); owner.ExternalID != nil || owner.FullName != "Ada Lovelace" {
		f.Errorf("the person: %+v", owner)
	}
	company, contact := get(f, f.home, companies(), oldID(oldCompany)), get(f, f.home, contacts(), oldID(oldContact))
	if company.Name != "Acme" || *company.OwnerID != oldID(oldUser) || !contact.IsPrimary || *contact.CompanyID != company.ID || *contact.Email != "grace@köln.example" {
		f.Errorf("the company and its contact: %+v, %+v", company, contact)
	}
	byName := map[string]crm.Deal{}
	for _, d := range listAll(f, f.home, deals()) {
		byName[d.Name] = d
	}
	ship, boat := byName["Ship"], byName["Boat"]
	if len(byName) != 2 || *ship.ContactName != "Grace Hopper" || *ship.Value != 10000 || ship.Version != 3 || ship.CreatedAt != at(0) ||
		*ship.ExpectedCloseDate != crm.DateOf(at(0).Time()) || boat.ClosedAt == nil {
		f.Errorf("the deals: %+v", byName)
	}
	for _, sort := range []string{"value", "expected_close_date"} {
		q := crm.List[crm.DealFilter]{Sort: crm.Sort{Field: sort, Desc: true}, Limit: 10}
		p, err := f.store.Reads(f.home.by).Deals().Page(ctx, f.home.ID, q)
		if err != nil || len(p.Rows) != 2 || p.Rows[0].Name != "Ship" {
			f.Errorf("by %s: %+v, %v", sort, p, err)
		}
	}
	if rows := byContact(f, contact.ID); len(rows) != 1 || rows[0].ID != ship.ID {
		f.Errorf("the contact's deals: %+v", rows)
	}
	for typed, want := range map[string][]string{
		"acme": {"Acme", "Ship"}, "grace": {"Grace Hopper", "Ship"}, "cme": {"Acme", "Ship"}, "ship": {"Ship"}, "boat": {"Boat"}, "gone": {},
	} {
		if diff := cmp.Diff(want, titles(f, f.home, typed)); diff != "" {
			f.Errorf("search for %s (-want +got):\n%s", typed, diff)
		}
	}
	d, err := crm.NewService(f.store.CRM(), time.Now).Dashboard(ctx, f.home.by, crm.DashboardFilter{})
	if err != nil || len(d.Totals) != 1 {
		f.Fatalf("the dashboard: %+v, %v", d, err)
	}
	got := d.Totals[0]
	if got.OpenCount != 1 || got.OpenValue != 10000 || got.WeightedValue != 5000 || got.WonCount != 1 || got.WonValue != 2500 {
		f.Errorf("the sums: %+v", got)
	}
	if log := changeLog(f, f.home); log[0].Entity != "company" {
		f.Errorf("the change log: %+v", log)
	}
	if version < 2 {
		return
	}
	if len(d.Activities) != 1 || d.Activities[0].Count != 1 || d.Activities[0].Amount != 500 {
		f.Errorf("the sums of activities: %+v", d.Activities)
	}
	if a := get(f, f.home, activities(), oldID(oldActivity)); a.Type != "sale" || *a.CompanyID != company.ID {
		f.Errorf("the activity: %+v", a)
	}
	if t := get(f, f.home, tasks(), oldID(oldTask)); t.Title != "Call" || *t.DealID != ship.ID {
		f.Errorf("the task: %+v", t)
	}
}
