package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

func TestSchedules(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Schedules", crm.RoleManager)
		weekly := u.make("/api/schedules", with(aReport, object{"name": " Weekly ", "cron": "0 8 * * 1"}))
		hasMembers(t, "a schedule", weekly, "id name kind args cron enabled actor_id next_at created_at updated_at")
		if weekly["name"] != "Weekly" || weekly["enabled"] != true || at(weekly, "args", "do") != "end" || weekly["actor_id"] != id(u.get("/api/user")) {
			t.Errorf("it is %v", weekly)
		}
		next, err := time.Parse(time.RFC3339, weekly["next_at"].(string))
		if err != nil || next.Weekday() != time.Monday || next.Hour() != 8 || next.Minute() != 0 || !next.After(time.Now()) || next.After(time.Now().Add(8*24*time.Hour)) {
			t.Errorf("its next time is %v %v", weekly["next_at"], err)
		}
		path := "/api/schedules/" + id(weekly)
		if got := u.get(path); fmt.Sprint(got) != fmt.Sprint(weekly) {
			t.Errorf("it is read as %v", got)
		}
		u.make("/api/schedules", with(aReport, object{"name": "Daily", "cron": "30 6 * * *", "enabled": false}))
		if rows, _ := u.list("/api/schedules"); len(rows) != 2 || rows[0]["name"] != "Daily" || rows[0]["enabled"] != false {
			t.Errorf("the list: %v", rows)
		}

		admin := u.as(crm.RoleAdmin)
		_, header, _ := u.raw("GET", path, u.key, nil)
		status, _, changed := admin.raw("PATCH", path, admin.key, object{"cron": "0 9 * * 1"}, "If-Match", header.Get("ETag"))
		if status != http.StatusOK || !strings.Contains(string(changed), id(admin.get("/api/user"))) || !strings.Contains(string(changed), "T09:00:00") {
			t.Errorf("changed by another: %d %s", status, changed)
		}
		if status, _, answer := u.raw("PATCH", path, u.key, object{"name": "Late"}, "If-Match", header.Get("ETag")); status != http.StatusPreconditionFailed {
			t.Errorf("a lost update: %d %s", status, answer)
		}
		if status, _, answer := u.raw("DELETE", path, u.key, nil, "If-Match", header.Get("ETag")); status != http.StatusPreconditionFailed {
			t.Errorf("a lost update: %d %s", status, answer)
		}
		u.change(path, object{"enabled": false})
		u.record(http.StatusOK, "DELETE", path, nil)
		u.ask(http.StatusNotFound, "GET", path, nil)
		u.ask(http.StatusNotFound, "PATCH", path, object{"enabled": true})
		u.ask(http.StatusNotFound, "DELETE", path, nil)
		for action, want := range map[string]int{"schedule.created": 2, "schedule.changed": 2, "schedule.deleted": 1} {
			if rows := c.audit(u.org, action); len(rows) != want || at(rows[want-1].(object), "details", "name") == nil {
				t.Errorf("%s: %v", action, rows)
			}
		}
		foreign := newUser(c, "Foreign", crm.RoleAdmin)
		daily, _ := u.list("/api/schedules")
		foreign.ask(http.StatusNotFound, "GET", "/api/schedules/"+id(daily[0]), nil)
		for _, role := range []crm.Role{crm.RoleRep, crm.RoleViewer} {
			by := u.as(role)
			by.ask(http.StatusForbidden, "GET", "/api/schedules", nil)
			by.ask(http.StatusForbidden, "POST", "/api/schedules", with(aReport, object{"name": "x", "cron": "0 8 * * 1"}))
		}
	})
}

func TestSchedulesAreChecked(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Checked", crm.RoleAdmin)
		good := with(aReport, object{"name": "x", "cron": "0 8 * * 1"})
		for _, test := range []struct {
			want, detail string
			change       object
		}{
			{"#/name", "", object{"name": " "}},
			{"#/kind", "must be one of bulk-import, data-export, generate-report", object{"kind": "data-cleanup"}},
			{"#/args/do", "", object{"args": object{"do": "x"}}},
			{"#/cron", "five fields", object{"cron": ""}},
			{"#/cron", "five fields", object{"cron": "@every 1m"}},
			{"#/cron", "no time zone", object{"cron": "TZ=Europe/Rome 0 8 * * 1"}},
			{"#/cron", "never does", object{"cron": "0 0 30 2 *"}},
			{"#/cron", "oftener than every 5 minutes", object{"cron": "*/2 * * * *"}},
			{"#/enabled", "", object{"enabled": "maybe"}},
			{"#/seconds", "", object{"seconds": 1}},
			{"#/name #/cron #/args/do", "", object{"name": "", "cron": "x", "args": object{}}},
		} {
			answer := u.ask(http.StatusUnprocessableEntity, "POST", "/api/schedules", with(good, test.change))
			if got := invalid(answer); got != test.want || !strings.Contains(fmt.Sprint(answer["detail"]), test.detail) {
				t.Errorf("%v: it complains of %s: %v", test.change, got, answer["detail"])
			}
		}
		if rows, _ := u.list("/api/schedules"); len(rows) != 0 {
			t.Errorf("there are schedules: %v", rows)
		}
		for range jobs.MaxSchedules {
			u.make("/api/schedules", good)
		}
		if answer := u.ask(http.StatusConflict, "POST", "/api/schedules", good); !strings.Contains(fmt.Sprint(answer["detail"]), "100 schedules") {
			t.Errorf("one more: %v", answer)
		}
	})
}

// A schedule whose user has lost the right fails its jobs, and says so.
func TestSchedulesHaveTheRightsOfTheirUsers(t *testing.T) {
	t.Parallel()
	eachJobs(t, func(t *testing.T, c *client, _ *work) {
		u := newUser(c, "Rights", crm.RoleAdmin)
		store := c.app.Core().Store.Jobs()
		fire := func(of user) object {
			t.Helper()
			made := of.make("/api/schedules", object{"name": "Now", "kind": jobs.GenerateReport, "args": object{"do": "write"}, "cron": "0 0 29 2 *", "enabled": false})
			all, err := store.Schedules(t.Context(), u.org)
			if err != nil {
				t.Fatal(err)
			}
			if by := made["actor_id"].(string); of.key != u.key {
				u.ask(http.StatusOK, "PATCH", "/api/users/"+by, object{"role": "rep"})
			}
			for _, s := range all {
				if s.ID.String() == id(made) {
					s.Enabled, s.Next = true, crm.InstantOf(time.Now().Add(-time.Minute))
					if err := store.PutSchedule(t.Context(), crm.Operator(u.org), s); err != nil {
						t.Fatal(err)
					}
				}
			}
			every := time.NewTicker(50 * time.Millisecond)
			defer every.Stop()
			for range every.C { // until a server has swept
				rows, _ := u.list("/api/jobs?actorId=" + made["actor_id"].(string))
				if len(rows) == 0 {
					continue
				}
				if rows[0]["schedule_id"] != id(made) || rows[0]["slot"] == nil {
					t.Errorf("its job is %v", rows[0])
				}
				return u.ended(rows[0])
			}
			return nil
		}
		if got := fire(u); got["state"] != "done" {
			t.Errorf("with the right: %v", got)
		}
		ada := c.person(u.org, "Ada", "ada@acme.example", crm.RoleManager)
		if got := fire(user{c, u.org, c.keyOf(u.org, ada.ID, crm.RoleManager)}); got["state"] != "failed" || got["error"] != "Only managers and admins may write." || got["attempt"] != 1.0 {
			t.Errorf("without it: %v", got)
		}
	})
}
