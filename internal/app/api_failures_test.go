package app_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

// failures returns the entries of the audit trail with an action, once there are at least n.
func (u user) failures(action string, n int) (rows []object) {
	u.t.Helper()
	eventually(u.t, action+" is in the audit trail", func() bool {
		rows, _ = u.list("/api/audit?limit=200&action=" + action)
		return len(rows) >= n
	})
	return rows
}

// Rejected sign-ins, credentials and requests are in the audit trail of the organisation that
// they concern, with the address that they came from, and in no other.
func TestFailuresAreAudited(t *testing.T) {
	t.Parallel()
	c, now := bootByClock(t, "sqlite", behindProxy)
	u, stranger := newUser(c, "Failures", crm.RoleAdmin), newUser(c, "Stranger", crm.RoleAdmin)
	core := c.app.Core()
	operator := crm.Operator(u.org)
	ada, rita := c.member(u.org, "ada@failures.example", crm.RoleRep), c.member(u.org, "rita@failures.example", crm.RoleRep)
	if _, err := core.Accounts.DeactivateOwner(t.Context(), operator, rita.ID); err != nil {
		t.Fatal(err)
	}
	const address = "192.0.2.9"
	for _, email := range []string{"ada@failures.example", "rita@failures.example", "unknown@failures.example"} {
		v := &visitor{client: c, address: address}
		if status, _ := v.enter(email, "a wrong password"); status != http.StatusUnauthorized {
			t.Fatalf("%s: %d", email, status)
		}
	}
	rows := u.failures("session.failed", 2)
	if targets := mapped(rows, "target_id"); len(rows) != 2 || !strings.Contains(targets, ada.ID.String()) || !strings.Contains(targets, rita.ID.String()) {
		t.Errorf("%v", rows)
	}
	for _, row := range rows {
		expect(t, row, object{"address": address, "actor_id": nil})
	}

	key := c.keyOf(u.org, ada.ID, crm.RoleRep)
	keys, err := core.Keys.List(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	last := keys[len(keys)-1]
	c.raw("GET", "/api/deals", key, nil)
	if err := core.Keys.Revoke(t.Context(), operator, last.ID); err != nil {
		t.Fatal(err)
	}
	core.Keys.Forget()
	for _, bad := range []string{key, "sixty_" + strings.Repeat("x", 8) + "_" + strings.Repeat("y", 43), "nonsense"} {
		if status, _, _ := c.raw("GET", "/api/deals", bad, nil, "X-Forwarded-For", address, "X-Request-Id", "rejected"); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if rows = u.failures("api_key.rejected", 1); len(rows) != 1 {
		t.Fatalf("%v", rows)
	}
	expect(t, rows[0], object{"address": address, "target_id": last.ID.String(), "actor_id": nil})

	rep := u.as(crm.RoleRep)
	if status, _, _ := c.raw("GET", "/api/audit", rep.key, nil, "X-Forwarded-For", address); status != http.StatusForbidden {
		t.Errorf("a rep reads the audit trail: %d", status)
	}
	rows = u.failures("request.forbidden", 1)
	expect(t, rows[0], object{"address": address, "actor_id": id(rep.get("/api/user"))})
	expect(t, rows[0]["details"].(object), object{"operation": "listAudit"})

	token := u.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "eve@failures.example"})["token"].(string)
	now.Add(int64(8 * 24 * time.Hour))
	if status, _, _ := c.raw("POST", "/api/auth/accept", "", object{"token": token, "password": goodPassword}, "X-Forwarded-For", address); status != http.StatusUnprocessableEntity {
		t.Errorf("an expired invitation: %d", status)
	}
	expect(t, u.failures("token.rejected", 1)[0], object{"address": address})

	if rows, _ := stranger.list("/api/audit"); mapped(rows, "action") != "api_key.created" {
		t.Errorf("another organisation's trail is %v", rows)
	}
	_, _, figures := c.raw("GET", "/metrics", "", nil)
	for _, want := range []string{`{kind="sign_in"} 3`, `{kind="api_key"} 3`, `{kind="forbidden"} 1`, `{kind="token"} 1`} {
		if !strings.Contains(string(figures), "sixty_access_failures_total"+want) {
			t.Errorf("the figures do not have %s", want)
		}
	}
}

// The failures of an organisation are a limited number of entries a minute, and one with the
// number of the others.
func TestAuditedFailuresAreBounded(t *testing.T) {
	t.Parallel()
	c, now := bootByClock(t, "sqlite")
	u := newUser(c, "Bounded", crm.RoleAdmin)
	rep := u.as(crm.RoleRep)
	const tries = 50
	for range tries {
		rep.ask(http.StatusForbidden, "GET", "/api/audit", nil)
	}
	now.Add(int64(time.Minute))
	rep.ask(http.StatusForbidden, "GET", "/api/audit", nil)
	omitted, err := strconv.Atoi(at(u.failures("failures.omitted", 1)[0], "details", "failures").(string))
	if err != nil || omitted != tries-30 {
		t.Errorf("%d are omitted, %v", omitted, err)
	}
	if rows := u.failures("request.forbidden", tries-omitted+1); len(rows) != tries-omitted+1 {
		t.Errorf("%d are entered, and %d omitted", len(rows), omitted)
	}
}
