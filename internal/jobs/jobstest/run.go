// Package jobstest says what the storage of jobs must do: every engine passes Run.
package jobstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

// A Database is one that is empty, and what a case needs of it.
type Database struct {
	// Open opens a store on it, which is migrated, as another process would.
	Open func(tb testing.TB, o store.Options) *store.Store
	// Exec runs statements that may change all rows, and Query returns a number.
	Exec  func(ctx context.Context, statements ...string) error
	Query func(ctx context.Context, statement string) (int64, error)
	// Ago composes the instant that is so many seconds before the database's present, and ID an id.
	Ago func(seconds int) string
	ID  func(crm.ID) string
	// OneWriter: transactions that write run one after the other.
	OneWriter bool
}

// maxAtOnce bounds the cases that run at the same time.
const maxAtOnce = 4

// patience bounds what is waited for: only a hang takes as long.
const patience = time.Minute

// Run holds an engine to the definition of jobs.Store. database makes an empty database for every case.
func Run(t *testing.T, database func(tb testing.TB) Database) {
	t.Helper()
	slots := make(chan struct{}, maxAtOnce)
	for _, c := range []struct {
		name string
		run  func(f *fixture)
	}{
		{"Insert", inserts},
		{"InsertMany", insertsMany},
		{"InsertJoined", insertsJoined},
		{"UniqueKeys", uniqueKeys},
		{"UniqueConcurrently", uniqueConcurrently},
		{"Enqueued", enqueued},
		{"ClaimOrder", claimOrder},
		{"ClaimScheduled", claimScheduled},
		{"ClaimPlaces", claimPlaces},
		{"ClaimOnce", claimOnce},
		{"Fairness", fairness},
		{"FairnessOfTotal", fairnessOfTotal},
		{"FairnessAmongMany", fairnessAmongMany},
		{"Totals", totals},
		{"Paused", paused},
		{"Renew", renews},
		{"Expired", expired},
		{"SweepConcurrently", sweepConcurrently},
		{"Waiting", waiting},
		{"Fence", fence},
		{"FenceConcurrently", fenceConcurrently},
		{"FenceOfSystem", fenceOfSystem},
		{"FenceAgainstSweep", fenceAgainstSweep},
		{"Save", saves},
		{"End", ends},
		{"EndFailures", endFailures},
		{"EndConcurrently", endConcurrently},
		{"Cancel", cancels},
		{"Retry", retries},
		{"Schedules", schedules},
		{"SlotsOnce", slotsOnce},
		{"Pages", pages},
		{"ListsWithoutArgs", listsWithoutArgs},
		{"Stats", stats},
		{"Isolated", isolated},
		{"Watch", watches},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			c.run(newFixture(t, database(t)))
		})
	}
}

// A fixture is what a case runs on: a database with two organisations.
type fixture struct {
	*testing.T
	Database
	store      *store.Store
	jobs       jobs.Store
	home, away crm.Actor
}

func newFixture(t *testing.T, d Database) *fixture {
	t.Helper()
	f := &fixture{T: t, Database: d, store: d.Open(t, store.Options{})}
	f.jobs = f.store.Jobs()
	f.home, f.away = f.organisation("Home"), f.organisation("Away")
	return f
}

func (f *fixture) organisation(name string) crm.Actor {
	f.Helper()
	org, err := accounts.NewService(f.store.Accounts(), time.Now, "GBP").CreateOrganisation(f.Context(), name)
	f.must(err)
	return crm.Operator(org.ID)
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// job returns a job of an actor's organisation.
func job(by crm.Actor, kind jobs.Kind) jobs.Job {
	return jobs.Job{OrgID: by.Org, ID: crm.NewID(), Kind: kind, State: jobs.Ready, MaxAttempts: 3, Args: `{"a":1}`, ActorID: by.UserID(), KeyID: by.KeyID()}
}

// add adds so many jobs of a kind.
func (f *fixture) add(by crm.Actor, kind jobs.Kind, n int) []jobs.Job {
	f.Helper()
	rows := make([]jobs.Job, n)
	for i := range rows {
		rows[i] = job(by, kind)
	}
	added, err := f.jobs.Insert(f.Context(), by, rows)
	f.must(err)
	return added
}

// claim claims as many jobs of a kind as there are slots.
func (f *fixture) claim(kind jobs.Kind, slots int) []jobs.Claimed {
	f.Helper()
	claimed, err := f.jobs.Claim(f.Context(), []jobs.Want{{Kind: kind, Free: slots, Slots: slots}}, nil)
	f.must(err)
	return claimed
}

// running adds a job, and claims it.
func (f *fixture) running(by crm.Actor, kind jobs.Kind) jobs.Claimed {
	f.Helper()
	added := f.add(by, kind, 1)
	claimed := f.claim(kind, 1)
	if len(claimed) != 1 || claimed[0].Job.ID != added[0].ID {
		f.Fatalf("claimed %v, want %s", claimed, added[0].ID)
	}
	return claimed[0]
}

func (f *fixture) get(by crm.Actor, id crm.ID) jobs.Job {
	f.Helper()
	got, err := f.jobs.Job(f.Context(), by.Org, id)
	f.must(err)
	return got
}

// expire has all leases be expired.
func (f *fixture) expire() {
	f.Helper()
	f.must(f.Exec(f.Context(), "UPDATE jobs SET lease_until = "+f.Ago(1)+" WHERE state = 'running'"))
}

// since has the jobs of an actor's organisation be due since some seconds ago.
func (f *fixture) since(by crm.Actor, seconds int) {
	f.Helper()
	f.must(f.Exec(f.Context(), "UPDATE jobs SET run_at = "+f.Ago(seconds)+" WHERE org_id = "+f.ID(by.Org)))
}

func (f *fixture) sweep() jobs.Swept {
	f.Helper()
	swept, ok, err := f.jobs.Sweep(f.Context())
	f.must(err)
	if !ok {
		f.Fatal("another instance sweeps")
	}
	return swept
}

// fails checks what an error is.
func (f *fixture) fails(what string, err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (f *fixture) failsWith(what string, err error, want crm.Code) {
	f.Helper()
	if crm.CodeOf(err) != want {
		f.Errorf("%s: %v, want %s", what, err, want)
	}
}

// ids returns those of jobs, in their order.
func ids(rows []jobs.Job) []crm.ID {
	all := make([]crm.ID, len(rows))
	for i := range rows {
		all[i] = rows[i].ID
	}
	return all
}

func claimedIDs(claimed []jobs.Claimed) []crm.ID {
	all := make([]crm.ID, len(claimed))
	for i := range claimed {
		all[i] = claimed[i].Job.ID
	}
	return all
}
