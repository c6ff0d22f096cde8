package app_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/bulk"
	"sixty/internal/config"
	"sixty/internal/crm"
)

// sessionOf starts a session of a user, whose token no one has.
func (c *client) sessionOf(p crm.Owner) accounts.Session {
	c.t.Helper()
	s, err := c.app.Core().Accounts.BeginSession(c.t.Context(), accounts.Session{
		OrgID: p.OrgID, UserID: p.ID, Hash: []byte(rand.Text()), ExpiresAt: crm.InstantOf(c.app.Core().Clock().Add(time.Hour)),
		VerifiedAt: crm.InstantOf(c.app.Core().Clock()),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// One-time tokens end with what they were given out for.
func TestOneTimeTokensEnd(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Tokens", crm.RoleAdmin)
		core, operator := c.app.Core(), crm.Operator(u.org)
		b := &browser{client: c}
		for name, end := range map[string]func(ada crm.Owner) error{
			"Role": func(ada crm.Owner) error {
				u.ask(http.StatusOK, "PATCH", "/api/users/"+ada.ID.String(), object{"role": "viewer"})
				return nil
			},
			"Email": func(ada crm.Owner) error {
				u.ask(http.StatusOK, "PATCH", "/api/users/"+ada.ID.String(), object{"email": "new-" + *ada.Email})
				return nil
			},
			"Deactivated": func(ada crm.Owner) error {
				u.ask(http.StatusOK, "POST", "/api/users/"+ada.ID.String()+"/deactivate", nil)
				u.ask(http.StatusOK, "POST", "/api/users/"+ada.ID.String()+"/reactivate", nil)
				return nil
			},
			"OwnPassword": func(ada crm.Owner) error {
				b.logIn(*ada.Email, goodPassword)
				b.ask(http.StatusOK, "POST", "/api/auth/password", object{"old": goodPassword, "new": otherPassword})
				return nil
			},
			"Password": func(ada crm.Owner) error { return core.Passwords.Set(t.Context(), operator, ada.ID, otherPassword) },
			"Command": func(ada crm.Owner) error {
				_, err := core.Accounts.UpdateMember(t.Context(), operator, ada.ID, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of("manager")})
				return err
			},
			"Import": func(ada crm.Owner) error {
				rows := []bulk.ImportRow[crm.OwnerPatch]{{Patch: crm.OwnerPatch{Email: crm.Of(*ada.Email), Role: crm.Of("viewer")}}}
				_, err := core.Bulk.ImportOwners(t.Context(), operator, bulk.ImportOptions{Keys: []crm.Key{crm.KeyEmail}}, func(load bulk.Load[crm.OwnerPatch]) error {
					_, err := load(t.Context(), rows)()
					return err
				})
				return err
			},
			"Adopt": func(ada crm.Owner) error {
				_, err := core.Bulk.AdoptOwners(t.Context(), operator, []bulk.AdoptRow[crm.OwnerPatch]{{ID: ada.ID, Patch: crm.OwnerPatch{Role: crm.Of("admin")}}}, true)
				return err
			},
			"Withdrawn": func(ada crm.Owner) error {
				u.ask(http.StatusOK, "DELETE", "/api/auth/tokens/"+ada.ID.String(), nil)
				u.ask(http.StatusNotFound, "DELETE", "/api/auth/tokens/"+ada.ID.String(), nil)
				return nil
			},
		} {
			ada := c.member(u.org, strings.ToLower(name)+"@acme.example", crm.RoleRep)
			token := u.record(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": ada.ID})["token"]
			if err := end(ada); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if status, _, answer := b.send("POST", "/api/auth/reset", object{"token": token, "password": goodPassword + "!"}); status != http.StatusUnprocessableEntity {
				t.Errorf("%s: the token sets a password: %d %v", name, status, answer)
			}
			if rows, _ := u.list("/api/auth/tokens"); len(rows) != 0 {
				t.Errorf("%s: it is listed: %v", name, rows)
			}
		}
		// What changes nothing of the kind ends none.
		ada := c.member(u.org, "ada@acme.example", crm.RoleRep)
		token := u.record(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": ada.ID})["token"]
		u.ask(http.StatusOK, "PATCH", "/api/users/"+ada.ID.String(), object{"stage": "Countess", "role": "rep", "email": "Ada@acme.example"})
		b.ask(http.StatusOK, "POST", "/api/auth/reset", object{"token": token, "password": otherPassword})
	})
}

// Admins list the tokens that were given out, with who asked for them, and never the secrets.
func TestOneTimeTokensAreListed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Listed")
		stranger := newUser(c, "Stranger", crm.RoleAdmin)
		ada := c.member(org, "ada@acme.example", crm.RoleRep)
		invited := admin.ask(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "eve@acme.example"})["data"].(object)
		reset := admin.ask(http.StatusOK, "POST", "/api/auth/reset-request", object{"user_id": ada.ID})["data"].(object)
		rows := admin.ask(http.StatusOK, "GET", "/api/auth/tokens", nil)["data"].([]any)
		if len(rows) != 2 {
			t.Fatalf("%d are listed: %v", len(rows), rows)
		}
		expect(t, rows[0].(object), object{"user_id": ada.ID, "purpose": "reset", "created_by": me.ID, "expires_at": reset["expires_at"]})
		expect(t, rows[1].(object), object{"user_id": at(invited, "user", "id"), "purpose": "invitation", "created_by": me.ID})
		if len(rows[0].(object)) != 5 {
			t.Errorf("a token is %v", rows[0])
		}
		path := "/api/auth/tokens/" + ada.ID.String()
		if rows, _ := stranger.list("/api/auth/tokens"); len(rows) != 0 {
			t.Errorf("another organisation lists %v", rows)
		}
		stranger.ask(http.StatusNotFound, "DELETE", path, nil)
		for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager} {
			u := user{c, org, c.key(org, role)}
			u.ask(http.StatusForbidden, "GET", "/api/auth/tokens", nil)
			u.ask(http.StatusForbidden, "DELETE", path, nil)
		}
		admin.ask(http.StatusOK, "DELETE", path, nil)
		for action, target := range map[string]any{
			"user.reset_requested": ada.ID, "token.withdrawn": ada.ID, "user.invited": at(invited, "user", "id"),
		} {
			entries := c.audit(org, action)
			if len(entries) != 1 {
				t.Fatalf("%s: %d entries", action, len(entries))
			}
			expect(t, entries[0].(object), object{"actor_id": me.ID, "target_id": target, "address": "127.0.0.1"})
		}
	})
}

