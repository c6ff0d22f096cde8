package jobstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

// saves commits a checkpoint with what was done until then, or neither.
func saves(f *fixture) {
	c := f.running(f.home, jobs.BulkImport)
	ctx := jobs.WithLease(f.Context(), c.Lease)
	save := func(u jobs.Update, result error) (crm.ID, error) {
		effect := company(f.home.Org, "Effect")
		return effect.ID, f.jobs.Save(ctx, f.home, c.Lease, u, func(ctx context.Context) error {
			if err := f.store.Write(ctx, f.home, 1, func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{effect}) }); err != nil {
				return err
			}
			return result
		})
	}
	id, err := save(jobs.Update{Checkpoint: new(jobs.JSON(`{"row":10}`)), Progress: new(10), Note: new("row 10")}, nil)
	f.must(err)
	got := f.get(f.home, c.Job.ID)
	if got.Checkpoint != `{"row":10}` || got.Progress != 10 || got.Note != "row 10" || got.Version != c.Job.Version+1 || f.there(id) != 1 {
		f.Errorf("saved: %+v", got)
	}
	id, err = save(jobs.Update{Checkpoint: new(jobs.JSON(`{"row":20}`))}, errGivenUp)
	f.fails("a checkpoint whose work fails", err, errGivenUp)
	if again := f.get(f.home, c.Job.ID); again.Checkpoint != got.Checkpoint || f.there(id) != 0 {
		f.Errorf("after a failure: %+v", again)
	}
	f.must(f.jobs.Save(ctx, f.home, c.Lease, jobs.Update{Progress: new(30)}, nil))
	if again := f.get(f.home, c.Job.ID); again.Checkpoint != got.Checkpoint || again.Progress != 30 || again.Note != "row 10" {
		f.Errorf("after progress alone: %+v", again)
	}
	err = f.store.CRM().Atomic(ctx, f.home, 1, func(ctx context.Context) error { return f.jobs.Save(ctx, f.home, c.Lease, jobs.Update{}, nil) })
	if err == nil {
		f.Error("a checkpoint is part of another transaction")
	}
	id, err = save(jobs.Update{Done: new(jobs.JSON(`{"rows":40}`))}, nil)
	f.must(err)
	got = f.get(f.home, c.Job.ID)
	if got.State != jobs.Done || got.Result != `{"rows":40}` || got.Progress != 100 || got.FinishedAt == nil || f.there(id) != 1 {
		f.Errorf("done: %+v", got)
	}
	id, err = save(jobs.Update{}, nil)
	if f.fails("a checkpoint after the end", err, jobs.ErrLeaseLost); f.there(id) != 0 {
		f.Error("what was done after the end is there")
	}
}

// ends stores the end of an attempt, once.
func ends(f *fixture) {
	ctx := f.Context()
	for _, o := range []jobs.Outcome{
		{State: jobs.Done, Result: `{"n":1}`},
		{State: jobs.Failed, Failure: "it broke"},
		{State: jobs.Cancelled},
		{State: jobs.Scheduled, Delay: time.Hour, Failure: "again"},
		{State: jobs.Ready, Unused: true},
	} {
		c := f.running(f.home, jobs.SendEmail)
		f.must(f.jobs.End(ctx, c.Lease, o))
		got := f.get(f.home, c.Job.ID)
		want := c.Job
		want.State, want.Version, want.Result = o.State, c.Job.Version+1, o.Result
		want.FinishedAt, want.RunAt, want.Errors = got.FinishedAt, got.RunAt, got.Errors
		if o.State == jobs.Done {
			want.Progress = 100
		}
		if o.Failure != "" {
			want.Error = &o.Failure
		}
		if o.Unused {
			want.Attempt--
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("%s (-want +got):\n%s", o.State, diff)
		}
		if o.State.Ended() != (got.FinishedAt != nil) || (o.Delay > 0) != (got.RunAt > c.Job.RunAt) || (got.Errors != "") != (o.Failure != "") {
			f.Errorf("%s: %+v", o.State, got)
		}
		f.must(f.jobs.End(ctx, c.Lease, o)) // which the caller may not have heard
		if again := f.get(f.home, c.Job.ID); again.Version != got.Version {
			f.Errorf("%s is stored twice", o.State)
		}
		wrong := c.Lease
		wrong.Token = crm.NewID()
		f.fails("another token", f.jobs.End(ctx, wrong, o), jobs.ErrLeaseLost)
		wrong.Job = crm.NewID()
		f.fails("another job", f.jobs.End(ctx, wrong, o), jobs.ErrLeaseLost)
		if !got.State.Ended() {
			_, err := f.jobs.Cancel(ctx, f.home, got.ID)
			f.must(err)
		}
	}
	// What is to be cancelled is not tried again.
	for _, o := range []jobs.Outcome{{State: jobs.Scheduled, Delay: time.Hour, Failure: "again"}, {State: jobs.Ready, Unused: true}} {
		c := f.running(f.home, jobs.SendEmail)
		_, err := f.jobs.Cancel(ctx, f.home, c.Job.ID)
		f.must(err)
		f.must(f.jobs.End(ctx, c.Lease, o))
		if got := f.get(f.home, c.Job.ID); got.State != jobs.Cancelled || got.FinishedAt == nil {
			f.Errorf("%s: %+v", o.State, got)
		}
	}
}

