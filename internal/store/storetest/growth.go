package storetest

import (
	"sync"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// growth returns the ends of the logs that have grown since a mark, and the next mark.
func growth(f *fixture, mark string) (map[crm.ID]int64, string) {
	f.Helper()
	grown, err := f.store.LogGrowth(f.Context(), mark)
	must(f, grown, err)
	return grown.Seqs, grown.Mark
}

// logGrowth finds what was committed since a mark: by transactions that began before it too,
// and of whichever organisation.
func logGrowth(f *fixture) {
	ctx := f.Context()
	announce := func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) }
	grown := func(mark string, want map[crm.ID]int64) (next string) {
		f.Helper()
		got, next := growth(f, mark)
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("grown (-want +got):\n%s", diff)
		}
		return next
	}
	none := map[crm.ID]int64{}
	mark := grown("", none)
	mark = grown(mark, none)
	home, away := logEnd(f, f.home.ID), logEnd(f, f.away.ID)
	f.write(f.home, 1, announce)
	mark = grown(mark, map[crm.ID]int64{f.home.ID: home + 1})
	f.write(f.home, 1, announce)
	f.write(f.home, 1, announce)
	f.write(f.away, 1, announce)
	mark = grown(mark, map[crm.ID]int64{f.home.ID: home + 3, f.away.ID: away + 1})
	mark = grown(mark, none)

	// Two transactions are open at the mark; one of them commits only after the next one.
	open := func(o tenant) (commit func()) {
		begun, end := make(chan struct{}), make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() {
			err := f.store.Write(ctx, o.by, at(1), func(tx store.Tx) error {
				err := tx.Companies().Insert(ctx, []crm.Company{o.newCompany("Open")})
				close(begun)
				<-end
				return err
			})
			if err != nil {
				f.Error(err)
			}
		})
		<-begun
		return func() {
			close(end)
			running.Wait()
		}
	}
	commit := open(f.home)
	mark = grown(mark, none)
	commit()
	earlier := mark
	mark = grown(mark, map[crm.ID]int64{f.home.ID: home + 4})
	grown(mark, none)
	grown(earlier, map[crm.ID]int64{f.home.ID: home + 4})
}

// logTails reads the ends of several logs.
func logTails(f *fixture) {
	missing := crm.NewID()
	insert(f, f.home, companies(), f.home.newCompany("One"))
	for _, back := range []int{0, 2, 100} {
		tails, err := f.store.LogTails(f.Context(), []crm.ID{f.home.ID, missing, f.away.ID}, back)
		if must(f, tails, err).Epoch != logEpoch(f) || len(tails.Tails) != 2 {
			f.Errorf("%+v", tails)
		}
		for _, o := range []tenant{f.home, f.away} {
			all := logOf(f, o.ID)
			want := crm.LogTail{End: int64(len(all))}
			if back > 0 {
				want.Entries = all[max(0, len(all)-back):]
			}
			if diff := cmp.Diff(want, tails.Tails[o.ID]); diff != "" {
				f.Errorf("the last %d (-want +got):\n%s", back, diff)
			}
		}
	}
}

// logOfEpochs begins new epochs, each once, however many ask.
func logOfEpochs(f *fixture) {
	ctx := f.Context()
	first := logEpoch(f)
	if _, ok := crm.ParseLogPosition(crm.LogPosition{Epoch: first, Seq: 1}.String()); !ok {
		f.Errorf("the epoch is %q", first)
	}
	must(f, struct{}{}, f.store.RenewEpoch(ctx, first))
	second := logEpoch(f)
	must(f, struct{}{}, f.store.RenewEpoch(ctx, first))
	if again := logEpoch(f); second == first || again != second {
		f.Errorf("the epochs are %q, %q, and then %q", first, second, again)
	}
	must(f, struct{}{}, f.store.BeginEpoch(ctx))
	if third := logEpoch(f); third == second {
		f.Errorf("the epoch is still %q", third)
	}
	// A write that expects an earlier one is entered under the new one.
	heard := new(Commits)
	s := store.New(f.engine, store.Options{Commits: heard})
	if err := s.Write(ctx, f.home.by, at(1), func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) }); err != nil {
		f.Fatal(err)
	}
	if got := heard.Epoch(); got != logEpoch(f) {
		f.Errorf("a write is entered under %q, want %q", got, logEpoch(f))
	}
}
