package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// admin creates an organisation with an admin, and signs them in.
func (c *client) admin(name string) (crm.ID, *browser, crm.Owner) {
	c.t.Helper()
	org := c.organisation(name).ID
	p := c.member(org, "admin@team.example", crm.RoleAdmin)
	b := &browser{client: c}
	b.logIn("admin@team.example", goodPassword)
	return org, b, p
}

// Admins list users and change their roles; a change of role signs the user out and limits
// their keys.
func TestPeople(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Team")
		rita := c.member(org, "rita@team.example", crm.RoleManager)
		path := "/api/users/" + rita.ID.String()
		key := c.keyOf(org, rita.ID, crm.RoleManager)
		hers := &browser{client: c}
		hers.logIn("rita@team.example", goodPassword)

		rows := admin.ask(http.StatusOK, "GET", "/api/users?sort=name&limit=1&count=exact", nil)
		if at(rows, "meta", "totalCount") != 2.0 || at(rows, "pagination", "hasMore") != true {
			t.Errorf("the list is %v", rows)
		}
		got := admin.ask(http.StatusOK, "GET", path, nil)["data"].(object)
		expect(t, got, object{"email": "rita@team.example", "role": "manager", "deactivated_at": nil, "service": false})
		if at, err := time.Parse(time.RFC3339, fmt.Sprint(got["signed_in_at"])); err != nil || time.Since(at) > time.Minute {
			t.Errorf("signed in at %v", got["signed_in_at"])
		}

		// A demotion ends her sessions, and limits her key.
		u := user{c, org, key}
		u.make("/api/deal-stages", object{"name": "Hers"})
		changed := admin.ask(http.StatusOK, "PATCH", path, object{"role": "viewer", "last_name": "Rep", "id": "ignored"})["data"].(object)
		expect(t, changed, object{"role": "viewer", "full_name": "Ada Rep"})
		hers.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		u.ask(http.StatusForbidden, "POST", "/api/deal-stages", object{"name": "Not hers"})
		expect(t, u.get("/api/user"), object{"role": "viewer"})
		u.ask(http.StatusForbidden, "GET", "/api/users", nil)
		hers.logIn("rita@team.example", goodPassword)
		expect(t, hers.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"role": "viewer"})

		// A change of other members ends no session, and does not undo her own concurrent change.
		admin.ask(http.StatusOK, "PATCH", path, object{"stage": "Analyst"})
		hers.ask(http.StatusOK, "GET", "/api/user", nil)
		_, header, _ := admin.send("GET", path, nil)
		admin.ask(http.StatusOK, "PATCH", path, object{"first_name": "Rita"})
		admin.ask(http.StatusPreconditionFailed, "PATCH", path, object{"first_name": "Ada"}, "If-Match", header.Get("ETag"))
		if got := invalid(admin.ask(http.StatusUnprocessableEntity, "PATCH", path, object{"role": "god", "email": "x", "colour": 1})); !sameWords(got, "#/role #/email #/colour") {
			t.Errorf("it complains of %s", got)
		}
		if got := invalid(admin.ask(http.StatusConflict, "PATCH", path, object{"email": "admin@team.example"})); got != "#/email" {
			t.Errorf("it complains of %s", got)
		}

		admin.ask(http.StatusOK, "PATCH", path, object{"external_id": "005A"})
		other := admin.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object)
		if got := invalid(admin.ask(http.StatusConflict, "PATCH", "/api/users/"+id(other), object{"external_id": "005A", "email": "rita@team.example"})); !sameWords(got, "#/email #/external_id") {
			t.Errorf("it complains of %s", got)
		}

		// Deactivated and reactivated: her sessions have ended, her password and key are valid.
		expect(t, admin.ask(http.StatusOK, "POST", path+"/deactivate", nil)["data"].(object), object{"id": rita.ID.String()})
		admin.ask(http.StatusOK, "POST", path+"/deactivate", nil) // again
		hers.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		u.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		hers.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "rita@team.example", "password": goodPassword})
		if rows := admin.ask(http.StatusOK, "GET", "/api/users?sort=updated_at", nil)["data"].([]any); rows[len(rows)-1].(object)["deactivated_at"] == nil {
			t.Errorf("the list is %v", rows)
		}
		expect(t, admin.ask(http.StatusOK, "POST", path+"/reactivate", nil)["data"].(object), object{"deactivated_at": nil})
		hers.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		u.ask(http.StatusOK, "GET", "/api/user", nil)
		hers.logIn("rita@team.example", goodPassword)

		// Admins cannot do it to themselves, and the last admin stays one, also for another admin.
		mine := "/api/users/" + me.ID.String()
		admin.ask(http.StatusForbidden, "PATCH", mine, object{"role": "rep"})
		admin.ask(http.StatusForbidden, "POST", mine+"/deactivate", nil)
		admin.ask(http.StatusOK, "PATCH", mine, object{"last_name": "Lovelace", "role": "admin"})
		robot := user{c, org, c.key(org, crm.RoleAdmin)}
		robot.ask(http.StatusConflict, "PATCH", mine, object{"role": "rep"})
		robot.ask(http.StatusConflict, "POST", mine+"/deactivate", nil)
		admin.ask(http.StatusOK, "PATCH", path, object{"role": "admin"})
		robot.ask(http.StatusOK, "PATCH", mine, object{"role": "rep"})
		admin.ask(http.StatusUnauthorized, "GET", "/api/users", nil)

		// The service user of a key is not in the list.
		service := "/api/users/" + id(robot.get("/api/user"))
		expect(t, robot.get(service), object{"service": true})
		robot.ask(http.StatusConflict, "PATCH", service, object{"role": "rep"})
		robot.ask(http.StatusNotFound, "GET", "/api/users/"+crm.NewID().String(), nil)
		for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager} {
			u := robot.as(role)
			for _, path := range []string{"/api/users", path, "/api/keys"} {
				u.ask(http.StatusForbidden, "GET", path, nil)
			}
			u.ask(http.StatusForbidden, "PATCH", path, object{"role": "admin"})
			u.ask(http.StatusForbidden, "POST", path+"/hand-over", object{"to": me.ID})
			u.ask(http.StatusForbidden, "POST", "/api/keys", object{"name": "k", "role": "viewer"})
		}

		var told []string
		entries, _ := robot.list("/api/audit?limit=1000")
		for _, e := range entries {
			if strings.HasPrefix(e["action"].(string), "user.") && e["address"] != "" {
				told = append([]string{strings.TrimPrefix(e["action"].(string), "user.")}, told...)
			}
		}
		want := "role_changed changed changed changed deactivated reactivated changed role_changed role_changed"
		if got := strings.Join(told, " "); got != want {
			t.Errorf("the trail tells of %s, want %s", got, want)
		}
	})
}