// endFailures keeps the last failures of a job.
func endFailures(f *fixture) {
	c := f.running(f.home, jobs.SendEmail)
	for n := 1; n <= jobs.MaxErrors+3; n++ {
		f.must(f.jobs.End(f.Context(), c.Lease, jobs.Outcome{State: jobs.Ready, Failure: fmt.Sprint("failure ", n, "\x00\xff", strings.Repeat("é", jobs.MaxErrorLength))}))
		c = f.claim(jobs.SendEmail, 1)[0]
	}
	got := f.get(f.home, c.Job.ID)
	var failures []jobs.Failure
	f.must(got.Errors.Decode(&failures))
	if len(failures) != jobs.MaxErrors || got.Attempt != jobs.MaxErrors+4 {
		f.Fatalf("%d failures of %d attempts", len(failures), got.Attempt)
	}
	for i, failure := range failures {
		n := i + 4
		if failure.Attempt != n || failure.At < got.CreatedAt || !strings.HasPrefix(failure.Error, fmt.Sprint("failure ", n, "\uFFFDé")) || len(failure.Error) > jobs.MaxErrorLength {
			f.Errorf("failure %d: %+v", n, failure)
		}
	}
	if *got.Error != failures[len(failures)-1].Error {
		f.Errorf("the error is %q", *got.Error)
	}
}

// endConcurrently stores many ends at the same time, each told its own.
func endConcurrently(f *fixture) {
	const n = 60
	f.add(f.home, jobs.SendNotification, n)
	claimed := f.claim(jobs.SendNotification, n)
	errs := make([]error, n)
	var ending sync.WaitGroup
	for i, c := range claimed {
		ending.Go(func() {
			l := c.Lease
			if i%10 == 0 {
				l.Token = crm.NewID()
			}
			errs[i] = f.jobs.End(f.Context(), l, jobs.Outcome{State: jobs.Done, Result: jobs.JSON(fmt.Sprint(i))})
		})
	}
	ending.Wait()
	for i, c := range claimed {
		got := f.get(f.home, c.Job.ID)
		if i%10 == 0 {
			f.fails("another token", errs[i], jobs.ErrLeaseLost)
		} else if f.must(errs[i]); got.State != jobs.Done || got.Result != jobs.JSON(fmt.Sprint(i)) {
			f.Errorf("job %d: %+v", i, got)
		}
	}
}

