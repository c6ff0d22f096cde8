package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
)

const (
	jobKind     = jobs.SendNotification
	jobsARound  = 5000
	jobsAnAdd   = 100 // jobs that one call adds
	jobWorkers  = 100 // jobs that run at the same time
	jobLimit    = 5 * time.Minute
	pickUps     = 100
	pickUpPause = 30 * time.Millisecond // between two, on average
	jobWrites   = 300                   // of each kind, in a round
)

// A jobBed is a database with jobs, and an organisation that has them.
type jobBed struct {
	*bed
	river string // the peer's program; "" for none
	store *store.Store
	by    crm.Actor
}

// jobs measures how many jobs that do nothing are added and worked in a second, beside River's on
// PostgreSQL; how soon a job is begun that another instance adds; and what adding one costs a write.
func (b *bed) jobs(rounds int) error {
	j := &jobBed{bed: b}
	if b.url != "" {
		j.river = filepath.Join(b.dir, "river")
		build := exec.CommandContext(b.ctx, "go", "build", "-C", "bench/river", "-o", j.river, ".")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the peer: %w: %s", err, out)
		}
	}
	var err error
	if j.store, err = j.open(nil); err != nil {
		return err
	}
	defer func() { _ = j.store.Close() }()
	org, err := accounts.NewService(j.store.Accounts(), time.Now, "GBP").CreateOrganisation(b.ctx, "Jobs")
	if err != nil {
		return err
	}
	j.by = crm.Operator(org.ID)
	return cmp.Or(j.rates(rounds), j.pickUp(), j.cost(rounds))
}

// open opens the database as another instance would.
func (j *jobBed) open(enqueued func([]jobs.Kind)) (*store.Store, error) {
	var engine store.Engine
	var err error
	if j.url != "" {
		engine, err = postgres.Open(j.ctx, postgres.Options{URL: j.url})
	} else {
		engine, err = sqlite.Open(j.ctx, sqlite.Options{Path: filepath.Join(j.dir, "sixty.db")})
	}
	if err != nil {
		return nil, err
	}
	return store.New(engine, store.Options{Enqueued: enqueued}), nil
}

// add adds jobs, so many at a time.
func (j *jobBed) add(s *store.Store, n int) error {
	for n > 0 {
		rows := make([]jobs.Job, min(n, jobsAnAdd))
		for i := range rows {
			rows[i] = j.job()
		}
		if _, err := s.Jobs().Insert(j.ctx, j.by, rows); err != nil {
			return err
		}
		n -= len(rows)
	}
	return nil
}

func (j *jobBed) job() jobs.Job {
	return jobs.Job{OrgID: j.by.Org, ID: crm.NewID(), Kind: jobKind, MaxAttempts: 1, Args: "{}"}
}

// work runs jobs with a handler until stop is called.
func (j *jobBed) work(s *store.Store, handler jobs.Handler, ended jobs.Observer) (stop func()) {
	runner := jobs.NewRunner(jobs.RunnerOptions{
		Store:     s.Jobs(),
		Specs:     []jobs.Spec{{Kind: jobKind, Limits: jobs.Limits{Concurrency: jobWorkers, Attempts: 1}, Run: handler}},
		Rights:    func(context.Context, jobs.Job) (crm.Actor, error) { return j.by, nil },
		Observer:  ended,
		StopLimit: time.Second,
	})
	ctx, cancel := context.WithCancel(j.ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		runner.Run(ctx)
	}()
	return func() {
		cancel()
		<-over
	}
}

// ending counts jobs whose end is stored.
type ending struct {
	left atomic.Int64
	all  chan struct{} // closed when none is left
}

func (*ending) JobStarted(jobs.Kind, time.Duration) {}

func (e *ending) JobEnded(jobs.Kind, jobs.State, time.Duration) {
	if e.left.Add(-1) == 0 {
		close(e.all)
	}
}

// round returns how many jobs are added, and worked, in a second.
func (j *jobBed) round() (added, worked float64, err error) {
	began := time.Now()
	if err := j.add(j.store, jobsARound); err != nil {
		return 0, 0, err
	}
	added = jobsARound / time.Since(began).Seconds()
	e := &ending{all: make(chan struct{})}
	e.left.Store(jobsARound)
	began = time.Now()
	stop := j.work(j.store, func(context.Context, *jobs.Task) (any, error) { return nil, nil }, e)
	defer stop()
	limit := time.NewTimer(jobLimit)
	defer limit.Stop()
	select {
	case <-e.all:
		return added, jobsARound / time.Since(began).Seconds(), nil
	case <-limit.C:
		return 0, 0, fmt.Errorf("%d jobs are left after %s", e.left.Load(), jobLimit)
	case <-j.ctx.Done():
		return 0, 0, j.ctx.Err()
	}
}

