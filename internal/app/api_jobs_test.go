package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

func TestJobs(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Jobs", crm.RoleManager)
		status, header, raw := u.raw("POST", "/api/jobs", u.key, object{"kind": "generate-report", "args": object{"do": "end"}, "priority": 3})
		var answer struct{ Data object }
		if err := json.Unmarshal(raw, &answer); err != nil || status != http.StatusAccepted || header.Get("Location") != "/api/jobs/"+id(answer.Data) {
			t.Fatalf("%d %v %s", status, header, raw)
		}
		hasMembers(t, "a job", answer.Data, "id kind state priority progress note attempt max_attempts result error actor_id schedule_id slot cancel_at run_at created_at started_at finished_at")
		if j := answer.Data; j["kind"] != "generate-report" || j["priority"] != 3.0 || j["max_attempts"] != 2.0 || j["result"] != nil || j["actor_id"] != id(u.get("/api/user")) {
			t.Errorf("it is added as %v", j)
		}
		done := u.ended(answer.Data)
		if done["state"] != "done" || done["progress"] != 100.0 || done["attempt"] != 1.0 || done["finished_at"] == nil {
			t.Errorf("it ends as %v", done)
		}
		if got := u.get("/api/jobs/" + id(done)); fmt.Sprint(got) != fmt.Sprint(done) {
			t.Errorf("it is read as %v, and streamed as %v", got, done)
		}
		if result := u.get("/api/jobs/" + id(done) + "/result"); result["made"] != "it" {
			t.Errorf("the result is %v", result)
		}

		export := u.ended(u.job(jobs.DataExport, "end"))
		res, err := (&http.Client{
			Transport: u.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}).Do(u.request("GET", "/api/jobs/"+id(export)+"/result", u.key, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/api/exports/1" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the result of an export: %d %v", res.StatusCode, res.Header)
		}
		if nothing := u.ask(http.StatusOK, "GET", "/api/jobs/"+id(u.ended(u.job(jobs.BulkImport, "end")))+"/result", nil); nothing["data"] != nil {
			t.Errorf("no result: %v", nothing)
		}

		waits, failed := u.job(jobs.GenerateReport, "end", later()), u.ended(u.job(jobs.GenerateReport, "fail"))
		if waits["state"] != "scheduled" {
			t.Errorf("it is to be run tomorrow: %v", waits)
		}
		if failed["state"] != "failed" || failed["error"] != "it is to fail" || failed["attempt"] != 1.0 {
			t.Errorf("it fails as %v", failed)
		}
		for j, want := range map[string]string{id(waits): "The job is scheduled, and has no result", id(failed): "it is to fail"} {
			if answer := u.ask(http.StatusConflict, "GET", "/api/jobs/"+j+"/result", nil); !strings.Contains(fmt.Sprint(answer["detail"]), want) {
				t.Errorf("the result: %v", answer)
			}
		}

		for query, n := range map[string]int{
			"": 5, "?kind=generate-report": 3, "?kind=data-export,bulk-import": 2, "?state=done": 3, "?state=scheduled,failed": 2,
			"?state=failed&kind=data-export": 0, "?actorId=" + id(u.get("/api/user")): 5, "?actor_id=" + crm.NewID().String(): 0,
		} {
			if rows, _ := u.list("/api/jobs" + query); len(rows) != n {
				t.Errorf("%s: %d jobs, want %d", query, len(rows), n)
			}
		}
		if walked := u.walk(t, "/api/jobs", map[string][]string{"limit": {"2"}}); len(walked.rows) != 5 || walked.rows[0] != id(failed) {
			t.Errorf("the newest first: %v", walked.rows)
		}
		for _, query := range []string{"kind=x", "state=x", "actorId=x", "status=done", "system=maybe"} {
			if status, _, _ := u.do("GET", "/api/jobs?"+query, u.key, nil); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d", query, status)
			}
		}
	})
}

