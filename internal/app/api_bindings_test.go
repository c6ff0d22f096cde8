package app_test

import (
	"net/http"
	"strings"
	"testing"

	"sixty/internal/accounts"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/identity/identitytest"
)

// bind binds an organisation to domains.
func (c *client) bind(org crm.ID, domains ...string) {
	c.t.Helper()
	c.bindTo(org, accounts.BindingChange{Domains: domains})
}

func (c *client) bindTo(org crm.ID, to accounts.BindingChange) {
	c.t.Helper()
	if err := c.app.Core().Accounts.BindOrganisation(c.t.Context(), crm.Operator(org), to); err != nil {
		c.t.Fatal(err)
	}
}

// created has a token's user created, and returns them.
func (c *client) created(org crm.ID, email, token string) crm.Owner {
	c.t.Helper()
	if status, _ := c.asks(token); status != http.StatusOK {
		c.t.Fatalf("%s: %d", email, status)
	}
	return c.owner(org, email)
}

// An invitation that another organisation has not had accepted does not keep a person from
// signing in by password.
func TestInvitationElsewhere(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		home, away := c.organisation("Home").ID, newUser(c, "Away", crm.RoleAdmin)
		ada := c.member(home, "ada@acme.example", crm.RoleRep)
		b := &browser{client: c}
		invited := away.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "ada@acme.example"})
		b.logIn("ada@acme.example", goodPassword)
		expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})
		b.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "ada@acme.example", "password": goodPassword, "organisation": "Away"})

		// With a password in both, they name one.
		b.ask(http.StatusOK, "POST", "/api/auth/accept", object{"token": invited["token"], "password": otherPassword})
		for _, password := range []string{goodPassword, otherPassword} {
			b.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "ada@acme.example", "password": password})
		}
		b.logInTo("ada@acme.example", goodPassword, "Home")
		expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})
		b.logInTo("ada@acme.example", otherPassword, "Away")
		expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": at(invited, "user", "id")})
		for _, odd := range []string{"Nowhere", "a\x00b", strings.Repeat("long", 10_000)} {
			if status, _, _ := b.send("POST", "/api/auth/login", object{"email": "ada@acme.example", "password": goodPassword, "organisation": odd}); status != http.StatusUnauthorized && status != http.StatusUnprocessableEntity {
				t.Errorf("%.10q: %d", odd, status)
			}
		}

		// Without a name, they mean the one that is bound to the domain.
		c.bind(home, "acme.example")
		b.logIn("ada@acme.example", goodPassword)
		expect(t, b.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})
		b.ask(http.StatusUnauthorized, "POST", "/api/auth/login", object{"email": "ada@acme.example", "password": otherPassword})
	})
}

