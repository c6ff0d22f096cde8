package app_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/identity/identitytest"
)

// trusting returns the settings by which a program accepts a provider's tokens.
func trusting(p *identitytest.Provider, change ...func(*config.Config)) func(*config.Config) {
	return func(cfg *config.Config) {
		cfg.Issuer, cfg.JWTAudiences = p.Issuer, []string{identitytest.Audience}
		for _, f := range change {
			f(cfg)
		}
	}
}

// asks returns the status of GET /api/user with a token, and the user's id; "" if it is
// rejected.
func (c *client) asks(token string) (status int, id string) {
	c.t.Helper()
	status, _, answer := c.do("GET", "/api/user", token, nil)
	if status == http.StatusOK {
		return status, at(answer, "data", "id").(string)
	}
	return status, ""
}

// becomes repeats a request until it has the wanted status.
func (c *client) becomes(want int, token string) {
	c.t.Helper()
	soon(c.t, "the token", want, func() int {
		status, _ := c.asks(token)
		return status
	})
}

func (c *client) is(want crm.Owner, token string) {
	c.t.Helper()
	if status, id := c.asks(token); status != http.StatusOK || id != want.ID.String() {
		c.t.Errorf("%d, it is %q, want %s", status, id, want.ID)
	}
}

func (c *client) isRejected(token string) {
	c.t.Helper()
	status, header, answer := c.do("GET", "/api/user", token, nil)
	if status != http.StatusUnauthorized || answer["detail"] != "The API key or token is not valid." ||
		header.Get("WWW-Authenticate") != `Bearer realm="sixty", error="invalid_token"` {
		c.t.Errorf("%d %v, %v", status, answer, header)
	}
}

// Users are matched by verified address once, and by their subject from then on.
func TestBearerOfProvider(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p))
			org, there := c.organisation("Tokens").ID, c.organisation("Elsewhere").ID
			c.bind(org, "acme.example")
			ada, grace := c.person(org, "Ada King", "ada@acme.example", crm.RoleManager), c.person(org, "Grace", "grace@acme.example", crm.RoleViewer)
			c.person(org, "Both", "both@other.example", crm.RoleRep)
			c.person(there, "Both", "both@other.example", crm.RoleRep)
			gone := c.person(org, "Gone", "gone@acme.example", crm.RoleRep)
			if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), gone.ID); err != nil {
				t.Fatal(err)
			}

			token := p.Sign(p.User("1", "Ada@acme.example").With(identitytest.Claims{"role": "admin", "is_admin": true}))
			c.isRejected(p.Sign(p.User("1", "ada@acme.example").With(identitytest.Claims{"email_verified": false})))
			c.is(ada, token)
			_, _, answer := c.do("GET", "/api/user", token, nil)
			expect(t, at(answer, "data").(object), object{"role": "manager", "is_admin": false})
			if status, _, _ := c.do("POST", "/api/companies", token, object{"name": "Acme"}); status != http.StatusCreated {
				t.Errorf("a manager's: %d", status)
			}

			// From now on the address does not matter.
			c.is(ada, p.Sign(p.User("1", "grace@acme.example")))
			c.is(ada, p.Sign(p.User("1", "").With(identitytest.Claims{"email": nil, "email_verified": nil})))
			c.isRejected(p.Sign(p.User("2", "ada@acme.example"))) // another subject
			viewer := p.Sign(p.User("3", "grace@acme.example"))
			c.is(grace, viewer)
			if status, _, _ := c.do("POST", "/api/companies", viewer, object{"name": "Acme"}); status != http.StatusForbidden {
				t.Errorf("a viewer's: %d", status)
			}

			c.isRejected(p.Sign(p.User("4", "both@other.example"))) // in several organisations
			c.isRejected(p.Sign(p.User("5", "gone@acme.example")))
			c.isRejected(p.Sign(p.User("6", "unknown@acme.example")))
			c.isRejected(p.Sign(p.User("7", "")))
			c.isRejected("a.b.c")
			c.is(ada, c.keyOf(org, ada.ID, crm.RoleRep)) // keys are still valid

			audit := c.audit(org, "user.identity_linked")
			if len(audit) != 2 {
				t.Fatalf("%d were linked, want 2: %v", len(audit), audit)
			}
			expect(t, audit[1].(object), object{"target_id": ada.ID, "actor_id": nil, "address": "127.0.0.1"})
			expect(t, audit[1].(object)["details"].(object), object{"issuer": p.Issuer, "subject": "1"})

			// A deactivated user is rejected within a second.
			if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), grace.ID); err != nil {
				t.Fatal(err)
			}
			c.becomes(http.StatusUnauthorized, viewer)
			c.isRejected(viewer)
			c.is(ada, token)
		})
	}
}

