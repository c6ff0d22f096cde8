package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/identity/identitytest"
)

// A token of the provider proves who its user is if it says that the provider has asked them a
// short while ago.
func TestProofOfTokens(t *testing.T) {
	t.Parallel()
	p := identitytest.New(t)
	c, now := bootByClock(t, "sqlite", trusting(p))
	clock := func() time.Time { return time.Unix(0, now.Load()) }
	p.Now = clock
	org := c.organisation("Tokens").ID
	c.person(org, "Ada", "ada@acme.example", crm.RoleAdmin)
	before := func(d time.Duration) int64 { return clock().Add(-d).Unix() }
	recent, old := before(9*time.Minute), before(11*time.Minute)
	method := func(name string, at int64) identitytest.Claims {
		return identitytest.Claims{"method": name, "timestamp": at}
	}
	amr := func(all ...any) identitytest.Claims { return identitytest.Claims{"amr": all} }
	for name, test := range map[string]struct {
		claims identitytest.Claims
		want   int
	}{
		"Recent":        {identitytest.Claims{"auth_time": recent}, http.StatusCreated},
		"Old":           {identitytest.Claims{"auth_time": old}, http.StatusForbidden},
		"None":          {identitytest.Claims{}, http.StatusForbidden},
		"Future":        {identitytest.Claims{"auth_time": before(-time.Hour)}, http.StatusForbidden},
		"Method":        {amr(method("password", recent)), http.StatusCreated},
		"NewestMethod":  {amr(method("password", old), method("totp", recent)), http.StatusCreated},
		"OldMethod":     {amr(method("password", old)), http.StatusForbidden},
		"Refreshed":     {amr(method("token_refresh", recent), method("password", old)), http.StatusForbidden},
		"FutureMethod":  {amr(method("password", before(-time.Hour))), http.StatusForbidden},
		"AuthTimeFirst": {amr(method("password", recent)).With(identitytest.Claims{"auth_time": old}), http.StatusForbidden},
		"MethodNames":   {amr("pwd", "otp"), http.StatusForbidden},
		"OtherShape":    {identitytest.Claims{"amr": "pwd"}, http.StatusForbidden},
		"LetterCase":    {amr(identitytest.Claims{"Method": "password", "Timestamp": recent}), http.StatusUnauthorized},
		"TextInstead":   {amr(identitytest.Claims{"method": "password", "timestamp": "now"}), http.StatusUnauthorized},
	} {
		status, _, answer := c.do("POST", "/api/keys", p.Sign(p.User("1", "ada@acme.example").With(test.claims)), object{"name": "k", "role": "admin"})
		detail, _ := answer["detail"].(string)
		if status != test.want || (answer["code"] == "reauthentication.required") != (status == http.StatusForbidden) {
			t.Errorf("%s: %d %v", name, status, answer)
		}
		if status == http.StatusForbidden && (!strings.Contains(detail, "auth_time") || strings.Contains(detail, "password")) {
			t.Errorf("%s: %s", name, detail)
		}
	}
}

// A session that the provider has started proves as much as the ID token says: it is renewed by a
// sign-in at which the provider asks the user again.
func TestProofOfProvidersSessions(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c, now := bootByClock(t, engine, signingIn(p))
			clock := func() time.Time { return time.Unix(0, now.Load()) }
			p.Now = clock
			org := c.organisation("Provider").ID
			c.person(org, "Ada", "ada@acme.example", crm.RoleAdmin)
			b := c.wanderer()
			s := &browser{client: c}
			create := func(want int) string {
				t.Helper()
				detail, _ := s.ask(want, "POST", "/api/keys", object{"name": "k", "role": "admin"})["detail"].(string)
				return detail
			}
			signIn := func(query string, change identitytest.Claims) (int, string) {
				t.Helper()
				user := newcomer(p, "1", "ada@acme.example")
				for name, value := range change {
					user[name] = value
				}
				p.SignIn(user)
				status, _, detail := b.get(b.beginWith(query))
				s.cookie = b.cookies["sixty_session"]
				return status, detail
			}
			signedIn := func(query string, change identitytest.Claims) {
				t.Helper()
				if status, detail := signIn(query, change); status != http.StatusFound {
					t.Fatalf("%d %s", status, detail)
				}
			}
			const again = "reauthenticate=true"

			// The provider may have redirected the browser at once.
			signedIn("", nil)
			if detail := create(http.StatusForbidden); !strings.Contains(detail, "/api/auth/oidc/start?"+again) || strings.Contains(detail, "password") {
				t.Errorf("the advice is %s", detail)
			}
			expect(t, s.ask(http.StatusOK, "GET", "/api/auth/sessions", nil)["data"].([]any)[0].(object), object{"verified_at": nil})
			s.ask(http.StatusConflict, "POST", "/api/auth/reauthenticate", object{"password": goodPassword})
			signedIn("", identitytest.Claims{"auth_time": clock().Add(-11 * time.Minute).Unix()})
			create(http.StatusForbidden)
			signedIn("", identitytest.Claims{"auth_time": clock().Add(-9 * time.Minute).Unix()})
			create(http.StatusCreated)
			now.Add(int64(2 * time.Minute))
			create(http.StatusForbidden)
			signedIn("reauthenticate=false", nil)
			create(http.StatusForbidden)

			signedIn(again, nil)
			create(http.StatusCreated)
			now.Add(int64(11 * time.Minute))
			create(http.StatusForbidden)

			// A provider that ignores max_age signs no one in again.
			for name, change := range map[string]identitytest.Claims{
				"None": {"auth_time": nil}, "Old": {"auth_time": clock().Add(-9 * time.Minute).Unix()},
			} {
				if status, detail := signIn(again, change); status != http.StatusUnauthorized || !strings.Contains(detail, "auth_time") {
					t.Errorf("%s: %d %s", name, status, detail)
				}
				create(http.StatusForbidden)
			}
			if status, _, _ := b.get("/api/auth/oidc/start?reauthenticate=maybe"); status != http.StatusBadRequest {
				t.Errorf("neither true nor false: %d", status)
			}
		})
	}
}
