package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/bulk"
	"sixty/internal/config"
	"sixty/internal/crm"
)

const (
	goodPassword  = "correct horse battery"
	otherPassword = "staple correct horse"
)

// browser is a client that authenticates by cookie.
type browser struct {
	*client
	cookie *http.Cookie // nil: signed out
}

// whoAmI returns the status of GET /api/user.
func (b *browser) whoAmI() int {
	b.t.Helper()
	status, _, _ := b.send("GET", "/api/user", nil)
	return status
}

// send sends a request as a page of the program's own origin would, and stores the cookie
// that is set.
func (b *browser) send(method, path string, body any, headers ...string) (int, http.Header, object) {
	b.t.Helper()
	if b.cookie != nil {
		headers = append(headers, "Cookie", b.cookie.Name+"="+b.cookie.Value)
	}
	status, header, raw := b.raw(method, path, "", body, headers...)
	for _, line := range header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			b.t.Fatal(err)
		}
		if !strings.HasSuffix(c.Name, "sixty_session") {
			continue
		}
		if b.cookie = c; c.MaxAge < 0 {
			b.cookie = nil
		}
	}
	var answer object
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &answer); err != nil {
			b.t.Fatalf("%s %s: %v\n%s", method, path, err, raw)
		}
	}
	return status, header, answer
}

func (b *browser) ask(want int, method, path string, body any, headers ...string) object {
	b.t.Helper()
	status, _, answer := b.send(method, path, body, headers...)
	if status != want {
		b.t.Fatalf("%s %s: %d, want %d: %v", method, path, status, want, answer)
	}
	return answer
}

func (b *browser) logIn(email, password string) { b.t.Helper(); b.logInTo(email, password, "") }

func (b *browser) logInTo(email, password, organisation string) {
	b.t.Helper()
	body := object{"email": email, "password": password}
	if organisation != "" {
		body["organisation"] = organisation
	}
	b.ask(http.StatusOK, "POST", "/api/auth/login", body)
}

// member creates a user with a password.
func (c *client) member(org crm.ID, email string, role crm.Role) crm.Owner {
	c.t.Helper()
	p := c.person(org, "Ada King", email, role)
	if err := c.app.Core().Passwords.Set(c.t.Context(), crm.Operator(org), p.ID, goodPassword); err != nil {
		c.t.Fatal(err)
	}
	return p
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Sign-in").ID
		ada := c.member(org, "ada@acme.example", crm.RoleAdmin)
		b := &browser{client: c}
		b.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		answer := b.ask(http.StatusOK, "POST", "/api/auth/login", object{"email": " Ada@ACME.example", "password": goodPassword})
		expect(t, at(answer, "data", "user").(object), object{"id": ada.ID, "email": "ada@acme.example", "is_admin": true})
		if until, err := time.Parse(time.RFC3339, at(answer, "data", "expires_at").(string)); err != nil || time.Until(until) < 29*24*time.Hour {
			t.Errorf("the session expires at %v, %v", until, err)
		}
		k := b.cookie
		if k == nil || k.Name != "sixty_session" || !k.HttpOnly || k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || len(k.Value) != 43 {
			t.Fatalf("the cookie is %+v", k)
		}
		expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})
		b.ask(http.StatusCreated, "POST", "/api/companies", object{"name": "Acme"})

		// Another sign-in starts another session, and ends the client's old one.
		old := *k
		b.logIn("ada@acme.example", goodPassword)
		if b.cookie.Value == old.Value {
			t.Error("the token was not rotated")
		}
		(&browser{c, &old}).ask(http.StatusUnauthorized, "GET", "/api/user", nil)

		other := &browser{client: c}
		other.logIn("ada@acme.example", goodPassword)
		rows := b.ask(http.StatusOK, "GET", "/api/auth/sessions", nil)["data"].([]any)
		if len(rows) != 2 || at(rows[0].(object), "current") != false || at(rows[1].(object), "current") != true {
			t.Errorf("the sessions are %v", rows)
		}
		was := *b.cookie
		b.ask(http.StatusOK, "POST", "/api/auth/logout", nil)
		if b.cookie != nil {
			t.Error("the cookie stays")
		}
		(&browser{c, &was}).ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		b.ask(http.StatusOK, "POST", "/api/auth/logout", nil) // again
		other.ask(http.StatusOK, "GET", "/api/user", nil)

		b.logIn("ada@acme.example", goodPassword)
		b.ask(http.StatusOK, "POST", "/api/auth/logout-all", nil)
		other.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
	})
}

