package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// logged is a row of the change log.
type logged struct {
	Seq    int64
	Entity string
	ID     *crm.ID
	Op     string
	Actor  *crm.ID
	Key    *crm.ID
	At     crm.Instant
	Refs   map[string][]crm.ID // but for the import
}

var readLog = &store.Statement{Name: "test.changes", SQL: `SELECT seq, entity, entity_id, op, actor_id, key_id, at, CAST(refs AS TEXT)
FROM changes WHERE org_id = $1 ORDER BY seq`}

// changeLog reads an organisation's change log.
func changeLog(f *fixture, o tenant) []logged {
	f.Helper()
	rows, err := f.engine.Query(f.Context(), store.Scope{Service: true}, readLog, []any{o.ID})
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	var out []logged
	for rows.Next() {
		var l logged
		var refs string
		if err := rows.Scan(&l.Seq, &l.Entity, &l.ID, &l.Op, &l.Actor, &l.Key, &l.At, &refs); err != nil {
			f.Fatal(err)
		}
		var named map[string]any
		if err := json.Unmarshal([]byte(refs), &named); err != nil {
			f.Fatal(err)
		}
		delete(named, "import_id")
		rest, err := json.Marshal(named)
		if err := errors.Join(err, json.Unmarshal(rest, &l.Refs)); err != nil {
			f.Fatal(err)
		}
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		f.Fatal(err)
	}
	for i, l := range out {
		if l.Seq != int64(i+1) {
			f.Fatalf("the change log's row %d has the number %d", i+1, l.Seq)
		}
	}
	return out
}

// entered returns the entries that fn adds to the home organisation's change log.
func entered(f *fixture, fn func()) []logged {
	f.Helper()
	before := len(changeLog(f, f.home))
	fn()
	return changeLog(f, f.home)[before:]
}

