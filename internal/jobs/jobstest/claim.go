package jobstest

import (
	"errors"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

// claimOrder takes the highest priority first, then what has waited longest.
func claimOrder(f *fixture) {
	rows := f.add(f.home, jobs.SendEmail, 5)
	other := f.add(f.home, jobs.DataExport, 1)
	order := []crm.ID{rows[3].ID, rows[4].ID, rows[1].ID, rows[0].ID, rows[2].ID}
	for i, id := range order {
		priority := "0"
		if i < 2 {
			priority = "5"
		}
		f.must(f.Exec(f.Context(), "UPDATE jobs SET run_at = "+f.Ago(100-10*i)+", priority = "+priority+" WHERE id = "+f.ID(id)))
	}
	before, err := f.jobs.Now(f.Context())
	f.must(err)
	claimed := f.claim(jobs.SendEmail, 3)
	if diff := cmp.Diff(order[:3], claimedIDs(claimed)); diff != "" {
		f.Fatalf("claimed (-want +got):\n%s", diff)
	}
	tokens := map[crm.ID]bool{}
	for _, c := range claimed {
		j := c.Job
		if j.State != jobs.Running || j.Attempt != 1 || j.Version != 2 || j.StartedAt == nil || *j.StartedAt < before {
			f.Errorf("claimed: %+v", j)
		}
		if diff := cmp.Diff(j, f.get(f.home, j.ID)); diff != "" {
			f.Errorf("the job is not as it was returned (-returned +got):\n%s", diff)
		}
		if c.Lease.Org != j.OrgID || c.Lease.Job != j.ID || c.Lease.Token == (crm.ID{}) || tokens[c.Lease.Token] {
			f.Errorf("the lease: %+v", c.Lease)
		}
		tokens[c.Lease.Token] = true
	}
	both, err := f.jobs.Claim(f.Context(), []jobs.Want{{Kind: jobs.BulkImport, Free: 1, Slots: 1}, {Kind: jobs.DataExport, Free: 1, Slots: 1}, {Kind: jobs.SendEmail, Free: 10, Slots: 10}}, nil)
	f.must(err)
	if diff := cmp.Diff([]crm.ID{other[0].ID, order[3], order[4]}, claimedIDs(both)); diff != "" {
		f.Errorf("claimed of three kinds (-want +got):\n%s", diff)
	}
	if more := f.claim(jobs.SendEmail, 10); len(more) > 0 {
		f.Errorf("claimed again: %v", more)
	}
}

// claimScheduled takes jobs whose time has come, and no others.
func claimScheduled(f *fixture) {
	later, soon := job(f.home, jobs.SendEmail), job(f.home, jobs.SendEmail)
	later.Delay, soon.Delay, soon.Priority = time.Hour, time.Hour, 1
	_, err := f.jobs.Insert(f.Context(), f.home, []jobs.Job{later, soon})
	f.must(err)
	if claimed := f.claim(jobs.SendEmail, 5); len(claimed) > 0 {
		f.Fatalf("claimed before its time: %v", claimed)
	}
	now := f.add(f.home, jobs.SendEmail, 1)
	f.must(f.Exec(f.Context(), "UPDATE jobs SET run_at = "+f.Ago(0)+" WHERE id = "+f.ID(soon.ID)))
	if diff := cmp.Diff([]crm.ID{soon.ID, now[0].ID}, claimedIDs(f.claim(jobs.SendEmail, 5))); diff != "" {
		f.Errorf("claimed (-want +got):\n%s", diff)
	}
	if got := f.get(f.home, later.ID); got.State != jobs.Scheduled {
		f.Errorf("the later one is %s", got.State)
	}
}

// claimPlaces takes a job only where its files are.
func claimPlaces(f *fixture) {
	anywhere, here, there := job(f.home, jobs.BulkImport), job(f.home, jobs.BulkImport), job(f.home, jobs.BulkImport)
	here.Place, there.Place = new("here"), new("there")
	_, err := f.jobs.Insert(f.Context(), f.home, []jobs.Job{there, here, anywhere})
	f.must(err)
	claim := func(places []string, want ...crm.ID) {
		f.Helper()
		claimed, err := f.jobs.Claim(f.Context(), []jobs.Want{{Kind: jobs.BulkImport, Free: 1, Slots: 1}}, places)
		f.must(err)
		if diff := cmp.Diff(append([]crm.ID{}, want...), claimedIDs(claimed)); diff != "" {
			f.Errorf("claimed at %v (-want +got):\n%s", places, diff)
		}
	}
	claim(nil, anywhere.ID)
	claim(nil)
	claim([]string{"nowhere", "here"}, here.ID)
	claim([]string{"here"})
	claim([]string{"there"}, there.ID)
}

// claimOnce has many claimers of two processes claim each job once.
func claimOnce(f *fixture) {
	const n, claimers = 400, 6
	f.add(f.home, jobs.SendNotification, n/2)
	f.add(f.away, jobs.SendNotification, n/2)
	stores := []jobs.Store{f.jobs, f.Open(f.T, store.Options{}).Jobs()}
	var mu sync.Mutex
	seen := map[crm.ID]int{}
	errs := make([]error, claimers)
	var claiming sync.WaitGroup
	for i := range claimers {
		claiming.Go(func() {
			for {
				claimed, err := stores[i%2].Claim(f.Context(), []jobs.Want{{Kind: jobs.SendNotification, Free: 10, Slots: 10}}, nil)
				mu.Lock()
				for _, c := range claimed {
					seen[c.Job.ID]++
				}
				all := len(seen)
				mu.Unlock()
				if errs[i] = err; err != nil || all == n {
					return
				}
			}
		})
	}
	claiming.Wait()
	f.must(errors.Join(errs...))
	for id, times := range seen {
		if times != 1 {
			f.Errorf("%s was claimed %d times", id, times)
		}
	}
}

// perOrg counts claimed jobs by organisation.
func perOrg(claimed []jobs.Claimed) map[crm.ID]int {
	n := map[crm.ID]int{}
	for _, c := range claimed {
		n[c.Job.OrgID]++
	}
	return n
}

// shares claims, and checks how many jobs each of the two organisations gets.
func (f *fixture) shares(what string, w jobs.Want, home, away int) []jobs.Claimed {
	f.Helper()
	claimed, err := f.jobs.Claim(f.Context(), []jobs.Want{w}, nil)
	f.must(err)
	if n := perOrg(claimed); n[f.home.Org] != home || n[f.away.Org] != away || len(claimed) != home+away {
		f.Errorf("%s: %d and %d of %d, want %d and %d", what, n[f.home.Org], n[f.away.Org], len(claimed), home, away)
	}
	return claimed
}

// fairness: an organisation is given no more than half of the slots while another one has waited.
func fairness(f *fixture) {
	const kind = jobs.SendEmail
	f.add(f.home, kind, 100)
	f.since(f.home, 3600)
	want := jobs.Want{Kind: kind, Free: 5, Slots: 5}
	f.shares("no other one waits", want, 5, 0)
	f.add(f.away, kind, 10)
	f.must(f.Exec(f.Context(), "UPDATE jobs SET run_at = "+f.Ago(-60)+" WHERE org_id = "+f.ID(f.away.Org)))
	f.shares("another one has not waited for a second", want, 5, 0)
	f.since(f.away, 10)
	f.shares("another one has waited", want, 3, 2)
	f.shares("it has two of five already", jobs.Want{Kind: kind, Free: 2, Slots: 5, Held: map[crm.ID]int{f.home.Org: 2}}, 1, 1)
	f.shares("it has three of five already", jobs.Want{Kind: kind, Free: 2, Slots: 5, Held: map[crm.ID]int{f.home.Org: 3}}, 0, 2)
	f.must(f.Exec(f.Context(), "UPDATE jobs SET priority = 9 WHERE org_id = "+f.ID(f.home.Org)))
	f.shares("it has a higher priority", want, 3, 2)
	f.shares("the other one leaves slots", jobs.Want{Kind: kind, Free: 9, Slots: 9}, 6, 3)
	f.shares("no other one waits any more", want, 5, 0)
}

// fairnessOfTotal counts the jobs of all instances if the kind has a total.
func fairnessOfTotal(f *fixture) {
	const kind = jobs.BulkImport
	f.must(f.jobs.SetTotal(f.Context(), kind, 4))
	f.add(f.home, kind, 10)
	f.since(f.home, 3600)
	want := jobs.Want{Kind: kind, Free: 1, Slots: 1}
	first := f.shares("the first", want, 1, 0)
	f.shares("the second", want, 1, 0)
	f.add(f.away, kind, 10)
	f.since(f.away, 10)
	f.shares("the third", want, 0, 1)
	f.must(f.jobs.End(f.Context(), first[0].Lease, jobs.Outcome{State: jobs.Done}))
	f.must(f.Exec(f.Context(), "UPDATE jobs SET run_at = "+f.Ago(7200)+" WHERE state = 'ready' AND org_id = "+f.ID(f.home.Org)))
	f.shares("both have room", want, 1, 0)
	f.shares("the last", jobs.Want{Kind: kind, Free: 5, Slots: 5}, 0, 1)
	f.shares("there is no slot", want, 0, 0)
}

// fairnessAmongMany has everybody's turn come, however many wait and whatever one has queued.
func fairnessAmongMany(f *fixture) {
	const kind, others = jobs.SendEmail, 230
	f.add(f.home, kind, 600)
	f.since(f.home, 3600)
	by := make([]crm.Actor, others)
	for i := range by {
		by[i] = crm.Operator(crm.NewID()) // jobs refer to no organisation
		f.add(by[i], kind, 2)
		f.since(by[i], 60)
	}
	seen := map[crm.ID]int{}
	for range 4 * others {
		claimed := f.claim(kind, 4)
		n := perOrg(claimed)
		for org, jobs := range n {
			seen[org] += jobs
		}
		if len(seen) <= others && n[f.home.Org] > 2 {
			f.Fatalf("%d of 4 are of one while others wait", n[f.home.Org])
		}
		if len(claimed) == 0 {
			break
		}
	}
	for _, actor := range by {
		if seen[actor.Org] != 2 {
			f.Errorf("%d of the 2 jobs of %s", seen[actor.Org], actor.Org)
		}
	}
	if seen[f.home.Org] != 600 {
		f.Errorf("%d of 600 jobs", seen[f.home.Org])
	}
}

// totals hold over all instances.
func totals(f *fixture) {
	const kind, total, claimers = jobs.DataCleanup, 3, 6
	f.must(f.jobs.SetTotal(f.Context(), kind, 1))
	f.must(f.jobs.SetTotal(f.Context(), kind, total))
	f.add(crm.Actor{}, kind, 30)
	stores := []jobs.Store{f.jobs, f.Open(f.T, store.Options{}).Jobs()}
	claimed := make([][]jobs.Claimed, claimers)
	errs := make([]error, claimers)
	var claiming sync.WaitGroup
	for i := range claimers {
		claiming.Go(func() {
			claimed[i], errs[i] = stores[i%2].Claim(f.Context(), []jobs.Want{{Kind: kind, Free: 2, Slots: 2}}, nil)
		})
	}
	claiming.Wait()
	f.must(errors.Join(errs...))
	n := 0
	var one jobs.Claimed
	for _, some := range claimed {
		n += len(some)
		if len(some) > 0 {
			one = some[0]
		}
	}
	if n != total {
		f.Fatalf("%d jobs run, want %d", n, total)
	}
	f.must(f.jobs.End(f.Context(), one.Lease, jobs.Outcome{State: jobs.Done}))
	if more := f.claim(kind, 5); len(more) != 1 {
		f.Errorf("%d jobs are claimed when one has ended", len(more))
	}
	f.must(f.jobs.SetTotal(f.Context(), kind, 0))
	if more := f.claim(kind, 5); len(more) != 5 {
		f.Errorf("%d jobs are claimed without a limit", len(more))
	}
}

// paused kinds are not claimed; others are.
func paused(f *fixture) {
	f.add(f.home, jobs.SendEmail, 1)
	f.add(f.home, jobs.DataExport, 1)
	kinds := func(want ...jobs.Kind) {
		f.Helper()
		got, err := f.jobs.PausedKinds(f.Context())
		f.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("paused (-want +got):\n%s", diff)
		}
	}
	kinds()
	f.must(f.jobs.SetPaused(f.Context(), jobs.SendEmail, true))
	f.must(f.jobs.SetPaused(f.Context(), jobs.SendEmail, true))
	f.must(f.jobs.SetTotal(f.Context(), jobs.SendEmail, 7))
	kinds(jobs.SendEmail)
	if n := len(f.claim(jobs.SendEmail, 1)); n != 0 {
		f.Errorf("%d jobs of a paused kind", n)
	}
	if n := len(f.claim(jobs.DataExport, 1)); n != 1 {
		f.Errorf("%d jobs of another kind", n)
	}
	f.must(f.jobs.SetPaused(f.Context(), jobs.SendEmail, false))
	kinds()
	if n := len(f.claim(jobs.SendEmail, 1)); n != 1 {
		f.Errorf("%d jobs of a resumed kind", n)
	}
}
