package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sixty/internal/accounts"
	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/identity/identitytest"
)

// supabaseSecret signs Supabase's tokens where it has no keys.
const supabaseSecret = "super-secret-jwt-token-with-at-least-32-characters-long"

// supabase returns claims as Supabase has them: the address is not said to be verified at the
// top level, where a provider would vouch for it.
func supabase(p *identitytest.Provider, subject, email string) identitytest.Claims {
	now := time.Now()
	return identitytest.Claims{
		"iss": p.Issuer, "sub": subject, "aud": "authenticated", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": email, "phone": "", "role": "authenticated", "aal": "aal1", "is_anonymous": false, "session_id": crm.NewID().String(),
		"amr":          []any{map[string]any{"method": "password", "timestamp": now.Unix()}},
		"app_metadata": map[string]any{"provider": "email", "providers": []string{"email"}},
		"user_metadata": map[string]any{
			"email": email, "email_verified": true, "phone_verified": false, "sub": subject, "first_name": "Ada",
		},
	}
}

// ofSupabase returns the settings for Supabase's tokens, whose subjects are the ids of users.
func ofSupabase(p *identitytest.Provider, change ...func(*config.Config)) func(*config.Config) {
	return trusting(p, append([]func(*config.Config){func(cfg *config.Config) {
		cfg.JWTAudiences, cfg.JWTSubject = []string{"authenticated"}, config.SubjectUser
	}}, change...)...)
}

// rejectsUnknown checks that a valid token is no user's here.
func (c *client) rejectsUnknown(what, token string) {
	c.t.Helper()
	status, header, answer := c.do("GET", "/api/user", token, nil)
	if status != http.StatusUnauthorized || answer["code"] != "token.unknown_user" || header.Get("WWW-Authenticate") == "" {
		c.t.Errorf("%s: %d %v, %v", what, status, answer, header)
	}
}

