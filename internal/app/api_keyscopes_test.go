package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

// scopedKey creates a key by a session of an admin.
func (b *browser) scopedKey(org crm.ID, role crm.Role, scopes ...string) user {
	b.t.Helper()
	key := b.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "scoped", "role": role, "scopes": scopes})["data"].(object)
	return user{b.client, org, key["key"].(string)}
}

// A key has the scopes that it is created with, or those of its role. What needs another is
// rejected with the scope's name. TestAccess tries every operation.
func TestKeyScopes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, _ := c.admin("Scopes")
		for role, want := range map[crm.Role]string{
			crm.RoleViewer: "[read export]", crm.RoleRep: "[read write import export]", crm.RoleManager: "[read write import export]",
			crm.RoleAdmin: "[read write import export admin]",
		} {
			for _, sent := range []object{{"name": "k", "role": role}, {"name": "k", "role": role, "scopes": nil}} {
				key := admin.ask(http.StatusCreated, "POST", "/api/keys", sent)["data"].(object)
				if got := fmt.Sprint(key["scopes"]); got != want {
					t.Errorf("%s: %s, want %s", role, got, want)
				}
			}
		}
		for _, bad := range []struct {
			role   crm.Role
			scopes any
		}{
			{crm.RoleViewer, []string{"read", "write"}}, {crm.RoleManager, []string{"admin"}}, {crm.RoleAdmin, []string{"read", "everything"}},
			{crm.RoleAdmin, []string{}}, {crm.RoleAdmin, "read"}, {crm.RoleAdmin, []any{nil}}, {crm.RoleAdmin, []string{"read,write"}},
		} {
			answer := admin.ask(http.StatusUnprocessableEntity, "POST", "/api/keys", object{"name": "k", "role": bad.role, "scopes": bad.scopes})
			if got := invalid(answer); got != "#/scopes" {
				t.Errorf("%v: it complains of %s", bad, got)
			}
		}

		reader, writer := admin.scopedKey(org, crm.RoleManager, "read"), admin.scopedKey(org, crm.RoleManager, "write")
		status, header, answer := c.do("POST", "/api/companies", reader.key, object{"name": "Acme"})
		if status != http.StatusForbidden || answer["code"] != "key.scope" || !strings.Contains(answer["detail"].(string), "scope write") ||
			!strings.Contains(header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="write"`) {
			t.Errorf("%d, %v: %v", status, header, answer)
		}
		company := writer.make("/api/companies", object{"name": "Acme"})
		reader.fill("/api/companies", "/api/companies/"+id(company))
		for _, path := range []string{"/api/companies", "/api/companies/" + id(company), "/api/user", "/api/changes", "/api/events", "/api/nothing/here"} {
			want := http.StatusForbidden
			if path == "/api/nothing/here" {
				want = http.StatusNotFound
			}
			if status, _, _ := c.do("HEAD", path, writer.key, nil); status != want { // of a stream, it ends
				t.Errorf("HEAD %s by a key that may not read: %d", path, status)
			}
		}
		reader.hits("/api/companies")
	})
}

// A key that manages keys creates none that may do more than it may itself.
func TestKeysCreateNoGreaterKeys(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, _ := c.admin("Greater")
		by := admin.scopedKey(org, crm.RoleAdmin, "admin", "read")
		if got := fmt.Sprint(by.make("/api/keys", object{"name": "k", "role": "manager"})["scopes"]); got != "[read]" {
			t.Errorf("by default it has %s", got)
		}
		for _, scopes := range [][]string{{"write"}, {"read", "export"}} {
			answer := by.ask(http.StatusUnprocessableEntity, "POST", "/api/keys", object{"name": "k", "role": "manager", "scopes": scopes})
			if got := invalid(answer); got != "#/scopes" {
				t.Errorf("%v: it complains of %s", scopes, got)
			}
		}
	})
}

// A key lets people do no more than it may do itself, and creates no key that outlives it.
func TestKeysReachNoFurther(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Reach")
		viewer := c.member(org, "viewer@team.example", crm.RoleViewer)
		narrow, reading := admin.scopedKey(org, crm.RoleAdmin, "admin"), admin.scopedKey(org, crm.RoleAdmin, "admin", "read", "export")
		forbidden := func(by user, method, path string, body object, lacking string) {
			t.Helper()
			if detail := by.ask(http.StatusForbidden, method, path, body)["detail"].(string); !strings.Contains(detail, "scope "+lacking) {
				t.Errorf("%s %s: %s", method, path, detail)
			}
		}
		forbidden(narrow, "POST", "/api/auth/reset-request", object{"user_id": me.ID}, "read, write, import, export")
		forbidden(narrow, "POST", "/api/auth/reset-request", object{"user_id": viewer.ID}, "read, export")
		forbidden(reading, "POST", "/api/auth/reset-request", object{"user_id": me.ID}, "write, import")
		reading.ask(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": viewer.ID})

		forbidden(narrow, "POST", "/api/auth/invite", object{"email": "a@team.example", "role": "viewer"}, "read, export")
		forbidden(reading, "POST", "/api/auth/invite", object{"email": "a@team.example"}, "write, import")
		reading.ask(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "a@team.example", "role": "viewer"})

		path := "/api/users/" + viewer.ID.String()
		forbidden(narrow, "PATCH", path, object{"email": "b@team.example"}, "read, export")
		forbidden(reading, "PATCH", path, object{"role": "rep"}, "write, import")
		forbidden(reading, "PATCH", "/api/users/"+me.ID.String(), object{"email": "b@team.example"}, "write, import")
		narrow.ask(http.StatusOK, "PATCH", path, object{"first_name": "Vera"})
		expect(t, reading.change(path, object{"email": "b@team.example"}), object{"email": "b@team.example"})
		admin.ask(http.StatusOK, "PATCH", path, object{"role": "rep"})
		forbidden(reading, "PATCH", path, object{"role": "viewer"}, "write, import")

		in := func(hours int) string {
			return time.Now().Add(time.Duration(hours) * time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		latest := in(24)
		key := admin.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "k", "role": "admin", "expires_at": latest})["data"].(object)
		ending := user{c, org, key["key"].(string)}
		for _, at := range []any{nil, in(25)} {
			answer := ending.ask(http.StatusUnprocessableEntity, "POST", "/api/keys", object{"name": "k", "role": "viewer", "expires_at": at})
			if got := invalid(answer); got != "#/expires_at" || !strings.Contains(answer["detail"].(string), latest) {
				t.Errorf("until %v: %v", at, answer)
			}
		}
		ending.make("/api/keys", object{"name": "k", "role": "viewer", "expires_at": latest})
	})
}

// Without the scope read, the response to a write has the id alone, also when it is replayed.
// TestAccess tries every operation.
func TestWriteWithoutRead(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Blind")
		scoped := func(scopes ...string) user {
			key := admin.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "k", "role": "admin", "user_id": me.ID, "scopes": scopes})["data"].(object)
			return user{c, org, key["key"].(string)}
		}
		writer, reader := scoped("write"), scoped("read", "write")
		company := reader.make("/api/companies", object{"name": "Acme"})
		path := "/api/companies/" + id(company)
		if got := fmt.Sprint(writer.change(path, object{})); got != fmt.Sprint(object{"id": id(company)}) {
			t.Errorf("it reads %s", got)
		}
		status, header, raw := c.raw("PATCH", path, writer.key, object{"name": "Acme 2"}, "If-Match", "*")
		if want := `{"data":{"id":"` + id(company) + `"},"error":null}`; status != http.StatusOK || string(raw) != want || header.Get("ETag") == "" {
			t.Errorf("%d %s, %v", status, raw, header)
		}
		if status, _, raw = c.raw("PATCH", path, writer.key, object{"name": "Acme 3"}, "If-Match", header.Get("ETag")); status != http.StatusOK {
			t.Errorf("by the ETag: %d %s", status, raw)
		}
		for _, key := range []string{reader.key, writer.key} {
			status, _, raw = c.raw("PATCH", path, key, object{"name": "Acme 4"}, "Idempotency-Key", "one")
			if want := map[string]int{reader.key: http.StatusOK, writer.key: http.StatusUnprocessableEntity}[key]; status != want {
				t.Errorf("repeated: %d %s, want %d", status, raw, want)
			}
		}
	})
}

// Once an organisation has set the maximum, new keys expire within it. Older ones stay.
func TestKeyMaxDays(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		_, admin, _ := c.admin("Days")
		older := admin.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "older", "role": "viewer"})["data"].(object)
		set := func(days any, want int) object {
			t.Helper()
			return admin.ask(want, "PATCH", "/api/organisation", object{"key_max_days": days})
		}
		for _, bad := range []any{0, -1, 3651, "30 days"} {
			if got := invalid(set(bad, http.StatusUnprocessableEntity)); got != "#/key_max_days" {
				t.Errorf("%v: it complains of %s", bad, got)
			}
		}
		expect(t, set(30, http.StatusOK)["data"].(object), object{"key_max_days": 30})
		in := func(days float64) object {
			at := time.Now().Add(time.Duration(days * 24 * float64(time.Hour))).UTC().Format("2006-01-02T15:04:05.000000Z")
			return object{"name": "k", "role": "viewer", "expires_at": at}
		}
		for _, bad := range []object{{"name": "k", "role": "viewer"}, in(30.01)} {
			answer := admin.ask(http.StatusUnprocessableEntity, "POST", "/api/keys", bad)
			if got := invalid(answer); got != "#/expires_at" || !strings.Contains(answer["detail"].(string), "30 days") {
				t.Errorf("%v: %v", bad, answer)
			}
		}
		admin.ask(http.StatusCreated, "POST", "/api/keys", in(29.99))
		if status, _, _ := c.do("GET", "/api/user", older["key"].(string), nil); status != http.StatusOK {
			t.Errorf("the older key: %d", status)
		}
		entries := admin.ask(http.StatusOK, "GET", "/api/audit?action=settings.changed", nil)["data"].([]any)
		expect(t, entries[0].(object)["details"].(object), object{"key_max_days": "30"})
		set(nil, http.StatusOK)
		admin.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "k", "role": "viewer"})
	})
}

// What is done by a key that was created for another names the key and who created it, in the
// audit trail, in the change log and in events. The key shows the address of its last use.
func TestRealActor(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, ada, me := c.admin("Actors")
		bob := c.member(org, "bob@team.example", crm.RoleAdmin)
		forBob := ada.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "for Bob", "role": "admin", "user_id": bob.ID})["data"].(object)
		expect(t, forBob, object{"created_by": me.ID.String(), "used_at": nil, "used_address": nil})
		asBob := user{c, org, forBob["key"].(string)}
		stream, _ := asBob.begin("", "ready")
		defer stream.close()
		company := asBob.make("/api/companies", object{"name": "Acme"})
		if e := stream.next(); e.data["key_id"] != id(forBob) {
			t.Errorf("the event is %+v", e)
		}
		asBob.ask(http.StatusOK, "PATCH", "/api/organisation", object{"name": "Actors by key"})
		ada.ask(http.StatusOK, "PATCH", "/api/organisation", object{"name": "Actors by session"})
		own := user{c, org, c.keyOf(org, bob.ID, crm.RoleAdmin)}
		own.ask(http.StatusOK, "PATCH", "/api/organisation", object{"name": "Actors by the operator's key"})

		changes, _, _, _ := asBob.changes("?limit=1000")
		expect(t, changes[len(changes)-5], object{"id": id(company), "actor_id": bob.ID.String(), "key_id": id(forBob)})
		expect(t, changes[len(changes)-3], object{"actor_id": me.ID.String(), "key_id": nil})
		trail, _ := asBob.list("/api/audit?action=settings.changed")
		expect(t, trail[2], object{"actor_id": bob.ID.String(), "key_id": id(forBob), "key_created_by": me.ID.String()})
		expect(t, trail[1], object{"actor_id": me.ID.String(), "key_id": nil, "key_created_by": nil})
		expect(t, trail[0], object{"actor_id": bob.ID.String(), "key_created_by": nil})
		if trail[0]["key_id"] == nil || trail[0]["key_id"] == id(forBob) {
			t.Errorf("%v", trail[0])
		}
		for query, want := range map[string]int{"keyId=" + id(forBob): 1, "key_id=" + id(forBob): 1, "keyId=" + crm.NewID().String(): 0} {
			if rows, _ := asBob.list("/api/audit?" + query); len(rows) != want {
				t.Errorf("%s: %d entries", query, len(rows))
			}
		}
		eventually(t, "its use is recorded", func() bool {
			key := ada.ask(http.StatusOK, "GET", "/api/keys/"+id(forBob), nil)["data"].(object)
			return key["used_at"] != nil && key["used_address"] == "127.0.0.1"
		})
	})
}