// A failed sign-in does not reveal whether the account exists: message and work are the same.
func TestSignInDoesNotRevealAccounts(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	org := c.organisation("Sign-in").ID
	c.member(org, "ada@acme.example", crm.RoleRep)
	c.person(org, "No Password", "none@acme.example", crm.RoleRep)
	gone := c.member(org, "gone@acme.example", crm.RoleRep)
	if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), gone.ID); err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, email := range []string{"ada@acme.example", "unknown@acme.example", "none@acme.example", "gone@acme.example", "not an address"} {
		before := c.app.Core().Hashed()
		status, header, answer := c.do("POST", "/api/auth/login", "", object{"email": email, "password": "wrong password"})
		if status != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" || header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d, %v", email, status, header)
		}
		if said == "" {
			said = answer["detail"].(string)
		}
		if answer["detail"] != said {
			t.Errorf("%s: %q, others get %q", email, answer["detail"], said)
		}
		if n := c.app.Core().Hashed() - before; n != 1 {
			t.Errorf("%s: %d hashes were computed", email, n)
		}
	}
}

// Failures lead to delays for the account at the address, and for the address.
func TestSignInDelays(t *testing.T) {
	t.Parallel()
	c, now := bootByClock(t, "sqlite")
	c.member(c.organisation("Delays").ID, "ada@acme.example", crm.RoleRep)
	try := func(email, password string) (int, string) {
		t.Helper()
		status, header, _ := c.do("POST", "/api/auth/login", "", object{"email": email, "password": password})
		return status, header.Get("Retry-After")
	}
	for _, email := range []string{"ada@acme.example", "unknown@acme.example"} {
		for i := range 6 {
			if status, _ := try(email, "wrong password"); status != http.StatusUnauthorized {
				t.Fatalf("%s, try %d: %d", email, i, status)
			}
		}
		if status, after := try(email, goodPassword); status != http.StatusTooManyRequests || after != "1" {
			t.Errorf("%s: %d, Retry-After %s", email, status, after)
		}
	}
	now.Add(int64(time.Second))
	if status, _ := try("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Errorf("after the delay: %d", status)
	}
	for i := range 9 { // 12 have failed from this address before
		if status, _ := try("user@"+string(rune('a'+i))+".example", "wrong password"); status != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, status)
		}
	}
	if status, after := try("grace@acme.example", goodPassword); status != http.StatusTooManyRequests || after == "" {
		t.Errorf("from an address that fails everywhere: %d, Retry-After %s", status, after)
	}
	if status, _ := try("ada@acme.example", goodPassword); status != http.StatusOK {
		t.Errorf("from an address that fails everywhere, where she has signed in before: %d", status)
	}
}

// bootByClock boots a program with a clock that the test advances.
func bootByClock(t *testing.T, engine string, change ...func(*config.Config)) (*client, *atomic.Int64) {
	t.Helper()
	now := &atomic.Int64{}
	now.Store(time.Now().UnixNano())
	return run(t, newAppBy(t, func() time.Time { return time.Unix(0, now.Load()) }, engine, change...)), now
}

// A session ends when it is idle for too long, and at the end of its lifetime.
func TestSessionsExpire(t *testing.T) {
	t.Parallel()
	c, now := bootByClock(t, "sqlite", func(cfg *config.Config) { cfg.SessionIdle, cfg.SessionLifetime = time.Hour, 3*time.Hour })
	c.member(c.organisation("Expiry").ID, "ada@acme.example", crm.RoleRep)
	b := &browser{client: c}
	pass := func(d time.Duration, want int) {
		t.Helper()
		now.Add(int64(d))
		b.ask(want, "GET", "/api/user", nil)
	}
	b.logIn("ada@acme.example", goodPassword)
	pass(61*time.Minute, http.StatusUnauthorized)
	b.logIn("ada@acme.example", goodPassword)
	pass(59*time.Minute, http.StatusOK)
	c.used(t, 59*time.Minute)
	pass(59*time.Minute, http.StatusOK)
	c.used(t, 118*time.Minute)
	pass(59*time.Minute, http.StatusOK)
	c.used(t, 177*time.Minute)
	pass(4*time.Minute, http.StatusUnauthorized)
}