// The subject of a token is the user of the organisation with that id. It creates no one, and is
// no one of another organisation.
func TestSubjectIsUser(t *testing.T) {
	t.Parallel()
	signs := map[string]func(t *testing.T, p *identitytest.Provider, c identitytest.Claims) string{
		"Secret": func(t *testing.T, _ *identitytest.Provider, c identitytest.Claims) string {
			t.Helper()
			return identitytest.SignWith(t, jose.HS256, []byte(supabaseSecret), "a-key-id", c)
		},
		"RS256":     func(_ *testing.T, p *identitytest.Provider, c identitytest.Claims) string { return p.Sign(c) },
		"KeysAlone": func(_ *testing.T, p *identitytest.Provider, c identitytest.Claims) string { return p.Sign(c) },
		"ES256":     func(_ *testing.T, p *identitytest.Provider, c identitytest.Claims) string { return p.Sign(c) },
	}
	for how, sign := range signs {
		for _, engine := range engines {
			t.Run(how+"/"+engine, func(t *testing.T) {
				t.Parallel()
				p := identitytest.New(t)
				if how == "ES256" {
					p.Rotate(jose.ES256)
				}
				p.KeysAlone = how == "KeysAlone"
				c := boot(t, engine, ofSupabase(p, func(cfg *config.Config) {
					cfg.SignInOrganisation, cfg.SignInCreate = "Acme", true // nothing is created all the same
					if how == "Secret" {
						cfg.JWTSecret = supabaseSecret
					}
				}))
				token := func(subject, email string) string { return sign(t, p, supabase(p, subject, email)) }
				org, there := c.organisation("Acme").ID, c.organisation("Elsewhere").ID
				ada, away := c.person(org, "Ada", "ada@acme.example", crm.RoleManager), c.person(there, "Away", "away@acme.example", crm.RoleAdmin)
				nameless := c.person(org, "Nameless", "", crm.RoleRep)
				off, deleted := c.person(org, "Off", "off@acme.example", crm.RoleRep), c.person(org, "Deleted", "deleted@acme.example", crm.RoleRep)
				core := c.app.Core().Accounts
				if _, err := core.DeactivateOwner(t.Context(), crm.Operator(org), off.ID); err != nil {
					t.Fatal(err)
				}
				if err := core.DeleteOwner(t.Context(), crm.Operator(org), deleted.ID); err != nil {
					t.Fatal(err)
				}
				_, key, err := c.app.Core().Keys.Create(t.Context(), crm.Operator(org), "service", crm.RoleAdmin, nil)
				if err != nil {
					t.Fatal(err)
				}
				admin := user{c, org, c.key(org, crm.RoleAdmin)}
				before, _ := admin.list("/api/users?count=exact")

				c.is(ada, token(ada.ID.String(), "ada@acme.example"))
				c.is(ada, token(strings.ToUpper(ada.ID.String()), "another@acme.example"))
				c.is(nameless, token(nameless.ID.String(), ""))
				c.rejectsUnknown("unknown", token(crm.NewID().String(), "ada@acme.example"))
				c.rejectsUnknown("no UUID", token("ada", "ada@acme.example"))
				c.rejectsUnknown("UUID with more", token("urn:uuid:"+ada.ID.String(), "ada@acme.example"))
				c.rejectsUnknown("other organisation", token(away.ID.String(), "away@acme.example"))
				c.rejectsUnknown("deactivated", token(off.ID.String(), "off@acme.example"))
				c.rejectsUnknown("deleted", token(deleted.ID.String(), "deleted@acme.example"))
				c.rejectsUnknown("user of a key", token(key.UserID.String(), ""))
				c.rejectsUnknown("verified address", sign(t, p, supabase(p, crm.NewID().String(), "new@acme.example").With(identitytest.Claims{"email_verified": true})))
				c.isRejected(sign(t, p, supabase(p, ada.ID.String(), "").With(identitytest.Claims{"aud": "anon"})))

				if after, _ := admin.list("/api/users?count=exact"); len(after) != len(before) {
					t.Errorf("there are %d users, before %d", len(after), len(before))
				}
				if linked := c.audit(org, "user.identity_linked"); len(linked) != 0 {
					t.Errorf("linked: %v", linked)
				}

				// A linked subject is its user, too, in the same organisation alone.
				const link = "/identity"
				admin.record(http.StatusOK, "PUT", "/api/users/"+ada.ID.String()+link, object{"subject": "auth0|1"})
				c.is(ada, token("auth0|1", ""))
				c.is(ada, token(ada.ID.String(), ""))
				if _, err := core.SetIdentity(t.Context(), crm.Operator(there), away.ID, crm.VersionCondition{}, accounts.Link{Issuer: p.Issuer, Subject: "auth0|2"}); err != nil {
					t.Fatal(err)
				}
				c.rejectsUnknown("linked elsewhere", token("auth0|2", ""))
				if answer := admin.ask(http.StatusConflict, "PUT", "/api/users/"+ada.ID.String()+link, object{"subject": nameless.ID}); answer["detail"] == "" {
					t.Errorf("%v", answer)
				}

				// Within a second of a deactivation the user's tokens are rejected.
				last := token(nameless.ID.String(), "")
				c.is(nameless, last)
				if _, err := core.DeactivateOwner(t.Context(), crm.Operator(org), nameless.ID); err != nil {
					t.Fatal(err)
				}
				c.becomes(http.StatusUnauthorized, last)
			})
		}
	}
}

// Without a name, the organisation is the only one; with several, the subject is no one's.
func TestSubjectIsUserOfTheOnlyOrganisation(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c := boot(t, "sqlite", ofSupabase(p))
	org := c.organisation("Acme").ID
	ada := c.person(org, "Ada", "ada@acme.example", crm.RoleManager)
	c.is(ada, p.Sign(supabase(p, ada.ID.String(), "")))
	c.bindTo(org, accounts.BindingChange{Issuer: new("https://other.example")})
	c.rejectsUnknown("bound to another provider", p.Sign(supabase(p, ada.ID.String(), "")))
	c.bindTo(org, accounts.BindingChange{Issuer: new("")})
	c.is(ada, p.Sign(supabase(p, ada.ID.String(), "")))
	c.organisation("Second")
	c.rejectsUnknown("of several", p.Sign(supabase(p, ada.ID.String(), "")))
}

// The log says why a valid token is rejected.
func TestRejectedSubjectIsLogged(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	var log strings.Builder
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DataDir = config.Test, 0, t.TempDir()
	ofSupabase(p)(&cfg)
	a, err := app.New(t.Context(), cfg, app.Options{Stderr: &log})
	if err != nil {
		t.Fatal(err)
	}
	c := run(t, a)
	c.organisation("Acme")
	subject := crm.NewID().String()
	c.rejectsUnknown("unknown", p.Sign(supabase(p, subject, "ada@acme.example")))
	c.stop()
	if err := <-c.done; err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil { // what is logged is written then
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, subject) || !strings.Contains(text, "the id of no user of the organisation") {
		t.Errorf("%s", text)
	}
}

