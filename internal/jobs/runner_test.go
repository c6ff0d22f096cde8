package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	jobsredis "sixty/internal/jobs/redis"
	"sixty/internal/redis"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

// patience is how long anything may take: tests run on busy machines.
const patience = time.Minute

// bed is a store with an organisation, and what runs its jobs.
type bed struct {
	*testing.T
	store jobs.Store
	crm   *crm.Service
	org   crm.Actor
	kinds []jobs.Spec
	jobs  *jobs.Service
	// change changes the options of runners.
	change func(*jobs.RunnerOptions)
}

// the kind that most tests run, under the name of a real one.
const kind = jobs.GenerateReport

// eachEngine runs a test on every engine, with a handler.
func eachEngine(t *testing.T, run func(*bed, context.Context, *jobs.Task) (any, error), test func(*bed)) {
	t.Helper()
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		s := enginetest.Open(t, engine)
		b := &bed{T: t, store: s.Jobs(), crm: crm.NewService(s.CRM(), time.Now), org: enginetest.Organisation(t, s, "Acme"), change: func(*jobs.RunnerOptions) {}}
		b.kinds = []jobs.Spec{{
			Kind: kind, Limits: jobs.Limits{Concurrency: 2, Attempts: 3, Backoff: jobs.Backoff{First: time.Millisecond}},
			Run: func(ctx context.Context, t *jobs.Task) (any, error) { return run(b, ctx, t) },
		}}
		b.jobs = jobs.NewService(b.store, b.kinds...)
		test(b)
	})
}

// start runs a runner until stop is called, which waits for it, or until the end of the test.
func (b *bed) start() (stop func()) {
	b.Helper()
	o := jobs.RunnerOptions{
		Store: b.store, Specs: b.kinds, StopLimit: patience,
		Rights: func(_ context.Context, j jobs.Job) (crm.Actor, error) { return crm.Operator(j.OrgID), nil },
	}
	b.change(&o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		jobs.NewRunner(o).Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	b.Cleanup(stop)
	return stop
}

func (b *bed) add(n jobs.NewJob) crm.ID {
	b.Helper()
	n.Kind = kind
	added, err := b.jobs.Add(b.Context(), b.org, n)
	if err != nil {
		b.Fatal(err)
	}
	return added[0].ID
}

func (b *bed) job(id crm.ID) jobs.Job {
	b.Helper()
	j, err := b.store.Job(b.Context(), b.org.Org, id)
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// until waits until a job is in a state.
func (b *bed) until(id crm.ID, state jobs.State) jobs.Job {
	b.Helper()
	var j jobs.Job
	b.eventually(fmt.Sprintf("the job is %s", state), func() bool {
		j = b.job(id)
		return j.State == state
	})
	return j
}

func (b *bed) eventually(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("not in time: %s", what)
		}
	}
}

// contacts returns how many contacts there are: effects of handlers.
func (b *bed) contacts() int64 {
	b.Helper()
	page, err := b.crm.Contacts(b.Context(), b.org, crm.List[crm.ContactFilter]{Sort: crm.Contacts.Sorts.Default, Limit: 1, Count: crm.CountExact})
	if err != nil {
		b.Fatal(err)
	}
	return *page.Total
}

// effect is a handler's: a contact.
func (b *bed) effect(by crm.Actor) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := b.crm.CreateContact(ctx, by, crm.ContactPatch{FirstName: crm.Of("Ada"), LastName: crm.Of("Effect")})
		return err
	}
}

func TestRun(t *testing.T) {
	type args struct{ Number int }
	eachEngine(t, func(b *bed, ctx context.Context, t *jobs.Task) (any, error) {
		var a args
		if err := t.Args(&a); err != nil {
			return nil, err
		}
		if t.By != b.org {
			return nil, jobs.Permanent(fmt.Errorf("the actor is %v", t.By))
		}
		return a.Number + 1, nil
	}, func(b *bed) {
		b.start()
		ids := make([]crm.ID, 20)
		for i := range ids {
			ids[i] = b.add(jobs.NewJob{Args: args{i}})
		}
		for i, id := range ids {
			j := b.until(id, jobs.Done)
			if string(j.Result) != fmt.Sprint(i+1) || j.Progress != 100 || j.Attempt != 1 || j.StartedAt == nil || j.FinishedAt == nil || j.Error != nil {
				b.Errorf("job %d: %+v", i, j)
			}
		}
	})
}