// Two admins who demote each other at once do not both succeed.
func TestLastAdminAtOnce(t *testing.T) {
	t.Parallel()
	c := boot(t, "postgres")
	org := c.organisation("Two admins").ID
	service := c.app.Core().Accounts
	var admins [2]crm.Owner
	for i := range admins {
		admins[i] = c.person(org, "Ada Admin", fmt.Sprintf("ada%d@team.example", i), crm.RoleAdmin)
	}
	done := make(chan error, 2)
	ctx := accounts.WithProof(t.Context(), accounts.Proof{At: func(context.Context) (crm.Instant, error) { return crm.InstantOf(time.Now()), nil }})
	for i := range admins {
		by := crm.Actor{Org: org, User: admins[1-i].ID, Role: crm.RoleAdmin}
		go func() {
			_, err := service.UpdateMember(ctx, by, admins[i].ID, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of("rep")})
			done <- err
		}()
	}
	first, second := <-done, <-done
	if crm.CodeOf(first) == crm.CodeOf(second) || crm.CodeOf(first) != crm.CodeConflict && crm.CodeOf(second) != crm.CodeConflict {
		t.Fatalf("%v, %v", first, second)
	}
	left := admins[0]
	if o, err := c.app.Core().Service.Owner(t.Context(), crm.Operator(org), left.ID); err != nil || o.Role != crm.RoleAdmin {
		left = admins[1]
	}
	if err := service.DeleteOwner(t.Context(), crm.Operator(org), left.ID); crm.CodeOf(err) != crm.CodeConflict {
		t.Errorf("the last admin is deleted: %v", err)
	}
}

