package identity_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"sixty/internal/identity"
	"sixty/internal/identity/identitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type claims = identitytest.Claims

const sharedSecret = "0123456789abcdef0123456789abcdef"

// clock is a clock that only pass moves.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// newProvider returns a running provider and our client of it.
func newProvider(tb testing.TB, change ...func(*identity.Options)) (theirs *identitytest.Provider, ours *identity.Provider, c *clock) {
	tb.Helper()
	c = &clock{}
	c.at.Store(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).UnixNano())
	theirs = identitytest.New(tb)
	theirs.Now, theirs.RedirectURL = c.now, "http://sixty.example/api/auth/oidc/callback"
	o := identity.Options{
		Issuer: theirs.Issuer, Audiences: []string{"other-api", identitytest.Audience}, Now: c.now,
		ClientID: identitytest.ClientID, ClientSecret: identitytest.ClientSecret, RedirectURL: theirs.RedirectURL,
	}
	for _, f := range change {
		f(&o)
	}
	ours = identity.New(o)
	tb.Cleanup(ours.Close)
	return theirs, ours, c
}

func expect(tb testing.TB, p *identity.Provider, token string, want error) identity.Claims {
	tb.Helper()
	got, err := p.Verify(tb.Context(), token)
	if !errors.Is(err, want) || want == nil && err != nil {
		tb.Errorf("%v, want %v", err, want)
	}
	if err != nil && got != (identity.Claims{}) {
		tb.Errorf("claims %+v of a rejected token", got)
	}
	return got
}

func TestVerify(t *testing.T) {
	t.Parallel()
	theirs, ours, c := newProvider(t)
	ada := theirs.User("ada", "Ada@Acme.example")
	want := identity.Claims{Subject: "ada", Email: "Ada@Acme.example", FirstName: "Ada", LastName: "King", Until: c.now().Add(time.Hour).Truncate(time.Second)}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		theirs.Rotate(algorithm)
		c.pass(10 * time.Second) // so that the key may be read
		if got := expect(t, ours, theirs.Sign(ada), nil); !got.Until.Equal(want.Until) || got.Subject != want.Subject || got.Email != want.Email || got.FirstName != "Ada" || got.LastName != "King" {
			t.Errorf("%s: %+v", algorithm, got)
		}
	}
	now := c.now().Unix()
	for name, change := range map[string]claims{
		"Audiences":     {"aud": []string{"other-api", identitytest.Audience}},
		"ClockBehind":   {"iat": now + 59, "nbf": now + 59},
		"FractionOfExp": {"exp": float64(now) + 0.5},
		"NoName":        {"given_name": nil, "family_name": nil},
		"NoEmail":       {"email": nil},
	} {
		if _, err := ours.Verify(t.Context(), theirs.Sign(ada.With(change))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]claims{
		"OtherIssuer":    {"iss": theirs.Issuer + "/"},
		"NoIssuer":       {"iss": nil},
		"OtherAudience":  {"aud": "another"},
		"ManyAudiences":  {"aud": []string{"another", ""}},
		"FurtherOne":     {"aud": []string{identitytest.Audience, "another"}},
		"NoneOfSeveral":  {"aud": []string{}},
		"NoAudience":     {"aud": nil},
		"ClientAudience": {"aud": identitytest.ClientID},
		"Expired":        {"exp": now},
		"NeverExpires":   {"exp": nil},
		"ExpiresInText":  {"exp": "tomorrow"},
		"ExpiresTooLate": {"exp": 1e300},
		"ExpiresBefore":  {"exp": -1},
		"NotYet":         {"nbf": now + 61},
		"IssuedLater":    {"iat": now + 61},
		"NoSubject":      {"sub": nil},
		"EmptySubject":   {"sub": ""},
		"OddSubject":     {"sub": "a\x00b"},
		"LongSubject":    {"sub": string(make([]byte, 256))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, ours, theirs.Sign(ada.With(change)), identity.ErrRejected)
		})
	}
}

// An unverified address does not identify anyone.
func TestEmailVerified(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	for _, test := range []struct {
		change claims
		want   string
	}{
		{claims{"email_verified": true}, "ada@acme.example"},
		{claims{"email_verified": "true"}, "ada@acme.example"},
		{claims{"email_verified": false}, ""},
		{claims{"email_verified": "false"}, ""},
		{claims{"email_verified": 1}, ""},
		{claims{"email_verified": nil}, ""},
		{claims{"email_verified": nil, "user_metadata": claims{"email_verified": true}}, ""},
		{claims{"email": "a\x00b@acme.example"}, ""},
	} {
		got := expect(t, ours, theirs.Sign(theirs.User("ada", "ada@acme.example").With(test.change)), nil)
		if got.Email != test.want {
			t.Errorf("%v: %q, want %q", test.change, got.Email, test.want)
		}
	}
}

