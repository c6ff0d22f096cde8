package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
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

// bootJobs is boot with kinds of jobs of the test: reports, imports and exports.
func bootJobs(t *testing.T, engine string, change ...func(*config.Config)) (*client, *work) {
	t.Helper()
	w := &work{make(chan crm.ID), make(chan struct{})}
	a := newAppWith(t, app.Options{Stderr: t.Output(), Clock: time.Now, Jobs: []jobs.Spec{
		w.spec(jobs.GenerateReport, crm.ScopeRead, object{"made": "it"}),
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
		switch e := s.next(); e.name {
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
