package jobstest

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// pages lists the jobs of an organisation, the newest first, by its filters.
func pages(f *fixture) {
	ctx := f.Context()
	other := crm.Actor{Org: f.home.Org, User: crm.NewID(), Role: crm.RoleRep}
	var all []jobs.Job
	for i := range 30 {
		by, kind := f.home, jobs.SendEmail
		if i%3 == 0 {
			by, kind = other, jobs.DataExport
		}
		all = append(all, f.add(by, kind, 1)...)
	}
	f.add(f.away, jobs.SendEmail, 3)
	f.add(crm.Actor{}, jobs.DataCleanup, 1)
	f.claim(jobs.DataExport, 4)
	slices.SortFunc(all, func(a, b jobs.Job) int {
		return -cmpOr(int(a.CreatedAt-b.CreatedAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	for text, filter := range map[string]func(*jobs.Filter) error{
		"":         func(*jobs.Filter) error { return nil },
		"kind":     func(q *jobs.Filter) error { return set(q, "kind", "data-export") },
		"kinds":    func(q *jobs.Filter) error { return set(q, "kind", "data-export,send-email") },
		"state":    func(q *jobs.Filter) error { return set(q, "state", "running") },
		"states":   func(q *jobs.Filter) error { return set(q, "state", "running,ready") },
		"actor":    func(q *jobs.Filter) error { return set(q, "actorId", other.User.String()) },
		"no actor": func(q *jobs.Filter) error { return set(q, "actorId", "null") },
	} {
		q := crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 7, Count: crm.CountExact}
		f.must(filter(&q.Filter))
		var want, got []crm.ID
		for _, j := range all {
			now := f.get(f.home, j.ID)
			if matches(now, q.Filter) {
				want = append(want, j.ID)
			}
		}
		for more := true; more; {
			p, err := f.jobs.Page(ctx, f.home.Org, q)
			f.must(err)
			if *p.Total != int64(len(want)) {
				f.Errorf("%s: %d of %d", text, *p.Total, len(want))
			}
			got = append(got, ids(p.Rows)...)
			q.From, more = p.Last, p.HasMore
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 || text != "" && text != "kinds" && text != "states" && len(want) == len(all) {
			f.Errorf("%s: %d jobs (-want +got):\n%s", text, len(want), diff)
		}
	}
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

func set(q *jobs.Filter, name, text string) error {
	for i := range jobs.Declared.Filters {
		if x := &jobs.Declared.Filters[i]; x.Name == name {
			return x.Set(q, text)
		}
	}
	return errGivenUp
}

func matches(j jobs.Job, q jobs.Filter) bool {
	for i := range jobs.Declared.Filters {
		if x := &jobs.Declared.Filters[i]; x.Value(&q) != nil && !x.Match(&j, &q) {
			return false
		}
	}
	return true
}

// stats are of an organisation, or of all.
func stats(f *fixture) {
	ctx := f.Context()
	done := f.running(f.home, jobs.SendEmail)
	f.must(f.jobs.End(ctx, done.Lease, jobs.Outcome{State: jobs.Done}))
	old := f.running(f.home, jobs.SendEmail)
	f.must(f.jobs.End(ctx, old.Lease, jobs.Outcome{State: jobs.Done}))
	failed := f.running(f.home, jobs.DataExport)
	f.must(f.jobs.End(ctx, failed.Lease, jobs.Outcome{State: jobs.Failed}))
	f.running(f.away, jobs.SendEmail)
	ready := f.add(f.home, jobs.SendEmail, 2)
	_, err := f.jobs.Cancel(ctx, f.home, f.add(f.home, jobs.SendEmail, 1)[0].ID)
	f.must(err)
	later := job(f.home, jobs.BulkImport)
	later.Delay = time.Hour
	_, err = f.jobs.Insert(ctx, f.home, []jobs.Job{later})
	f.must(err)
	f.add(crm.Actor{}, jobs.DataCleanup, 1)
	f.must(f.Exec(ctx,
		"UPDATE jobs SET run_at = "+f.Ago(100)+", started_at = "+f.Ago(98)+", finished_at = "+f.Ago(90)+" WHERE id = "+f.ID(done.Job.ID),
		"UPDATE jobs SET run_at = "+f.Ago(9000)+", started_at = "+f.Ago(9000)+", finished_at = "+f.Ago(3700)+" WHERE id = "+f.ID(old.Job.ID),
		"UPDATE jobs SET run_at = "+f.Ago(50)+" WHERE id = "+f.ID(ready[1].ID)))
	oldest := f.get(f.home, ready[1].ID).RunAt
	own := []jobs.KindStats{
		{Kind: jobs.BulkImport, Scheduled: 1},
		{Kind: jobs.DataExport, Failed: 1},
		{Kind: jobs.SendEmail, Ready: 2, Done: 2, Cancelled: 1, DoneLastHour: 1, WaitMillis: 2000, RunMillis: 8000, OldestReady: oldest},
	}
	compare := func(org *crm.ID, want []jobs.KindStats) {
		f.Helper()
		got, err := f.jobs.Stats(ctx, org)
		f.must(err)
		for i := range got { // statements have times of their own
			got[i].WaitMillis, got[i].RunMillis = (got[i].WaitMillis+50)/100*100, (got[i].RunMillis+50)/100*100
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("stats (-want +got):\n%s", diff)
		}
	}
	compare(&f.home.Org, own)
	all := slices.Clone(own)
	all[2].Running = 1
	system := f.get(crm.Actor{}, f.oneJob(jobs.DataCleanup))
	all = slices.Insert(all, 1, jobs.KindStats{Kind: jobs.DataCleanup, Ready: 1, OldestReady: system.RunAt})
	compare(nil, all)
	compare(&f.away.Org, []jobs.KindStats{{Kind: jobs.SendEmail, Running: 1}})
	compare(new(crm.NewID()), nil)
}

// oneJob returns the id of the system's only job of a kind.
func (f *fixture) oneJob(kind jobs.Kind) crm.ID {
	f.Helper()
	q := crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 2}
	f.must(set(&q.Filter, "kind", string(kind)))
	p, err := f.jobs.Page(f.Context(), crm.ID{}, q)
	f.must(err)
	if len(p.Rows) != 1 {
		f.Fatalf("%d jobs", len(p.Rows))
	}
	return p.Rows[0].ID
}

// isolated has an organisation not see, nor change, the jobs of another or of the system, also if
// they have the same id.
func isolated(f *fixture) {
	ctx := f.Context()
	id := crm.NewID()
	for _, by := range []crm.Actor{f.home, f.away, {}} {
		j := job(by, jobs.SendEmail)
		j.ID, j.Args = id, jobs.JSON(`"`+by.Org.String()+`"`)
		added, err := f.jobs.Insert(ctx, by, []jobs.Job{j})
		f.must(err)
		if added[0].OrgID != by.Org {
			f.Errorf("added a job of %s for %s", added[0].OrgID, by.Org)
		}
	}
	_, err := f.jobs.Cancel(ctx, f.home, id)
	f.must(err)
	for _, by := range []crm.Actor{f.home, f.away, {}} {
		got := f.get(by, id)
		if got.OrgID != by.Org || got.Args != jobs.JSON(`"`+by.Org.String()+`"`) || (got.State == jobs.Cancelled) != (by == f.home) {
			f.Errorf("the job of %s: %+v", by.Org, got)
		}
		p, err := f.jobs.Page(ctx, by.Org, crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 5})
		f.must(err)
		if len(p.Rows) != 1 || p.Rows[0].OrgID != by.Org {
			f.Errorf("the jobs of %s: %v", by.Org, p.Rows)
		}
	}
	claimed := f.claim(jobs.SendEmail, 5)
	if len(claimed) != 2 {
		f.Fatalf("%d jobs are claimed", len(claimed))
	}
	for _, c := range claimed {
		f.must(f.jobs.Save(ctx, crm.Actor{Org: c.Job.OrgID}, c.Lease, jobs.Update{Checkpoint: new(jobs.JSON(`"` + c.Job.OrgID.String() + `"`))}, nil))
	}
	f.must(f.jobs.End(ctx, claimed[0].Lease, jobs.Outcome{State: jobs.Done, Result: "1"}))
	for i, c := range claimed {
		got := f.get(crm.Actor{Org: c.Job.OrgID}, id)
		if got.Checkpoint != got.Args || (got.State == jobs.Done) != (i == 0) {
			f.Errorf("the job of %s: %+v", got.OrgID, got)
		}
	}
}

// listsWithoutArgs are lists of jobs whose arguments and checkpoints only a job by its id has.
func listsWithoutArgs(f *fixture) {
	ctx := f.Context()
	added := f.add(f.home, jobs.SendEmail, 1)[0]
	c := f.claim(jobs.SendEmail, 1)[0]
	checkpoint := jobs.JSON(`{"at":1}`)
	f.must(f.jobs.Save(ctx, f.home, c.Lease, jobs.Update{Checkpoint: &checkpoint}, nil))
	j, err := f.jobs.Job(ctx, f.home.Org, added.ID)
	f.must(err)
	if j.Args == "" || j.Checkpoint != checkpoint {
		f.Errorf("by its id: %+v", j)
	}
	page, err := f.jobs.Page(ctx, f.home.Org, crm.List[jobs.Filter]{Sort: jobs.Declared.Sorts.Default, Limit: 10})
	f.must(err)
	j.Args, j.Checkpoint = "", ""
	if diff := cmp.Diff([]jobs.Job{j}, page.Rows); diff != "" {
		f.Errorf("in a list (-want +got):\n%s", diff)
	}
}