func TestFailures(t *testing.T) {
	eachEngine(t, func(b *bed, ctx context.Context, t *jobs.Task) (any, error) {
		var how string
		if err := t.Args(&how); err != nil {
			return nil, err
		}
		switch how {
		case "once":
			if t.Job.Attempt == 1 {
				return nil, errors.New("the first attempt fails")
			}
			return "second", nil
		case "panic":
			panic("a defect")
		case "permanent":
			return nil, jobs.Permanent(errors.New("it can never be done"))
		case "invalid":
			return nil, crm.Invalid(crm.FieldError{Field: "file", Message: "is not a file"})
		case "unavailable":
			if t.Job.Errors == "[]" || t.Job.Errors == "" {
				return nil, crm.Unavailable(errors.New("the database is away"))
			}
			return t.Job.Attempt, nil
		case "result":
			return make(chan int), nil
		}
		return nil, errors.New(strings.Repeat("é", 1000))
	}, func(b *bed) {
		b.start()
		for how, want := range map[string]struct {
			state   jobs.State
			attempt int
			failure string // a part of the last
		}{
			"once":        {jobs.Done, 2, "the first attempt fails"},
			"panic":       {jobs.Failed, 3, "panic: a defect"},
			"permanent":   {jobs.Failed, 1, "it can never be done"},
			"invalid":     {jobs.Failed, 1, "is not a file"},
			"unavailable": {jobs.Done, 1, "database"},
			"result":      {jobs.Failed, 1, "the result"},
			"always":      {jobs.Failed, 3, "éé"},
		} {
			id := b.add(jobs.NewJob{Args: how})
			b.eventually(how+" has ended", func() bool { return b.job(id).State.Ended() })
			j := b.job(id)
			if j.State != want.state || j.Attempt != want.attempt || j.Error == nil || !strings.Contains(*j.Error, want.failure) || len(*j.Error) > jobs.MaxErrorLength {
				b.Errorf("%s: %s, attempt %d, %v", how, j.State, j.Attempt, j.Error)
			}
		}
	})
}

func TestRights(t *testing.T) {
	eachEngine(t, func(*bed, context.Context, *jobs.Task) (any, error) {
		return "it must not run", nil
	}, func(b *bed) {
		b.change = func(o *jobs.RunnerOptions) {
			o.Rights = func(context.Context, jobs.Job) (crm.Actor, error) {
				return crm.Actor{}, crm.Forbidden("The user who asked for it is deactivated or deleted.")
			}
		}
		b.start()
		if j := b.until(b.add(jobs.NewJob{}), jobs.Failed); j.Error == nil || !strings.Contains(*j.Error, "deactivated") || j.Attempt != 1 {
			b.Errorf("%+v", j)
		}
	})
}

// A job is cancelled while it runs: what it has committed stays, and nothing is committed afterwards.
func TestCancel(t *testing.T) {
	begun := make(chan struct{}, 2)
	eachEngine(t, func(b *bed, ctx context.Context, t *jobs.Task) (any, error) {
		if err := t.Save(ctx, "first", b.effect(t.By)); err != nil {
			return nil, err
		}
		begun <- struct{}{}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
			return nil, fmt.Errorf("the cause is %w", context.Cause(ctx))
		}
		return nil, t.Complete(ctx, nil, b.effect(t.By))
	}, func(b *bed) {
		b.start()
		id := b.add(jobs.NewJob{})
		<-begun
		if _, err := b.store.Cancel(b.Context(), b.org, id); err != nil {
			b.Fatal(err)
		}
		if j := b.until(id, jobs.Cancelled); j.Checkpoint != `"first"` || b.contacts() != 1 {
			b.Errorf("%d effects, %+v", b.contacts(), j)
		}
	})
}