// Users end single sessions of their own, and admins those of their organisation.
func TestSessionsAreEnded(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org, admin, me := c.admin("Sessions")
		ada := c.member(org, "ada@acme.example", crm.RoleRep)
		var hers [4]*browser
		for i := range hers {
			hers[i] = &browser{client: c}
			hers[i].logIn("ada@acme.example", goodPassword)
		}
		idOf := func(b *browser) string {
			t.Helper()
			for _, row := range b.ask(http.StatusOK, "GET", "/api/auth/sessions", nil)["data"].([]any) {
				if row.(object)["current"] == true {
					return row.(object)["id"].(string)
				}
			}
			t.Fatal("the session is not listed")
			return ""
		}
		own := idOf(admin)

		// Of one's own: another one, and the one in use.
		hers[0].ask(http.StatusOK, "DELETE", "/api/auth/sessions/"+idOf(hers[1]), nil)
		hers[1].ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		hers[0].ask(http.StatusNotFound, "DELETE", "/api/auth/sessions/"+own, nil)
		admin.ask(http.StatusNotFound, "DELETE", "/api/auth/sessions/"+idOf(hers[0]), nil)
		was := *hers[0].cookie
		hers[0].ask(http.StatusOK, "DELETE", "/api/auth/sessions/"+idOf(hers[0]), nil)
		if hers[0].cookie != nil {
			t.Error("the cookie stays")
		}
		(&browser{c, &was}).ask(http.StatusUnauthorized, "GET", "/api/user", nil)

		// An admin's: one, and all.
		path := "/api/users/" + ada.ID.String() + "/sessions"
		rows := admin.ask(http.StatusOK, "GET", path, nil)["data"].([]any)
		if len(rows) != 2 || at(rows[0].(object), "current") != false || at(rows[0].(object), "address") != "127.0.0.1" {
			t.Errorf("the sessions are %v", rows)
		}
		for _, row := range admin.ask(http.StatusOK, "GET", "/api/users/"+me.ID.String()+"/sessions", nil)["data"].([]any) {
			expect(t, row.(object), object{"id": own, "current": true})
		}
		hers[2].ask(http.StatusForbidden, "GET", path, nil)
		hers[2].ask(http.StatusForbidden, "DELETE", path, nil)
		third := idOf(hers[3])
		hers[2].ask(http.StatusForbidden, "DELETE", path+"/"+third, nil)
		admin.ask(http.StatusNotFound, "DELETE", "/api/users/"+me.ID.String()+"/sessions/"+third, nil)
		admin.ask(http.StatusOK, "DELETE", path+"/"+third, nil)
		admin.ask(http.StatusNotFound, "DELETE", path+"/"+third, nil)
		hers[3].ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		admin.ask(http.StatusOK, "DELETE", path, nil)
		hers[2].ask(http.StatusUnauthorized, "GET", "/api/user", nil)
		if rows := admin.ask(http.StatusOK, "GET", path, nil)["data"].([]any); len(rows) != 0 {
			t.Errorf("the sessions are %v", rows)
		}
		entries := c.audit(org, "session.signed_out")
		if len(entries) != 4 {
			t.Fatalf("%d entries", len(entries))
		}
		expect(t, entries[0].(object), object{"actor_id": me.ID, "target_id": ada.ID})
		expect(t, entries[3].(object), object{"actor_id": ada.ID, "target_id": ada.ID})
	})
}