// used waits until the use of the only session is recorded, so long after its start: requests
// do not wait for that.
func (c *client) used(t *testing.T, after time.Duration) {
	t.Helper()
	orgs, err := c.app.Core().Accounts.Organisations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ada, err := c.app.Core().Accounts.OwnerByEmail(t.Context(), crm.Operator(orgs[0].ID), "ada@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(10 * time.Second); ; {
		all, err := c.app.Core().Store.Sessions(t.Context(), orgs[0].ID, ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 && all[0].UsedAt.Time().Sub(all[0].CreatedAt.Time()) == after {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("the use was not entered: %+v", all)
		}
	}
}

// A sign-out takes effect on every instance within a second, and so does a change of role by
// any means, which the audit trail records.
func TestSessionsEndEverywhere(t *testing.T) {
	t.Parallel()
	var cfg config.Config
	first := run(t, newApp(t, "postgres", func(c *config.Config) { cfg = *c }))
	cfg.Port = 0
	a, err := app.New(t.Context(), cfg, app.Options{Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	second := run(t, a)
	org := first.organisation("Everywhere").ID
	first.member(org, "grace@acme.example", crm.RoleAdmin) // so that ada is not the last admin
	ada := first.member(org, "ada@acme.example", crm.RoleManager)
	service := first.app.Core().Accounts
	roleChanged := func(who crm.ID, to string) {
		t.Helper()
		action := string(accounts.ActionRoleChanged)
		page, err := service.AuditTrail(t.Context(), crm.Operator(org), crm.List[accounts.AuditFilter]{
			Filter: accounts.AuditFilter{Action: crm.Only(action)}, Sort: accounts.AuditTrail.Sorts.Default, Limit: 1,
		})
		if err != nil || len(page.Rows) == 0 || page.Rows[0].TargetID == nil || *page.Rows[0].TargetID != who || !strings.Contains(string(page.Rows[0].Details), `"to":"`+to+`"`) {
			t.Errorf("the audit trail does not tell of the change to %s: %+v %v", to, page.Rows, err)
		}
	}
	for name, end := range map[string]func(b *browser) error{
		"LogOut": func(b *browser) error { b.ask(http.StatusOK, "POST", "/api/auth/logout", nil); return nil },
		"Password": func(*browser) error {
			return first.app.Core().Passwords.Set(t.Context(), crm.Operator(org), ada.ID, goodPassword)
		},
		"Import": func(*browser) error { // among so many that the change log has one entry for all
			rows := []bulk.ImportRow[crm.OwnerPatch]{{Patch: crm.OwnerPatch{Email: crm.Of("ada@acme.example"), Role: crm.Of("viewer")}}}
			for i := range 120 {
				rows = append(rows, bulk.ImportRow[crm.OwnerPatch]{Patch: crm.OwnerPatch{Email: crm.Of(fmt.Sprintf("new%d@acme.example", i))}})
			}
			_, err := first.app.Core().Bulk.ImportOwners(t.Context(), crm.Operator(org), bulk.ImportOptions{Keys: []crm.Key{crm.KeyEmail}}, func(load bulk.Load[crm.OwnerPatch]) error {
				_, err := load(t.Context(), rows)()
				return err
			})
			roleChanged(ada.ID, "viewer")
			return err
		},
		"Adopt": func(*browser) error {
			_, err := first.app.Core().Bulk.AdoptOwners(t.Context(), crm.Operator(org), []bulk.AdoptRow[crm.OwnerPatch]{{ID: ada.ID, Patch: crm.OwnerPatch{Role: crm.Of("admin")}}}, true)
			roleChanged(ada.ID, "admin")
			return err
		},
	} {
		b := &browser{client: first}
		b.logIn("ada@acme.example", goodPassword)
		there := &browser{second, b.cookie}
		there.ask(http.StatusOK, "GET", "/api/user", nil)
		if err := end(b); err != nil {
			t.Fatal(err)
		}
		endsSoon(t, name, there.whoAmI)
	}
}

// Requests with the cookie from pages of other sites are rejected, and no others.
func TestCrossSite(t *testing.T) { //nolint:tparallel // one browser, one request after the other
	t.Parallel()
	c := boot(t, "sqlite")
	org := c.organisation("Cross-site").ID
	c.member(org, "ada@acme.example", crm.RoleManager)
	b := &browser{client: c}
	b.logIn("ada@acme.example", goodPassword)
	key := c.key(org, crm.RoleManager)
	const evil, front = "https://evil.example", "http://localhost:5173"
	for _, test := range []struct {
		name, method string
		headers      []string
		key          string
		want         int
	}{
		{"OtherSite", "POST", []string{"Origin", evil, "Sec-Fetch-Site", "cross-site"}, "", http.StatusForbidden},
		{"SameSite", "POST", []string{"Origin", "http://localhost:9999", "Sec-Fetch-Site", "same-site"}, "", http.StatusForbidden},
		{"OldBrowser", "POST", []string{"Origin", evil}, "", http.StatusForbidden},
		{"Opaque", "POST", []string{"Origin", "null"}, "", http.StatusForbidden},
		{"FrontEnd", "POST", []string{"Origin", front, "Sec-Fetch-Site", "same-site"}, "", http.StatusCreated},
		{"SameOrigin", "POST", []string{"Origin", c.base, "Sec-Fetch-Site", "same-origin"}, "", http.StatusCreated},
		{"NoBrowser", "POST", nil, "", http.StatusCreated},
		{"BearerFromOtherSite", "POST", []string{"Origin", evil, "Sec-Fetch-Site", "cross-site"}, key, http.StatusCreated},
		{"ReadFromOtherSite", "GET", []string{"Origin", evil, "Sec-Fetch-Site", "cross-site"}, "", http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := any(object{"name": test.name})
			if test.method == "GET" {
				body = nil
			}
			headers := append([]string{"Cookie", b.cookie.Name + "=" + b.cookie.Value}, test.headers...)
			status, header, raw := c.raw(test.method, "/api/companies", test.key, body, headers...)
			if status != test.want {
				t.Errorf("%d, want %d: %s", status, test.want, raw)
			}
			if allowed := header.Get("Access-Control-Allow-Origin"); allowed != "" && allowed != front {
				t.Errorf("pages of %s may read it", allowed)
			}
		})
	}
	if status, _, _ := c.raw("POST", "/api/auth/login", "", object{"email": "ada@acme.example", "password": goodPassword}, "Origin", evil); status != http.StatusForbidden {
		t.Errorf("another site signs people in: %d", status)
	}
}

// Behind TLS the cookie is for TLS and this host alone.
func TestSecureCookie(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) { cfg.Env = config.Production })
	c.member(c.organisation("Secure").ID, "ada@acme.example", crm.RoleRep)
	b := &browser{client: c}
	b.logIn("ada@acme.example", goodPassword)
	if k := b.cookie; k.Name != "__Host-sixty_session" || !k.Secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" {
		t.Errorf("the cookie is %+v", k)
	}
	b.ask(http.StatusOK, "GET", "/api/user", nil)
	b.cookie.Name = "sixty_session"
	b.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
}

