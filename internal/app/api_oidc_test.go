package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/identity/identitytest"
)

// newcomer returns a user's claims for sixty's client id.
func newcomer(p *identitytest.Provider, subject, email string) identitytest.Claims {
	return p.User(subject, email).With(identitytest.Claims{"aud": identitytest.ClientID})
}

// redirectURL is where the provider redirects browsers; the test goes to the running program
// instead.
const redirectURL = "http://sixty.example/api/auth/oidc/callback"

// signingIn returns the settings by which users sign in by a provider.
func signingIn(p *identitytest.Provider, change ...func(*config.Config)) func(*config.Config) {
	p.RedirectURL = redirectURL
	return func(cfg *config.Config) {
		cfg.Issuer, cfg.OIDCClientID, cfg.OIDCClientSecret = p.Issuer, identitytest.ClientID, identitytest.ClientSecret
		cfg.OIDCRedirectURL = redirectURL
		for _, f := range change {
			f(cfg)
		}
	}
}

// wanderer is a browser that stores cookies, and does not follow redirects by itself.
type wanderer struct {
	*client
	cookies map[string]*http.Cookie
}

func (c *client) wanderer() *wanderer { return &wanderer{c, map[string]*http.Cookie{}} }

// get requests a path of the program.
func (b *wanderer) get(path string) (status int, header http.Header, detail string) {
	b.t.Helper()
	r := b.request("GET", path, "", nil)
	for _, k := range b.cookies {
		r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
	}
	client := *b.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for _, k := range res.Cookies() {
		if b.cookies[k.Name] = k; k.MaxAge < 0 {
			delete(b.cookies, k.Name)
		}
	}
	var answer object
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			b.t.Fatal(err)
		}
	}
	detail, _ = answer["detail"].(string)
	return res.StatusCode, res.Header, detail
}

// begin starts a sign-in, goes to the provider, and returns the path of its redirect.
func (b *wanderer) begin(returnTo string) string {
	b.t.Helper()
	if returnTo == "" {
		return b.beginWith("")
	}
	return b.beginWith("return_to=" + url.QueryEscape(returnTo))
}

// beginWith is begin with a query.
func (b *wanderer) beginWith(query string) string {
	b.t.Helper()
	path := "/api/auth/oidc/start"
	if query != "" {
		path += "?" + query
	}
	status, header, detail := b.get(path)
	if status != http.StatusFound || header.Get("Cache-Control") != "no-store" {
		b.t.Fatalf("start: %d %s, %v", status, detail, header)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, header.Get("Location"), http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = res.Body.Close()
	back, found := strings.CutPrefix(res.Header.Get("Location"), "http://sixty.example")
	if !found {
		b.t.Fatalf("the provider: %d, %v", res.StatusCode, res.Header)
	}
	return back
}

func TestOIDC(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, signingIn(p))
			org := c.organisation("OIDC").ID
			ada := c.member(org, "ada@acme.example", crm.RoleManager)
			p.SignIn(newcomer(p, "1", "ada@acme.example"))
			b := c.wanderer()
			back := b.begin("/deals?status=won#top")
			if k := b.cookies["sixty_signin"]; k == nil || !k.HttpOnly || k.Secure || k.SameSite != http.SameSiteLaxMode || k.MaxAge != 600 || k.Path != "/" {
				t.Errorf("the cookie is %+v", k)
			}
			status, header, detail := b.get(back)
			if status != http.StatusFound || header.Get("Location") != "/deals?status=won#top" || header.Get("Cache-Control") != "no-store" || header.Get("Referrer-Policy") != "no-referrer" {
				t.Fatalf("callback: %d %s, %v", status, detail, header)
			}
			if b.cookies["sixty_signin"] != nil {
				t.Error("the attempt's cookie stays")
			}
			k := b.cookies["sixty_session"]
			if k == nil || !k.HttpOnly || k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || len(k.Value) != 43 {
				t.Fatalf("the cookie is %+v", k)
			}
			s := &browser{c, k}
			expect(t, s.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID, "role": "manager"})
			s.ask(http.StatusCreated, "POST", "/api/companies", object{"name": "Acme"})
			if signed := c.audit(org, "session.signed_in"); len(signed) != 1 {
				t.Errorf("%d sign-ins are entered", len(signed))
			} else {
				expect(t, signed[0].(object), object{"actor_id": ada.ID, "address": "127.0.0.1"})
			}

			// A code can be used once, and so can the browser's cookie.
			if status, _, _ = b.get(back); status != http.StatusBadRequest {
				t.Errorf("again: %d", status)
			}

			// By the subject, whatever the address; the browser's earlier session ends.
			p.SignIn(newcomer(p, "1", "another@acme.example"))
			if status, _, detail = b.get(b.begin("")); status != http.StatusFound {
				t.Fatalf("by subject: %d %s", status, detail)
			}
			s.ask(http.StatusUnauthorized, "GET", "/api/user", nil)
			s.cookie = b.cookies["sixty_session"]
			expect(t, s.ask(http.StatusOK, "GET", "/api/user", nil)["data"].(object), object{"id": ada.ID})
			s.ask(http.StatusOK, "POST", "/api/auth/logout", nil)

			if _, err := c.app.Core().Accounts.DeactivateOwner(t.Context(), crm.Operator(org), ada.ID); err != nil {
				t.Fatal(err)
			}
			for subject, email := range map[string]string{"1": "ada@acme.example", "2": "ada@acme.example", "3": "unknown@acme.example"} {
				b := c.wanderer()
				p.SignIn(newcomer(p, subject, email))
				status, header, detail := b.get(b.begin(""))
				if status != http.StatusUnauthorized || detail != "The identity provider has signed you in, but you have no account here." ||
					b.cookies["sixty_session"] != nil || header.Get("Location") != "" {
					t.Errorf("%s %s: %d %s, %v", subject, email, status, detail, header)
				}
			}
		})
	}
}