// logEntries checks that each change writes one entry: the record, the actor, the time, and
// the references before and after.
func logEntries(f *fixture) {
	w, _ := newWorlds(f)
	ctx, other := f.Context(), f.home.newOwner("Other")
	insert(f, f.home, owners(), other)
	type ids = []crm.ID
	for _, c := range []struct {
		name string
		do   func()
		want []logged
	}{
		{"insert", func() {
			c := w.company
			c.ID, c.Domain, c.ExternalID = crm.ID{1}, nil, nil
			insert(f, f.home, companies(), c)
		}, []logged{{Entity: "company", ID: &crm.ID{1}, Op: "created", At: at(1), Refs: map[string]ids{"owner_id": {w.owner.ID}}}}},
		{"update", func() {
			update(f, f.home, deals(), 2, func(d *crm.Deal) {
				d.OwnerID, d.StageID, d.CompanyID, d.PrimaryContactID = &other.ID, f.home.stage.ID, nil, &w.further.ID
			}, w.deal.ID)
		}, []logged{{Entity: "deal", ID: &w.deal.ID, Op: "updated", At: at(2), Refs: map[string]ids{
			"owner_id": {w.owner.ID, other.ID}, "stage_id": {w.stage.ID, f.home.stage.ID},
			"company_id": {w.company.ID}, "contact_id": {w.contact.ID, w.further.ID}, "lost_by": {w.owner.ID},
		}}}},
		{"update of two", func() {
			update(f, f.home, contacts(), 3, func(c *crm.Contact) { c.OwnerID = nil }, w.contact.ID, w.further.ID)
		}, []logged{
			{Entity: "contact", ID: &w.contact.ID, Op: "updated", At: at(3), Refs: map[string]ids{"owner_id": {w.owner.ID}, "company_id": {w.company.ID}, "lost_by": {w.owner.ID}}},
			{Entity: "contact", ID: &w.further.ID, Op: "updated", At: at(3), Refs: map[string]ids{}},
		}},
		{"end of a primary contact", func() {
			f.write(f.home, 4, func(tx store.Tx) error { return tx.ClearPrimaryContacts(ctx, ids{w.company.ID}) })
		}, []logged{{Entity: "contact", ID: &w.contact.ID, Op: "updated", At: at(4), Refs: map[string]ids{"company_id": {w.company.ID}}}}},
		{"deal contact", func() {
			f.write(f.home, 5, func(tx store.Tx) error {
				return tx.PutDealContact(ctx, w.deal, crm.DealContact{DealID: w.deal.ID, ContactID: w.further.ID, Role: "blocker"})
			})
		}, []logged{{Entity: "deal", ID: &w.deal.ID, Op: "updated", At: at(5), Refs: map[string]ids{
			"owner_id": {w.owner.ID}, "stage_id": {w.stage.ID}, "company_id": {w.company.ID}, "contact_id": {w.contact.ID, w.further.ID},
		}}}},
		{"revocation", func() {
			f.write(f.home, 6, func(tx store.Tx) error { _, err := tx.RevokeAPIKey(ctx, w.key.ID); return err })
		}, []logged{{Entity: "api_key", ID: &w.key.ID, Op: "deleted", At: at(6), Refs: map[string]ids{"owner_id": {w.owner.ID}}}}},
		{"deletion", func() { remove(f, f.home, stages(), 7, f.home.stage.ID) },
			[]logged{{Entity: "deal_stage", ID: &f.home.stage.ID, Op: "deleted", At: at(7), Refs: map[string]ids{"stage_id": {f.home.stage.ID}}}}},
	} {
		got := entered(f, c.do)
		for i := range c.want {
			c.want[i].Actor, c.want[i].Key = &f.home.by.User, &f.home.by.Key
		}
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(logged{}, "Seq"), cmpopts.EquateEmpty()); diff != "" {
			f.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	got := entered(f, func() {
		err := f.store.Write(ctx, crm.Operator(f.home.ID), at(8), func(tx store.Tx) error {
			return tx.Companies().Insert(ctx, []crm.Company{f.home.newCompany("By the operator")})
		})
		if err != nil {
			f.Fatal(err)
		}
	})
	if len(got) != 1 || got[0].Actor != nil || got[0].Key != nil {
		f.Errorf("a change of the operator is logged as %+v", got)
	}
	first := changeLog(f, f.home)[0]
	if first.Entity != "organisation" || first.Op != "created" || first.ID == nil || *first.ID != f.home.ID {
		f.Errorf("the log begins with %+v", first)
	}
}

// logBulk names up to ten thousand records of a transaction. Beyond that the entity with the
// most has one entry, which is bulk and names none.
func logBulk(f *fixture) {
	ctx := f.Context()
	for _, c := range []struct{ n, want int }{{9_999, 9_999}, {10_000, 1}, {12_000, 1}} {
		rows := copies(companies(), []crm.Company{f.home.newCompany("Many")}, c.n)
		got := entered(f, func() {
			f.write(f.home, 1, func(tx store.Tx) error {
				if err := tx.Companies().Insert(ctx, rows[:50]); err != nil {
					return err
				}
				if err := tx.Stages().Insert(ctx, []crm.Stage{f.home.newStage("One")}); err != nil {
					return err
				}
				return tx.Companies().Insert(ctx, rows[50:])
			})
		})
		if len(got) != c.want+1 {
			f.Fatalf("%d changes and another have %d entries", c.n, len(got))
		}
		last := got[len(got)-1]
		if c.want > 1 {
			last = got[0]
		}
		if bulk := last.Op == "bulk" && last.ID == nil && last.Entity == "company" && len(last.Refs) == 0; bulk != (c.want == 1) {
			f.Errorf("%d changes have the entry %+v", c.n, last)
		}
	}
}

// logCleared names each record that a deletion clears, and what it referred to.
func logCleared(f *fixture) {
	c, ctx := newCast(f), f.Context()
	a, t := f.home.newActivity("call"), f.home.newTask("Call")
	a.CompanyID, a.ContactID, t.ContactID, t.DealID = &c.company.ID, &c.contact.ID, &c.contact.ID, &c.deals[0].ID
	insert(f, f.home, activities(), a)
	insert(f, f.home, tasks(), t)
	owner := f.home.owner.ID
	stage := c.deals[0].StageID
	type refs = map[string][]crm.ID
	for _, step := range []struct {
		name string
		do   func(tx store.Tx) error
		want []logged
	}{
		{"contact", func(tx store.Tx) error { return tx.ClearContact(ctx, c.contact.ID) }, []logged{
			{Entity: "deal", ID: &c.deals[0].ID, Refs: refs{"company_id": {c.company.ID}, "contact_id": {c.contact.ID}, "stage_id": {stage}}},
			{Entity: "deal", ID: &c.deals[1].ID, Refs: refs{"company_id": {c.company.ID}, "contact_id": {c.contact.ID}, "stage_id": {stage}}},
			{Entity: "deal", ID: &c.deals[2].ID, Refs: refs{"company_id": {c.company.ID}, "contact_id": {c.contact.ID}, "stage_id": {stage}}},
			{Entity: "deal", ID: &c.elsewhere.ID, Refs: refs{"company_id": {c.other.ID}, "contact_id": {c.contact.ID, c.further.ID}, "stage_id": {stage}}},
			{Entity: "activity", ID: &a.ID, Refs: refs{"company_id": {c.company.ID}, "contact_id": {c.contact.ID}}},
			{Entity: "task", ID: &t.ID, Refs: refs{"contact_id": {c.contact.ID}, "deal_id": {c.deals[0].ID}}},
		}},
		{"company", func(tx store.Tx) error { return tx.ClearCompany(ctx, c.company.ID) }, []logged{
			{Entity: "deal", ID: &c.deals[0].ID, Refs: refs{"company_id": {c.company.ID}, "stage_id": {stage}}},
			{Entity: "deal", ID: &c.deals[1].ID, Refs: refs{"company_id": {c.company.ID}, "stage_id": {stage}}},
			{Entity: "deal", ID: &c.deals[2].ID, Refs: refs{"company_id": {c.company.ID}, "stage_id": {stage}}},
			{Entity: "deal", ID: &c.deals[3].ID, Refs: refs{"company_id": {c.company.ID}, "stage_id": {stage}}},
			{Entity: "contact", ID: &c.contact.ID, Refs: refs{"company_id": {c.company.ID}}},
			{Entity: "activity", ID: &a.ID, Refs: refs{"company_id": {c.company.ID}}},
		}},
		{"deal", func(tx store.Tx) error { return tx.ClearDeal(ctx, c.deals[0].ID) }, []logged{
			{Entity: "task", ID: &t.ID, Refs: refs{"deal_id": {c.deals[0].ID}}},
		}},
	} {
		got := entered(f, func() { f.write(f.home, 20, step.do) })
		slices.SortStableFunc(got, func(a, b logged) int {
			if a.Entity != b.Entity {
				return 0
			}
			return bytes.Compare(a.ID[:], b.ID[:])
		})
		for i := range step.want {
			w := &step.want[i]
			w.Op, w.At, w.Actor, w.Key = "updated", at(20), &owner, &f.home.by.Key
		}
		ignore := cmpopts.IgnoreMapEntries(func(name string, _ []crm.ID) bool { return name == "owner_id" })
		if diff := cmp.Diff(step.want, got, cmpopts.IgnoreFields(logged{}, "Seq"), cmpopts.EquateEmpty(), ignore); diff != "" {
			f.Errorf("clearing a %s (-want +got):\n%s", step.name, diff)
		}
	}
}

// logImport has one entry for each batch and entity of an import, which holds the import's
// id. The records can be listed until they are pruned.
func logImport(f *fixture) {
	ctx, id, other := f.Context(), crm.NewID(), crm.NewID()
	rows := copies(companies(), []crm.Company{f.home.newCompany("Imported")}, 150)
	stage := f.home.newStage("Imported")
	batch := func(n int, id crm.ID, fn func(tx store.Tx) error) []logged {
		return entered(f, func() {
			f.write(f.home, n, func(tx store.Tx) error {
				tx.BeginImport(id)
				return fn(tx)
			})
		})
	}
	got := batch(1, id, func(tx store.Tx) error {
		return errors.Join(tx.Stages().Insert(ctx, []crm.Stage{stage}), tx.Companies().Insert(ctx, rows[:2]), tx.Companies().Insert(ctx, rows[2:]))
	})
	after := rows[0]
	after.Name = "Imported again"
	got = append(got, batch(2, id, func(tx store.Tx) error {
		return tx.Companies().Update(ctx, []crm.Change[crm.Company]{{Before: rows[0], After: after}})
	})...)
	got = append(got, batch(3, other, func(store.Tx) error { return nil })...)
	var want []logged
	for _, e := range []logged{{Entity: "deal_stage", At: at(1)}, {Entity: "company", At: at(1)}, {Entity: "company", At: at(2)}} {
		e.Op, e.Actor, e.Key = "bulk", &f.home.by.User, &f.home.by.Key
		want = append(want, e)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(logged{}, "Seq", "Refs")); diff != "" {
		f.Errorf("the change log (-want +got):\n%s", diff)
	}
	for _, e := range logSince(f, f.home.ID, got[0].Seq-1, 10) {
		if e.Refs.Import == nil || *e.Refs.Import != id {
			f.Errorf("an entry of the import: %+v", e)
		}
	}
	records, err := f.store.ImportedRecords(ctx, f.home.ID, id)
	if diff := cmp.Diff([]bulk.ImportedRecords{
		{Entity: "deal_stage", Op: crm.OpCreated, IDs: []crm.ID{stage.ID}},
		{Entity: "company", Op: crm.OpCreated, IDs: idsOf(companies(), rows)},
		{Entity: "company", Op: crm.OpUpdated, IDs: []crm.ID{rows[0].ID}},
	}, must(f, records, err)); diff != "" {
		f.Errorf("the records (-want +got):\n%s", diff)
	}
	count := func(o tenant, id crm.ID) int {
		records, err := f.store.ImportedRecords(ctx, o.ID, id)
		return len(must(f, records, err))
	}
	if n := count(f.home, other) + count(f.away, id); n != 0 {
		f.Errorf("another import, or organisation, has %d", n)
	}
	if _, err := f.store.PruneImports(ctx, at(2), 1000); err != nil || count(f.home, id) != 1 {
		f.Errorf("of the newer batch %d are left, %v", count(f.home, id), err)
	}
}

// logSilence enters nothing where nothing changed.
func logSilence(f *fixture) {
	w, _ := newWorlds(f)
	ctx, nothing := f.Context(), crm.NewID()
	got := entered(f, func() {
		f.write(f.home, 2, func(tx store.Tx) error {
			for _, step := range []func() error{
				func() error { return tx.Companies().Insert(ctx, nil) },
				func() error { return tx.Deals().Update(ctx, nil) },
				func() error { return tx.ClearCompany(ctx, nothing) },
				func() error { return tx.ClearContact(ctx, nothing) },
				func() error { return tx.ClearDeal(ctx, nothing) },
				func() error { return tx.ClearPrimaryContacts(ctx, []crm.ID{nothing}) },
				func() error { return tx.ClearPrimaryContacts(ctx, nil) },
				func() error { return tx.CloseStageHistory(ctx, []crm.ID{nothing}, at(2)) },
				func() error { _, err := tx.RevokeAPIKey(ctx, nothing); return err },
				func() error { _, err := tx.DeleteDealContact(ctx, w.deal, nothing); return err },
				func() error { _, err := tx.Deals().LockForUpdate(ctx, []crm.ID{w.deal.ID}); return err },
				func() error { _, err := tx.Deals().LockForShare(ctx, []crm.ID{w.deal.ID}); return err },
			} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if len(got) > 0 {
		f.Errorf("entered: %+v", got)
	}
}

var logEnds = &store.Statement{Name: "test.changes_end", SQL: `SELECT count(*), coalesce(max(seq), 0) FROM changes WHERE org_id = $1`}

// logOrder has many write to two organisations at once while others read their
// logs: at every moment a log ends with the number of its rows, so that numbers
// appear in their order and without gaps.
func logOrder(f *fixture) {
	const writers, writes = 8, 12
	orgs := []tenant{f.home, f.away}
	ctx, stop := context.WithCancelCause(f.Context())
	defer stop(nil)
	var writing, reading sync.WaitGroup
	for _, o := range orgs {
		reading.Go(func() {
			for ctx.Err() == nil {
				if err := checkLogEnd(ctx, f, o); err != nil {
					stop(err)
				}
			}
		})
	}
	for n := range writers {
		writing.Go(func() {
			o := orgs[n%len(orgs)]
			for i := range writes {
				err := f.store.Write(ctx, o.by, at(i), func(tx store.Tx) error {
					rows := make([]crm.Company, 1+i%3)
					for j := range rows {
						rows[j] = o.newCompany(fmt.Sprintf("%d %d", n, i))
					}
					return tx.Companies().Insert(ctx, rows)
				})
				if err != nil {
					stop(err)
				}
			}
		})
	}
	writing.Wait()
	done := errors.New("done")
	stop(done)
	reading.Wait()
	if err := context.Cause(ctx); !errors.Is(err, done) {
		f.Fatal(err)
	}
	for _, o := range orgs {
		want := 3 + writers/len(orgs)*(writes/3)*(1+2+3)
		if got := len(changeLog(f, o)); got != want {
			f.Errorf("%d changes are entered, want %d", got, want)
		}
	}
}

func checkLogEnd(ctx context.Context, f *fixture, o tenant) error {
	rows, err := f.engine.Query(ctx, store.Scope{Service: true}, logEnds, []any{o.ID})
	if err != nil {
		return err
	}
	defer rows.Close()
	var count, last int64
	if rows.Next() {
		if err := rows.Scan(&count, &last); err != nil {
			return err
		}
		if count != last {
			return fmt.Errorf("the log has %d rows, the last of them numbered %d", count, last)
		}
	}
	return rows.Err()
}