func TestJobRequestsAreChecked(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Checked", crm.RoleAdmin)
		good := object{"kind": "generate-report", "args": object{"do": "end"}}
		for _, test := range []struct {
			name, want string
			change     object
		}{
			{"UnknownKind", "#/kind", object{"kind": "make-coffee"}},
			{"SystemKind", "#/kind", object{"kind": "data-cleanup"}},
			{"InternalKind", "#/kind", object{"kind": "send-email"}},
			{"NoKind", "#/kind", object{"kind": nil}},
			{"KindOfAnotherType", "#/kind", object{"kind": 1}},
			{"NoArgs", "#/args", object{"args": nil}},
			{"ArgsOfAnotherType", "#/args", object{"args": "end"}},
			{"ArgsOfAnotherKind", "#/args/do", object{"args": object{"records": []any{}}}},
			{"High", "#/priority", object{"priority": 11}},
			{"Low", "#/priority", object{"priority": -11}},
			{"Broken", "#/priority", object{"priority": 0.5}},
			{"FarAway", "#/run_at", object{"run_at": "2100-01-01T00:00:00Z"}},
			{"NoTime", "#/run_at", object{"run_at": "tomorrow"}},
			{"NoUniqueKey", "#/unique_key", object{"unique_key": strings.Repeat("x", jobs.MaxUniqueLength+1)}},
			{"UnknownMember", "#/attempts", object{"attempts": 3}},
			{"Everything", "#/priority #/run_at #/args/do", object{"priority": 99, "run_at": "2100-01-01T00:00:00Z", "args": object{}}},
		} {
			if got := invalid(u.ask(http.StatusUnprocessableEntity, "POST", "/api/jobs", with(good, test.change))); got != test.want {
				t.Errorf("%s: it complains of %s, want %s", test.name, got, test.want)
			}
		}
		answer := u.ask(http.StatusUnprocessableEntity, "POST", "/api/jobs", with(good, object{"kind": "x"}))
		if !strings.Contains(fmt.Sprint(answer["detail"]), "must be one of bulk-import, data-export, generate-report") {
			t.Errorf("it names no kinds: %v", answer["detail"])
		}
		if rows, _ := u.list("/api/jobs"); len(rows) != 0 {
			t.Errorf("there are jobs: %v", rows)
		}
		u.job(jobs.GenerateReport, "end", object{"run_at": "2001-01-01T00:00:00Z"}, object{"priority": -10}) // at once

		// The records of an import may be inline: bodies are longer than others.
		u.job(jobs.GenerateReport, "end", object{"args": object{"do": "end", "records": strings.Repeat("x", 4<<20)}})
		if status, _, _ := u.raw("POST", "/api/jobs", u.key, with(good, object{"args": object{"records": strings.Repeat("x", 16<<20)}})); status != http.StatusRequestEntityTooLarge {
			t.Errorf("17 MiB: %d", status)
		}
	})
}

// The same request twice adds one job: by an Idempotency-Key for every response, by a unique key
// while the first has not ended.
func TestJobsAreNotAddedTwice(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Twice", crm.RoleManager)
		body := with(object{"kind": "generate-report", "args": object{"do": "end"}}, later())
		_, _, first := u.raw("POST", "/api/jobs", u.key, body, "Idempotency-Key", "k")
		_, header, again := u.raw("POST", "/api/jobs", u.key, body, "Idempotency-Key", "k")
		if !bytes.Equal(first, again) || header.Get("Idempotency-Replayed") != "true" || header.Get("Location") == "" {
			t.Errorf("%s\nand again: %s %v", first, again, header)
		}
		unique := with(body, object{"unique_key": "weekly"})
		one := u.record(http.StatusAccepted, "POST", "/api/jobs", unique)
		if same := u.record(http.StatusAccepted, "POST", "/api/jobs", with(unique, object{"priority": 5})); id(same) != id(one) || same["priority"] != 0.0 {
			t.Errorf("with the same key there is %v beside %v", same, one)
		}
		if other := u.as(crm.RoleRep).record(http.StatusAccepted, "POST", "/api/jobs", unique); id(other) == id(one) {
			t.Error("the key of another person is taken")
		}
		u.record(http.StatusOK, "POST", "/api/jobs/"+id(one)+"/cancel", nil)
		if next := u.record(http.StatusAccepted, "POST", "/api/jobs", unique); id(next) == id(one) {
			t.Error("the key of a cancelled job is taken")
		}
	})
}