// A sign-in of another browser, a used one, or an unsolicited one is rejected.
func TestOIDCForged(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c := boot(t, "sqlite", signingIn(p, func(cfg *config.Config) { cfg.SignInCreate = true }))
	c.organisation("Forged")
	p.SignIn(newcomer(p, "1", "ada@acme.example"))
	refused := func(name string, b *wanderer, back string, want int) {
		t.Helper()
		status, header, _ := b.get(back)
		if status != want || b.cookies["sixty_session"] != nil || header.Get("Location") != "" {
			t.Errorf("%s: %d, want %d; %v", name, status, want, header)
		}
	}
	// A page of another site sends its own sign-in: the browser has started none.
	refused("NoCookie", c.wanderer(), c.wanderer().begin(""), http.StatusBadRequest)
	other := c.wanderer()
	other.begin("")
	refused("OtherAttempt", other, c.wanderer().begin(""), http.StatusBadRequest)

	b := c.wanderer()
	back := b.begin("")
	kept := *b.cookies["sixty_signin"]
	if status, _, detail := b.get(back); status != http.StatusFound {
		t.Fatalf("%d %s", status, detail)
	}
	replay := c.wanderer()
	replay.cookies[kept.Name] = &kept
	refused("Replayed", replay, back, http.StatusUnauthorized)

	b = c.wanderer()
	theirs := c.wanderer().begin("")
	own, err := url.Parse(b.begin(""))
	if err != nil {
		t.Fatal(err)
	}
	q := own.Query()
	stolen, err := url.Parse(theirs)
	if err != nil {
		t.Fatal(err)
	}
	q.Set("code", stolen.Query().Get("code"))
	refused("StolenCode", b, own.Path+"?"+q.Encode(), http.StatusUnauthorized)

	b = c.wanderer()
	p.SignIn(nil)
	refused("Denied", b, b.begin(""), http.StatusUnauthorized)
	refused("Nothing", c.wanderer(), "/api/auth/oidc/callback", http.StatusBadRequest)
	if status, _, _ := c.raw("HEAD", "/api/auth/oidc/start", "", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", status)
	}
}

