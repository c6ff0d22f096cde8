package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

// Admins create keys, whose secret is returned once, list them without it, and revoke them.
func TestKeys(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Keys")
		rep := c.person(org, "Rita Rep", "rita@team.example", crm.RoleRep)
		until := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z")
		send := func(body object) (object, string) {
			t.Helper()
			status, header, answer := admin.send("POST", "/api/keys", body)
			if status != http.StatusCreated || header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d, %v: %v", status, header, answer)
			}
			return answer["data"].(object), header.Get("Location")
		}
		key, location := send(object{"name": "  CI  robot ", "role": "manager", "expires_at": until})
		expect(t, key, object{"name": "CI robot", "role": "manager", "expires_at": until, "revoked_at": nil, "used_at": nil})
		secret := key["key"].(string)
		if prefix := key["prefix"].(string); !strings.HasPrefix(secret, prefix) || len(prefix) != 14 || location != "/api/keys/"+id(key) {
			t.Errorf("prefix %q, location %q", prefix, location)
		}
		// Another key is created.
		other, _ := send(object{"name": "CI robot", "role": "manager", "expires_at": until})
		if other["key"] == secret || id(other) == id(key) {
			t.Error("a secret was kept")
		}
		robot := user{c, org, secret}
		expect(t, robot.get("/api/user"), object{"role": "manager", "full_name": "CI robot"})
		if key["user_id"] != id(robot.get("/api/user")) {
			t.Errorf("it acts for %v", key["user_id"])
		}
		hers, _ := send(object{"name": "Rita's", "role": "viewer", "user_id": rep.ID})
		expect(t, user{c, org, hers["key"].(string)}.get("/api/user"), object{"id": rep.ID.String(), "role": "viewer"})

		for _, bad := range []struct {
			body      object
			complains string
		}{
			{object{}, "#/name #/role"},
			{object{"name": "k", "role": "god", "hash": 1, "user_id": 7}, "#/role #/hash #/user_id"},
			{object{"name": "k", "role": "rep", "expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"},
			{object{"name": "k", "role": "manager", "user_id": rep.ID}, "#/role"},
			{object{"name": "k", "role": "rep", "user_id": crm.NewID()}, "#/user_id"},
		} {
			if got := invalid(admin.ask(http.StatusUnprocessableEntity, "POST", "/api/keys", bad.body)); !sameWords(got, bad.complains) {
				t.Errorf("%v: it complains of %s, want %s", bad.body, got, bad.complains)
			}
		}

		// The list has them all, in pages, and no secret.
		_, _, text := c.raw("GET", "/api/keys?limit=2&count=exact", c.keyOf(org, me.ID, crm.RoleAdmin), nil)
		for _, hidden := range []string{secret, secret[15:], "hash"} {
			if strings.Contains(string(text), hidden) {
				t.Errorf("the list tells %q", hidden)
			}
		}
		page := admin.ask(http.StatusOK, "GET", "/api/keys?limit=3", nil)
		rest := admin.ask(http.StatusOK, "GET", "/api/keys?limit=3&cursor="+at(page, "pagination", "nextCursor").(string), nil)
		if n := len(page["data"].([]any)) + len(rest["data"].([]any)); n != 4 {
			t.Errorf("%d keys are listed", n)
		}
		eventually(t, "its use is entered", func() bool {
			return admin.ask(http.StatusOK, "GET", location, nil)["data"].(object)["used_at"] != nil
		})

		admin.ask(http.StatusPreconditionFailed, "DELETE", location, nil, "If-Match", `"2-x"`)
		robot.get("/api/user")
		expect(t, admin.ask(http.StatusOK, "DELETE", location, nil)["data"].(object), object{"deleted": true, "id": id(key)})
		robot.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		admin.ask(http.StatusNotFound, "DELETE", location, nil)
		if at(admin.ask(http.StatusOK, "GET", location, nil), "data", "revoked_at") == nil {
			t.Error("it is not shown as revoked")
		}
		entries := admin.ask(http.StatusOK, "GET", "/api/audit?action=api_key.revoked", nil)["data"].([]any)
		if len(entries) != 1 || entries[0].(object)["target_id"] != id(key) || entries[0].(object)["actor_id"] != me.ID.String() {
			t.Errorf("the trail: %v", entries)
		}
	})
}

// A key that is revoked on one instance is rejected on the other within a second.
func TestRevokedOnEveryInstance(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, first, second *client) {
		org, admin, me := first.admin("Everywhere")
		rita := first.member(org, "rita@team.example", crm.RoleRep)
		path := "/api/users/" + rita.ID.String()
		key := admin.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "k", "role": "rep", "user_id": me.ID})["data"].(object)
		hers := first.keyOf(org, rita.ID, crm.RoleRep)
		b := &browser{client: first}
		b.logIn("rita@team.example", goodPassword)
		there := &browser{second, b.cookie}
		byKey := func(secret string) func() int {
			return func() int { status, _, _ := second.do("GET", "/api/user", secret, nil); return status }
		}
		bySession := func() int { status, _, _ := there.send("GET", "/api/user", nil); return status }
		for _, step := range []struct {
			name, method, path string
			body               any
			ask                []func() int
		}{
			{"Revoke", "DELETE", "/api/keys/" + id(key), nil, []func() int{byKey(key["key"].(string))}},
			{"ChangeRole", "PATCH", path, object{"role": "viewer"}, []func() int{bySession}},
			{"Deactivate", "POST", path + "/deactivate", nil, []func() int{byKey(hers)}},
		} {
			for _, ask := range step.ask {
				if status := ask(); status != http.StatusOK {
					t.Fatalf("%s: before: %d", step.name, status)
				}
			}
			admin.ask(http.StatusOK, step.method, step.path, step.body)
			for _, ask := range step.ask {
				endsSoon(t, step.name, ask)
			}
		}
	})
}