// guarded are the requests that need a recent proof of who the caller is, by name.
func (c *client) guarded(org crm.ID, admin crm.Owner) map[string]func(send func(method, path string, body any) int) int {
	c.t.Helper()
	other, rep := c.member(org, "other@team.example", crm.RoleAdmin), c.member(org, "rep@team.example", crm.RoleRep)
	idle := c.person(org, "Idle", "idle@team.example", crm.RoleAdmin)
	return map[string]func(send func(method, path string, body any) int) int{
		"Key": func(send func(method, path string, body any) int) int {
			return send("POST", "/api/keys", object{"name": "An admin's", "role": "admin"})
		},
		"Invitation": func(send func(method, path string, body any) int) int {
			return send("POST", "/api/auth/invite", object{"email": strings.ToLower(rand.Text()) + "@team.example", "role": "admin"})
		},
		"Promotion": func(send func(method, path string, body any) int) int {
			defer c.demote(org, rep.ID)
			return send("PATCH", "/api/users/"+rep.ID.String(), object{"role": "admin"})
		},
		"Role": func(send func(method, path string, body any) int) int {
			defer c.demote(org, rep.ID)
			return send("PATCH", "/api/users/"+rep.ID.String(), object{"role": "viewer"})
		},
		"ResetOfAdmin": func(send func(method, path string, body any) int) int {
			return send("POST", "/api/auth/reset-request", object{"user_id": other.ID})
		},
		"ResetOfOwn": func(send func(method, path string, body any) int) int {
			return send("POST", "/api/auth/reset-request", object{"user_id": admin.ID})
		},
		"ReactivationOfAdmin": func(send func(method, path string, body any) int) int {
			if _, err := c.app.Core().Accounts.DeactivateOwner(c.t.Context(), crm.Operator(org), idle.ID); err != nil {
				c.t.Fatal(err)
			}
			return send("POST", "/api/users/"+idle.ID.String()+"/reactivate", nil)
		},
		"AddressOfAdmin": func(send func(method, path string, body any) int) int {
			return send("PATCH", "/api/users/"+other.ID.String(), object{"email": strings.ToLower(rand.Text()) + "@team.example"})
		},
	}
}

// demote makes a user a rep again.
func (c *client) demote(org, user crm.ID) {
	c.t.Helper()
	if _, err := c.app.Core().Accounts.UpdateMember(c.t.Context(), crm.Operator(org), user, crm.VersionCondition{}, crm.OwnerPatch{Role: crm.Of("rep")}); err != nil {
		c.t.Fatal(err)
	}
}

