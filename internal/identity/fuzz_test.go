package identity_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	strictjson "github.com/go-jose/go-jose/v4/json"

	"sixty/internal/identity"
	"sixty/internal/identity/identitytest"
)

// A token is accepted only with the header and payload that the provider has signed.
func FuzzJWT(f *testing.F) {
	// Deterministic, since the fuzzer uses several processes.
	now := func() time.Time { return time.Unix(1_767_600_000, 0) }
	private := ed25519.NewKeyFromSeed([]byte(sharedSecret))
	o := identity.Options{Issuer: "https://id.example", Audiences: []string{identitytest.Audience}, Now: now}
	published := identity.WithKeys(o, jose.JSONWebKey{Key: private.Public(), KeyID: "key"})
	o.Secret = sharedSecret
	shared := identity.New(o)
	f.Cleanup(published.Close)
	f.Cleanup(shared.Close)
	ada := claims{"iss": o.Issuer, "sub": "ada", "aud": identitytest.Audience, "exp": now().Unix() + 60, "email": "ada@acme.example", "email_verified": true}
	good := []string{
		identitytest.SignWith(f, jose.EdDSA, private, "key", ada), identitytest.SignWith(f, jose.EdDSA, private, "", ada),
		identitytest.SignWith(f, jose.HS256, []byte(sharedSecret), "", ada),
	}
	for _, token := range append([]string{
		"", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", `{"payload":"e30"}`, strings.Repeat("A", 9000),
		identitytest.SignWith(f, jose.HS256, []byte(sharedSecret), "", ada.With(claims{"exp": 1})),
		identitytest.SignWith(f, jose.EdDSA, private, "key", ada.With(claims{"aud": []string{"another"}})),
		identitytest.SignWith(f, jose.HS256, []byte(private.Public().(ed25519.PublicKey)), "key", ada),
	}, good...) {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		for _, p := range []*identity.Provider{published, shared} {
			got, err := p.Verify(t.Context(), token)
			switch {
			case err == nil:
				// The last character of a part has unused bits.
				if !equalContent(token, good) || got.Subject != "ada" {
					t.Fatalf("%q is accepted with %+v", token, got)
				}
			case !errors.Is(err, identity.ErrRejected) || got != (identity.Claims{}):
				t.Fatalf("%q: %+v, %v", token, got, err)
			}
		}
	})
}

// equalContent reports whether a token has the header and the payload of a valid one.
func equalContent(token string, good []string) bool {
	for _, g := range good {
		if strings.HasPrefix(token, g[:strings.LastIndexByte(g, '.')-1]) {
			return true
		}
	}
	return false
}

// The secret from a browser is either a valid attempt or rejected.
func FuzzAttempt(f *testing.F) {
	now := time.Unix(1_767_600_000, 0)
	ours := identity.WithKeys(identity.Options{Issuer: "https://id.example", Now: func() time.Time { return now }})
	f.Cleanup(ours.Close)
	const secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.1767600000.L2RlYWxz"
	a, ok := identity.OpenAttempt(secret)
	if !ok || a.ReturnTo() != "/deals" {
		f.Fatalf("%q does not parse", secret)
	}
	f.Add(secret, "code=x&state="+a.State())
	f.Add(secret, "code=x&state="+a.State()+"&state="+a.State())
	f.Add("", "")
	f.Add("a.1.b", "state=a&state=b")
	f.Add(secret[:43]+".99999999999999999999.", "state=%zz")
	f.Fuzz(func(t *testing.T, shown, query string) {
		if a, ok := identity.OpenAttempt(shown); ok && (a.Text() != shown || len(a.ReturnTo()) > identity.MaxReturnTo) {
			t.Errorf("%q parses as %q, which returns to %q", shown, a.Text(), a.ReturnTo())
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		returnTo, err := ours.Returned(shown, values)
		if a, ok := identity.OpenAttempt(shown); err == nil && (!ok || values.Get("state") != a.State() || returnTo != a.ReturnTo()) {
			t.Errorf("%q matches %q", shown, query)
		}
	})
}

// Whatever payload is accepted, another reader finds the same person in it: it has each claim
// once, and no twin in another letter case.
func FuzzClaims(f *testing.F) {
	now := func() time.Time { return time.Unix(1_767_600_000, 0) }
	o := identity.Options{Issuer: "https://id.example", Audiences: []string{identitytest.Audience}, Now: now, Secret: sharedSecret}
	ours := identity.New(o)
	f.Cleanup(ours.Close)
	good := `{"iss":"https://id.example","sub":"ada","aud":"` + identitytest.Audience + `","exp":1767700000,"email":"ada@acme.example"}`
	f.Add(good)
	for _, members := range []map[string]string{ambiguous, unambiguous} {
		for _, text := range members {
			f.Add(insert(good, text))
		}
	}
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := ours.Verify(t.Context(), identitytest.SignTextWith(t, jose.HS256, []byte(sharedSecret), "", []byte(payload)))
		if err != nil {
			return
		}
		d := json.NewDecoder(strings.NewReader(payload))
		seen := map[string]int{}
		for depth, name := 0, false; ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			if delim, ok := token.(json.Delim); ok {
				if delim == '{' || delim == '[' {
					depth++
				} else {
					depth--
				}
				name = depth == 1
				continue
			}
			if text, ok := token.(string); ok && depth == 1 && name {
				seen[strings.ToLower(strings.ToUpper(text))]++
				name = false
				continue
			}
			name = depth == 1
		}
		for _, claim := range []string{"iss", "sub", "aud", "azp", "nonce", "exp", "nbf", "iat", "email", "email_verified", "given_name", "family_name", "name"} {
			if seen[claim] > 1 {
				t.Errorf("%q is accepted with %d of %s", payload, seen[claim], claim)
			}
		}
		var other map[string]any
		if err := strictjson.Unmarshal([]byte(payload), &other); err != nil || other["sub"] != got.Subject {
			t.Errorf("%q: %v, %v; another reader finds %v", payload, got.Subject, err, other["sub"])
		}
		if email := other["email"]; got.Email != "" && email != got.Email {
			t.Errorf("%q: %q; another reader finds %v", payload, got.Email, email)
		}
	})
}
