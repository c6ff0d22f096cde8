package jobstest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

// renews extends leases, stores what was noted, and tells which are lost.
func renews(f *fixture) {
	a, b := f.running(f.home, jobs.SendEmail), f.running(f.away, jobs.DataExport)
	gone := a.Lease
	gone.Token = crm.NewID()
	f.must(f.Exec(f.Context(), "UPDATE jobs SET lease_until = "+f.Ago(5)))
	lost, err := f.jobs.Renew(f.Context(), []jobs.Renewal{
		{Lease: a.Lease, Progress: new(40), Note: new("half \x00\xff")}, {Lease: b.Lease},
	})
	f.must(err)
	if len(lost) > 0 {
		f.Errorf("lost %v", lost)
	}
	got := f.get(f.home, a.Job.ID)
	if got.Progress != 40 || got.Note != "half \uFFFD" || got.Version != a.Job.Version+1 {
		f.Errorf("renewed: %+v", got)
	}
	if other := f.get(f.away, b.Job.ID); other.Version != b.Job.Version {
		f.Error("a renewal without a note is a change")
	}
	if swept := f.sweep(); swept.Returned != 0 {
		f.Errorf("renewed leases expire: %+v", swept)
	}
	lost, err = f.jobs.Renew(f.Context(), []jobs.Renewal{{Lease: gone}})
	f.must(err)
	if !slices.Equal(lost, []crm.ID{a.Job.ID}) {
		f.Errorf("lost %v of another token", lost)
	}
	requests := func(want ...crm.ID) {
		f.Helper()
		got, err := f.jobs.CancelRequests(f.Context(), []jobs.Lease{a.Lease, b.Lease})
		f.must(err)
		if diff := cmp.Diff(asTexts(want), asTexts(got)); diff != "" {
			f.Errorf("to be cancelled (-want +got):\n%s", diff)
		}
	}
	requests()
	_, err = f.jobs.Cancel(f.Context(), f.home, a.Job.ID)
	f.must(err)
	requests(a.Job.ID)
	f.must(f.jobs.End(f.Context(), b.Lease, jobs.Outcome{State: jobs.Done}))
	requests(a.Job.ID, b.Job.ID)
}

// expired leases are taken away: the job is tried again, unless it was the last attempt or it is
// to be cancelled.
func expired(f *fixture) {
	again, last, cancelled := f.running(f.home, jobs.SendEmail), f.running(f.home, jobs.DataExport), f.running(f.home, jobs.BulkImport)
	alive := f.running(f.home, jobs.GenerateReport)
	f.must(f.Exec(f.Context(), "UPDATE jobs SET attempt = 3 WHERE id = "+f.ID(last.Job.ID)))
	_, err := f.jobs.Cancel(f.Context(), f.home, cancelled.Job.ID)
	f.must(err)
	f.expire()
	lost, err := f.jobs.Renew(f.Context(), []jobs.Renewal{{Lease: alive.Lease}})
	f.must(err)
	if len(lost) > 0 {
		f.Error("a lease is lost before it was taken away")
	}
	if swept := f.sweep(); swept.Returned != 1 || swept.Failed != 1 || swept.Cancelled != 1 {
		f.Errorf("swept %+v", swept)
	}
	for id, want := range map[crm.ID]jobs.State{again.Job.ID: jobs.Ready, last.Job.ID: jobs.Failed, cancelled.Job.ID: jobs.Cancelled, alive.Job.ID: jobs.Running} {
		got := f.get(f.home, id)
		if got.State != want || got.State.Ended() != (got.FinishedAt != nil) || (got.Error != nil) != (id != alive.Job.ID) {
			f.Errorf("a job is %+v, want %s", got, want)
		}
	}
	for _, c := range []jobs.Claimed{again, last, cancelled} {
		f.fails("the end", f.jobs.End(f.Context(), c.Lease, jobs.Outcome{State: jobs.Done}), jobs.ErrLeaseLost)
		f.fails("a checkpoint", f.jobs.Save(f.Context(), f.home, c.Lease, jobs.Update{}, nil), jobs.ErrLeaseLost)
	}
	lost, err = f.jobs.Renew(f.Context(), []jobs.Renewal{{Lease: again.Lease}})
	f.must(err)
	if len(lost) != 1 {
		f.Error("the lease that was taken away is renewed")
	}
	second := f.claim(jobs.SendEmail, 1)
	if len(second) != 1 || second[0].Job.ID != again.Job.ID || second[0].Job.Attempt != 2 || second[0].Lease.Token == again.Lease.Token {
		f.Errorf("claimed again: %+v", second)
	}
	if swept := f.sweep(); swept.Returned+swept.Failed+swept.Cancelled != 0 {
		f.Errorf("swept again: %+v", swept)
	}
}