// Managers and admins see the jobs of their organisation, others those that they asked for.
func TestWhoSeesJobs(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		manager := newUser(c, "Seen", crm.RoleManager)
		rep, other, viewer, admin, foreign := manager.as(crm.RoleRep), manager.as(crm.RoleRep), manager.as(crm.RoleViewer), manager.as(crm.RoleAdmin), newUser(c, "Unseen", crm.RoleAdmin)
		reps, managers, viewers := rep.job(jobs.GenerateReport, "end", later()), manager.job(jobs.GenerateReport, "end", later()), viewer.job(jobs.DataExport, "end", later())
		for name, who := range map[string]struct {
			user
			sees []object
		}{
			"rep": {rep, []object{reps}}, "other rep": {other, nil}, "viewer": {viewer, []object{viewers}}, "foreign": {foreign, nil},
			"manager": {manager, []object{reps, managers, viewers}}, "admin": {admin, []object{reps, managers, viewers}},
		} {
			if rows, _ := who.list("/api/jobs"); len(rows) != len(who.sees) {
				t.Errorf("%s: %v", name, rows)
			}
			if rows, _ := who.list("/api/jobs?actorId=" + reps["actor_id"].(string)); len(rows) != min(len(who.sees), 1) && name != "viewer" || name == "viewer" && len(rows) > 0 {
				t.Errorf("%s, those of the rep: %v", name, rows)
			}
			for _, job := range []object{reps, managers, viewers} {
				want := http.StatusNotFound
				if slices.ContainsFunc(who.sees, func(j object) bool { return id(j) == id(job) }) {
					want = http.StatusOK
				}
				path := "/api/jobs/" + id(job)
				if status, _, _ := who.do("GET", path, who.key, nil); status != want {
					t.Errorf("%s, %s: %d", name, path, status)
				}
				if want == http.StatusOK {
					continue
				}
				for method, path := range map[string]string{"GET /result": path + "/result", "GET /events": path + "/events", "POST /cancel": path + "/cancel", "POST /retry": path + "/retry"} {
					if status, _, _ := who.do(strings.Fields(method)[0], path, who.key, nil); status != want {
						t.Errorf("%s, %s: %d", name, path, status)
					}
				}
			}
			stats := http.StatusForbidden
			if name == "manager" || name == "admin" || name == "foreign" {
				stats = http.StatusOK
			}
			who.ask(stats, "GET", "/api/jobs/stats", nil)
		}
		if counts := foreign.get("/api/jobs/stats")["generate-report"].(object); counts["total"] != 0.0 {
			t.Errorf("another organisation counts %v", counts)
		}
	})
}

// An API key needs the scope of the kind: to ask for a job, and to cancel it or try it again.
func TestJobScopes(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Scopes", crm.RoleAdmin)
		scoped := func(scopes ...string) user {
			key := u.make("/api/keys", object{"name": "k", "role": "admin", "scopes": scopes, "user_id": id(u.get("/api/user"))})
			return user{c, u.org, key["key"].(string)}
		}
		read, imports := scoped("read"), scoped("read", "import")
		forbidden := func(by user, path string, body any) {
			t.Helper()
			if answer := by.ask(http.StatusForbidden, "POST", path, body); answer["code"] != "key.scope" || !strings.Contains(fmt.Sprint(answer["detail"]), "scope import") {
				t.Errorf("%s: %v", path, answer)
			}
		}
		read.job(jobs.GenerateReport, "end", later())
		body := with(object{"kind": "bulk-import", "args": object{"do": "end"}}, later())
		forbidden(read, "/api/jobs", body)
		job := imports.record(http.StatusAccepted, "POST", "/api/jobs", body)
		read.get("/api/jobs/" + id(job))
		forbidden(read, "/api/jobs/"+id(job)+"/cancel", nil)
		imports.record(http.StatusOK, "POST", "/api/jobs/"+id(job)+"/cancel", nil)
		forbidden(read, "/api/jobs/"+id(job)+"/retry", nil)
		imports.record(http.StatusOK, "POST", "/api/jobs/"+id(job)+"/retry", nil)
	})
}

func TestCancelAndRetry(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, w *work) {
		u := newUser(c, "Cancel", crm.RoleManager)
		post := func(want int, job object, what string) object {
			t.Helper()
			return u.ask(want, "POST", "/api/jobs/"+id(job)+"/"+what, nil)
		}
		state := func(answer object) any { return at(answer, "data", "state") }

		waits := u.job(jobs.GenerateReport, "end", later())
		if got := post(http.StatusOK, waits, "cancel"); state(got) != "cancelled" || at(got, "data", "finished_at") == nil {
			t.Errorf("one that waits: %v", got)
		}
		if got := post(http.StatusOK, waits, "cancel"); state(got) != "cancelled" {
			t.Errorf("again: %v", got)
		}
		if answer := u.ask(http.StatusConflict, "GET", "/api/jobs/"+id(waits)+"/result", nil); !strings.Contains(fmt.Sprint(answer["detail"]), "cancelled") {
			t.Errorf("its result: %v", answer)
		}

		runs := u.job(jobs.GenerateReport, "hold")
		<-w.begun
		if got := post(http.StatusOK, runs, "cancel"); at(got, "data", "cancel_at") == nil {
			t.Errorf("a running one: %v", got)
		}
		if got := u.ended(runs); got["state"] != "cancelled" || got["progress"] != 40.0 || got["error"] != nil {
			t.Errorf("a running one ends as %v", got)
		}
		post(http.StatusOK, runs, "retry")
		if again := <-w.begun; again.String() != id(runs) {
			t.Errorf("%s is run", again)
		}
		post(http.StatusConflict, runs, "retry")
		w.end <- struct{}{}
		if got := u.ended(runs); got["state"] != "done" || got["attempt"] != 1.0 || got["cancel_at"] != nil {
			t.Errorf("it is tried again as %v", got)
		}
		post(http.StatusConflict, runs, "cancel")
		post(http.StatusConflict, runs, "retry")

		failed := u.ended(u.job(jobs.GenerateReport, "fail"))
		post(http.StatusConflict, failed, "cancel")
		post(http.StatusOK, failed, "retry")
		if got := u.ended(failed); got["state"] != "failed" || got["attempt"] != 1.0 {
			t.Errorf("it fails again as %v", got)
		}
		for action, want := range map[string]int{"job.cancelled": 2, "job.retried": 2} {
			rows := c.audit(u.org, action)
			if len(rows) != want || at(rows[0].(object), "details", "kind") != "generate-report" || at(rows[0].(object), "target") != "job" {
				t.Errorf("%s: %v", action, rows)
			}
		}
		missing := object{"id": crm.NewID().String()}
		post(http.StatusNotFound, missing, "cancel")
		post(http.StatusNotFound, missing, "retry")
	})
}