// A user with accounts in several organisations names one; each has its own password.
func TestSignInToOneOfSeveral(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	first, second := c.organisation("First House"), c.organisation("Second")
	c.member(first.ID, "ada@acme.example", crm.RoleRep)
	there := c.member(second.ID, "ada@acme.example", crm.RoleRep)
	if err := c.app.Core().Passwords.Set(t.Context(), crm.Operator(second.ID), there.ID, otherPassword); err != nil {
		t.Fatal(err)
	}
	b := &browser{client: c}
	b.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "ada@acme.example", "password": goodPassword})
	b.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "ada@acme.example", "password": goodPassword, "organisation": "Second"})
	b.logInTo("ada@acme.example", goodPassword, "first house")
	b.logInTo("ada@acme.example", otherPassword, second.ID.String())
	expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": there.ID})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Password").ID
		ada := c.member(org, "ada@acme.example", crm.RoleViewer)
		b, other := &browser{client: c}, &browser{client: c}
		b.logIn("ada@acme.example", goodPassword)
		other.logIn("ada@acme.example", goodPassword)
		for _, bad := range []struct {
			body      object
			complains string
		}{
			{object{}, "#/old #/new"},
			{object{"old": goodPassword, "new": "short"}, "#/new"},
			{object{"old": "wrong password", "new": otherPassword}, "#/old"},
			{object{"old": 1, "new": otherPassword, "more": 1}, "#/old #/more"},
		} {
			if got := invalid(b.ask(http.StatusUnprocessableEntity, "POST", "/api/auth/password", bad.body)); !sameWords(got, bad.complains) {
				t.Errorf("%v: it complains of %q", bad.body, got)
			}
		}
		status, _, _ := c.do("POST", "/api/auth/password", c.keyOf(org, ada.ID, crm.RoleViewer), object{"old": goodPassword, "new": otherPassword})
		if status != http.StatusForbidden {
			t.Errorf("by key: %d", status)
		}
		was := *b.cookie
		b.ask(http.StatusOK, "POST", "/api/auth/password", object{"old": goodPassword, "new": otherPassword})
		b.ask(http.StatusOK, "GET", "/api/user", nil)
		other.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		(&browser{c, &was}).ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		other.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "ada@acme.example", "password": goodPassword})
		other.logIn("ada@acme.example", otherPassword)
	})
}