// A runner that stops returns its jobs to the queue at a checkpoint. The attempt does not count.
func TestStop(t *testing.T) {
	var saved atomic.Int64
	eachEngine(t, func(b *bed, ctx context.Context, t *jobs.Task) (any, error) {
		var step int
		if resumed, err := t.Resume(&step); resumed || err != nil {
			return step, err
		}
		for {
			step++
			if err := t.Save(ctx, step, b.effect(t.By)); err != nil {
				return nil, err
			}
			saved.Add(1)
		}
	}, func(b *bed) {
		stop := b.start()
		id := b.add(jobs.NewJob{})
		was := saved.Load()
		b.eventually("a checkpoint is saved", func() bool { return saved.Load() > was })
		stop()
		j := b.job(id)
		if j.State != jobs.Ready || j.Attempt != 0 || string(j.Checkpoint) != fmt.Sprint(b.contacts()) {
			b.Fatalf("after the stop, with %d effects: %+v", b.contacts(), j)
		}
		b.start()
		if done := b.until(id, jobs.Done); done.Result != j.Checkpoint || done.Attempt != 1 {
			b.Errorf("resumed: %+v", done)
		}
	})
}

// A handler that comes to no checkpoint is interrupted.
func TestStopInterrupts(t *testing.T) {
	begun := make(chan struct{}, 2)
	eachEngine(t, func(b *bed, ctx context.Context, t *jobs.Task) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}, func(b *bed) {
		b.change = func(o *jobs.RunnerOptions) { o.StopLimit = time.Millisecond }
		stop := b.start()
		id := b.add(jobs.NewJob{})
		<-begun
		stop()
		if j := b.job(id); j.State != jobs.Ready || j.Attempt != 0 || j.Error != nil {
			b.Errorf("%+v", j)
		}
	})
}

// Progress is stored without a checkpoint.
func TestProgress(t *testing.T) {
	eachEngine(t, func(b *bed, ctx context.Context, t *jobs.Task) (any, error) {
		t.Progress(40, "two of five")
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}, func(b *bed) {
		b.start()
		id := b.add(jobs.NewJob{})
		b.eventually("the progress is stored", func() bool {
			j := b.job(id)
			return j.Progress == 40 && j.Note == "two of five" && j.State == jobs.Running
		})
		if _, err := b.store.Cancel(b.Context(), b.org, id); err != nil {
			b.Fatal(err)
		}
		b.until(id, jobs.Cancelled)
	})
}

// The system's schedules add jobs, and those that are configured no more do not.
func TestSchedules(t *testing.T) {
	eachEngine(t, func(*bed, context.Context, *jobs.Task) (any, error) { return nil, nil }, func(b *bed) {
		b.change = func(o *jobs.RunnerOptions) { o.Schedules = map[jobs.Kind]string{kind: "0 3 * * *"} }
		stop := b.start()
		read := func() []jobs.Schedule {
			found, err := b.store.Schedules(b.Context(), crm.ID{})
			if err != nil {
				b.Fatal(err)
			}
			return found
		}
		b.eventually("the schedule is stored", func() bool { return len(read()) == 1 })
		stop()
		s := read()[0]
		if next := s.Next.Time(); !s.Enabled || s.Kind != kind || next.Hour() != 3 || next.Minute() != 0 {
			b.Errorf("%+v", s)
		}
		// Its time has come, and one more was missed.
		s.Next -= crm.Instant((48 * time.Hour).Microseconds())
		if err := b.store.PutSchedule(b.Context(), crm.Actor{}, s); err != nil {
			b.Fatal(err)
		}
		stop = b.start()
		b.eventually("its job is done", func() bool {
			page, err := b.store.Page(b.Context(), crm.ID{}, crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 10})
			if err != nil {
				b.Fatal(err)
			}
			if len(page.Rows) > 1 {
				b.Fatalf("there are %d jobs", len(page.Rows))
			}
			return len(page.Rows) == 1 && page.Rows[0].State == jobs.Done && *page.Rows[0].Slot == s.Next && *page.Rows[0].ScheduleID == s.ID
		})
		stop()
		if next := read()[0].Next; next <= s.Next {
			b.Errorf("the next time is %s", next.Time())
		}
		b.change = func(*jobs.RunnerOptions) {}
		b.start()
		b.eventually("the schedule is disabled", func() bool { return !read()[0].Enabled })
	})
}