// cancels ends a job that waits at once, and asks a running one to end.
func cancels(f *fixture) {
	ctx := f.Context()
	waits := f.add(f.home, jobs.DataExport, 1)[0]
	got, err := f.jobs.Cancel(ctx, f.home, waits.ID)
	f.must(err)
	if got.State != jobs.Cancelled || got.CancelAt == nil || got.FinishedAt == nil || got.Version != 2 {
		f.Errorf("a job that waited: %+v", got)
	}
	if diff := cmp.Diff(got, f.get(f.home, waits.ID)); diff != "" {
		f.Errorf("it is not as it was returned:\n%s", diff)
	}
	_, err = f.jobs.Cancel(ctx, f.home, waits.ID)
	f.failsWith("a job that has ended", err, crm.CodeConflict)
	c := f.running(f.home, jobs.SendEmail)
	first, err := f.jobs.Cancel(ctx, f.home, c.Job.ID)
	f.must(err)
	second, err := f.jobs.Cancel(ctx, f.home, c.Job.ID)
	f.must(err)
	if first.State != jobs.Running || first.CancelAt == nil || first.FinishedAt != nil {
		f.Errorf("a running job: %+v", first)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		f.Errorf("cancelled twice (-first +second):\n%s", diff)
	}
	f.must(f.jobs.End(ctx, c.Lease, jobs.Outcome{State: jobs.Cancelled}))
	_, err = f.jobs.Cancel(ctx, f.home, crm.NewID())
	f.failsWith("no job", err, crm.CodeNotFound)
	_, err = f.jobs.Cancel(ctx, f.away, c.Job.ID)
	f.failsWith("a job of another organisation", err, crm.CodeNotFound)
}

// retries makes a job ready again that did not succeed.
func retries(f *fixture) {
	ctx := f.Context()
	c := f.running(f.home, jobs.SendEmail)
	_, err := f.jobs.Retry(ctx, f.home, c.Job.ID)
	f.failsWith("a running job", err, crm.CodeConflict)
	f.must(f.jobs.Save(ctx, f.home, c.Lease, jobs.Update{Checkpoint: new(jobs.JSON("5"))}, nil))
	f.must(f.jobs.End(ctx, c.Lease, jobs.Outcome{State: jobs.Failed, Failure: "it broke"}))
	got, err := f.jobs.Retry(ctx, f.home, c.Job.ID)
	f.must(err)
	if got.State != jobs.Ready || got.Attempt != 0 || got.FinishedAt != nil || got.CancelAt != nil || got.Checkpoint != "5" || got.Error == nil {
		f.Errorf("tried again: %+v", got)
	}
	f.fails("the end of the attempt before", f.jobs.End(ctx, c.Lease, jobs.Outcome{State: jobs.Done}), jobs.ErrLeaseLost)
	again := f.claim(jobs.SendEmail, 1)
	if len(again) != 1 || again[0].Job.Attempt != 1 {
		f.Fatalf("claimed: %+v", again)
	}
	f.must(f.jobs.End(ctx, again[0].Lease, jobs.Outcome{State: jobs.Done}))
	_, err = f.jobs.Retry(ctx, f.home, c.Job.ID)
	f.failsWith("a job that is done", err, crm.CodeConflict)
	_, err = f.jobs.Retry(ctx, f.home, crm.NewID())
	f.failsWith("no job", err, crm.CodeNotFound)
}