// Where there are several organisations, a provider's user is linked in the one that is bound to
// the domain of their address, whichever has invited them.
func TestBindings(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p, func(cfg *config.Config) { cfg.SignInCreate = true }))
			home := c.organisation("Home").ID
			first := c.created(home, "first@acme.example", p.Sign(p.User("0", "first@acme.example"))) // the only one needs no binding
			away := newUser(c, "Away", crm.RoleAdmin)
			invite := func(want int, email string) object {
				t.Helper()
				return away.ask(want, "POST", "/api/auth/invite", object{"email": email})
			}

			// An invitation before the person's first sign-in does not capture it.
			invite(http.StatusCreated, "ada@acme.example")
			c.isRejected(p.Sign(p.User("1", "ada@acme.example")))
			ada := c.person(home, "Ada", "ada@acme.example", crm.RoleRep)
			c.isRejected(p.Sign(p.User("1", "ada@acme.example")))
			c.bind(home, "ACME.example", "acme.example")
			c.is(ada, p.Sign(p.User("1", "ada@acme.example")))
			invite(http.StatusCreated, "alone@other.example")
			c.isRejected(p.Sign(p.User("2", "alone@other.example")))
			c.isRejected(p.Sign(p.User("3", "new@sub.acme.example")))
			c.is(first, p.Sign(p.User("0", ""))) // who is linked stays so

			// One is created in the organisation of the domain, whatever others have.
			c.bind(away.org, "away.example")
			grace := c.created(away.org, "grace@away.example", p.Sign(p.User("4", "grace@away.example")))
			c.is(grace, p.Sign(p.User("4", "")))

			// Admins invite no one of another organisation's domain, and rename no one to it.
			refused := invite(http.StatusConflict, "New@Acme.example")
			if got := invalid(refused); got != "#/email" {
				t.Errorf("it complains of %s: %v", got, refused)
			}
			away.ask(http.StatusConflict, "PATCH", "/api/users/"+grace.ID.String(), object{"email": "ada@acme.example"})
			away.ask(http.StatusOK, "PATCH", "/api/users/"+grace.ID.String(), object{"email": "grace.hopper@away.example"})
			invite(http.StatusCreated, "x@away.example")
			invite(http.StatusCreated, "x@unbound.example")
			c.person(away.org, "Visitor", "visitor@acme.example", crm.RoleRep) // the operator may

			// An organisation that is bound to another provider has none of this one's users.
			service := c.app.Core().Accounts
			c.bindTo(away.org, accounts.BindingChange{Issuer: new("https://other.example")})
			c.isRejected(p.Sign(p.User("5", "new@away.example")))
			c.bindTo(away.org, accounts.BindingChange{Issuer: &p.Issuer})
			c.created(away.org, "new@away.example", p.Sign(p.User("5", "new@away.example")))

			// A domain is one organisation's, until it is unbound.
			operator := crm.Operator(away.org)
			acme := accounts.BindingChange{Domains: []string{"acme.example"}}
			if err := service.BindOrganisation(t.Context(), operator, acme); crm.CodeOf(err) != crm.CodeConflict {
				t.Errorf("a domain is bound twice: %v", err)
			}
			if err := service.UnbindOrganisation(t.Context(), operator, acme); crm.CodeOf(err) != crm.CodeNotFound {
				t.Errorf("another's domain is unbound: %v", err)
			}
			if err := service.UnbindOrganisation(t.Context(), crm.Operator(home), acme); err != nil {
				t.Fatal(err)
			}
			if err := service.BindOrganisation(t.Context(), operator, acme); err != nil {
				t.Fatal(err)
			}
			invite(http.StatusCreated, "new@acme.example")
			for name, bad := range map[string]accounts.BindingChange{
				"Domain": {Domains: []string{"no domain"}}, "Label": {Domains: []string{"localhost"}}, "Issuer": {Issuer: new("id.example")},
			} {
				if err := service.BindOrganisation(t.Context(), operator, bad); crm.CodeOf(err) != crm.CodeInvalid {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := service.BindOrganisation(t.Context(), crm.Actor{Org: home, User: ada.ID, Role: crm.RoleAdmin}, acme); crm.CodeOf(err) != crm.CodeForbidden {
				t.Errorf("an admin binds: %v", err)
			}
			if n := len(c.audit(away.org, "organisation.bound")); n != 4 {
				t.Errorf("%d bindings are in the trail", n)
			}
			if unbound := c.audit(home, "organisation.unbound"); len(unbound) != 1 {
				t.Errorf("%d ends of bindings are in the trail", len(unbound))
			} else {
				expect(t, unbound[0].(object)["details"].(object), object{"domains": "acme.example"})
			}
		})
	}
}

// The organisation that is set for a provider's users has none whose domain is another's.
func TestBindingsOfAnother(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p, func(cfg *config.Config) { cfg.SignInOrganisation, cfg.SignInCreate = "Home", true }))
			home, away := c.organisation("Home").ID, c.organisation("Away").ID
			c.bind(away, "away.example")
			c.person(home, "Guest", "guest@away.example", crm.RoleRep)
			c.isRejected(p.Sign(p.User("1", "guest@away.example")))
			c.isRejected(p.Sign(p.User("2", "new@away.example")))
			c.created(home, "new@home.example", p.Sign(p.User("3", "new@home.example")))
		})
	}
}

// Browsers that come back from the provider are linked by the same rule.
func TestBindingsOfBrowsers(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c := boot(t, "sqlite", signingIn(p))
	home, away := c.organisation("Home").ID, newUser(c, "Away", crm.RoleAdmin)
	away.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "ada@acme.example"})
	p.SignIn(newcomer(p, "1", "ada@acme.example"))
	b := c.wanderer()
	if status, _, detail := b.get(b.begin("")); status != http.StatusUnauthorized {
		t.Fatalf("the invitation captures them: %d %s", status, detail)
	}
	ada := c.person(home, "Ada", "ada@acme.example", crm.RoleRep)
	c.bind(home, "acme.example")
	if status, _, detail := b.get(b.begin("")); status != http.StatusFound {
		t.Fatalf("%d %s", status, detail)
	}
	s := &browser{c, b.cookies["sixty_session"]}
	expect(t, s.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})
}
