package storetest

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Dashboards are read from sums that the database keeps. Whatever has been written, they
// are those of the deals and activities that are there.

// sumsWorld is what is written to at random.
type sumsWorld struct {
	*dashboardWorld
	f         *fixture
	companies []crm.ID
	contacts  []crm.ID
}

func newSumsWorld(f *fixture) *sumsWorld {
	f.Helper()
	w := &sumsWorld{dashboardWorld: newDashboardWorld(f), f: f}
	for range 5 {
		c, p := f.home.newCompany("Company"), f.home.newContact("Contact")
		insert(f, f.home, companies(), c)
		insert(f, f.home, contacts(), p)
		w.companies, w.contacts = append(w.companies, c.ID), append(w.contacts, p.ID)
	}
	return w
}

// newDeals makes deals that are stored nowhere yet.
func (w *sumsWorld) newDeals(m maker, n int) []crm.Deal {
	rows := make([]crm.Deal, n)
	for i := range rows {
		rows[i] = w.f.home.newDeal("Deal")
		w.vary(m, &rows[i])
		rows[i].CompanyID, rows[i].PrimaryContactID = some(m, w.companies), some(m, w.contacts)
	}
	return rows
}

// newActivities does the same for activities.
func (w *sumsWorld) newActivities(m maker, n int) []crm.Activity {
	rows := make([]crm.Activity, n)
	for i := range rows {
		rows[i] = w.f.home.newActivity("call")
		w.varyActivity(m, &rows[i])
	}
	return rows
}

// check compares the dashboards of some days with all that is there, looked at one by one.
func (w *sumsWorld) check(when string) {
	f := w.f
	f.Helper()
	w.deals = slices.Collect(maps.Values(listAll(f, f.home, deals())))
	w.activities = slices.Collect(maps.Values(listAll(f, f.home, activities())))
	service := crm.NewService(f.store.CRM(), time.Now)
	day := func(text string) *crm.Date {
		d, err := crm.ParseDate(text)
		return ptr(must(f, d, err))
	}
	for _, filter := range []crm.DashboardFilter{
		{}, {From: day("2026-02-15")}, {To: day("2026-02-15")}, {From: day("1970-01-01"), To: day("2026-02-28")},
		{From: day("1969-12-31"), To: day("2026-01-31"), OwnerID: &w.owners[0].ID},
	} {
		d, err := service.Dashboard(f.Context(), f.home.by, filter)
		if diff := cmp.Diff(w.lines(filter), lines(must(f, d, err))); diff != "" {
			f.Fatalf("%s, from %v to %v (-want +got):\n%s", when, filter.From, filter.To, diff)
		}
	}
}

// raw runs a statement that the store does not have, on records of the organisation.
func (w *sumsWorld) raw(sql string, args ...any) {
	f := w.f
	f.Helper()
	tx, err := f.engine.Begin(f.Context(), store.Scope{Org: f.home.ID})
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(f.Context(), &store.Statement{Name: "test.raw", SQL: sql}, append([]any{f.home.ID}, args...)); err != nil {
		f.Fatalf("%s: %v", sql, err)
	}
	if err := tx.Commit(f.Context()); err != nil {
		f.Fatal(err)
	}
}