// Admins link users to subjects of the provider, and unlink them.
func TestLinkingUsers(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p))
			org := c.organisation("Linking").ID
			ada, grace := c.person(org, "Ada", "ada@acme.example", crm.RoleRep), c.person(org, "Grace", "grace@acme.example", crm.RoleRep)
			u := user{c, org, c.key(org, crm.RoleAdmin)}
			path := func(o crm.Owner) string { return "/api/users/" + o.ID.String() + "/identity" }
			token := func(subject string) string { return p.Sign(supabaseOf(p, subject)) }
			c.rejectsUnknown("not linked", token("1"))

			expect(t, u.record(http.StatusOK, "PUT", path(ada), object{"subject": "1"}), object{"user_id": ada.ID, "issuer": p.Issuer, "subject": "1"})
			c.is(ada, token("1"))
			u.record(http.StatusOK, "PUT", path(ada), object{"subject": "1", "issuer": p.Issuer}) // again
			u.ask(http.StatusConflict, "PUT", path(grace), object{"subject": "1"})
			u.record(http.StatusOK, "PUT", path(ada), object{"subject": "1", "issuer": "https://other.example"}) // one of each issuer
			u.must(http.StatusPreconditionFailed, "PUT", path(ada), object{"subject": "2"}, "If-None-Match", "*")
			u.must(http.StatusPreconditionFailed, "PUT", path(grace), object{"subject": "2"}, "If-Match", "*")

			// Another subject instead ends the sessions that the first may have begun.
			session := c.sessionOf(ada)
			u.record(http.StatusOK, "PUT", path(ada), object{"subject": "2"})
			c.is(ada, token("2"))
			c.becomes(http.StatusUnauthorized, token("1"))
			if left, err := c.app.Core().Accounts.SessionsOf(t.Context(), crm.Operator(org), ada.ID); err != nil || len(left) != 0 {
				t.Errorf("the session %s is left: %v, %v", session.ID, left, err)
			}
			u.record(http.StatusOK, "PUT", path(grace), object{"subject": "1"}) // it is free again
			c.is(grace, token("1"))

			for name, body := range map[string]object{
				"NoSubject": {}, "Empty": {"subject": ""}, "Long": {"subject": strings.Repeat("x", 256)}, "Control": {"subject": "a\u0000"}, "Issuer": {"subject": "3", "issuer": "x"},
				"Member": {"subject": "3", "other": 1}, "Number": {"subject": 3},
			} {
				if status, _, answer := u.do("PUT", path(ada), u.key, body); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
					t.Errorf("%s: %d %v", name, status, answer)
				}
			}
			for _, role := range []crm.Role{crm.RoleViewer, crm.RoleRep, crm.RoleManager} {
				u.as(role).ask(http.StatusForbidden, "PUT", path(ada), object{"subject": "3"})
				u.as(role).ask(http.StatusForbidden, "DELETE", path(ada), nil)
			}
			u.ask(http.StatusNotFound, "PUT", "/api/users/"+crm.NewID().String()+"/identity", object{"subject": "3"})

			last := token("2")
			c.is(ada, last)
			u.ask(http.StatusOK, "DELETE", path(ada), nil)
			u.ask(http.StatusNotFound, "DELETE", path(ada), nil)
			c.becomes(http.StatusUnauthorized, last)
			linked, unlinked := c.audit(org, "user.identity_linked"), c.audit(org, "user.identity_unlinked")
			if len(linked) != 4 || len(unlinked) != 3 {
				t.Errorf("%d links and %d ends are in the audit trail, want 4 and 3", len(linked), len(unlinked))
			}
			expect(t, unlinked[len(unlinked)-1].(object)["details"].(object), object{"issuer": p.Issuer, "subject": "1"})

			// The command line's way, and a deactivated user.
			if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), ada.ID); err != nil {
				t.Fatal(err)
			}
			u.ask(http.StatusConflict, "PUT", path(ada), object{"subject": "4"})

			// Where there are several organisations, only operators link, unless it is bound.
			elsewhere := newUser(c, "Elsewhere", crm.RoleAdmin)
			theirs := c.person(elsewhere.org, "Theirs", "theirs@other.example", crm.RoleRep)
			elsewhere.ask(http.StatusForbidden, "PUT", path(theirs), object{"subject": "5"})
			elsewhere.ask(http.StatusNotFound, "PUT", path(grace), object{"subject": "5"})
			c.bindTo(elsewhere.org, accounts.BindingChange{Issuer: &p.Issuer})
			elsewhere.ask(http.StatusNotFound, "PUT", path(grace), object{"subject": "5"})
			elsewhere.ask(http.StatusConflict, "PUT", path(theirs), object{"subject": "1"}) // is someone's of another organisation
			elsewhere.record(http.StatusOK, "PUT", path(theirs), object{"subject": "5"})
			c.is(theirs, token("5"))
			elsewhere.ask(http.StatusConflict, "PUT", path(theirs), object{"subject": "5", "issuer": "https://other.example"})
		})
	}
}