// Only the provider's signature is accepted, whatever the header of the token says.
func TestForged(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	good := theirs.Sign(theirs.User("ada", "ada@acme.example"))
	expect(t, ours, good, nil)
	ada, key := theirs.User("ada", "ada@acme.example"), theirs.Rotate(jose.RS256)
	public, err := x509.MarshalPKIXPublicKey(key.Private.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	asJWK, err := jose.JSONWebKey{Key: key.Private.Public(), KeyID: key.ID}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	other := identitytest.NewKey(t, jose.RS256)
	curve := identitytest.NewKey(t, jose.ES256)
	unsigned := func(header, signature string) string {
		payload, err := json.Marshal(ada)
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(header)) + "." + encode(payload) + "." + encode([]byte(signature))
	}
	for name, token := range map[string]string{
		"OtherKey":        identitytest.SignWith(t, jose.RS256, other.Private, key.ID, ada),
		"OtherKeyUnnamed": identitytest.SignWith(t, jose.RS256, other.Private, "", ada),
		"OtherKind":       identitytest.SignWith(t, jose.ES256, curve.Private, key.ID, ada),
		"PEMAsSecret":     identitytest.SignWith(t, jose.HS256, asPEM, key.ID, ada),
		"DERAsSecret":     identitytest.SignWith(t, jose.HS256, public, key.ID, ada),
		"JWKAsSecret":     identitytest.SignWith(t, jose.HS256, asJWK, key.ID, ada),
		"SharedSecret":    identitytest.SignWith(t, jose.HS256, []byte(sharedSecret), "", ada),
		"WeakerHash":      identitytest.SignWith(t, jose.RS512, key.Private, key.ID, ada), // not among the algorithms
		"None":            unsigned(`{"alg":"none"}`, ""),
		"NoneSigned":      unsigned(`{"alg":"none"}`, "signature"),
		"NoneInCapitals":  unsigned(`{"alg":"NONE"}`, ""),
		"NoAlgorithm":     unsigned(`{}`, "signature"),
		"Critical":        unsigned(`{"alg":"RS256","crit":["b64"],"b64":false}`, "signature"),
		"OwnKey":          unsigned(`{"alg":"RS256","jwk":`+string(asJWK)+`}`, "signature"),
		"OtherPayload":    swap(good, theirs.Sign(ada.With(claims{"sub": "grace"}))),
		"CutOff":          good[:len(good)-4],
		"Nothing":         "",
		"Dots":            "..",
		"JSONSerialised":  `{"payload":"e30","signatures":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, ours, token, identity.ErrRejected)
		})
	}
}

// swap inserts the payload of one token into another.
func swap(token, other string) string {
	cut := func(s string) (parts [3]string) {
		n := 0
		for _, r := range s {
			if r == '.' {
				n++
				continue
			}
			parts[n] += string(r)
		}
		return parts
	}
	a, b := cut(token), cut(other)
	return a[0] + "." + b[1] + "." + a[2]
}

// With a shared secret, the provider's keys are not used.
func TestSharedSecret(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t, func(o *identity.Options) { o.Secret = sharedSecret })
	ada := theirs.User("ada", "ada@acme.example")
	expect(t, ours, identitytest.SignWith(t, jose.HS256, []byte(sharedSecret), "", ada), nil)
	expect(t, ours, identitytest.SignWith(t, jose.HS256, []byte(sharedSecret), "", ada.With(claims{"aud": "another"})), identity.ErrRejected)
	expect(t, ours, identitytest.SignWith(t, jose.HS256, []byte("another secret that is long enough"), "", ada), identity.ErrRejected)
	ours.ReplaceSecrets("another secret that is long enough", identitytest.ClientSecret)
	expect(t, ours, identitytest.SignWith(t, jose.HS256, []byte("another secret that is long enough"), "", ada), nil)
	expect(t, ours, identitytest.SignWith(t, jose.HS256, []byte(sharedSecret), "", ada), identity.ErrRejected)
	expect(t, ours, identitytest.SignWith(t, jose.HS512, []byte(sharedSecret+sharedSecret), "", ada), identity.ErrRejected)
	expect(t, ours, theirs.Sign(ada), identity.ErrRejected)
	if n := theirs.Requests("/keys"); n != 0 {
		t.Errorf("the keys were read %d times", n)
	}
}

// A new key is read when a token refers to it; a withdrawn one remains usable for a while.
func TestRotation(t *testing.T) {
	t.Parallel()
	theirs, ours, c := newProvider(t)
	ada := theirs.User("ada", "ada@acme.example").With(claims{"exp": c.now().Add(100 * time.Hour).Unix()})
	old := theirs.Sign(ada)
	expect(t, ours, old, nil)
	theirs.Rotate(jose.RS256)
	theirs.Withdraw()
	young := theirs.Sign(ada)
	expect(t, ours, young, identity.ErrRejected) // the keys have just been read
	if n := theirs.Requests("/keys"); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
	c.pass(10 * time.Second)
	expect(t, ours, young, nil)
	expect(t, ours, old, identity.ErrRejected)

	// Tokens with unknown key ids do not cause more reads.
	before := theirs.Requests("/keys")
	for range 30 {
		expect(t, ours, identitytest.SignWith(t, jose.ES256, identitytest.NewKey(t, jose.ES256).Private, "guess", ada), identity.ErrRejected)
		c.pass(time.Second)
	}
	if n := theirs.Requests("/keys") - before; n > 3 {
		t.Errorf("in 30 s the keys were read %d times", n)
	}

	// Cached keys are refreshed in the background.
	c.pass(10 * time.Minute)
	before = theirs.Requests("/keys")
	expect(t, ours, young, nil)
	until(t, func() bool { return theirs.Requests("/keys") == before+1 })
}

// until waits until a condition holds.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(limit) {
			t.Fatal("timeout")
		}
	}
}

// The provider may be down at the start and later: cached keys are used for a day.
func TestOutage(t *testing.T) {
	t.Parallel()
	theirs, ours, c := newProvider(t)
	ada := theirs.User("ada", "ada@acme.example").With(claims{"exp": c.now().Add(100 * time.Hour).Unix()})
	theirs.Down(true)
	token := theirs.Sign(ada)
	expect(t, ours, token, identity.ErrUnavailable)
	theirs.Down(false)
	expect(t, ours, token, identity.ErrUnavailable) // not read again so soon
	c.pass(10 * time.Second)
	expect(t, ours, token, nil)

	theirs.Down(true)
	c.pass(23 * time.Hour)
	expect(t, ours, token, nil)
	theirs.Rotate(jose.RS256)
	c.pass(10 * time.Second)
	expect(t, ours, theirs.Sign(ada), identity.ErrRejected)
	c.pass(time.Hour)
	expect(t, ours, token, identity.ErrUnavailable)
	theirs.Down(false)
	c.pass(10 * time.Second)
	expect(t, ours, token, nil)
}

// Concurrent requests share one read, and a cancelled one does not wait.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	token := theirs.Sign(theirs.User("ada", "ada@acme.example"))
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { expect(t, ours, token, nil) })
	}
	all.Wait()
	if n := theirs.Requests("/keys"); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ours.Verify(ended, token); err != nil {
		t.Errorf("with cached keys: %v", err)
	}
}

// Weak keys, other providers' configurations and secret keys are not used.
func TestUnusableKeys(t *testing.T) {
	t.Parallel()
	theirs, ours, _ := newProvider(t)
	for name, k := range map[string]jose.JSONWebKey{
		"Secret":     {Key: []byte(sharedSecret), KeyID: "a", Algorithm: string(jose.RS256)},
		"Encryption": {Key: identitytest.NewKey(t, jose.RS256).Private.Public(), KeyID: "a", Use: "enc"},
		"Private":    {Key: crypto.PrivateKey(identitytest.NewKey(t, jose.RS256).Private), KeyID: "a"},
	} {
		if identity.Usable(&k) {
			t.Errorf("%s is usable", name)
		}
	}
	wrong := identity.New(identity.Options{Issuer: theirs.Issuer + "/", Audiences: []string{identitytest.Audience}})
	defer wrong.Close()
	expect(t, wrong, theirs.Sign(theirs.User("ada", "a@acme.example")), identity.ErrUnavailable)
	expect(t, ours, theirs.Sign(theirs.User("ada", "a@acme.example")), nil)
}
