package jobstest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

// inserts stores what it was given, and completes the rest.
func inserts(f *fixture) {
	place, key := "folder", "once"
	by := crm.Actor{Org: f.home.Org, User: crm.NewID(), Role: crm.RoleAdmin, Key: crm.NewID()}
	full := jobs.Job{
		OrgID: by.Org, ID: crm.NewID(), Kind: jobs.BulkImport, State: jobs.Ready, Priority: -3, MaxAttempts: 7, Args: `{"text":"\u0000é"}`,
		ActorID: by.UserID(), KeyID: by.KeyID(), UniqueKey: &key, Place: &place,
	}
	before, err := f.jobs.Now(f.Context())
	f.must(err)
	added, err := f.jobs.Insert(f.Context(), by, []jobs.Job{full})
	f.must(err)
	got := f.get(by, full.ID)
	if diff := cmp.Diff(added, []jobs.Job{got}); diff != "" {
		f.Errorf("the job is not as it was returned (-returned +got):\n%s", diff)
	}
	if got.CreatedAt < before || got.RunAt != got.CreatedAt {
		f.Errorf("created at %s and due at %s, after %s", got.CreatedAt, got.RunAt, before)
	}
	full.CreatedAt, full.RunAt, full.Version = got.CreatedAt, got.RunAt, 1
	if diff := cmp.Diff(full, got); diff != "" {
		f.Errorf("the job (-want +got):\n%s", diff)
	}

	delayed, at, past := job(f.home, jobs.SendEmail), job(f.home, jobs.SendEmail), job(f.home, jobs.SendEmail)
	delayed.Delay = time.Hour
	at.RunAt = got.CreatedAt + crm.Instant(2*time.Hour/time.Microsecond)
	past.RunAt = 1
	added, err = f.jobs.Insert(f.Context(), f.home, []jobs.Job{delayed, at, past})
	f.must(err)
	if d := added[0]; d.State != jobs.Scheduled || d.RunAt != d.CreatedAt+crm.Instant(time.Hour/time.Microsecond) || d.Delay != 0 {
		f.Errorf("the delayed job: %+v", d)
	}
	if a := added[1]; a.State != jobs.Scheduled || a.RunAt != at.RunAt {
		f.Errorf("the job of a time: %+v", a)
	}
	if p := added[2]; p.State != jobs.Ready || p.RunAt != p.CreatedAt {
		f.Errorf("the job of a time that has passed: %+v", p)
	}

	foreign := job(f.away, jobs.SendEmail)
	if _, err := f.jobs.Insert(f.Context(), f.home, []jobs.Job{foreign}); err == nil {
		f.Error("a job of another organisation is inserted")
	}
	_, err = f.jobs.Job(f.Context(), f.away.Org, foreign.ID)
	f.failsWith("the job of another organisation", err, crm.CodeNotFound)
}

// insertsMany returns jobs in their order, also those that were there.
func insertsMany(f *fixture) {
	rows := make([]jobs.Job, 130)
	for i := range rows {
		rows[i] = job(f.home, jobs.SendNotification)
	}
	key := "one"
	rows[3].UniqueKey, rows[77].UniqueKey, rows[129].UniqueKey = &key, &key, &key
	added, err := f.jobs.Insert(f.Context(), f.home, rows)
	f.must(err)
	want := ids(rows)
	want[77], want[129] = want[3], want[3]
	if diff := cmp.Diff(want, ids(added)); diff != "" {
		f.Errorf("the jobs (-want +got):\n%s", diff)
	}
	again, err := f.jobs.Insert(f.Context(), f.home, rows[:60])
	f.must(err)
	if diff := cmp.Diff(added[:60], again); diff != "" {
		f.Errorf("inserted again (-want +got):\n%s", diff)
	}
	n, err := f.Query(f.Context(), "SELECT count(*) FROM jobs")
	f.must(err)
	if n != 128 {
		f.Errorf("%d jobs", n)
	}
}

var errGivenUp = errors.New("given up")

// insertsJoined adds jobs in the transaction of what asks for them.
func insertsJoined(f *fixture) {
	kept, dropped := job(f.home, jobs.SendEmail), job(f.home, jobs.SendEmail)
	company := crm.NewID()
	write := func(j jobs.Job, result error) error {
		return f.store.CRM().Atomic(f.Context(), f.home, 1, func(ctx context.Context) error {
			if err := f.store.Write(ctx, f.home, 1, func(tx store.Tx) error {
				return tx.Companies().Insert(ctx, []crm.Company{{OrgID: f.home.Org, ID: company, Name: "Acme", CreatedAt: 1, UpdatedAt: 1, Version: 1}})
			}); err != nil {
				return err
			}
			_, err := f.jobs.Insert(ctx, f.home, []jobs.Job{j})
			if err != nil {
				return err
			}
			if _, err := f.jobs.Job(ctx, f.home.Org, j.ID); err != nil {
				f.Errorf("the job within its transaction: %v", err)
			}
			if _, err := f.jobs.Job(f.Context(), f.home.Org, j.ID); crm.CodeOf(err) != crm.CodeNotFound {
				f.Errorf("the job before its commit: %v", err)
			}
			return result
		})
	}
	f.fails("a transaction that fails", write(dropped, errGivenUp), errGivenUp)
	_, err := f.jobs.Job(f.Context(), f.home.Org, dropped.ID)
	f.failsWith("the job of a transaction that was rolled back", err, crm.CodeNotFound)
	f.must(write(kept, nil))
	f.get(f.home, kept.ID)
	err = f.store.CRM().Atomic(f.Context(), f.home, 1, func(ctx context.Context) error {
		_, err := f.jobs.Insert(ctx, f.away, []jobs.Job{job(f.away, jobs.SendEmail)})
		return err
	})
	if err == nil {
		f.Error("a job of another actor is part of the transaction")
	}
}

