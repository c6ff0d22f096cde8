package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// work is what the jobs of a test do.
type work struct {
	begun chan crm.ID   // receives the job of each attempt that holds
	end   chan struct{} // lets one that holds go on
}

// spec returns a kind whose jobs do what their args say.
func (w *work) spec(kind jobs.Kind, scope crm.Scopes, result any) jobs.Spec {
	type args struct {
		Do string `json:"do"`
	}
	return jobs.Spec{
		Kind: kind, Scope: scope, Limits: jobs.Limits{Concurrency: 4, Attempts: 2, Backoff: jobs.Backoff{First: time.Millisecond}},
		Check: func(_ context.Context, _ crm.Actor, text json.RawMessage) error {
			var a args
			if err := json.Unmarshal(text, &a); err != nil || !slices.Contains([]string{"end", "hold", "fail", "write"}, a.Do) {
				return crm.Invalid(crm.FieldError{Field: "do", Message: "must be end, hold, fail or write"})
			}
			return nil
		},
		Run: func(ctx context.Context, t *jobs.Task) (any, error) {
			var a args
			if err := t.Args(&a); err != nil {
				return nil, err
			}
			switch a.Do {
			case "hold":
				t.Progress(40, "It holds")
				if err := t.Save(ctx, 1, nil); err != nil {
					return nil, err
				}
				select {
				case w.begun <- t.Job.ID:
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
				select {
				case <-w.end:
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			case "fail":
				return nil, jobs.Permanent(errors.New("it is to fail"))
			case "write":
				if !t.By.WritesAll() {
					return nil, crm.Forbidden("Only managers and admins may write.")
				}
			}
			return result, nil
		},
	}
}

// report is the kind of the jobs that tests of all operations ask for.
func (w *work) report() jobs.Spec {
	return w.spec(jobs.GenerateReport, crm.ScopeRead, object{"made": "it"})
}

// withKind returns a path with a kind of jobs.
func withKind(path string) string {
	return strings.ReplaceAll(path, "{kind}", string(jobs.GenerateReport))
}

// aReport has the members of a job or of a schedule of a report.
var aReport = object{"kind": jobs.GenerateReport, "args": object{"do": "end"}}

// aJobs are values of the members of the bodies that have args.
var aJobs = object{"kind": string(jobs.GenerateReport), "args": object{"do": "end"}, "cron": "0 0 29 2 *"}

// dropSchedules deletes an organisation's schedules but some, so that there is room for others.
func (c *client) dropSchedules(org crm.ID, keep ...string) {
	c.t.Helper()
	store := c.app.Core().Store.Jobs()
	all, err := store.Schedules(c.t.Context(), org)
	for _, s := range all {
		if err == nil && !slices.Contains(keep, s.ID.String()) {
			err = store.DeleteSchedule(c.t.Context(), crm.Operator(org), s.ID)
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// bootJobs is boot with kinds of jobs of the test: reports, imports and exports.
func bootJobs(t *testing.T, engine string, change ...func(*config.Config)) (*client, *work) {
	t.Helper()
	w := &work{make(chan crm.ID), make(chan struct{})}
	a := newAppWith(t, app.Options{Stderr: t.Output(), Clock: time.Now, Jobs: []jobs.Spec{
		w.report(),
		w.spec(jobs.BulkImport, crm.ScopeImport, nil),
		w.spec(jobs.DataExport, crm.ScopeExport, object{"downloadUrl": "/api/exports/1"}),
	}}, engine, change...)
	return run(t, a), w
}

// eachJobs runs a test with bootJobs on every engine.
func eachJobs(t *testing.T, test func(t *testing.T, c *client, w *work)) {
	t.Helper()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			c, w := bootJobs(t, engine)
			test(t, c, w)
		})
	}
}

// ask asks for a job.
func (u user) job(kind jobs.Kind, do string, more ...object) object {
	u.t.Helper()
	body := object{"kind": kind, "args": object{"do": do}}
	for _, m := range more {
		body = with(body, m)
	}
	return u.record(http.StatusAccepted, "POST", "/api/jobs", body)
}

// later is when a job is run that is not run in the test.
func later() object {
	return object{"run_at": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)}
}

// ended follows a job to its end, and returns it.
func (u user) ended(job object) object {
	u.t.Helper()
	s := u.followJob(id(job), "")
	for {
		switch e := s.told(); e.name {
		case "progress":
			job = e.data
		case "end":
			return job
		}
	}
}

// followJob opens the stream of a job, after the event of an id if it is not "".
func (u user) followJob(job, after string) *events {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 3*patience)
	req := u.request("GET", "/api/jobs/"+job+"/events", u.key, nil, "Accept", "text/event-stream").WithContext(ctx)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := u.http.Do(req) //nolint:bodyclose // events.close does
	if err != nil {
		cancel()
		u.t.Fatal(err)
	}
	s := &events{t: u.t, body: res.Body, r: bufio.NewReader(res.Body), last: after}
	u.t.Cleanup(func() { s.close(); cancel() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		u.t.Fatalf("%d, %v", res.StatusCode, res.Header)
	}
	return s
}

// told returns the next event that is no comment.
func (s *events) told() event {
	s.t.Helper()
	for {
		if e := s.next(); e.name != ":" {
			return e
		}
	}
}

// aJob adds a job that a person of the organisation asked for. No server runs it: its place is its own.
func (c *client) aJob(org crm.ID, owner string) jobs.Job {
	c.t.Helper()
	by := crm.Operator(org)
	by.User, _ = crm.ParseID(owner)
	job := crm.NewID()
	added, err := c.app.Core().Store.Jobs().Insert(c.t.Context(), by, []jobs.Job{{
		OrgID: org, ID: job, Kind: jobs.GenerateReport, State: jobs.Ready, MaxAttempts: 1, Args: `{"do":"end"}`, ActorID: &by.User, Place: new(job.String()),
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	return added[0]
}

// aSchedule adds a schedule of the organisation, which occurs in no test.
func (c *client) aSchedule(org crm.ID) jobs.Schedule {
	c.t.Helper()
	now := crm.InstantOf(time.Now())
	s := jobs.Schedule{
		OrgID: org, ID: crm.NewID(), Name: "Leap day", Kind: jobs.GenerateReport, Args: `{"do":"end"}`, Cron: "0 0 29 2 *",
		Enabled: true, Next: now + crm.Instant(time.Hour.Microseconds()), CreatedAt: now, UpdatedAt: now,
	}
	if err := c.app.Core().Store.Jobs().PutSchedule(c.t.Context(), crm.Operator(org), s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// doneJob is aJob, done.
func (c *client) doneJob(org crm.ID, owner string) jobs.Job {
	c.t.Helper()
	added, store := c.aJob(org, owner), c.app.Core().Store.Jobs()
	claimed, err := store.Claim(c.t.Context(), []jobs.Want{{Kind: added.Kind, Free: 1, Slots: 1}}, []string{added.ID.String()})
	if err == nil && (len(claimed) != 1 || claimed[0].Job.ID != added.ID) {
		err = errors.New("another job is claimed")
	}
	if err == nil {
		err = store.End(c.t.Context(), claimed[0].Lease, jobs.Outcome{State: jobs.Done, Result: `{"made":"it"}`})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return added
}

// jobToChange returns the path of a change of a job that can be made to it: of one that waits or, to be
// retried, that is cancelled.
func (u user) jobToChange(path, owner string) string {
	u.t.Helper()
	job := u.aJob(u.org, owner)
	if strings.HasSuffix(path, "/retry") {
		if _, err := u.app.Core().Store.Jobs().Cancel(u.t.Context(), crm.Operator(u.org), job.ID); err != nil {
			u.t.Fatal(err)
		}
	}
	return "/api/jobs/" + job.ID.String() + path[strings.LastIndexByte(path, '/'):]
}
