package storetest

import (
	"slices"
	"sync"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// due returns the organisations whose sums are to be checked.
func due(f *fixture, since crm.Instant) (orgs []crm.ID, all []crm.SumsDue) {
	f.Helper()
	all, err := f.store.SumsDue(f.Context(), since, 100)
	for _, d := range must(f, all, err) {
		orgs = append(orgs, d.Org)
	}
	return orgs, all
}

// checkSums checks the organisation's sums, and returns how many differ.
func checkSums(f *fixture, since crm.Instant) crm.SumCheck {
	f.Helper()
	_, all := due(f, since)
	i := slices.IndexFunc(all, func(d crm.SumsDue) bool { return d.Org == f.home.ID })
	if i < 0 {
		f.Fatalf("the organisation is not among those to be checked: %v", all)
	}
	found, err := f.store.CheckSums(f.Context(), all[i])
	return must(f, found, err)
}

// now returns the database's time, after that of everything before.
func (f *fixture) now() crm.Instant {
	f.Helper()
	last, err := f.store.Now(f.Context())
	for must(f, last, err) > 0 {
		now, err := f.store.Now(f.Context())
		if must(f, now, err) > last {
			return now
		}
	}
	return 0
}

// sumsChecked finds every difference between the sums and what they are of, and mends it.
func sumsChecked(f *fixture) {
	w, m, o := newSumsWorld(f), newMaker(), f.home
	rebuilt, err := f.store.SumsAreRebuilt(f.Context())
	if must(f, rebuilt, err) {
		f.Error("the sums of a new database are to be rebuilt")
	}
	insert(f, o, deals(), w.newDeals(m, 400)...)
	insert(f, o, activities(), w.newActivities(m, 300)...)
	if orgs, _ := due(f, f.now()); !slices.Contains(orgs, f.home.ID) || !slices.Contains(orgs, f.away.ID) {
		f.Errorf("to be checked are %v", orgs)
	}
	want := f.count(o, "deals", "t.deleted_at IS NULL") + f.count(o, "activities", "t.deleted_at IS NULL")
	if found := checkSums(f, f.now()); found.Differing != 0 || found.Records != want {
		f.Fatalf("%d records are added up, want %d, and the sums are wrong: %+v", found.Records, want, found)
	}
	// They are checked again once they have changed, or a day later.
	since := f.now()
	if orgs, _ := due(f, since); slices.Contains(orgs, f.home.ID) || !slices.Contains(orgs, f.away.ID) {
		f.Errorf("to be checked are %v", orgs)
	}
	const day = crm.Instant(24 * 3600 * 1e6)
	if orgs, _ := due(f, since+day); !slices.Contains(orgs, f.home.ID) {
		f.Errorf("a day later, to be checked are %v", orgs)
	}
	w.raw("UPDATE sum_checks SET due_at = at WHERE org_id = $1")
	if orgs, _ := due(f, since); slices.Contains(orgs, f.home.ID) {
		f.Error("it is to be checked although nothing has changed")
	}
	insert(f, o, deals(), w.newDeals(m, 1)...)
	if orgs, _ := due(f, since); !slices.Contains(orgs, f.home.ID) {
		f.Error("it has changed and is not to be checked")
	}
	w.raw("UPDATE sum_checks SET due_at = $2 WHERE org_id = $1", since+day/2)
	if orgs, _ := due(f, since); slices.Contains(orgs, f.home.ID) {
		f.Error("it is to be checked before its time")
	}
	for _, damage := range []struct {
		sql  string
		sum  string
		args []any
	}{
		{"DELETE FROM deal_sums WHERE org_id = $1", "deal_sums", nil},
		{"DELETE FROM activity_sums WHERE org_id = $1 AND period = $2", "activity_sums", []any{"month"}},
		{"UPDATE deal_sums SET early_days = early_days + 1 WHERE org_id = $1 AND period = $2", "deal_sums", []any{"day"}},
		{
			"INSERT INTO deal_sums (org_id, period, begins, owner_id, currency, status, stage_id, deals, value_high, value_low, weighted_high, weighted_low, days) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, $8, $8, $8)",
			"deal_sums", []any{"month", crm.Date(20_454), crm.NewID(), "GBP", crm.StatusWon, w.stages[0].ID, int64(1)},
		},
		{"UPDATE activity_sums SET amount_low = amount_low - 1 WHERE org_id = $1", "activity_sums", nil},
	} {
		w.raw(damage.sql, damage.args...)
		end := logEnd(f, o.ID)
		found := checkSums(f, f.now()+day)
		if found.Differing == 0 || len(found.Differences) == 0 || len(found.Differences) > 20 || found.Differing < len(found.Differences) {
			f.Fatalf("%s: %+v", damage.sql, found)
		}
		for _, d := range found.Differences {
			if d.Sum != damage.sum || d.Organisation != o.ID || d.Kept == d.True || d.Of == "" {
				f.Errorf("%s: %+v", damage.sql, d)
			}
		}
		if logEnd(f, o.ID) == end {
			f.Errorf("%s: answers that were made from the wrong sums remain valid", damage.sql)
		}
		w.check(damage.sql + ", mended")
		if found := checkSums(f, f.now()+day); found.Differing != 0 {
			f.Errorf("%s: not mended: %+v", damage.sql, found)
		}
	}
}

// sumsCheckedBeside finds nothing wrong while others change the sums.
func sumsCheckedBeside(f *fixture) {
	w, ctx, o := newSumsWorld(f), f.Context(), f.home
	const writers, writes = 3, 10
	var working sync.WaitGroup
	errs := make(chan error, 2*writers*writes)
	for of := range writers {
		working.Go(func() {
			m := newMakerOf(uint64(of))
			for n := range writes {
				rows := w.newDeals(m, 3)
				errs <- f.store.Write(ctx, o.by, at(1000*of+n), func(tx store.Tx) error { return tx.Deals().Insert(ctx, rows) })
				errs <- f.store.Write(ctx, o.by, at(1000*of+n), func(tx store.Tx) error { return tx.Deals().Delete(ctx, rows[0]) })
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
		const day = crm.Instant(24 * 3600 * 1e6)
		if found := checkSums(f, f.now()+day); found.Differing != 0 {
			f.Errorf("beside writers: %+v", found)
		}
	}
	close(errs)
	for err := range errs {
		if err != nil {
			f.Error(err)
		}
	}
}