// audit returns the entries of an action, newest first.
func (c *client) audit(org crm.ID, action string) []any {
	c.t.Helper()
	status, _, answer := c.do("GET", "/api/audit?action="+action, c.key(org, crm.RoleAdmin), nil)
	if status != http.StatusOK {
		c.t.Fatalf("the audit trail: %d %v", status, answer)
	}
	return answer["data"].([]any)
}

// A new user is created as a rep if that is enabled, once, also if several requests have
// the first token.
func TestNewUsersOfTheProvider(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p, func(cfg *config.Config) { cfg.SignInCreate = true }))
			org := c.organisation("First Sight").ID
			gone := c.person(org, "Gone", "gone@acme.example", crm.RoleRep)
			if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), gone.ID); err != nil {
				t.Fatal(err)
			}
			var ids sync.Map
			var all sync.WaitGroup
			for range 8 {
				token := p.Sign(p.User("1", "ada@acme.example").With(identitytest.Claims{"jti": time.Now().UnixNano()}))
				all.Go(func() {
					if status, id := c.asks(token); status == http.StatusOK {
						ids.Store(id, true)
					} else {
						t.Errorf("at once: %d", status)
					}
				})
			}
			all.Wait()
			n := 0
			ids.Range(func(any, any) bool { n++; return true })
			if n != 1 {
				t.Errorf("%d people were made", n)
			}
			_, _, answer := c.do("GET", "/api/user", p.Sign(p.User("1", "")), nil)
			expect(t, answer["data"].(object), object{"email": "ada@acme.example", "full_name": "Ada King", "role": "rep"})
			if made := c.audit(org, "user.created"); len(made) != 2 {
				t.Errorf("%d people are entered as made, want 2", len(made))
			}
			c.isRejected(p.Sign(p.User("2", "new@acme.example").With(identitytest.Claims{"email_verified": false})))
			c.isRejected(p.Sign(p.User("3", "gone@acme.example")))
			c.isRejected(p.Sign(p.User("4", "no address")))
			long := strings.Repeat("é", 300)
			if status, _ := c.asks(p.Sign(p.User("5", "long@acme.example").With(identitytest.Claims{"given_name": long, "family_name": "\x00 \n"}))); status != http.StatusOK {
				t.Errorf("with a long name: %d", status)
			}
			c.organisation("Another") // now the organisation is ambiguous
			c.isRejected(p.Sign(p.User("6", "six@acme.example")))
			c.bind(org, "acme.example") // now it is not
			c.is(c.created(org, "six@acme.example", p.Sign(p.User("6", "six@acme.example"))), p.Sign(p.User("6", "")))
			c.is(c.owner(org, "ada@acme.example"), p.Sign(p.User("1", "")))
		})
	}
}

func (c *client) owner(org crm.ID, email string) crm.Owner {
	c.t.Helper()
	o, err := c.app.Core().Accounts.OwnerByEmail(c.t.Context(), crm.Operator(org), email)
	if err != nil {
		c.t.Fatal(err)
	}
	return o
}

// With a configured organisation, the provider's users belong to it alone.
func TestProvidersOrganisation(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c := boot(t, "sqlite", trusting(p, func(cfg *config.Config) { cfg.SignInOrganisation, cfg.SignInCreate = "the one", true }))
	one, other := c.organisation("The One").ID, c.organisation("Other").ID
	both := c.person(one, "Both", "both@acme.example", crm.RoleRep)
	c.person(other, "Both", "both@acme.example", crm.RoleAdmin)
	c.person(other, "Other", "other@acme.example", crm.RoleAdmin)
	c.is(both, p.Sign(p.User("1", "both@acme.example")))
	token := p.Sign(p.User("2", "other@acme.example"))
	if status, _ := c.asks(token); status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	if o := c.owner(one, "other@acme.example"); o.Role != crm.RoleRep {
		t.Errorf("made as %s", o.Role)
	}
	c.is(c.owner(one, "other@acme.example"), token)
}