// Browsers are redirected only to this server or to a front end.
func TestOIDCReturnTo(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c := boot(t, "sqlite", signingIn(p, func(cfg *config.Config) {
		cfg.FrontendURLs, cfg.SignInCreate = []string{"https://app.example/", "http://localhost:5173"}, true
	}))
	c.organisation("Return")
	p.SignIn(newcomer(p, "1", "ada@acme.example"))
	for returnTo, want := range map[string]string{
		"": "https://app.example/", "/": "/", "/deals/1?x=%2F%2Fevil.example": "/deals/1?x=%2F%2Fevil.example",
		"https://app.example": "https://app.example", "https://app.example/a?b#c": "https://app.example/a?b#c", "http://localhost:5173/x": "http://localhost:5173/x",
	} {
		b := c.wanderer()
		if status, header, detail := b.get(b.begin(returnTo)); status != http.StatusFound || header.Get("Location") != want {
			t.Errorf("%q: %d %s, sent to %q", returnTo, status, detail, header.Get("Location"))
		}
	}
	for _, returnTo := range []string{
		"https://evil.example/", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", " //evil.example",
		"http://app.example/", "https://app.example:444/", "https://app.example.evil.example/", "https://app.example@evil.example/",
		"https://evil.example@app.example/", "https:evil.example", "https:/evil.example", "https:///evil.example", "javascript:alert(1)", "data:text/html,x",
		"deals", "?x", "#x", "%2F%2Fevil.example", "http://localhost:5173.evil.example", "/" + strings.Repeat("a", 1024), "/é", "/\x7f", "/%zz",
	} {
		b := c.wanderer()
		if status, header, _ := b.get("/api/auth/oidc/start?return_to=" + url.QueryEscape(returnTo)); status != http.StatusBadRequest || header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %d, sent to %q", returnTo, status, header.Get("Location"))
		}
	}
}

// While the provider is down, only sign-ins by it fail.
func TestOIDCOutage(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	p.Down(true)
	c, now := bootByClock(t, "sqlite", signingIn(p))
	p.Now = func() time.Time { return time.Unix(0, now.Load()) }
	c.member(c.organisation("Outage").ID, "ada@acme.example", crm.RoleRep)
	p.SignIn(newcomer(p, "1", "ada@acme.example"))
	b := c.wanderer()
	if status, header, _ := b.get("/api/auth/oidc/start"); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("start: %d", status)
	}
	(&browser{client: c}).logIn("ada@acme.example", goodPassword)
	p.Down(false)
	now.Add(int64(10 * time.Second))
	back := b.begin("")
	p.Down(true)
	if status, _, _ := b.get(back); status != http.StatusServiceUnavailable {
		t.Errorf("callback: %d", status)
	}
	p.Down(false)
	if status, _, detail := b.get(back); status != http.StatusFound {
		t.Errorf("callback, tried again: %d %s", status, detail)
	}
	back = b.begin("")
	now.Add(int64(10 * time.Minute))
	if status, _, _ := b.get(back); status != http.StatusBadRequest {
		t.Errorf("too late: %d", status)
	}
}

// Repeated failures lead to delays, as with passwords.
func TestOIDCDelays(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c, now := bootByClock(t, "sqlite", signingIn(p))
	p.Now = func() time.Time { return time.Unix(0, now.Load()) }
	c.organisation("Delays")
	p.SignIn(newcomer(p, "1", "unknown@acme.example"))
	for i := range 22 {
		b := c.wanderer()
		want := http.StatusUnauthorized
		if i == 21 {
			want = http.StatusTooManyRequests
		}
		if status, header, _ := b.get(b.begin("")); status != want || (header.Get("Retry-After") != "") != (i == 21) {
			t.Fatalf("try %d: %d, %v", i, status, header)
		}
	}
}

// Behind TLS the cookies are for TLS and this host alone.
func TestOIDCSecureCookies(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite", func(cfg *config.Config) {
		cfg.Env, cfg.Issuer, cfg.OIDCClientID, cfg.OIDCRedirectURL = config.Production, "https://127.0.0.1:1", "sixty", "https://sixty.example/api/auth/oidc/callback"
	})
	status, header, _ := c.raw("GET", "/api/auth/oidc/callback", "", nil)
	k, err := http.ParseSetCookie(header.Get("Set-Cookie"))
	if err != nil || status != http.StatusBadRequest || k.Name != "__Host-sixty_signin" || !k.Secure || !k.HttpOnly || k.MaxAge != -1 {
		t.Errorf("%d, %+v, %v", status, k, err)
	}
}

func TestOIDCOfNoProvider(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	for _, change := range []func(*config.Config){func(*config.Config) {}, trusting(p)} {
		c := boot(t, "sqlite", change)
		for _, path := range []string{"/api/auth/oidc/start", "/api/auth/oidc/callback?code=a&state=b"} {
			if status, header, _ := c.raw("GET", path, "", nil); status != http.StatusNotFound || header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %d", path, status)
			}
		}
	}
}
