package app_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// The audit trail lists who did what, newest first, for admins alone, without secrets.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u, stranger := newUser(c, "Audit", crm.RoleAdmin), newUser(c, "Stranger", crm.RoleAdmin)
		operator := crm.Operator(u.org)
		core := c.app.Core()
		person := c.person(u.org, "Rita Rep", "rita@audit.example", crm.RoleRep)
		secret := c.keyOf(u.org, person.ID, crm.RoleRep)
		keys, err := core.Keys.List(t.Context(), operator)
		if err != nil {
			t.Fatal(err)
		}
		if err := core.Keys.Revoke(t.Context(), operator, keys[len(keys)-1].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := core.Accounts.DeactivateOwner(t.Context(), operator, person.ID); err != nil {
			t.Fatal(err)
		}
		status, header, answer := u.raw("POST", "/api/performance/clear-cache", u.key, nil, "X-Request-Id", "audited")
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		var exported bytes.Buffer
		for _, kind := range []transfer.Kind{transfer.Companies, transfer.Audit} {
			exported.Reset()
			if _, err := transfer.Export(t.Context(), core.Bulk, operator, transfer.ExportOptions{Kinds: []transfer.Kind{kind}, Format: transfer.CSV}, &exported); err != nil {
				t.Fatal(err)
			}
		}

		rows, _ := u.list("/api/audit")
		want := "data.exported data.exported cache.cleared user.deactivated api_key.revoked api_key.created user.created api_key.created"
		if got := mapped(rows, "action"); got != want {
			t.Fatalf("the trail is %s, want %s", got, want)
		}
		me := u.get("/api/user")
		expect(t, rows[2], object{"actor_id": id(me), "request_id": header.Get("X-Request-Id"), "address": "127.0.0.1", "target": "cache", "target_id": nil})
		expect(t, rows[3], object{"actor_id": nil, "target": "owner", "target_id": person.ID.String(), "address": "", "request_id": ""})
		expect(t, rows[5]["details"].(object), object{"role": "rep", "user_id": person.ID.String()})
		if header.Get("X-Request-Id") != "audited" {
			t.Errorf("the request is called %s", header.Get("X-Request-Id"))
		}
		_, _, text := u.raw("GET", "/api/audit", u.key, nil)
		for _, s := range []string{secret, u.key} {
			if strings.Contains(string(text)+exported.String(), s) {
				t.Error("a key's secret is told")
			}
		}
		if lines := strings.Count(exported.String(), "\r\n"); lines != 1+len(rows) || !strings.Contains(exported.String(), "api_key.revoked") {
			t.Errorf("%d lines are exported of %d entries:\n%s", lines, len(rows), exported.String())
		}

		for query, want := range map[string]int{
			"?action=api_key.created": 2, "?actorId=" + id(me): 1, "?actor_id=" + person.ID.String(): 0,
			"?from=2020-01-01&to=2999-01-01": 8, "?to=2020-01-01": 0, "?from=2999-01-01": 0,
		} {
			if rows, _ := u.list("/api/audit" + query); len(rows) != want {
				t.Errorf("%s: %d entries, want %d", query, len(rows), want)
			}
		}
		first, page := u.list("/api/audit?limit=5")
		rest, _ := u.list("/api/audit?limit=5&cursor=" + page["pagination"].(object)["nextCursor"].(string))
		if got := mapped(append(first, rest...), "action"); got != want {
			t.Errorf("by pages it is %s", got)
		}
		u.ask(http.StatusUnprocessableEntity, "GET", "/api/audit?action=nothing", nil)
		for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager} {
			u.as(role).ask(http.StatusForbidden, "GET", "/api/audit", nil)
		}
		if rows, _ := stranger.list("/api/audit"); mapped(rows, "action") != "api_key.created" {
			t.Errorf("another organisation's trail is %v", rows)
		}
	})
}

// Failed sign-ins are recorded, also those of deactivated users; the responses are all the
// same.
func TestFailedSignInsAreRecorded(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Failing", crm.RoleAdmin)
		ada, rita := c.member(u.org, "ada@failing.example", crm.RoleRep), c.member(u.org, "rita@failing.example", crm.RoleRep)
		if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(u.org), rita.ID); err != nil {
			t.Fatal(err)
		}
		b := &browser{client: c}
		var said any
		for _, try := range [][2]string{
			{"unknown@failing.example", goodPassword}, {"ada@failing.example", "a wrong password"},
			{"rita@failing.example", goodPassword}, {"Rita@failing.example", "a wrong password"},
		} {
			answer := b.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": try[0], "password": try[1]})
			if said == nil {
				said = answer["detail"]
			}
			if answer["detail"] != said {
				t.Errorf("%s: %v, to others %v", try[0], answer["detail"], said)
			}
		}
		failures := func(target crm.ID) (n int) {
			rows, _ := u.list("/api/audit?action=session.failed")
			for _, row := range rows {
				if row["target_id"] == target.String() {
					n++
				}
			}
			return n
		}
		eventually(t, "all failures in the trail", func() bool { return failures(ada.ID) == 1 && failures(rita.ID) == 2 })
		if rows, _ := u.list("/api/audit?action=session.failed"); len(rows) != 3 {
			t.Errorf("the trail tells of %d failures", len(rows))
		}
	})
}