// sweepConcurrently returns each expired job once.
func sweepConcurrently(f *fixture) {
	const n, sweepers = 40, 4
	f.add(f.home, jobs.SendNotification, n)
	f.claim(jobs.SendNotification, n)
	f.expire()
	stores := []jobs.Store{f.jobs, f.Open(f.T, store.Options{}).Jobs()}
	var mu sync.Mutex
	returned, errs := int64(0), make([]error, sweepers)
	var sweeping sync.WaitGroup
	for i := range sweepers {
		sweeping.Go(func() {
			swept, ok, err := stores[i%2].Sweep(f.Context())
			mu.Lock()
			defer mu.Unlock()
			if errs[i] = err; ok {
				returned += swept.Returned
			}
		})
	}
	sweeping.Wait()
	f.must(errors.Join(errs...))
	if returned != n {
		f.Errorf("%d jobs were returned, want %d", returned, n)
	}
	if again := f.claim(jobs.SendNotification, n); len(again) != n || again[0].Job.Attempt != 2 {
		f.Errorf("%d jobs are ready again", len(again))
	}
}

// waiting promotes due jobs, and tells which kinds are not claimed.
func waiting(f *fixture) {
	f.add(f.home, jobs.SendEmail, 1)
	late := f.add(f.home, jobs.DataExport, 1)
	idle := f.add(f.home, jobs.BulkImport, 1)
	f.must(f.jobs.SetPaused(f.Context(), jobs.BulkImport, true))
	f.must(f.Exec(f.Context(), "UPDATE jobs SET run_at = "+f.Ago(-60)+" WHERE kind = 'send-email'",
		"UPDATE jobs SET run_at = "+f.Ago(60)+" WHERE id IN ("+f.ID(late[0].ID)+", "+f.ID(idle[0].ID)+")",
		"UPDATE jobs SET state = 'scheduled' WHERE id = "+f.ID(idle[0].ID)))
	swept := f.sweep()
	if swept.Promoted != 1 || !slices.Equal(swept.Waiting, []jobs.Kind{jobs.DataExport}) {
		f.Errorf("swept %+v", swept)
	}
	if got := f.get(f.home, idle[0].ID); got.State != jobs.Ready {
		f.Errorf("the scheduled job is %s", got.State)
	}
}

// company returns one of an organisation.
func company(org crm.ID, name string) crm.Company {
	return crm.Company{OrgID: org, ID: crm.NewID(), Name: name, CreatedAt: 1, UpdatedAt: 1, Version: 1}
}