// Invited users set their first password by a token, and users without their password reset
// it by another; each token is valid once, for its purpose, and for a limited time.
func TestInvitation(t *testing.T) {
	t.Parallel()
	c, now := bootByClock(t, "sqlite")
	admin := newUser(c, "Invitation", crm.RoleAdmin)
	admin.as(crm.RoleManager).ask(http.StatusForbidden, "POST", "/api/auth/invite", object{"email": "eve@acme.example"})
	if got := invalid(admin.ask(http.StatusUnprocessableEntity, "POST", "/api/auth/invite", object{"role": "god"})); !sameWords(got, "#/email #/role") {
		t.Errorf("it complains of %s", got)
	}
	invite := func(email string) (token, user string) {
		t.Helper()
		data := admin.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": email, "role": "manager", "first_name": "Ada"})
		return data["token"].(string), at(data, "user", "id").(string)
	}
	token, user := invite("ada@acme.example")
	admin.ask(http.StatusConflict, "POST", "/api/auth/invite", object{"email": "ada@acme.example"})
	b := &browser{client: c}
	redeem := func(want int, path, token, password string) {
		t.Helper()
		b.ask(want, "POST", path, object{"token": token, "password": password})
	}
	before := c.app.Core().Hashed()
	redeem(http.StatusUnprocessableEntity, "/api/auth/accept", token, "short")
	redeem(http.StatusUnprocessableEntity, "/api/auth/reset", token, goodPassword)
	redeem(http.StatusUnprocessableEntity, "/api/auth/accept", token[1:]+"x", goodPassword)
	if n := c.app.Core().Hashed() - before; n != 0 {
		t.Errorf("%d passwords were hashed for no account", n)
	}
	redeem(http.StatusOK, "/api/auth/accept", token, goodPassword)
	expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": user, "role": "manager"})
	redeem(http.StatusUnprocessableEntity, "/api/auth/accept", token, otherPassword)
	b.logIn("ada@acme.example", goodPassword)

	reset := func() string {
		t.Helper()
		return admin.record(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": user})["token"].(string)
	}
	replaced, token := reset(), reset()
	redeem(http.StatusUnprocessableEntity, "/api/auth/reset", replaced, otherPassword)
	was := *b.cookie
	redeem(http.StatusOK, "/api/auth/reset", token, otherPassword)
	(&browser{c, &was}).ask(http.StatusUnauthorized, "GET", "/api/user", nil)
	b.logIn("ada@acme.example", otherPassword)
	token = reset()
	now.Add(int64(24 * time.Hour))
	redeem(http.StatusUnprocessableEntity, "/api/auth/reset", token, goodPassword)
}