// A token is valid until it expires, while the provider is down, and after its keys rotate.
func TestBearerInTime(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c, now := bootByClock(t, "sqlite", trusting(p))
	p.Now = func() time.Time { return time.Unix(0, now.Load()) }
	ada := c.person(c.organisation("Time").ID, "Ada", "ada@acme.example", crm.RoleRep)
	p.Down(true)
	token := p.Sign(p.User("1", "ada@acme.example"))
	if status, header, _ := c.do("GET", "/api/user", token, nil); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("with the provider down: %d", status)
	}
	if status, _, _ := c.do("GET", "/api/user", "a.b.c", nil); status != http.StatusUnauthorized {
		t.Errorf("what is no token, with the provider down: %d", status)
	}
	p.Down(false)
	now.Add(int64(10 * time.Second))
	c.is(ada, token)
	p.Down(true)
	now.Add(int64(30 * time.Minute))
	c.is(ada, token)
	p.Down(false)
	p.Rotate(jose.ES256)
	p.Withdraw()
	now.Add(int64(10 * time.Second))
	c.is(ada, p.Sign(p.User("1", "ada@acme.example")))
	now.Add(int64(2 * time.Minute))
	c.isRejected(token) // its key was withdrawn
	last := p.Sign(p.User("1", "ada@acme.example"))
	now.Add(int64(time.Hour - time.Second))
	c.is(ada, last)
	now.Add(int64(time.Second))
	c.isRejected(last)
}

// Unsigned tokens cause no query of the database or the provider.
func TestUnsignedTokens(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c := boot(t, "sqlite", trusting(p))
	ada := c.person(c.organisation("Junk").ID, "Ada", "ada@acme.example", crm.RoleRep)
	c.is(ada, p.Sign(p.User("1", "ada@acme.example")))
	asked, statements := p.Requests("/keys"), c.statements("identity.holder")
	forger := identitytest.NewKey(t, jose.RS256)
	for range 50 {
		c.isRejected(identitytest.SignWith(t, jose.RS256, forger.Private, "guess", p.User("1", "ada@acme.example")))
		c.isRejected("eyJhbGciOiJub25lIn0.e30.e30")
	}
	if n := c.statements("identity.holder"); n != statements {
		t.Errorf("statements were run: %s, before %s", n, statements)
	}
	if n := p.Requests("/keys") - asked; n > 1 {
		t.Errorf("the keys were asked for %d times", n)
	}
}

// statements returns how often a statement was run, from the metrics.
func (c *client) statements(name string) string {
	c.t.Helper()
	_, _, raw := c.raw("GET", "/metrics", "", nil)
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, `"`+name+`"`) && strings.Contains(line, "_count{") {
			return line
		}
	}
	c.t.Fatalf("%s was never run", name)
	return ""
}

// Without a provider, or with one for sign-in alone, no token is valid.
func TestBearerOfNoProvider(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	for name, change := range map[string]func(*config.Config){
		"None": func(*config.Config) {},
		"SignInAlone": trusting(p, func(cfg *config.Config) {
			cfg.JWTAudiences, cfg.OIDCClientID, cfg.OIDCRedirectURL = nil, identitytest.Audience, "http://localhost/api/auth/oidc/callback"
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := boot(t, "sqlite", change)
			c.person(c.organisation("None").ID, "Ada", "ada@acme.example", crm.RoleRep)
			c.isRejected(p.Sign(p.User("1", "ada@acme.example")))
		})
	}
}

// A shared secret signs instead of keys.
func TestBearerOfSharedSecret(t *testing.T) {
	t.Parallel()
	const secret = "0123456789abcdef0123456789abcdef"
	p := identitytest.New(t)
	c := boot(t, "sqlite", trusting(p, func(cfg *config.Config) { cfg.JWTSecret = secret }))
	ada := c.person(c.organisation("Secret").ID, "Ada", "ada@acme.example", crm.RoleRep)
	c.is(ada, identitytest.SignWith(t, jose.HS256, []byte(secret), "", p.User("1", "ada@acme.example")))
	c.isRejected(p.Sign(p.User("1", "ada@acme.example")))
}

// Two Authorization headers are rejected as ambiguous.
func TestTwoAuthorizationHeaders(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	org := c.organisation("Two").ID
	good, other := "Bearer "+c.key(org, crm.RoleAdmin), "Bearer "+c.key(org, crm.RoleViewer)
	for _, headers := range [][]string{{good, other}, {other, good}, {good, good}, {good, "Basic eDp5"}, {"", good}} {
		r := c.request("GET", "/api/user", "", nil)
		r.Header["Authorization"] = headers
		res, err := c.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", headers, res.StatusCode)
		}
	}
}

// A change of a user's role takes effect on every instance within a second.
func TestBearerEverywhere(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	var cfg config.Config
	first := run(t, newApp(t, "postgres", trusting(p, func(c *config.Config) { cfg = *c })))
	cfg.Port = 0
	a, err := app.New(t.Context(), cfg, app.Options{Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	second := run(t, a)
	org := first.organisation("Everywhere").ID
	ada := first.person(org, "Ada", "ada@acme.example", crm.RoleManager)
	token := p.Sign(p.User("1", "ada@acme.example"))
	first.is(ada, token)
	second.is(ada, token)
	if _, err := first.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), ada.ID); err != nil {
		t.Fatal(err)
	}
	second.becomes(http.StatusUnauthorized, token)
}