// effects are all ways in which a handler writes, each of one company.
func (f *fixture) effects(by crm.Actor) map[string]func(context.Context) (crm.ID, error) {
	one := func(write func(context.Context, crm.Company) error) func(context.Context) (crm.ID, error) {
		return func(ctx context.Context) (crm.ID, error) {
			c := company(by.Org, "Acme")
			return c.ID, write(ctx, c)
		}
	}
	write := func(ctx context.Context, c crm.Company) error {
		return f.store.Write(ctx, by, 1, func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{c}) })
	}
	return map[string]func(context.Context) (crm.ID, error){
		"a write": one(write),
		"a unit of work": one(func(ctx context.Context, c crm.Company) error {
			return f.store.CRM().Atomic(ctx, by, 1, func(ctx context.Context) error { return write(ctx, c) })
		}),
		"a batch of an import": one(func(ctx context.Context, c crm.Company) error {
			rows := []crm.Company{c}
			for range 60 {
				rows = append(rows, company(by.Org, "More"))
			}
			return f.store.Bulk().Write(ctx, by, 1, func(tx bulk.Tx) error {
				tx.BeginImport(crm.NewID())
				return tx.Companies().Insert(ctx, rows)
			})
		}),
		"what enters no change": one(func(ctx context.Context, c crm.Company) error {
			_, err := f.jobs.Insert(ctx, by, []jobs.Job{{OrgID: by.Org, ID: c.ID, Kind: jobs.SendEmail, MaxAttempts: 1, Args: "{}"}})
			return err
		}),
	}
}

// there counts the companies and jobs with an id.
func (f *fixture) there(id crm.ID) int64 {
	f.Helper()
	n, err := f.Query(f.Context(), "SELECT (SELECT count(*) FROM companies WHERE id = "+f.ID(id)+") + (SELECT count(*) FROM jobs WHERE id = "+f.ID(id)+")")
	f.must(err)
	return n
}

// fence commits what is written under a lease that is held, and nothing once it is lost.
func fence(f *fixture) {
	for name, effect := range f.effects(f.home) {
		c := f.running(f.home, jobs.BulkImport)
		ctx := jobs.WithLease(f.Context(), c.Lease)
		id, err := effect(ctx)
		if f.must(err); f.there(id) != 1 {
			f.Errorf("%s under the lease is not there", name)
		}
		f.expire()
		if id, err = effect(ctx); err != nil || f.there(id) != 1 {
			f.Errorf("%s under a lease that was not taken away: %v", name, err)
		}
		f.sweep()
		if id, err = effect(ctx); !errors.Is(err, jobs.ErrLeaseLost) || f.there(id) != 0 {
			f.Errorf("%s under a lost lease: %v, %d there", name, err, f.there(id))
		}
		second := f.claim(jobs.BulkImport, 1)
		if id, err = effect(ctx); !errors.Is(err, jobs.ErrLeaseLost) || f.there(id) != 0 {
			f.Errorf("%s while another one has the lease: %v", name, err)
		}
		if id, err = effect(jobs.WithLease(f.Context(), second[0].Lease)); err != nil || f.there(id) != 1 {
			f.Errorf("%s under the second lease: %v", name, err)
		}
		f.must(f.jobs.End(f.Context(), second[0].Lease, jobs.Outcome{State: jobs.Done}))
		if id, err = effect(jobs.WithLease(f.Context(), second[0].Lease)); !errors.Is(err, jobs.ErrLeaseLost) || f.there(id) != 0 {
			f.Errorf("%s after the end: %v", name, err)
		}
	}
}

