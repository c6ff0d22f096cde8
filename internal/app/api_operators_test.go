package app_test

import (
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// What concerns the whole instance is for admins while there is one organisation, and for
// operators from the second one on: from the next request.
func TestOperators(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		const figures = "/api/performance/stats"
		org := c.organisation("First").ID
		ada, bob := c.member(org, "ada@first.example", crm.RoleAdmin), c.member(org, "bob@first.example", crm.RoleManager)
		u := user{c, org, c.keyOf(org, ada.ID, crm.RoleAdmin)}
		session := &browser{client: c}
		session.logIn("ada@first.example", goodPassword)
		people, ctx, by := c.app.Core().Accounts, t.Context(), crm.Operator(org)

		u.ask(http.StatusOK, "GET", figures, nil)
		session.ask(http.StatusOK, "GET", figures, nil)
		for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager} {
			u.as(role).ask(http.StatusForbidden, "GET", figures, nil)
		}

		other := newUser(c, "Second", crm.RoleAdmin)
		u.ask(http.StatusForbidden, "GET", figures, nil)
		session.ask(http.StatusForbidden, "GET", figures, nil)
		other.ask(http.StatusForbidden, "GET", figures, nil)
		other.ask(http.StatusOK, "POST", "/api/performance/clear-cache", nil) // their own organisation's

		for range 2 { // the second time changes nothing
			if err := people.AddOperator(ctx, by, ada.ID); err != nil {
				t.Fatal(err)
			}
		}
		u.ask(http.StatusOK, "GET", figures, nil)
		session.ask(http.StatusOK, "GET", figures, nil)
		other.ask(http.StatusForbidden, "GET", figures, nil)
		// A key of an operator's has no more permission than its role.
		user{c, org, c.keyOf(org, ada.ID, crm.RoleManager)}.ask(http.StatusForbidden, "GET", figures, nil)
		if err := people.AddOperator(ctx, by, bob.ID); crm.CodeOf(err) != crm.CodeConflict {
			t.Errorf("a manager is made an operator: %v", err)
		}
		if err := people.AddOperator(ctx, crm.Operator(other.org), ada.ID); crm.CodeOf(err) != crm.CodeNotFound {
			t.Errorf("a person of another organisation: %v", err)
		}
		if err := people.AddOperator(ctx, crm.Actor{Org: org, User: ada.ID, Role: crm.RoleAdmin}, ada.ID); crm.CodeOf(err) != crm.CodeForbidden {
			t.Errorf("by a person: %v", err)
		}
		all, err := people.Operators(ctx)
		if err != nil || len(all) != 1 || all[0].Organisation != "First" || all[0].Person.ID != ada.ID || *all[0].Person.Email != "ada@first.example" {
			t.Errorf("%+v, %v", all, err)
		}
		if err := people.RemoveOperator(ctx, by, ada.ID); err != nil {
			t.Fatal(err)
		}
		if err := people.RemoveOperator(ctx, by, ada.ID); crm.CodeOf(err) != crm.CodeNotFound {
			t.Errorf("removed twice: %v", err)
		}
		u.ask(http.StatusForbidden, "GET", figures, nil)
		session.ask(http.StatusForbidden, "GET", figures, nil)
		for action, n := range map[string]int{"operator.added": 1, "operator.removed": 1} {
			if rows := c.audit(org, action); len(rows) != n || at(rows[0].(object), "target_id") != ada.ID.String() {
				t.Errorf("%s: %v", action, rows)
			}
		}
	})
}

// No other admin of an operator's organisation becomes the operator: by a key for them, by what
// resets their password, or by another address of theirs.
func TestOperatorsAreProtected(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		const figures, ok, no = "/api/performance/stats", http.StatusOK, http.StatusForbidden
		org := c.organisation("First").ID
		mallory, olga := c.member(org, "mallory@first.example", crm.RoleAdmin), c.person(org, "Olga", "olga@first.example", crm.RoleAdmin)
		mallorys, olgas := &browser{client: c}, &browser{client: c}
		m := func(want int, method, path string, body any) object { return mallorys.ask(want, method, path, body) }
		o := func(want int, method, path string, body any) object { return olgas.ask(want, method, path, body) }
		mallorys.logIn("mallory@first.example", goodPassword)
		key := func(by asker, of crm.Owner) user {
			t.Helper()
			return user{c, org, by(http.StatusCreated, "POST", "/api/keys", object{"name": "k", "role": "admin", "user_id": of.ID})["data"].(object)["key"].(string)}
		}
		reset := func(by asker, want int, of crm.Owner) object {
			t.Helper()
			return by(want, "POST", "/api/auth/reset-request", object{"user_id": of.ID})
		}
		readdress := func(by asker, want int, of crm.Owner, email string) {
			t.Helper()
			by(want, "PATCH", "/api/users/"+of.ID.String(), object{"email": email})
		}

		// While there is one organisation, its admins are operators.
		readdress(m, ok, olga, "olga.o@first.example")
		token := at(reset(m, ok, olga), "data", "token")
		early := key(m, olga)
		early.ask(http.StatusOK, "GET", figures, nil)

		c.organisation("Second")
		if err := c.app.Core().Accounts.AddOperator(t.Context(), crm.Operator(org), olga.ID); err != nil {
			t.Fatal(err)
		}
		m(http.StatusUnprocessableEntity, "POST", "/api/auth/reset", object{"token": token, "password": otherPassword}) // it has ended
		if err := c.app.Core().Passwords.Set(t.Context(), crm.Operator(org), olga.ID, goodPassword); err != nil {
			t.Fatal(err)
		}
		olgas.logIn("olga.o@first.example", goodPassword)
		o(ok, "GET", figures, nil)

		late := key(m, olga)
		second := key(late.ask, olga) // is Mallory's, too
		service := user{c, org, m(http.StatusCreated, "POST", "/api/keys", object{"name": "s", "role": "admin"})["data"].(object)["key"].(string)}
		for name, by := range map[string]asker{
			"Session": m, "Early": early.ask, "Late": late.ask, "Second": second.ask, "Service": service.ask, "OfService": key(service.ask, olga).ask,
		} {
			by(no, "GET", figures, nil)
			if answer := reset(by, no, olga); answer["code"] == "reauthentication.required" {
				t.Errorf("%s: %v", name, answer)
			}
			readdress(by, no, olga, "mallory2@first.example")
			by(ok, "PATCH", "/api/users/"+olga.ID.String(), object{"email": "OLGA.o@first.example", "stage": name}) // the same
			reset(by, ok, mallory)
		}
		for _, k := range []user{early, late, second} {
			if status, _, _ := c.raw("GET", "/metrics", k.key, nil, "X-Forwarded-For", "192.0.2.1"); status != no {
				t.Errorf("the metrics, by a key that another admin has created: %d", status)
			}
		}

		// Operators may, by their own session and keys, and by those that operators created.
		own := key(o, olga)
		bob := c.member(org, "bob@first.example", crm.RoleAdmin)
		if err := c.app.Core().Accounts.AddOperator(t.Context(), crm.Operator(org), bob.ID); err != nil {
			t.Fatal(err)
		}
		for i, by := range []asker{own.ask, key(own.ask, olga).ask, key(own.ask, bob).ask, user{c, org, c.keyOf(org, olga.ID, crm.RoleAdmin)}.ask, o} {
			by(ok, "GET", figures, nil)
			readdress(by, ok, bob, strings.Repeat("b", i+1)+"@first.example")
			reset(by, ok, bob)
			readdress(by, ok, olga, strings.Repeat("o", i+1)+"@first.example")
		}
	})
}