// kept counts the rows that the organisation's sums are in.
func (w *sumsWorld) kept(table string) (n int64) {
	f := w.f
	f.Helper()
	rows, err := f.engine.Query(f.Context(), store.Scope{Org: f.home.ID}, &store.Statement{Name: "test.kept", SQL: "SELECT count(*) FROM " + table + " WHERE org_id = $1"}, []any{f.home.ID})
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

// sums writes at random whatever can be written.
func sums(f *fixture) {
	w, m := newSumsWorld(f), newMaker()
	w.check("at first")
	ctx, o := f.Context(), f.home
	n := 100
	// pick returns some of what there is.
	pick := func(most int) []crm.ID {
		ids := slices.SortedFunc(maps.Keys(listAll(f, o, deals())), compareIDs)
		m.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		return ids[:min(len(ids), 1+m.IntN(most))]
	}
	vary := func(d *crm.Deal) { w.vary(m, d) }
	for round, write := range []func(){
		func() { insert(f, o, deals(), w.newDeals(m, 1+m.IntN(5))...) },
		func() { insert(f, o, deals(), w.newDeals(m, 120)...) }, // loaded
		func() { insert(f, o, activities(), w.newActivities(m, 1+m.IntN(120))...) },
		func() { update(f, o, deals(), n, vary, pick(5)...) },
		func() { update(f, o, deals(), n, vary, pick(150)...) }, // merged
		func() { update(f, o, deals(), n, func(d *crm.Deal) { d.Name = "Other" }, pick(150)...) },
		func() { update(f, o, deals(), n, func(d *crm.Deal) { d.Currency = "USD" }, pick(5)...) },
		func() { update(f, o, deals(), n, func(d *crm.Deal) { d.Probability = 50 }, pick(5)...) },
		func() { update(f, o, deals(), n, func(d *crm.Deal) { d.CreatedAt = w.moments[5] }, pick(60)...) },
		func() { remove(f, o, deals(), n, pick(10)...) },
		func() {
			ids := slices.SortedFunc(maps.Keys(listAll(f, o, activities())), compareIDs)
			update(f, o, activities(), n, func(a *crm.Activity) { w.varyActivity(m, a) }, ids[:60]...)
			remove(f, o, activities(), n, ids[30:90]...)
		},
		func() { f.write(o, n, func(tx store.Tx) error { return tx.ClearCompany(ctx, w.companies[m.IntN(5)]) }) },
		func() { f.write(o, n, func(tx store.Tx) error { return tx.ClearContact(ctx, w.contacts[m.IntN(5)]) }) },
		func() {
			f.write(o, n, func(tx store.Tx) error {
				_, err := tx.TransferOwnership(ctx, w.owners[m.IntN(2)].ID, w.owners[2+m.IntN(2)].ID)
				return err
			})
		},
		func() { // the same deal, and others, more than once in a transaction
			f.write(o, n, func(tx store.Tx) error {
				rows := w.newDeals(m, 3)
				if err := tx.Deals().Insert(ctx, rows); err != nil {
					return err
				}
				for range 3 {
					after := rows[0]
					w.vary(m, &after)
					if err := tx.Deals().Update(ctx, []crm.Change[crm.Deal]{{Before: rows[0], After: after}}); err != nil {
						return err
					}
					rows[0] = after
					rows[0].Version++
				}
				return tx.Deals().Delete(ctx, rows[1])
			})
		},
		func() { // what fails has written nothing
			_ = f.fails(o, func(tx store.Tx) error {
				return errors.Join(tx.Deals().Insert(ctx, w.newDeals(m, 60)), errors.New("no"))
			})
			err := f.store.DryRun(ctx, o.by, at(n), func(tx store.Tx) error { return tx.Deals().Insert(ctx, w.newDeals(m, 60)) })
			if err != nil {
				f.Fatal(err)
			}
		},
		func() { // restored, and gone for good
			w.raw("UPDATE deals SET deleted_at = NULL WHERE org_id = $1 AND deleted_at IS NOT NULL AND version = $2", int64(2))
			w.raw("UPDATE activities SET deleted_at = NULL WHERE org_id = $1 AND deleted_at IS NOT NULL AND version = $2", int64(2))
			d, a := w.newDeals(m, 2), w.newActivities(m, 2)
			d[0].PrimaryContactID, d[1].PrimaryContactID = nil, nil
			insert(f, o, deals(), d...)
			insert(f, o, activities(), a...)
			remove(f, o, deals(), n, d[1].ID)
			remove(f, o, activities(), n, a[1].ID)
			for i := range 2 {
				w.raw("DELETE FROM deals WHERE org_id = $1 AND id = $2", d[i].ID)
				w.raw("DELETE FROM activities WHERE org_id = $1 AND id = $2", a[i].ID)
			}
		},
	} {
		for range 3 {
			write()
			n++
		}
		w.check("after write " + string(rune('a'+round)))
	}
	// They are made from what is there, once or again.
	for _, damage := range [][]string{
		nil,
		{"DELETE FROM deal_sums WHERE org_id = $1", "DELETE FROM activity_sums WHERE org_id = $1"},
		{"UPDATE deal_sums SET deals = deals + 7, value_low = 3 WHERE org_id = $1", "UPDATE activity_sums SET activities = 1 WHERE org_id = $1"},
	} {
		for _, sql := range damage {
			w.raw(sql)
		}
		if err := f.store.Reindex(ctx); err != nil {
			f.Fatal(err)
		}
		w.check(strings.Join(append(damage, "rebuilt"), ", "))
	}
	// What has come to nothing is not kept.
	for _, table := range []string{"deal_sums", "activity_sums"} {
		if w.kept(table) == 0 {
			f.Errorf("there are no %s", table)
		}
	}
	w.raw("UPDATE deals SET deleted_at = created_at WHERE org_id = $1")
	w.raw("UPDATE activities SET deleted_at = created_at WHERE org_id = $1")
	w.check("at last")
	for _, table := range []string{"deal_sums", "activity_sums", "deal_sum_changes", "activity_sum_changes"} {
		if n := w.kept(table); n != 0 { // the last two are of transactions, or show what counts
			f.Errorf("of %s %d are left", table, n)
		}
	}
}

// sumsTooGreat keeps sums that no amount can tell, of one kind of deal or of several. They
// are told of by an error, and as soon as they can be told again, exactly.
func sumsTooGreat(f *fixture) {
	w := newSumsWorld(f)
	ctx, o := f.Context(), f.home
	service := crm.NewService(f.store.CRM(), time.Now)
	rows := copies(deals(), w.newDeals(newMaker(), 1), 3)
	for i := range rows {
		rows[i].Value, rows[i].Probability = ptr(crm.Money(math.MaxInt64/3*2)), 0
	}
	rows[2].StageID = w.stages[slices.IndexFunc(w.stages, func(s crm.Stage) bool { return s.ID != rows[0].StageID })].ID
	for _, row := range rows {
		insert(f, o, deals(), row)
	}
	for i := range 2 {
		if d, err := service.Dashboard(ctx, o.by, crm.DashboardFilter{}); err == nil {
			f.Errorf("without %d of them: %v", i, d.Totals)
		}
		remove(f, o, deals(), 2, rows[i].ID)
	}
	w.check("with one of them")
}

// sumsOfMany has many write at once, each in the way that others would wait for: none
// fails, none is run again, and the sums are right.
func sumsOfMany(f *fixture) {
	w, ctx, o := newSumsWorld(f), f.Context(), f.home
	const writers, writes = 6, 12
	var asked, ran atomic.Int64
	var working sync.WaitGroup
	errs := make(chan error, writers*writes)
	work := func(of int) {
		m := newMakerOf(uint64(of))
		var own []crm.ID
		write := func(n int, fn func(tx store.Tx) error) {
			asked.Add(1)
			errs <- f.store.Write(ctx, o.by, at(1000*of+n), func(tx store.Tx) error {
				ran.Add(1)
				return fn(tx)
			})
		}
		change := func(n int, ids ...crm.ID) {
			write(n, func(tx store.Tx) error {
				rows, err := tx.Deals().LockForUpdate(ctx, ids)
				for _, row := range rows { // one after the other, in statements of their own
					after := row
					w.vary(m, &after)
					after.UpdatedAt = at(1000*of + n)
					err = errors.Join(err, tx.Deals().Update(ctx, []crm.Change[crm.Deal]{{Before: row, After: after}}))
				}
				return err
			})
		}
		for n := range writes {
			switch n % 6 {
			case 0, 3:
				rows := w.newDeals(m, 1+m.IntN(3)*60)
				write(n, func(tx store.Tx) error { return tx.Deals().Insert(ctx, rows) })
				own = append(own, idsOf(deals(), rows)...)
			case 1:
				change(n, own[:min(len(own), 8)]...)
			case 2:
				change(n, w.deals[m.IntN(len(w.deals))].ID) // all writers change it
			case 4:
				company := w.companies[of%len(w.companies)]
				write(n, func(tx store.Tx) error { // deals, then contacts
					held, err := tx.Contacts().LockForShare(ctx, w.contacts[:1+m.IntN(4)])
					if err == nil && len(held) == 0 {
						err = errors.New("no contact was held")
					}
					return errors.Join(err, tx.Deals().Insert(ctx, w.newDeals(m, 2)), tx.ClearPrimaryContacts(ctx, []crm.ID{company}))
				})
			case 5:
				gone := own[0]
				own = own[1:]
				write(n, func(tx store.Tx) error {
					rows, err := tx.Deals().LockForUpdate(ctx, []crm.ID{gone})
					if err != nil || len(rows) == 0 {
						return errors.Join(err, errors.New("nothing to delete"))
					}
					return tx.Deals().Delete(ctx, rows[0])
				})
			}
		}
	}
	for of := range writers {
		working.Go(func() { work(of) })
	}
	working.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			f.Error(err)
		}
	}
	if asked.Load() != ran.Load() {
		f.Errorf("%d writes were run %d times", asked.Load(), ran.Load())
	}
	w.check("after many at once")
}

// sumsRebuilt rebuilds the sums while others change them.
func sumsRebuilt(f *fixture) {
	w, ctx, o := newSumsWorld(f), f.Context(), f.home
	const writers, writes = 4, 12
	var working sync.WaitGroup
	errs := make(chan error, writers*writes)
	for of := range writers {
		working.Go(func() {
			m := newMakerOf(uint64(of))
			for n := range writes {
				rows := w.newDeals(m, 3)
				err := f.store.Write(ctx, o.by, at(1000*of+n), func(tx store.Tx) error { return tx.Deals().Insert(ctx, rows) })
				errs <- errors.Join(err, f.store.Write(ctx, o.by, at(1000*of+n), func(tx store.Tx) error { return tx.Deals().Delete(ctx, rows[0]) }))
			}
		})
	}
	done := make(chan struct{})
	go func() {
		working.Wait()
		close(done)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if err := f.store.Reindex(ctx); err != nil {
			f.Fatal(err)
		}
	}
	close(errs)
	for err := range errs {
		if err != nil {
			f.Error(err)
		}
	}
	w.check("rebuilt beside writers")
}