// riverRound is round for the peer.
func (j *jobBed) riverRound() (added, worked float64, err error) {
	c := exec.CommandContext(j.ctx, j.river, "-database", j.url, "-jobs", fmt.Sprint(jobsARound), "-workers", fmt.Sprint(jobWorkers), "-batch", fmt.Sprint(jobsAnAdd))
	out, err := c.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return 0, 0, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	_, err = fmt.Sscan(lines[len(lines)-1], &added, &worked)
	return added, worked, err
}

// rates prints the rates, of rounds in turns.
func (j *jobBed) rates(rounds int) error {
	var added, worked, riverAdded, riverWorked []float64
	for range rounds {
		a, w, err := j.round()
		if err != nil {
			return err
		}
		added, worked = append(added, a), append(worked, w)
		if j.river == "" {
			continue
		}
		if a, w, err = j.riverRound(); err != nil {
			return err
		}
		riverAdded, riverWorked = append(riverAdded, a), append(riverWorked, w)
	}
	fmt.Printf("%-10s  jobs that do nothing, %d at the same time: %.0f/s added %d at a time, %.0f/s worked", j.engine, jobWorkers, median(added), jobsAnAdd, median(worked))
	if j.river == "" {
		fmt.Println(" (aim: 1000)")
		return nil
	}
	rate, least, most := ratios(worked, riverWorked)
	fmt.Printf("; River %.0f/s and %.0f/s: worked %.2f of it (rounds %.2f to %.2f; aim: 0.8)\n", median(riverAdded), median(riverWorked), rate, least, most)
	return nil
}

// pickUp prints how soon an idle instance begins a job that another one adds.
func (j *jobBed) pickUp() error {
	begun := make(chan time.Time, 1)
	stop := j.work(j.store, func(context.Context, *jobs.Task) (any, error) {
		begun <- time.Now()
		return nil, nil
	}, nil)
	defer stop()
	var announce atomic.Pointer[jobs.Announcer]
	other, err := j.open(func(kinds []jobs.Kind) {
		if a := announce.Load(); a != nil {
			a.Enqueued(kinds)
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = other.Close() }()
	announcer := jobs.NewAnnouncer(other.Jobs(), nil, nil)
	announce.Store(announcer)
	ctx, cancel := context.WithCancel(j.ctx)
	defer cancel()
	go announcer.Run(ctx)
	var took []float64
	for range pickUps {
		time.Sleep(pickUpPause/2 + rand.N(pickUpPause))
		if err := j.add(other, 1); err != nil {
			return err
		}
		committed := time.Now()
		select {
		case at := <-begun:
			took = append(took, max(0, at.Sub(committed).Seconds()*1000))
		case <-time.After(jobLimit):
			return errors.New("a job is not begun")
		}
	}
	slices.Sort(took)
	fmt.Printf("%-10s  a job that another instance adds is begun after %.1f ms, p95 %.1f ms, of %d (aim: 50 ms)\n", j.engine, median(took), took[len(took)*95/100], len(took))
	return nil
}

// cost prints what adding a job costs a write, of rounds in turns.
func (j *jobBed) cost(rounds int) error {
	write := func(with bool) (float64, error) {
		began := time.Now()
		err := j.store.CRM().Atomic(j.ctx, j.by, crm.InstantOf(began), func(ctx context.Context) error {
			at := crm.InstantOf(began)
			company := crm.Company{OrgID: j.by.Org, ID: crm.NewID(), Name: "Company", CreatedAt: at, UpdatedAt: at, Version: 1}
			if err := j.store.Write(ctx, j.by, at, func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{company}) }); err != nil || !with {
				return err
			}
			_, err := j.store.Jobs().Insert(ctx, j.by, []jobs.Job{j.job()})
			return err
		})
		return time.Since(began).Seconds() * 1000, err
	}
	var plain, adding []float64
	for range rounds {
		var without, with []float64
		for range jobWrites {
			for _, kind := range []struct {
				with  bool
				times *[]float64
			}{{false, &without}, {true, &with}} {
				ms, err := write(kind.with)
				if err != nil {
					return err
				}
				*kind.times = append(*kind.times, ms)
			}
		}
		plain, adding = append(plain, median(without)), append(adding, median(with))
	}
	rate, least, most := ratios(adding, plain)
	fmt.Printf("%-10s  a write takes %.2f ms, and %.2f ms when it adds a job: %+.0f %% (rounds %+.0f to %+.0f; aim: 5)\n",
		j.engine, median(plain), median(adding), 100*(rate-1), 100*(least-1), 100*(most-1))
	return nil
}