// Giving a user the rights of an admin needs a proof of identity within ten minutes.
func TestReauthentication(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			c, now := bootByClock(t, engine)
			org, admin, me := c.admin("Proof")
			other := &browser{client: c}
			other.logIn("admin@team.example", goodPassword)
			var last object
			send := func(method, path string, body any) (status int) {
				status, _, last = admin.send(method, path, body)
				return status
			}
			guarded := c.guarded(org, me)
			expectAll := func(want bool) {
				t.Helper()
				for name, request := range guarded {
					status := request(send)
					if want && status >= 300 || !want && (status != http.StatusForbidden || last["code"] != "reauthentication.required") {
						t.Errorf("%s: %d %v", name, status, last)
					}
				}
			}
			expectAll(true) // signing in counts
			now.Add(int64(10 * time.Minute))
			expectAll(false)
			if detail, _ := last["detail"].(string); !strings.Contains(detail, "POST /api/auth/reauthenticate") || strings.Contains(detail, "provider") {
				t.Errorf("the advice is %s", detail)
			}

			// Nothing else is held up.
			rep := c.owner(org, "rep@team.example")
			theirs := "/api/users/" + rep.ID.String()
			for _, r := range []struct {
				method, path string
				body         any
			}{
				{"PATCH", theirs, object{"stage": "Rep", "role": "rep", "email": "rep2@team.example"}},
				{"PATCH", "/api/users/" + me.ID.String(), object{"last_name": "Lovelace", "role": "admin", "email": "admin@team.example"}},
				{"POST", "/api/keys", object{"name": "A rep's", "role": "rep"}},
				{"POST", "/api/auth/invite", object{"email": "manager@team.example", "role": "manager"}},
				{"POST", "/api/auth/reset-request", object{"user_id": rep.ID}},
				{"POST", theirs + "/deactivate", nil},
				{"POST", theirs + "/reactivate", nil},
			} {
				if status := send(r.method, r.path, r.body); status >= 300 {
					t.Errorf("%s %s: %d %v", r.method, r.path, status, last)
				}
			}

			// The password renews the proof, of this session alone.
			if got := invalid(admin.ask(http.StatusUnprocessableEntity, "POST", "/api/auth/reauthenticate", object{"password": "a wrong password"})); got != "#/password" {
				t.Errorf("it complains of %s", got)
			}
			if got := invalid(admin.ask(http.StatusUnprocessableEntity, "POST", "/api/auth/reauthenticate", object{})); got != "#/password" {
				t.Errorf("it complains of %s", got)
			}
			expectAll(false)
			at := admin.ask(http.StatusOK, "POST", "/api/auth/reauthenticate", object{"password": goodPassword})["data"].(object)["verified_at"]
			expect(t, admin.ask(http.StatusOK, "GET", "/api/auth/sessions", nil)["data"].([]any)[0].(object), object{"verified_at": at, "current": true})
			expectAll(true)
			other.ask(http.StatusForbidden, "POST", "/api/keys", object{"name": "An admin's", "role": "admin"})
			now.Add(int64(10*time.Minute - time.Second))
			expectAll(true)
			now.Add(int64(time.Second))
			expectAll(false)

			// API keys are exempt, and prove nothing.
			u := user{c, org, c.keyOf(org, me.ID, crm.RoleAdmin)}
			for name, request := range guarded {
				if status := request(func(method, path string, body any) int {
					status, _, _ := u.do(method, path, u.key, body)
					return status
				}); status >= 300 {
					t.Errorf("%s by key: %d", name, status)
				}
			}
			u.ask(http.StatusForbidden, "POST", "/api/auth/reauthenticate", object{"password": goodPassword})

			for _, action := range []string{"session.reauthenticated", "session.failed"} {
				eventually(t, action, func() bool { return len(c.audit(org, action)) == 1 })
				expect(t, c.audit(org, action)[0].(object), object{"actor_id": me.ID, "target_id": me.ID})
			}
		})
	}
}

// Wrong passwords lead to delays, as at sign-in.
func TestReauthenticationDelays(t *testing.T) {
	t.Parallel()
	c, _ := bootByClock(t, "sqlite")
	_, admin, _ := c.admin("Delays")
	for i := range 50 {
		status, header, _ := admin.send("POST", "/api/auth/reauthenticate", object{"password": "a wrong password"})
		if status == http.StatusTooManyRequests && header.Get("Retry-After") != "" {
			admin.ask(http.StatusTooManyRequests, "POST", "/api/auth/reauthenticate", object{"password": goodPassword})
			return
		}
		if status != http.StatusUnprocessableEntity {
			t.Fatalf("try %d: %d", i, status)
		}
	}
	t.Error("any number of passwords may be tried")
}

// A proof is known to every instance at once.
func TestReauthenticationEverywhere(t *testing.T) {
	t.Parallel()
	var cfg config.Config
	first, now := bootByClock(t, "postgres", func(c *config.Config) { cfg = *c })
	cfg.Port = 0
	a, err := app.New(t.Context(), cfg, app.Options{Stderr: t.Output(), Clock: func() time.Time { return time.Unix(0, now.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	second := run(t, a)
	_, admin, _ := first.admin("Everywhere")
	there := &browser{second, admin.cookie}
	create := func(want int) { t.Helper(); there.ask(want, "POST", "/api/keys", object{"name": "k", "role": "admin"}) }
	create(http.StatusCreated)
	now.Add(int64(10 * time.Minute))
	create(http.StatusForbidden)
	admin.ask(http.StatusOK, "POST", "/api/auth/reauthenticate", object{"password": goodPassword})
	create(http.StatusCreated)
}