// A transfer moves all of a user's records to another, and invalidates the cached responses.
func TestTransferRecords(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Hand over")
		u := user{c, org, c.keyOf(org, me.ID, crm.RoleAdmin)}
		rita, recipient := c.person(org, "Rita Rep", "rita@team.example", crm.RoleRep), c.person(org, "Hugo Heir", "hugo@team.example", crm.RoleRep)
		from, to := rita.ID.String(), recipient.ID.String()
		for i := range 3 {
			u.make("/api/deals", object{"name": fmt.Sprint("Deal ", i), "owner_id": from, "value": 10})
		}
		company := u.make("/api/companies", object{"name": "Acme", "owner_id": from})
		u.make("/api/contacts", object{"first_name": "Grace", "owner_id": from})
		u.make("/api/activities", object{"type": "call", "owner_id": from})
		u.make("/api/tasks", object{"title": "Call", "assigned_to": from})
		mine := u.make("/api/deals", object{"name": "Mine", "owner_id": me.ID})
		kept := []string{"/api/deals?ownerId=" + from, "/api/deals?ownerId=" + to, "/api/owners", "/api/companies/" + id(company)}
		for _, path := range kept {
			u.get2(path)
		}

		path := "/api/users/" + from + "/hand-over"
		got := admin.ask(http.StatusOK, "POST", path, object{"to": to})["data"].(object)
		expect(t, got, object{"companies": 1, "contacts": 1, "deals": 3, "activities": 1, "tasks": 1})
		for path, want := range map[string]int{kept[0]: 0, kept[1]: 3, "/api/tasks?assignedTo=" + to: 1, "/api/deals?ownerId=" + me.ID.String(): 1} {
			if rows, _ := u.list(path); len(rows) != want {
				t.Errorf("%s: %d rows, want %d", path, len(rows), want)
			}
		}
		expect(t, u.get("/api/companies/"+id(company)), object{"owner_id": to})
		expect(t, u.get("/api/deals/"+id(mine)), object{"owner_id": me.ID.String()})
		owners, _ := u.list("/api/owners")
		for _, o := range owners {
			if want := map[string]int{from: 0, to: 3, me.ID.String(): 1}[id(o)]; o["deal_count"] != float64(want) {
				t.Errorf("%s has %v deals, want %d", o["full_name"], o["deal_count"], want)
			}
		}
		expect(t, admin.ask(http.StatusOK, "POST", path, object{"to": to})["data"].(object), object{"deals": 0})

		if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), recipient.ID); err != nil {
			t.Fatal(err)
		}
		for _, body := range []object{{}, {"to": nil}, {"to": "x"}, {"to": from}, {"to": to}, {"to": crm.NewID()}} {
			if got := invalid(admin.ask(http.StatusUnprocessableEntity, "POST", path, body)); got != "#/to" {
				t.Errorf("%v: it complains of %q", body, got)
			}
		}
		admin.ask(http.StatusNotFound, "POST", "/api/users/"+crm.NewID().String()+"/hand-over", object{"to": me.ID})
		entries, _ := u.list("/api/audit?action=user.handed_over")
		if len(entries) != 2 {
			t.Fatalf("%d entries", len(entries))
		}
		expect(t, entries[1]["details"].(object), object{"to": to, "deals": "3"})
	})
}

// get2 reads twice, so that the second response is cached.
func (u user) get2(path string) {
	u.t.Helper()
	for range 2 {
		u.ask(http.StatusOK, "GET", path, nil)
	}
}