// An organisation that takes another's id as its name would be meant by it.
func TestOrganisationsAreNotCalledIDs(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		acme, evil := c.organisation("Acme").ID, newUser(c, "Evil", crm.RoleAdmin)
		for _, name := range []string{acme.String(), " " + strings.ToUpper(acme.String()), crm.NewID().String()} {
			if got := invalid(evil.ask(http.StatusUnprocessableEntity, "PATCH", "/api/organisation", object{"name": name})); got != "#/name" {
				t.Errorf("%q: it complains of %s", name, got)
			}
			if _, err := c.app.Core().Accounts.CreateOrganisation(t.Context(), name); crm.CodeOf(err) != crm.CodeInvalid {
				t.Errorf("%q is created: %v", name, err)
			}
		}
		c.member(acme, "ada@acme.example", crm.RoleRep)
		c.member(evil.org, "ada@acme.example", crm.RoleRep)
		b := &browser{client: c}
		b.logInTo("ada@acme.example", goodPassword, strings.ToUpper(acme.String()))
		expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": c.owner(acme, "ada@acme.example").ID})
	})
}

// An asker is what a user asks with: ask of a key or a session.
type asker func(want int, method, path string, body any) object

// Keys, other people's sessions and cleared caches are named in the changes that admins read, and
// in no others. The positions advance for everyone.
func TestChangesHideAdministration(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		admin := newUser(c, "Hidden changes", crm.RoleAdmin)
		viewer := admin.as(crm.RoleViewer)
		ada := c.member(admin.org, "ada@hidden.example", crm.RoleViewer)
		entities := func(u user) string {
			rows, _, _, _ := u.changes("?limit=1000")
			return mapped(rows, "entity")
		}
		stream, _ := viewer.begin("", "ready")
		b := &browser{client: c}
		b.logIn("ada@hidden.example", goodPassword)
		b.ask(http.StatusOK, "POST", "/api/auth/logout", nil)
		admin.ask(http.StatusOK, "POST", "/api/performance/clear-cache", nil)
		viewer.as(crm.RoleRep)
		admin.make("/api/companies", object{"name": "Visible"})
		for _, entity := range []string{"api_key", "session", "cache"} {
			if !strings.Contains(entities(admin), entity) {
				t.Errorf("an admin does not see that a %s has changed", entity)
			}
			if strings.Contains(entities(viewer), entity) {
				t.Errorf("a viewer sees that a %s has changed", entity)
			}
		}
		if own := entities(user{c, admin.org, c.keyOf(admin.org, ada.ID, crm.RoleViewer)}); !strings.Contains(own, "session") || strings.Contains(own, "api_key") {
			t.Errorf("the person of the session sees %s", own)
		}
		reader := admin.ask(http.StatusCreated, "POST", "/api/keys", object{"name": "Reader", "role": "admin", "scopes": []string{"read"}})["data"].(object)
		if seen := entities(user{c, admin.org, reader["key"].(string)}); strings.Contains(seen, "api_key") || strings.Contains(seen, "cache") {
			t.Errorf("an admin's key without the scope admin sees %s", seen)
		}
		_, theirs, _, _ := admin.changes("?limit=1000")
		if _, end, _, reset := viewer.changes("?limit=1000"); end != theirs || reset {
			t.Errorf("the position is %s, and of an admin %s; reset %t", end, theirs, reset)
		}
		for {
			e := stream.next()
			if e.name != "change" {
				t.Fatalf("%+v", e)
			}
			switch e.data["entity"] {
			case "api_key", "session", "cache":
				t.Errorf("a viewer is sent %v", e.data)
			case "company":
				return
			}
		}
	})
}
