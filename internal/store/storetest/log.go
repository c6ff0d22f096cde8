package storetest

import (
	"math"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// logOf reads an organisation's log as its readers do: all that is kept.
func logOf(f *fixture, org crm.ID) []crm.LogEntry {
	f.Helper()
	return logSince(f, org, 0, 1_000_000)
}

// logSince reads entries of an organisation's log.
func logSince(f *fixture, org crm.ID, seq int64, limit int) []crm.LogEntry {
	f.Helper()
	read, err := f.store.LogSince(f.Context(), org, seq, limit)
	if must(f, read, err).Epoch != logEpoch(f) {
		f.Errorf("the epoch is %q, want %q", read.Epoch, logEpoch(f))
	}
	return read.Entries
}

// logEpoch returns the epoch of the log.
func logEpoch(f *fixture) string {
	f.Helper()
	grown, err := f.store.LogGrowth(f.Context(), "")
	return must(f, grown, err).Epoch
}

// logEnd returns the seq of an organisation's last entry.
func logEnd(f *fixture, org crm.ID) int64 {
	f.Helper()
	ends, err := f.store.LogEnds(f.Context(), []crm.ID{org})
	return must(f, ends, err).Seqs[org]
}

// logKept checks which entries of an organisation's log are kept: those from start to
// end, of which the first is one more than the last when none is.
func logKept(f *fixture, o tenant, start, end int64) {
	f.Helper()
	if got := logEnd(f, o.ID); got != end {
		f.Errorf("the log ends at %d, want %d", got, end)
	}
	entries := logOf(f, o.ID)
	if got := int64(len(entries)); got != end-start+1 {
		f.Errorf("%d entries are kept, want %d to %d", got, start, end)
	}
	for i, e := range entries {
		if e.Seq != start+int64(i) {
			f.Errorf("entry %d has the seq %d, want %d", i, e.Seq, start+int64(i))
		}
	}
}

// logReads reads an organisation's entries as they were written, in pages, and where
// its log begins and ends.
func logReads(f *fixture) {
	w, _ := newWorlds(f)
	f.write(f.home, 2, everything(f, w))

	var want []crm.LogEntry
	for _, l := range changeLog(f, f.home) {
		want = append(want, crm.LogEntry{Seq: l.Seq, Entity: l.Entity, ID: l.ID, Op: crm.Op(l.Op), ActorID: l.Actor, KeyID: l.Key, At: l.At, Refs: crm.Refs{
			Owner: l.Refs["owner_id"], Company: l.Refs["company_id"], Contact: l.Refs["contact_id"], Stage: l.Refs["stage_id"], Deal: l.Refs["deal_id"],
		}})
	}
	if diff := cmp.Diff(want, logOf(f, f.home.ID)); diff != "" {
		f.Errorf("the whole log (-want +got):\n%s", diff)
	}
	const limit = 3
	var walked []crm.LogEntry
	for {
		page := logSince(f, f.home.ID, int64(len(walked)), limit)
		if walked = append(walked, page...); len(page) < limit {
			break
		}
	}
	if diff := cmp.Diff(want, walked); diff != "" {
		f.Errorf("the log in pages (-want +got):\n%s", diff)
	}
	logKept(f, f.home, 1, int64(len(want)))
	for _, seq := range []int64{int64(len(want)), math.MaxInt64} {
		if page := logSince(f, f.home.ID, seq, limit); len(page) > 0 {
			f.Errorf("there are entries after %d: %v", seq, page)
		}
	}
}

// logOfOrganisations reads the logs of organisations apart, and knows those that have
// none and those that do not exist.
func logOfOrganisations(f *fixture) {
	ctx := f.Context()
	insert(f, f.home, companies(), f.home.newCompany("More"))
	silent, missing := tenant{Organisation: crm.Organisation{ID: crm.NewID()}}, crm.NewID()
	put := &store.Statement{Name: "test.organisation", SQL: `INSERT INTO organisations (id, name, name_key, default_currency, created_at)
VALUES ($1, 'Silent', 'silent', 'GBP', $2)`}
	f.outsideLog(put, silent.ID, at(0))

	ends, err := f.store.LogEnds(ctx, []crm.ID{missing, f.home.ID, silent.ID, f.away.ID})
	if diff := cmp.Diff(map[crm.ID]int64{f.home.ID: 4, f.away.ID: 3, silent.ID: 0}, must(f, ends, err).Seqs); diff != "" {
		f.Errorf("ends (-want +got):\n%s", diff)
	}
	if ends, err := f.store.LogEnds(ctx, nil); len(must(f, ends, err).Seqs) > 0 {
		f.Errorf("ends of none: %v", ends)
	}
	logKept(f, silent, 1, 0)
	if entries := logOf(f, missing); len(entries) > 0 {
		f.Errorf("the log of no organisation: %v", entries)
	}
}

// outsideLog runs a statement that enters nothing in the change log.
func (f *fixture) outsideLog(st *store.Statement, args ...any) {
	f.Helper()
	tx, err := f.engine.Begin(f.Context(), store.Scope{Service: true})
	if err != nil {
		f.Fatal(err)
	}
	if _, err = tx.Exec(f.Context(), st, args); err == nil {
		err = tx.Commit(f.Context())
	}
	if err != nil {
		_ = tx.Rollback()
		f.Fatal(err)
	}
}

// announcements enter a kind as changed of which nothing is, whether there is such a
// kind of thing or not.
func announcements(f *fixture) {
	got := entered(f, func() {
		f.write(f.home, 5, func(tx store.Tx) error {
			for _, entity := range []string{crm.EntityDeal, crm.EntityDeal, crm.EntityCache + ".static"} {
				if err := tx.LogBulkChange(f.Context(), entity); err != nil {
					return err
				}
			}
			return nil
		})
	})
	want := []logged{
		{Seq: 4, Entity: "deal", Op: "bulk", Actor: &f.home.by.User, Key: &f.home.by.Key, At: at(5), Refs: map[string][]crm.ID{}},
		{Seq: 5, Entity: "cache.static", Op: "bulk", Actor: &f.home.by.User, Key: &f.home.by.Key, At: at(5), Refs: map[string][]crm.ID{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("entered (-want +got):\n%s", diff)
	}
}

// prune removes entries and returns how many.
func prune(f *fixture, before crm.Instant, limit int) int64 {
	f.Helper()
	n, err := f.store.PruneLog(f.Context(), before, limit)
	return must(f, n, err)
}

// enter enters so many changes in one transaction.
func enter(f *fixture, o tenant, n, changes int) {
	f.Helper()
	rows := copies(companies(), []crm.Company{o.newCompany("Old")}, changes)
	f.write(o, n, func(tx store.Tx) error { return tx.Companies().Insert(f.Context(), rows) })
}

// logPruned removes the entries from before an instant, up to the first that is not;
// numbers go on as if nothing had been removed.
func logPruned(f *fixture) {
	// Each organisation has three entries of at(0).
	for _, n := range []int{10, 11, 20, 12, 13} {
		enter(f, f.home, n, 1)
	}
	enter(f, f.away, 30, 1)
	if n := prune(f, at(0), 1000); n != 0 {
		f.Errorf("%d entries are from before the first", n)
	}
	if n := prune(f, at(20), 1000); n != 3+2+3 {
		f.Errorf("%d entries are removed, want 8", n)
	}
	logKept(f, f.home, 6, 8) // what came after one that is too new is kept, however old
	logKept(f, f.away, 4, 4)
	if n := prune(f, at(20), 1000); n != 0 {
		f.Errorf("%d more are removed the second time", n)
	}
	enter(f, f.home, 14, 1)
	logKept(f, f.home, 6, 9)
	if n := prune(f, at(100), 1000); n != 4+1 {
		f.Errorf("%d entries are removed, want what is left, 5", n)
	}
	logKept(f, f.home, 10, 9)
	logKept(f, f.away, 5, 4)
	enter(f, f.home, 101, 2)
	logKept(f, f.home, 10, 11)
}

// logPrunedWithin keeps to the limit, oldest first, and serves every organisation
// however long another's log is.
func logPrunedWithin(f *fixture) {
	const long = 1203
	for range 12 {
		enter(f, f.home, 1, 100)
	}
	for _, limit := range []int{-1, 0} {
		if n := prune(f, at(100), limit); n != 0 {
			f.Errorf("a limit of %d removes %d", limit, n)
		}
	}
	if n := prune(f, at(100), 1000); n != 1000 {
		f.Errorf("a limit of 1000 removes %d", n)
	}
	logKept(f, f.home, 1000-3+1, long)
	logKept(f, f.away, 4, 3)
	if n := prune(f, at(100), 1000); n != long+3-1000 {
		f.Errorf("%d are removed, want what is left, %d", n, long+3-1000)
	}
	logKept(f, f.home, long+1, long)
}
