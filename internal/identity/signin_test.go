package identity_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sixty/internal/identity"
	"sixty/internal/identity/identitytest"
)

// visit follows the provider's URL as a browser does, and returns the query of the redirect.
func visit(tb testing.TB, location string) url.Values {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, location, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil {
		tb.Fatalf("%d: %v", res.StatusCode, err)
	}
	return back.Query()
}

func begin(tb testing.TB, p *identity.Provider) (secret string, q url.Values) {
	tb.Helper()
	secret, location, err := p.Begin(tb.Context(), "/deals?a=b#c", false)
	if err != nil {
		tb.Fatal(err)
	}
	return secret, visit(tb, location)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	theirs.Rotate(jose.ES256)
	theirs.SignIn(theirs.User("ada", "ada@acme.example").With(claims{"aud": identitytest.ClientID}))
	secret, q := begin(t, ours)
	returnTo, err := ours.Returned(secret, q)
	if err != nil || returnTo != "/deals?a=b#c" {
		t.Errorf("Returned = %q, %v", returnTo, err)
	}
	got, err := ours.Finish(t.Context(), secret, q)
	if err != nil || got.Subject != "ada" || got.Email != "ada@acme.example" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := ours.Finish(t.Context(), secret, q); !errors.Is(err, identity.ErrRejected) {
		t.Errorf("a code is accepted twice: %v", err)
	}
}

func TestSignInRejected(t *testing.T) {
	t.Parallel()
	theirs, ours, c := newProvider(t)
	person := theirs.User("ada", "ada@acme.example").With(claims{"aud": identitytest.ClientID, "exp": c.now().Add(time.Hour).Unix()})
	for _, test := range []struct {
		name   string
		person claims
		change func(secret *string, q url.Values)
		want   error
	}{
		{"Good", person, func(*string, url.Values) {}, nil},
		{"TrustedAudience", person.With(claims{"aud": []string{identitytest.ClientID, identitytest.Audience}, "azp": identitytest.ClientID}), func(*string, url.Values) {}, nil},
		{"FurtherAudience", person.With(claims{"aud": []string{identitytest.ClientID, "x"}, "azp": identitytest.ClientID}), func(*string, url.Values) {}, identity.ErrRejected},
		{"NoSecret", person, func(s *string, _ url.Values) { *s = "" }, identity.ErrNotBegun},
		{"OtherSecret", person, func(s *string, _ url.Values) { *s, _ = begin(t, ours) }, identity.ErrNotBegun},
		{"OtherReturn", person, func(s *string, _ url.Values) { *s += "A" }, identity.ErrNotBegun},
		{"NoState", person, func(_ *string, q url.Values) { q.Del("state") }, identity.ErrNotBegun},
		{"OtherState", person, func(_ *string, q url.Values) { q.Set("state", q.Get("state")[1:]+"A") }, identity.ErrNotBegun},
		{"TwoStates", person, func(_ *string, q url.Values) { q.Add("state", q.Get("state")) }, identity.ErrNotBegun},
		{"Late", person, func(*string, url.Values) { c.pass(10 * time.Minute) }, identity.ErrNotBegun},
		// The secret and the state match, but the code is for another verifier (PKCE).
		{"OtherCode", person, func(s *string, q url.Values) {
			other, back := begin(t, ours)
			*s = other
			q.Set("state", back.Get("state"))
		}, identity.ErrRejected},
		{"NoCode", person, func(_ *string, q url.Values) { q.Del("code") }, identity.ErrRejected},
		{"TwoCodes", person, func(_ *string, q url.Values) { q.Add("code", "x") }, identity.ErrRejected},
		{"UnknownCode", person, func(_ *string, q url.Values) { q.Set("code", "x") }, identity.ErrRejected},
		{"OtherProvider", person, func(_ *string, q url.Values) { q.Set("iss", "https://evil.example") }, identity.ErrRejected},
		{"Denied", nil, func(*string, url.Values) {}, identity.ErrRejected},
		{"OtherNonce", person.With(claims{"nonce": "of another sign-in"}), func(*string, url.Values) {}, identity.ErrRejected},
		{"NoNonce", person.With(claims{"nonce": ""}), func(*string, url.Values) {}, identity.ErrRejected},
		{"OtherAudience", person.With(claims{"aud": identitytest.Audience}), func(*string, url.Values) {}, identity.ErrRejected},
		{"OtherClient", person.With(claims{"aud": []string{identitytest.ClientID, identitytest.Audience}, "azp": "x"}), func(*string, url.Values) {}, identity.ErrRejected},
		{"OtherIssuer", person.With(claims{"iss": "https://evil.example"}), func(*string, url.Values) {}, identity.ErrRejected},
		{"Expired", person.With(claims{"exp": c.now().Unix()}), func(*string, url.Values) {}, identity.ErrRejected},
	} {
		theirs.SignIn(test.person)
		secret, q := begin(t, ours)
		test.change(&secret, q)
		got, err := ours.Finish(t.Context(), secret, q)
		if !errors.Is(err, test.want) || test.want == nil && err != nil || err != nil && got != (identity.Claims{}) {
			t.Errorf("%s: %+v, %v; want %v", test.name, got, err, test.want)
		}
	}
}

func TestSignInOutage(t *testing.T) {
	t.Parallel()
	theirs, ours, c := newProvider(t)
	theirs.SignIn(theirs.User("ada", "ada@acme.example").With(claims{"aud": identitytest.ClientID}))
	theirs.Down(true)
	if _, _, err := ours.Begin(t.Context(), "/", false); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("begun: %v", err)
	}
	theirs.Down(false)
	c.pass(10 * time.Second)
	secret, q := begin(t, ours)
	theirs.Down(true)
	if _, err := ours.Finish(t.Context(), secret, q); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("finished: %v", err)
	}
	theirs.Down(false)
	if _, err := ours.Finish(t.Context(), secret, q); err != nil {
		t.Errorf("tried again: %v", err)
	}
}

// A wrong client secret is an error of the configuration, and never lets anyone in.
func TestSignInMisconfigured(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t, func(o *identity.Options) { o.ClientSecret = "wrong" })
	theirs.SignIn(theirs.User("ada", "ada@acme.example").With(claims{"aud": identitytest.ClientID}))
	secret, q := begin(t, ours)
	if _, err := ours.Finish(t.Context(), secret, q); !errors.Is(err, identity.ErrRejected) {
		t.Error(err)
	}
}
