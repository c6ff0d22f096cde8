// Package faults tests that jobs survive: processes that are killed, a database that restarts and a
// Redis that loses everything, all at once.
package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	jobsredis "sixty/internal/jobs/redis"
	"sixty/internal/redis"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// What a worker process is told by its environment.
const (
	databaseEnv = "SIXTY_TEST_WORKER_DATABASE"
	redisEnv    = "SIXTY_TEST_WORKER_REDIS"
	fullEnv     = "SIXTY_TEST_FAULTS" // "full": the long run
)

func TestMain(m *testing.M) {
	if url := os.Getenv(databaseEnv); url != "" {
		worker(url, os.Getenv(redisEnv))
		return
	}
	servertest.VerifyTestMain(m)
}

// The kinds that the workers run, under the names of real ones.
const (
	oneEffect  = jobs.SendNotification // a contact, with the job's end
	twoEffects = jobs.GenerateReport   // a contact with a checkpoint, another one with the end
	endless    = jobs.DataExport       // until it is cancelled
)

// args are those of a job: the names of its effects.
type args struct {
	Name string `json:"name"`
}

// specs returns the kinds over a store.
func specs(s *store.Store) []jobs.Spec {
	service := crm.NewService(s.CRM(), time.Now)
	effect := func(by crm.Actor, name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := service.CreateContact(ctx, by, crm.ContactPatch{FirstName: crm.Of(name), LastName: crm.Of("effect")})
			return err
		}
	}
	limits := jobs.Limits{Concurrency: 8, Attempts: 100, Backoff: jobs.Backoff{First: 10 * time.Millisecond}}
	return []jobs.Spec{
		{Kind: oneEffect, Limits: limits, Run: func(ctx context.Context, t *jobs.Task) (any, error) {
			var a args
			if err := t.Args(&a); err != nil {
				return nil, err
			}
			return nil, t.Complete(ctx, a, effect(t.By, a.Name))
		}},
		{Kind: twoEffects, Limits: limits, Run: func(ctx context.Context, t *jobs.Task) (any, error) {
			var a args
			if err := t.Args(&a); err != nil {
				return nil, err
			}
			var step int
			if _, err := t.Resume(&step); err != nil {
				return nil, err
			}
			if step == 0 {
				if err := t.Save(ctx, 1, effect(t.By, a.Name+".1")); err != nil {
					return nil, err
				}
			}
			return nil, t.Complete(ctx, a, effect(t.By, a.Name+".2"))
		}},
		{Kind: endless, Limits: limits, Run: func(ctx context.Context, t *jobs.Task) (any, error) {
			for step := 0; ; step++ {
				if err := t.Save(ctx, step, nil); err != nil {
					return nil, err
				}
				select {
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				case <-time.After(10 * time.Millisecond):
				}
			}
		}},
	}
}

// open opens a store. Closing it closes the engine.
func open(ctx context.Context, url string) (*store.Store, error) {
	engine, err := postgres.Open(ctx, postgres.Options{URL: url, MinConns: 1, MaxConns: 8, StatementTimeout: 10 * time.Second})
	if err != nil {
		return nil, err
	}
	if err := engine.Migrate(ctx); err != nil {
		_ = engine.Close()
		return nil, err
	}
	return store.New(engine, store.Options{}), nil
}

// worker runs jobs until the process is told to end.
func worker(url, redisAddress string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := open(ctx, url)
	for err != nil && ctx.Err() == nil { // the server restarts
		time.Sleep(50 * time.Millisecond)
		s, err = open(ctx, url)
	}
	if err != nil {
		return
	}
	conn := redis.New(redis.Options{Addresses: []string{redisAddress}, Mode: redis.Single, Logger: log})
	handover := jobsredis.New(conn, "faults", log)
	jobs.NewRunner(jobs.RunnerOptions{
		Store: s.Jobs(), Specs: specs(s), Handover: handover, Logger: log, StopLimit: 5 * time.Second,
		Rights: func(_ context.Context, j jobs.Job) (crm.Actor, error) { return crm.Operator(j.OrgID), nil },
	}).Run(ctx)
	handover.Close()
	conn.Close()
	_ = s.Close()
}

// scale is how long a run is.
type scale struct {
	jobs     int
	kills    time.Duration // between two
	restarts int           // of PostgreSQL
	bound    time.Duration // of the whole run
	// expire: leases of killed workers, and with them all others, are expired by hand instead of
	// in their time.
	expire bool
}

