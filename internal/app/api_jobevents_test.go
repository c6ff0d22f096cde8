package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

func TestJobEvents(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, w *work) {
		u := newUser(c, "Events", crm.RoleManager)
		job := u.job(jobs.GenerateReport, "hold")
		<-w.begun
		s := u.followJob(id(job), "")
		first := s.told()
		if first.name != "progress" || first.id == "" || first.data["progress"] != 40.0 || first.data["note"] != "It holds" || first.data["state"] != "running" {
			t.Errorf("the first event is %+v", first)
		}
		resumed := u.followJob(id(job), first.id)
		w.end <- struct{}{}
		for name, s := range map[string]*events{"first": s, "resumed": resumed} {
			if done := s.told(); done.name != "progress" || done.id == first.id || done.data["state"] != "done" || done.data["progress"] != 100.0 {
				t.Errorf("%s: then comes %+v", name, done)
			}
			if end := s.told(); end.name != "end" || end.data["reason"] != "The job has ended." {
				t.Errorf("%s: it ends with %+v", name, end)
			}
			if e, err := s.read(); err == nil {
				t.Errorf("%s: after the end comes %+v", name, e)
			}
		}
		if end := u.followJob(id(job), s.last).told(); end.name != "end" {
			t.Errorf("to a client that has seen the end comes %+v", end)
		}
		path := "/api/jobs/" + id(job) + "/events"
		for _, bad := range []string{"x", "-1", "1.5"} {
			status, _, answer := u.raw("GET", path, u.key, nil, "Last-Event-ID", bad)
			if status != http.StatusBadRequest || !strings.Contains(string(answer), "Last-Event-ID") {
				t.Errorf("%s: %d %s", bad, status, answer)
			}
			u.ask(http.StatusBadRequest, "GET", path+"?lastEventId="+bad, nil)
		}
		if status, header, body := u.raw("HEAD", path, u.key, nil); status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" || len(body) > 0 {
			t.Errorf("HEAD: %d %v", status, header)
		}
		u.ask(http.StatusNotFound, "GET", "/api/jobs/"+crm.NewID().String()+"/events", nil)
	})
}

// A stream ends when its client may not see the job any more, and when the server stops.
func TestJobEventsEnd(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, w *work) {
		u := newUser(c, "Ended events", crm.RoleAdmin)
		issued := u.make("/api/keys", object{"name": "k", "role": "admin"})
		late := user{c, u.org, issued["key"].(string)}
		job := u.job(jobs.GenerateReport, "hold")
		<-w.begun
		revoked, stopped := late.followJob(id(job), ""), u.followJob(id(job), "")
		revoked.told()
		stopped.told()
		u.ask(http.StatusOK, "DELETE", "/api/keys/"+id(issued), nil)
		w.end <- struct{}{} // there is something to be told
		if e := revoked.told(); e.name != "end" || e.data["reason"] != "The credentials are no longer valid." {
			t.Errorf("the stream of a revoked key goes on with %+v", e)
		}
		if e := stopped.told(); e.data["state"] != "done" {
			t.Errorf("the other goes on with %+v", e)
		}
		last := u.followJob(id(u.job(jobs.GenerateReport, "end", later())), "")
		last.told()
		c.stop()
		if e := last.told(); e.name != "end" || !strings.Contains(fmt.Sprint(e.data["reason"]), "shuts down") {
			t.Errorf("when the server stops comes %+v", e)
		}
	})
}