// The jobs of a schedule that was made by an API key have no more rights than the key.
func TestScheduleOfKey(t *testing.T) {
	eachEngine(t, func(*bed, context.Context, *jobs.Task) (any, error) { return nil, nil }, func(b *bed) {
		by := crm.Actor{Org: b.org.Org, User: crm.NewID(), Key: crm.NewID(), Role: crm.RoleManager}
		b.kinds[0].Scope = crm.ScopeExport
		b.kinds[0].Check = func(context.Context, crm.Actor, json.RawMessage) error { return nil }
		s, err := jobs.NewService(b.store, b.kinds...).CreateSchedule(b.Context(), by, jobs.SchedulePatch{
			Name: crm.Of("Daily"), Kind: crm.Of(string(kind)), Args: crm.Of(json.RawMessage("{}")), Cron: crm.Of("0 3 * * *"),
		})
		if err != nil {
			b.Fatal(err)
		}
		s.Next -= crm.Instant((48 * time.Hour).Microseconds())
		if err := b.store.PutSchedule(b.Context(), by, s); err != nil {
			b.Fatal(err)
		}
		asked := make(chan jobs.Job, 1)
		b.change = func(o *jobs.RunnerOptions) {
			o.Rights = func(_ context.Context, j jobs.Job) (crm.Actor, error) {
				asked <- j
				return by, nil
			}
		}
		b.start()
		if j := <-asked; j.ActorID == nil || *j.ActorID != by.User || j.KeyID == nil || *j.KeyID != by.Key {
			b.Errorf("the rights of %v and %v are asked for", j.ActorID, j.KeyID)
		}
	})
}

// An instance that runs no jobs hands them over, by Redis or by the database.
func TestHandOver(t *testing.T) {
	t.Parallel()
	for name, withRedis := range map[string]bool{"Redis": true, "Database": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := enginetest.Opener(t, enginetest.Postgres)
			runs, adds := open(store.Options{}), &atomic.Pointer[jobs.Announcer]{}
			elsewhere := open(store.Options{Enqueued: func(kinds []jobs.Kind) { adds.Load().Enqueued(kinds) }})
			specs := []jobs.Spec{{
				Kind: kind, Limits: jobs.Limits{Concurrency: 1, Attempts: 1},
				Run: func(context.Context, *jobs.Task) (any, error) { return nil, nil },
			}}
			var handovers [2]jobs.Handover
			if withRedis {
				for i := range handovers {
					handovers[i] = openHandover(t)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			announcer := jobs.NewAnnouncer(elsewhere.Jobs(), nil, handovers[0])
			adds.Store(announcer)
			ended := make(chan struct{}, 2)
			go func() { announcer.Run(ctx); ended <- struct{}{} }()
			go func() {
				jobs.NewRunner(jobs.RunnerOptions{
					Store: runs.Jobs(), Specs: specs, Handover: handovers[1], StopLimit: patience,
					Rights: func(_ context.Context, j jobs.Job) (crm.Actor, error) { return crm.Operator(j.OrgID), nil },
				}).Run(ctx)
				ended <- struct{}{}
			}()
			b := &bed{T: t, store: elsewhere.Jobs(), org: enginetest.Organisation(t, elsewhere, "Acme"), jobs: jobs.NewService(elsewhere.Jobs(), specs...)}
			for range 20 {
				b.until(b.add(jobs.NewJob{}), jobs.Done)
			}
			cancel()
			<-ended
			<-ended
		})
	}
}

func openHandover(t *testing.T) *jobsredis.Handover {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	conn := redis.New(redis.Options{Addresses: []string{servertest.RedisAddress(t)}, Mode: redis.Single, Logger: log})
	t.Cleanup(conn.Close)
	h := jobsredis.New(conn, t.Name(), log)
	t.Cleanup(h.Close)
	return h
}