// fenceConcurrently has transactions of one job commit at the same time, and its lease renewed
// while they are open.
func fenceConcurrently(f *fixture) {
	c := f.running(f.home, jobs.BulkImport)
	ctx := jobs.WithLease(f.Context(), c.Lease)
	begun, goOn := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- f.store.Write(ctx, f.home, 1, func(tx store.Tx) error {
			err := tx.Companies().Insert(ctx, []crm.Company{company(f.home.Org, "Slow")})
			close(begun)
			<-goOn
			return err
		})
	}()
	wait(f.T, "a transaction", begun)
	if !f.OneWriter {
		lost, err := f.jobs.Renew(f.Context(), []jobs.Renewal{{Lease: c.Lease, Progress: new(50)}})
		if f.must(err); len(lost) > 0 {
			f.Error("the lease is lost")
		}
		f.must(f.jobs.Save(f.Context(), f.home, c.Lease, jobs.Update{Checkpoint: new(jobs.JSON("1"))}, nil))
		f.must(f.store.Write(ctx, f.home, 1, func(tx store.Tx) error {
			return tx.Companies().Insert(ctx, []crm.Company{company(f.home.Org, "Quick")})
		}))
	}
	close(goOn)
	f.must(wait(f.T, "the transaction", first))

	// Batches and checkpoints wait for each other, and never in a circle.
	const writers = 6
	errs := make([]error, writers)
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			write := func(ctx context.Context) error {
				return f.store.Write(ctx, f.home, 1, func(tx store.Tx) error {
					return tx.Companies().Insert(ctx, []crm.Company{company(f.home.Org, "Many")})
				})
			}
			for range 10 {
				if i%2 == 0 {
					errs[i] = errors.Join(errs[i], write(ctx))
				} else {
					errs[i] = errors.Join(errs[i], f.jobs.Save(ctx, f.home, c.Lease, jobs.Update{Progress: new(i)}, write))
				}
			}
		})
	}
	writing.Wait()
	f.must(errors.Join(errs...))
}

// fenceOfSystem holds for jobs of the system too: in transactions of organisations, and in those
// of the service.
func fenceOfSystem(f *fixture) {
	c := f.running(crm.Actor{}, jobs.DataCleanup)
	ctx := jobs.WithLease(f.Context(), c.Lease)
	service := func(ctx context.Context) error { return f.jobs.SetTotal(ctx, jobs.DataCleanup, 9) }
	for name, effect := range f.effects(f.home) {
		if id, err := effect(ctx); err != nil || f.there(id) != 1 {
			f.Errorf("%s under the lease: %v", name, err)
		}
	}
	f.must(service(ctx))
	f.must(f.jobs.Save(ctx, crm.Actor{}, c.Lease, jobs.Update{Checkpoint: new(jobs.JSON("7"))}, nil))
	f.expire()
	f.sweep()
	for name, effect := range f.effects(f.home) {
		if id, err := effect(ctx); !errors.Is(err, jobs.ErrLeaseLost) || f.there(id) != 0 {
			f.Errorf("%s under a lost lease: %v", name, err)
		}
	}
	f.fails("the service", service(ctx), jobs.ErrLeaseLost)
	if again := f.claim(jobs.DataCleanup, 1); len(again) != 1 || again[0].Job.Checkpoint != "7" || !again[0].Job.System() {
		f.Errorf("claimed again: %+v", again)
	}
}

// fenceAgainstSweep has either the effect be there or the lease be taken away before, never both
// the effect and another attempt that does not see it.
func fenceAgainstSweep(f *fixture) {
	for range 20 {
		c := f.running(f.home, jobs.BulkImport)
		ctx := jobs.WithLease(f.Context(), c.Lease)
		done := company(f.home.Org, "Effect")
		var racing sync.WaitGroup
		var saved, swept error
		racing.Go(func() {
			saved = f.jobs.Save(ctx, f.home, c.Lease, jobs.Update{Done: new(jobs.JSON("true"))}, func(ctx context.Context) error {
				return f.store.Write(ctx, f.home, 1, func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{done}) })
			})
		})
		racing.Go(func() {
			f.expire()
			_, _, swept = f.jobs.Sweep(f.Context())
		})
		racing.Wait()
		f.must(swept)
		got := f.get(f.home, c.Job.ID)
		switch {
		case saved == nil && got.State == jobs.Done && f.there(done.ID) == 1:
		case errors.Is(saved, jobs.ErrLeaseLost) && got.State == jobs.Ready && f.there(done.ID) == 0:
			_, err := f.jobs.Cancel(f.Context(), f.home, c.Job.ID)
			f.must(err)
		default:
			f.Fatalf("saved %v, the job is %s, %d effects", saved, got.State, f.there(done.ID))
		}
	}
}
