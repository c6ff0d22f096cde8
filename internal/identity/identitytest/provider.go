// Package identitytest is a small identity provider for tests, over HTTP. It publishes its
// configuration and keys, signs tokens, and implements the code flow with PKCE as strictly
// as the standards allow. It does not authenticate users.
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The registered client.
const (
	ClientID     = "sixty"
	ClientSecret = "the client's secret"
	Audience     = "sixty-api"
)

// Claims are the claims of a token.
type Claims map[string]any

// With returns the claims with others added or replaced; nil removes one.
func (c Claims) With(others Claims) Claims {
	all := Claims{}
	for _, from := range []Claims{c, others} {
		for name, value := range from {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
	}
	return all
}

// Provider is a running provider. Its fields may be set before the first request.
type Provider struct {
	// Issuer is its issuer and URL.
	Issuer string
	// RedirectURL is the only accepted redirect URL.
	RedirectURL string
	Now         func() time.Time
	// KeysAlone has it publish keys at /.well-known/jwks.json, and no configuration.
	KeysAlone bool

	tb testing.TB

	mu       sync.Mutex
	keys     []Key // published; the last one signs
	down     bool
	requests map[string]int // requests by path
	user     Claims         // the user of the next sign-in
	rewrite  func(what, text string) string
	codes    map[string]grant
}

// Key is a signing key.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   crypto.Signer
}

// grant is the data of an authorization code.
type grant struct {
	challenge, nonce string
	user             Claims
}

// New starts a provider with one key (RS256), which ends with the test.
func New(tb testing.TB) *Provider {
	tb.Helper()
	p := &Provider{tb: tb, Now: time.Now, requests: map[string]int{}, codes: map[string]grant{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.publishKeys)
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, r *http.Request) {
		if !p.KeysAlone {
			http.NotFound(w, r)
			return
		}
		p.publishKeys(w, r)
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests[r.URL.Path]++
		down := p.down
		p.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	p.Issuer = server.URL
	p.Rotate(jose.RS256)
	return p
}

// Rotate adds a signing key. Earlier ones remain published.
func (p *Provider) Rotate(algorithm jose.SignatureAlgorithm) Key {
	p.tb.Helper()
	k := NewKey(p.tb, algorithm)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, k)
	return k
}

// Withdraw removes all keys but the newest.
func (p *Provider) Withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = p.keys[len(p.keys)-1:]
}

// NewKey returns a key that no provider publishes.
func NewKey(tb testing.TB, algorithm jose.SignatureAlgorithm) Key {
	tb.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return Key{ID: rand.Text(), Algorithm: algorithm, Private: private}
}

// Down makes every request to the provider fail, or no longer.
func (p *Provider) Down(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Rewrite changes the JSON that the provider publishes and signs: that of a path, and of
// "id_token".
func (p *Provider) Rewrite(f func(what, text string) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rewrite = f
}

func (p *Provider) rewritten(what string, value any) []byte {
	p.tb.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		p.tb.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rewrite == nil {
		return text
	}
	return []byte(p.rewrite(what, string(text)))
}

// Requests returns the number of requests for a path.
func (p *Provider) Requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[path]
}

// User returns claims of a user with a verified address, valid for an hour.
func (p *Provider) User(subject, email string) Claims {
	now := p.Now()
	return Claims{
		"iss": p.Issuer, "sub": subject, "aud": Audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": email, "email_verified": true, "given_name": "Ada", "family_name": "King",
	}
}

// Sign returns a token signed with the newest key.
func (p *Provider) Sign(c Claims) string {
	p.tb.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		p.tb.Fatal(err)
	}
	return p.SignText(payload)
}

// SignText returns a token of any payload, signed with the newest key.
func (p *Provider) SignText(payload []byte) string {
	p.tb.Helper()
	p.mu.Lock()
	k := p.keys[len(p.keys)-1]
	p.mu.Unlock()
	return SignTextWith(p.tb, k.Algorithm, k.Private, k.ID, payload)
}

// SignWith returns a token signed with any key.
func SignWith(tb testing.TB, algorithm jose.SignatureAlgorithm, key any, id string, c Claims) string {
	tb.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		tb.Fatal(err)
	}
	return SignTextWith(tb, algorithm, key, id, payload)
}

// SignTextWith returns a token of any payload, signed with any key.
func SignTextWith(tb testing.TB, algorithm jose.SignatureAlgorithm, key any, id string, payload []byte) string {
	tb.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		o = o.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, o)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// SignIn sets the user of the next sign-in. With max_age the auth_time is now, unless the claims have
// another one, or nil for none.
func (p *Provider) SignIn(c Claims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user = c
}

func (p *Provider) configuration(w http.ResponseWriter, r *http.Request) {
	if p.KeysAlone {
		http.NotFound(w, r)
		return
	}
	p.answer(w, r, http.StatusOK, map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "code_challenge_methods_supported": []string{"S256"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
	})
}

func (p *Provider) publishKeys(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	published := p.keys
	p.mu.Unlock()
	// The first is of an unknown type, as a provider may publish one day.
	keys := []any{map[string]any{"kty": "XYZ", "kid": "unknown"}}
	for _, k := range published {
		keys = append(keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	}
	p.answer(w, r, http.StatusOK, map[string]any{"keys": keys})
}

// authorize signs the user in and redirects back.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("redirect_uri") != p.RedirectURL {
		http.Error(w, "another client", http.StatusBadRequest) // no valid redirect URL
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {p.Issuer}}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case q.Get("response_type") != "code" || !strings.Contains(" "+q.Get("scope")+" ", " openid "),
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "":
		back.Set("error", "invalid_request")
	case p.user == nil:
		back.Set("error", "access_denied")
	default:
		code := rand.Text()
		user := p.user
		if q.Has("max_age") {
			user = Claims{"auth_time": p.Now().Unix()}.With(user)
		}
		p.codes[code] = grant{challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), user: user}
		back.Set("code", code)
	}
	http.Redirect(w, r, p.RedirectURL+"?"+back.Encode(), http.StatusFound)
}

// token exchanges a code, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok || id != ClientID || secret != url.QueryEscape(ClientSecret) {
		p.answer(w, r, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	p.mu.Lock()
	g, known := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != p.RedirectURL ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		p.answer(w, r, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	claims := Claims{"aud": ClientID, "nonce": g.nonce}.With(g.user)
	p.answer(w, r, http.StatusOK, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600, "id_token": p.SignText(p.rewritten("id_token", claims)),
	})
}

func (p *Provider) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(p.rewritten(r.URL.Path, body)) //nolint:gosec // JSON, for a test; the client fails by itself
}