// schedules are stored, and fire when their time has come.
func schedules(f *fixture) {
	ctx := f.Context()
	now, err := f.jobs.Now(ctx)
	f.must(err)
	at := func(minutes int) crm.Instant { return now + crm.Instant(minutes)*60_000_000 }
	key := crm.NewID()
	put := func(by crm.Actor, name string, next crm.Instant, enabled bool) jobs.Schedule {
		f.Helper()
		s := jobs.Schedule{OrgID: by.Org, ID: crm.NewID(), Name: name, Kind: jobs.GenerateReport, Args: `{"x":1}`, Cron: "* * * * *", Enabled: enabled,
			ActorID: by.UserID(), KeyID: &key, Next: next, CreatedAt: now, UpdatedAt: now}
		f.must(f.jobs.PutSchedule(ctx, by, s))
		return s
	}
	due, second := put(f.home, "b", at(-5), true), put(f.away, "due", at(-10), true)
	future, disabled, system := put(f.home, "c", at(5), true), put(f.home, "a", at(-5), false), put(crm.Actor{}, "system", at(-1), true)
	listed := func(by crm.Actor, want ...jobs.Schedule) {
		f.Helper()
		got, err := f.jobs.Schedules(ctx, by.Org)
		f.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("schedules (-want +got):\n%s", diff)
		}
	}
	listed(f.home, disabled, due, future)
	listed(f.away, second)
	listed(crm.Actor{}, system)
	found, at2, err := f.jobs.DueSchedules(ctx, 10)
	f.must(err)
	if diff := cmp.Diff([]jobs.Schedule{second, due, system}, found); diff != "" || at2 < now {
		f.Errorf("due (-want +got):\n%s", diff)
	}
	if found, _, err = f.jobs.DueSchedules(ctx, 1); err != nil || len(found) != 1 {
		f.Errorf("one of those that are due: %v, %v", found, err)
	}

	fire := func(s jobs.Schedule) (jobs.Job, bool) {
		f.Helper()
		j := job(crm.Actor{Org: s.OrgID}, s.Kind)
		ok, err := f.jobs.Fire(ctx, s, at(7), j)
		f.must(err)
		return j, ok
	}
	j, ok := fire(due)
	got := f.get(f.home, j.ID)
	if !ok || got.State != jobs.Ready || got.ScheduleID == nil || *got.ScheduleID != due.ID || got.Slot == nil || *got.Slot != due.Next {
		f.Errorf("fired %v: %+v", ok, got)
	}
	if _, ok := fire(due); ok {
		f.Error("a slot fired twice")
	}
	if _, ok := fire(disabled); ok {
		f.Error("a disabled schedule fired")
	}
	if _, ok := fire(system); !ok || len(f.claim(jobs.GenerateReport, 10)) != 2 {
		f.Error("the jobs of two schedules are not ready")
	}
	changed := second
	changed.Cron = "0 0 * * *"
	f.must(f.jobs.PutSchedule(ctx, f.away, changed))
	if _, ok := fire(second); ok {
		f.Error("a schedule that was changed fired as it was before")
	}
	due.Next = at(7)
	listed(f.home, disabled, due, future)
	f.failsWith("deleting another organisation's", f.jobs.DeleteSchedule(ctx, f.away, due.ID), crm.CodeNotFound)
	f.must(f.jobs.DeleteSchedule(ctx, f.home, due.ID))
	listed(f.home, disabled, future)
	if _, ok := fire(due); ok {
		f.Error("a deleted schedule fired")
	}
	if err := f.jobs.PutSchedule(ctx, f.home, second); err == nil {
		f.Error("a schedule of another organisation is stored")
	}
}

// slotsOnce has three instances fire sixty slots, each once.
func slotsOnce(f *fixture) {
	const slots, instances = 60, 3
	ctx := f.Context()
	now, err := f.jobs.Now(ctx)
	f.must(err)
	begin := now - slots*60_000_000
	s := jobs.Schedule{OrgID: f.home.Org, ID: crm.NewID(), Name: "every minute", Kind: jobs.GenerateReport, Args: "{}", Cron: "* * * * *", Enabled: true, Next: begin, CreatedAt: now, UpdatedAt: now}
	f.must(f.jobs.PutSchedule(ctx, f.home, s))
	stores := []jobs.Store{f.jobs, f.Open(f.T, store.Options{}).Jobs(), f.Open(f.T, store.Options{}).Jobs()}
	errs := make([]error, instances)
	var firing sync.WaitGroup
	for i := range instances {
		firing.Go(func() {
			for errs[i] == nil {
				due, _, err := stores[i].DueSchedules(ctx, 10)
				if errs[i] = err; err != nil || len(due) == 0 || due[0].Next >= begin+slots*60_000_000 {
					return
				}
				_, errs[i] = stores[i].Fire(ctx, due[0], due[0].Next+60_000_000, job(f.home, due[0].Kind))
			}
		})
	}
	firing.Wait()
	f.must(errors.Join(errs...))
	n, err := f.Query(ctx, "SELECT count(*) FROM jobs WHERE schedule_id = "+f.ID(s.ID))
	f.must(err)
	distinct, err := f.Query(ctx, "SELECT count(DISTINCT slot) FROM jobs")
	f.must(err)
	if n != slots || distinct != slots {
		f.Errorf("%d jobs of %d slots", n, distinct)
	}
	// A slot that was fired stays so, even if the schedule is set back.
	f.must(f.jobs.PutSchedule(ctx, f.home, s))
	_, err = f.jobs.Fire(ctx, s, begin+60_000_000, job(f.home, s.Kind))
	f.must(err)
	if again, err := f.Query(ctx, "SELECT count(*) FROM jobs"); err != nil || again != slots {
		f.Errorf("%d jobs, %v", again, err)
	}
}