// supabaseOf returns Supabase's claims for the audience of trusting.
func supabaseOf(p *identitytest.Provider, subject string) identitytest.Claims {
	return supabase(p, subject, "x@acme.example").With(identitytest.Claims{"aud": identitytest.Audience})
}

// The link of an admin is changed only by those who have proved who they are.
func TestLinkingAnAdminNeedsAProof(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c, now := bootByClock(t, "sqlite", trusting(p))
	org := c.organisation("Proof").ID
	admin, rep := c.member(org, "ada@acme.example", crm.RoleAdmin), c.member(org, "rep@acme.example", crm.RoleRep)
	b := &browser{client: c}
	b.logIn("ada@acme.example", goodPassword)
	path := func(o crm.Owner) string { return "/api/users/" + o.ID.String() + "/identity" }
	now.Add(int64(11 * time.Minute))
	b.ask(http.StatusOK, "PUT", path(rep), object{"subject": "1"})
	if answer := b.ask(http.StatusForbidden, "PUT", path(admin), object{"subject": "2"}); answer["code"] != "reauthentication.required" {
		t.Errorf("%v", answer)
	}
	b.ask(http.StatusOK, "POST", "/api/auth/reauthenticate", object{"password": goodPassword})
	b.ask(http.StatusOK, "PUT", path(admin), object{"subject": "2"})
}

// The front end's anonymous key is sent as a bearer too, until its user signs in: the cookie
// decides then, with its check of the page's origin.
func TestAnonymousKeyOfTheFrontEnd(t *testing.T) {
	t.Parallel()
	const front, anonymous = "http://localhost:5173", "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJzdXBhYmFzZSIsInJvbGUiOiJhbm9uIn0.x"
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Anonymous").ID
		c.member(org, "ada@acme.example", crm.RoleManager)
		b := &browser{client: c}
		b.logIn("ada@acme.example", goodPassword)
		cookie := b.cookie.Name + "=" + b.cookie.Value
		for name, test := range map[string]struct {
			method  string
			headers []string
			want    int
		}{
			"Cookie":        {"GET", []string{"Cookie", cookie}, 200},
			"None":          {"GET", nil, 401},
			"FrontEnd":      {"POST", []string{"Cookie", cookie, "Origin", front, "Sec-Fetch-Site", "cross-site"}, 201},
			"OtherSite":     {"POST", []string{"Cookie", cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
			"OtherKey":      {"GET", []string{"Cookie", cookie, "Apikey", "other"}, 401},
			"KeyAlone":      {"GET", []string{"Authorization", "", "Apikey", c.key(org, crm.RoleAdmin)}, 401},
			"OwnKeyAsBoth":  {"GET", []string{"Authorization", "Bearer " + anonymous + "x", "Apikey", anonymous + "x"}, 401},
			"BasicAndOther": {"GET", []string{"Authorization", "Basic " + anonymous, "Cookie", cookie}, 200},
		} {
			for range 2 { // looked up, and known
				body := any(object{"name": "A"})
				if test.method == "GET" {
					body = nil
				}
				headers := append([]string{"Authorization", "Bearer " + anonymous, "Apikey", anonymous}, test.headers...)
				status, header, answer := c.raw(test.method, "/api/companies", "", body, headers...)
				if status != test.want {
					t.Errorf("%s: %d, want %d: %s", name, status, test.want, answer)
				}
				if name == "None" && strings.Contains(header.Get("WWW-Authenticate"), "invalid_token") {
					t.Errorf("without a cookie: %v", header)
				}
			}
		}
	})
}