// Operators pause kinds, read the numbers of all organisations, and see the system's jobs.
func TestOperatorsOfJobs(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		org := c.organisation("Operators").ID
		olga := c.person(org, "Olga", "olga@acme.example", crm.RoleAdmin)
		if err := c.app.Core().Accounts.AddOperator(t.Context(), crm.Operator(org), olga.ID); err != nil {
			t.Fatal(err)
		}
		other := newUser(c, "Others", crm.RoleAdmin)
		u := user{c, org, c.keyOf(org, olga.ID, crm.RoleAdmin)}
		other.ask(http.StatusForbidden, "GET", "/api/jobs?system=true", nil)
		other.ask(http.StatusForbidden, "POST", "/api/jobs/kinds/generate-report/pause", nil)
		u.ask(http.StatusNotFound, "POST", "/api/jobs/kinds/make-coffee/pause", nil)

		for range 2 { // the same again
			if got := u.record(http.StatusOK, "POST", "/api/jobs/kinds/generate-report/pause", nil); got["paused"] != true || got["kind"] != "generate-report" {
				t.Errorf("paused: %v", got)
			}
		}
		waits, runs := other.job(jobs.GenerateReport, "end"), other.job(jobs.DataExport, "end")
		other.ended(runs) // the other kind is run, and was added later
		if got := other.get("/api/jobs/" + id(waits)); got["state"] != "ready" {
			t.Errorf("of the paused kind: %v", got)
		}
		stats := u.get("/api/jobs/stats")
		if got := stats["generate-report"].(object); fmt.Sprint(got) != fmt.Sprint(object{"waiting": 1, "active": 0, "completed": 0, "failed": 0, "delayed": 0, "total": 1, "paused": true}) {
			t.Errorf("the paused kind counts %v", got)
		}
		if got := stats["data-export"].(object); got["completed"] != 1.0 || got["total"] != 1.0 || got["paused"] != false {
			t.Errorf("the other counts %v", got)
		}
		if at(stats, "throughput", "perHour", "data-export") != 1.0 || at(stats, "throughput", "perHour", "send-email") != 0.0 || at(stats, "latency", "generate-report", "waitingSince") == nil {
			t.Errorf("beside them are %v and %v", stats["throughput"], stats["latency"])
		}
		if queues := u.ask(http.StatusOK, "GET", "/api/performance/stats", nil)["jobQueues"]; fmt.Sprint(queues.(object)["data-export"]) != fmt.Sprint(stats["data-export"]) {
			t.Errorf("the job queues are %v", queues)
		}
		u.record(http.StatusOK, "POST", "/api/jobs/kinds/generate-report/resume", nil)
		if got := other.ended(waits); got["state"] != "done" {
			t.Errorf("resumed, it ends as %v", got)
		}
		if rows := c.audit(org, "job_kind.paused"); len(rows) != 2 || at(rows[0].(object), "details", "kind") != "generate-report" {
			t.Errorf("the trail has %v", rows)
		}

		added, err := c.app.Core().Store.Jobs().Insert(t.Context(), jobs.SystemActor, []jobs.Job{{ID: crm.NewID(), Kind: jobs.DataCleanup, State: jobs.Scheduled, MaxAttempts: 1, Delay: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := u.list("/api/jobs?system=true")
		if !slices.ContainsFunc(rows, func(row object) bool { return id(row) == added[0].ID.String() }) {
			t.Errorf("the system's jobs are %v", rows)
		}
		if rows, _ := u.list("/api/jobs"); len(rows) != 0 {
			t.Errorf("the organisation's jobs are %v", rows)
		}
		u.get("/api/jobs/" + added[0].ID.String())
		other.ask(http.StatusNotFound, "GET", "/api/jobs/"+added[0].ID.String(), nil)
	})
}