// uniqueKeys are of a kind and an organisation, among jobs that have not ended.
func uniqueKeys(f *fixture) {
	key := "report of May"
	add := func(by crm.Actor, kind jobs.Kind, delay time.Duration) jobs.Job {
		f.Helper()
		j := job(by, kind)
		j.UniqueKey, j.Delay = &key, delay
		added, err := f.jobs.Insert(f.Context(), by, []jobs.Job{j})
		f.must(err)
		return added[0]
	}
	first := add(f.home, jobs.GenerateReport, time.Hour)
	if again := add(f.home, jobs.GenerateReport, 0); again.ID != first.ID {
		f.Error("two jobs have the key")
	}
	if other := add(f.home, jobs.DataExport, 0); other.ID == first.ID {
		f.Error("a job of another kind is in the way")
	}
	if other := add(f.away, jobs.GenerateReport, 0); other.ID == first.ID {
		f.Error("a job of another organisation is in the way")
	}
	_, err := f.jobs.Cancel(f.Context(), f.home, first.ID)
	f.must(err)
	second := add(f.home, jobs.GenerateReport, 0)
	if second.ID == first.ID {
		f.Error("a job that has ended is in the way")
	}
	_, err = f.jobs.Retry(f.Context(), f.home, first.ID)
	f.failsWith("the first again while the second waits", err, crm.CodeConflict)
	if got := f.get(f.home, first.ID); got.State != jobs.Cancelled {
		f.Errorf("the first is %s", got.State)
	}
}

// uniqueConcurrently adds one of many jobs with a key.
func uniqueConcurrently(f *fixture) {
	key := "once"
	const processes = 8
	found := make([]crm.ID, processes)
	errs := make([]error, processes)
	var adding sync.WaitGroup
	for i := range processes {
		adding.Go(func() {
			j := job(f.home, jobs.SendEmail)
			j.UniqueKey = &key
			added, err := f.jobs.Insert(f.Context(), f.home, []jobs.Job{j})
			if errs[i] = err; err == nil {
				found[i] = added[0].ID
			}
		})
	}
	adding.Wait()
	f.must(errors.Join(errs...))
	if slices.Sort(asTexts(found)); len(slices.Compact(asTexts(found))) != 1 {
		f.Errorf("the jobs are %v", found)
	}
}

func asTexts(all []crm.ID) []string {
	texts := make([]string, len(all))
	for i, id := range all {
		texts[i] = id.String()
	}
	slices.Sort(texts)
	return texts
}

// enqueued tells the listener of due jobs, once they are committed.
func enqueued(f *fixture) {
	var mu sync.Mutex
	var heard []jobs.Kind
	listening := f.Open(f.T, store.Options{Enqueued: func(kinds []jobs.Kind) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, kinds...)
	}})
	expect := func(what string, want ...jobs.Kind) {
		f.Helper()
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(heard, want) {
			f.Errorf("%s: heard %v, want %v", what, heard, want)
		}
		heard = nil
	}
	ctx, s := f.Context(), listening.Jobs()
	scheduled := job(f.home, jobs.SendEmail)
	scheduled.Delay = time.Hour
	_, err := s.Insert(ctx, f.home, []jobs.Job{scheduled})
	f.must(err)
	expect("a scheduled job")
	_, err = s.Insert(ctx, f.home, []jobs.Job{job(f.home, jobs.SendEmail), job(f.home, jobs.DataExport)})
	f.must(err)
	expect("two jobs", jobs.SendEmail, jobs.DataExport)
	for result, want := range map[error][]jobs.Kind{errGivenUp: nil, nil: {jobs.BulkImport}} {
		err := listening.CRM().Atomic(ctx, f.home, 1, func(ctx context.Context) error {
			if err := listening.Write(ctx, f.home, 1, func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) }); err != nil {
				return err
			}
			if _, err := s.Insert(ctx, f.home, []jobs.Job{job(f.home, jobs.BulkImport)}); err != nil {
				return err
			}
			expect("a job before the commit")
			return result
		})
		f.fails("the transaction", err, result)
		expect("the transaction", want...)
	}
	claimed, err := s.Claim(ctx, []jobs.Want{{Kind: jobs.BulkImport, Free: 1, Slots: 1}}, nil)
	f.must(err)
	f.must(s.End(ctx, claimed[0].Lease, jobs.Outcome{State: jobs.Ready, Unused: true}))
	expect("a job that is returned to the queue", jobs.BulkImport)
	_, err = s.Cancel(ctx, f.home, claimed[0].Job.ID)
	f.must(err)
	expect("a cancelled job")
	_, err = s.Retry(ctx, f.home, claimed[0].Job.ID)
	f.must(err)
	expect("a job that is tried again", jobs.BulkImport)
}

// watches wakes when another process announces jobs.
func watches(f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	woken, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- f.jobs.Watch(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	}()
	other := f.Open(f.T, store.Options{}).Jobs()
	wait(f.T, "the beginning", woken)
	_, err := other.Insert(ctx, f.home, []jobs.Job{job(f.home, jobs.SendEmail)})
	f.must(err)
	f.must(other.Announce(ctx))
	wait(f.T, "an announcement", woken)
	cancel()
	f.fails("watching", wait(f.T, "the end", ended), context.Canceled)
}

// wait returns what comes from a channel.
func wait[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case v = <-c:
	case <-late.C:
		t.Fatalf("%s: nothing within %s", what, patience)
	}
	return v
}