func scaleOf() scale {
	if os.Getenv(fullEnv) == "full" {
		return scale{jobs: 10_000, kills: 2 * time.Second, restarts: 3, bound: 10 * time.Minute}
	}
	return scale{jobs: 600, kills: 500 * time.Millisecond, restarts: 1, bound: 3 * time.Minute, expire: true}
}

// batch is how many jobs are added in one transaction.
const batch = 20

// run is the state of a test.
type run struct {
	*testing.T
	scale    scale
	server   *servertest.Postgres
	redis    string
	conn     *redis.Conn
	store    *store.Store
	service  *crm.Service
	jobs     *jobs.Service
	org      crm.Actor
	workers  []*exec.Cmd
	deadline time.Time
	kills    int
}

func TestEffectsOnce(t *testing.T) {
	t.Parallel()
	r := &run{T: t, scale: scaleOf(), server: servertest.OwnPostgres(t), redis: servertest.RedisAddress(t)}
	r.deadline = time.Now().Add(r.scale.bound)
	var err error
	if r.store, err = open(t.Context(), r.server.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.store.Close() })
	r.conn = redis.New(redis.Options{Addresses: []string{r.redis}, Mode: redis.Single, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(r.conn.Close)
	organisation, err := accounts.NewService(r.store.Accounts(), time.Now, "EUR").CreateOrganisation(t.Context(), "Faults")
	if err != nil {
		t.Fatal(err)
	}
	r.org, r.service, r.jobs = crm.Operator(organisation.ID), crm.NewService(r.store.CRM(), time.Now), jobs.NewService(r.store.Jobs(), specs(r.store)...)
	for range 3 {
		r.workers = append(r.workers, r.startWorker())
	}
	t.Cleanup(func() {
		for _, w := range r.workers {
			r.kill(w)
		}
	})
	long := r.add(endless, "long")

	restarts := r.scale.restarts
	nextKill, nextFlush := time.Now().Add(r.scale.kills), time.Now()
	added := 0
	for began := time.Now(); ; {
		if added < r.scale.jobs && r.addBatch(added) {
			added += batch
		}
		if now := time.Now(); now.After(nextFlush) {
			nextFlush = now.Add(200 * time.Millisecond)
			r.flushRedis()
		}
		if now := time.Now(); now.After(nextKill) {
			nextKill = now.Add(r.scale.kills)
			r.replaceWorker()
		}
		if restarts > 0 && added >= r.scale.jobs*(r.scale.restarts-restarts+1)/(r.scale.restarts+1) {
			restarts--
			r.server.Restart()
		}
		if added >= r.scale.jobs {
			if left := r.left(); left == 0 {
				t.Logf("%d jobs ended after %s, with %d workers killed and %d restarts", added, time.Since(began).Round(time.Millisecond), r.kills, r.scale.restarts)
				break
			} else if time.Now().After(r.deadline) {
				t.Fatalf("%d jobs have not ended after %s", left, r.scale.bound)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	r.checkEffects()
	r.cancel(long)
}

// startWorker starts a process that runs jobs.
func (r *run) startWorker() *exec.Cmd {
	w := exec.CommandContext(r.Context(), os.Args[0])
	w.Env = append(os.Environ(), databaseEnv+"="+r.server.URL(), redisEnv+"="+r.redis)
	w.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if testing.Verbose() {
		w.Stderr = os.Stderr
	}
	if err := w.Start(); err != nil {
		r.Fatal(err)
	}
	return w
}

// kill ends a worker at once.
func (r *run) kill(w *exec.Cmd) {
	_ = w.Process.Kill()
	_ = w.Wait()
}

// replaceWorker kills one of the workers, in turns, and starts another.
func (r *run) replaceWorker() {
	r.kill(r.workers[0])
	r.workers = append(r.workers[1:], r.startWorker())
	r.kills++
	if r.scale.expire {
		r.exec("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'")
	}
}

// exec runs a statement as the superuser; while the server restarts, it does not.
func (r *run) exec(statement string) {
	conn, err := pgx.Connect(r.Context(), r.server.URL())
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(r.Context()) }()
	_, _ = conn.Exec(r.Context(), statement)
}

func (r *run) flushRedis() {
	if c := r.conn.Client(); c != nil {
		// The lists of this test alone: others share the server.
		var keys []string
		for _, kind := range []jobs.Kind{oneEffect, twoEffects, endless} {
			keys = append(keys, "sixty:faults:{jobs}:"+string(kind))
		}
		_ = c.Do(r.Context(), c.B().Del().Key(keys...).Build()).Error()
	}
}

// add adds one job.
func (r *run) add(kind jobs.Kind, name string) crm.ID {
	added, err := r.jobs.Add(r.Context(), r.org, jobs.NewJob{Kind: kind, Args: args{name}})
	if err != nil {
		r.Fatal(err)
	}
	return added[0].ID
}

// addBatch adds the jobs from a number on, in one transaction with a record that shows that it
// was committed. It reports whether they are added: not, or not yet known, while the server restarts.
func (r *run) addBatch(from int) bool {
	marker := "batch " + strconv.Itoa(from)
	err := r.service.Atomic(r.Context(), r.org, func(ctx context.Context) error {
		if _, err := r.service.CreateCompany(ctx, r.org, crm.CompanyPatch{Name: crm.Of(marker), ExternalID: crm.Of(marker)}); err != nil {
			return err
		}
		for n := from; n < from+batch; n++ {
			kind := []jobs.Kind{oneEffect, twoEffects}[n%2]
			if _, err := r.jobs.Add(ctx, r.org, jobs.NewJob{Kind: kind, Args: args{strconv.Itoa(n)}}); err != nil {
				return err
			}
		}
		return nil
	})
	switch crm.CodeOf(err) {
	case "", crm.CodeConflict: // it was committed before
		return true
	case crm.CodeUnavailable, crm.CodeCommitUnknown:
		return false
	}
	if strings.Contains(err.Error(), "shutting down") || strings.Contains(err.Error(), "closed") {
		return false
	}
	r.Fatal(err)
	return false
}

// left returns how many jobs have not ended, but the endless one; 1 if that cannot be read.
func (r *run) left() int64 {
	stats, err := r.store.Jobs().Stats(r.Context(), &r.org.Org)
	if err != nil {
		return 1
	}
	var left int64
	for _, s := range stats {
		if s.Kind != endless {
			left += s.Scheduled + s.Ready + s.Running
		}
		if s.Failed > 0 {
			r.Fatalf("%d jobs of the kind %s have failed", s.Failed, s.Kind)
		}
	}
	return left
}

// checkEffects checks that each effect is there exactly once, and no other.
func (r *run) checkEffects() {
	conn, err := pgx.Connect(r.Context(), r.server.URL())
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(r.Context()) }()
	rows, err := conn.Query(r.Context(), "SELECT first_name, count(*) FROM contacts GROUP BY 1")
	if err != nil {
		r.Fatal(err)
	}
	found := map[string]int64{}
	var name string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		found[name] = n
		return nil
	}); err != nil {
		r.Fatal(err)
	}
	want := map[string]bool{}
	for n := range r.scale.jobs {
		if n%2 == 0 {
			want[strconv.Itoa(n)] = true
		} else {
			want[fmt.Sprintf("%d.1", n)], want[fmt.Sprintf("%d.2", n)] = true, true
		}
	}
	for name := range want {
		if found[name] != 1 {
			r.Errorf("the effect %s is there %d times", name, found[name])
		}
	}
	if len(found) != len(want) {
		r.Errorf("there are %d effects instead of %d", len(found), len(want))
	}
	var again int64
	if err := conn.QueryRow(r.Context(), "SELECT count(*) FROM jobs WHERE attempt > 1").Scan(&again); err != nil {
		r.Fatal(err)
	}
	if again == 0 {
		r.Error("no job was begun twice: the run has tested nothing")
	}
	r.Logf("%d effects, each once; %d jobs were begun more than once", len(found), again)
}

// cancel cancels a running job, and waits for its end.
func (r *run) cancel(id crm.ID) {
	read := func() jobs.Job {
		j, err := r.store.Jobs().Job(r.Context(), r.org.Org, id)
		if err != nil {
			r.Fatal(err)
		}
		return j
	}
	var before jobs.JSON
	r.eventually("the endless job runs, in a process that was not killed", func() bool {
		j := read()
		alive := j.State == jobs.Running && before != "" && j.Checkpoint != before
		before = j.Checkpoint
		return alive
	})
	if _, err := r.store.Jobs().Cancel(r.Context(), r.org, id); err != nil {
		r.Fatal(err)
	}
	r.eventually("it is cancelled", func() bool { return read().State == jobs.Cancelled })
	j := read()
	text, _ := json.Marshal(j)
	if j.CancelAt == nil || j.FinishedAt == nil {
		r.Fatalf("cancelled: %s", text)
	}
	r.Logf("cancelled within %s", time.Duration(*j.FinishedAt-*j.CancelAt)*time.Microsecond)
}

func (r *run) eventually(what string, ok func() bool) {
	for !ok() {
		if time.Now().After(r.deadline) {
			r.Fatalf("not in time: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
