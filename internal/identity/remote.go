package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

const (
	// readEvery is the age at which what the provider publishes is read anew, beside the
	// request that meets it; keptFor is the age up to which it is believed while the
	// provider is down.
	readEvery = 10 * time.Minute
	keptFor   = 24 * time.Hour
	// readPause is the least time between two readings: tokens that name keys which there
	// are not must not make us ask for each.
	readPause   = 10 * time.Second
	readTimeout = 3 * time.Second
	// maxWaiting bounds the requests that wait for a reading.
	maxWaiting = 64
	maxKeys    = 100

	leastRSA, mostRSA = 2048, 8192 // bits; longer ones cost too much to check
)

// published is what a provider says of itself.
type published struct {
	at       time.Time // when it was read
	endpoint oauth2.Endpoint
	keys     []jose.JSONWebKey
}

// remote is what a provider publishes, as it was last read. It is safe for concurrent
// use.
type remote struct {
	issuer string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	end     context.CancelFunc
	ending  context.Context // of all readings
	running sync.WaitGroup

	mu      sync.Mutex
	last    *published // nil: nothing was read yet
	tried   time.Time  // when the last reading began
	reading *reading   // nil: none runs
	waiting int        // requests that wait for one
}

// reading is one that runs, or has just ended.
type reading struct {
	done chan struct{} // closed when got and err are set
	got  *published
	err  error
}

func newRemote(o Options, client *http.Client) *remote {
	m := &remote{issuer: o.Issuer, client: client, now: o.Now, log: o.Logger}
	m.ending, m.end = context.WithCancel(context.Background())
	return m
}

func (m *remote) close() {
	m.end()
	m.running.Wait()
}

// signed gives the payload of a token that one of the provider's keys has signed.
func (m *remote) signed(ctx context.Context, token string) ([]byte, error) {
	jws, err := parse(token, algorithms)
	if err != nil {
		return nil, err
	}
	h := jws.Signatures[0].Header
	var keys []jose.JSONWebKey
	_, err = m.get(ctx, func(p *published) bool {
		keys = p.fitting(h.KeyID, h.Algorithm)
		return len(keys) > 0
	})
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if payload, err := jws.Verify(keys[i].Key); err == nil {
			return payload, nil
		}
	}
	return nil, refused("the signature is another's")
}

// get gives what the provider publishes, if it is enough, as it is known; else it is read
// anew, unless that has just been done. ErrRefused: it is known, and not enough.
func (m *remote) get(ctx context.Context, enough func(*published) bool) (*published, error) {
	known, r, err := m.look(enough)
	if r == nil {
		return known, err
	}
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.waiting--
	}()
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	switch {
	case r.err == nil && enough(r.got):
		return r.got, nil
	case r.err == nil || known != nil:
		return nil, refused("the provider publishes no such key")
	default:
		return nil, ErrUnavailable
	}
}

// look gives what is known, or what is to be waited for; known is nil then if it is not
// believed any more.
func (m *remote) look(enough func(*published) bool) (known *published, r *reading, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if known = m.last; known != nil && now.Sub(known.at) >= keptFor {
		known = nil
	}
	if known != nil && enough(known) {
		if now.Sub(known.at) >= readEvery {
			m.read(now)
		}
		return known, nil, nil
	}
	if r = m.read(now); r != nil && m.waiting < maxWaiting {
		m.waiting++
		return known, r, nil
	}
	if known != nil {
		return nil, nil, refused("the provider publishes no such key")
	}
	return nil, nil, ErrUnavailable
}

// read joins the reading that runs, or begins one; nil if the last one has just been. The
// lock is held.
func (m *remote) read(now time.Time) *reading {
	if m.reading != nil {
		return m.reading
	}
	if since := now.Sub(m.tried); since >= 0 && since < readPause || m.ending.Err() != nil {
		return nil
	}
	r := &reading{done: make(chan struct{})}
	m.reading, m.tried = r, now
	m.running.Go(func() {
		ctx, cancel := context.WithTimeout(m.ending, readTimeout)
		defer cancel()
		r.got, r.err = m.fetch(ctx, now)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.reading = nil
		if r.err == nil {
			m.last = r.got
		} else if m.ending.Err() == nil {
			m.log.Warn("what the identity provider publishes could not be read", "error", brief(r.err))
		}
		close(r.done)
	})
	return r
}

// fetch asks the provider for its configuration and its keys.
func (m *remote) fetch(ctx context.Context, now time.Time) (*published, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, m.client), m.issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Keys  string   `json:"jwks_uri"`
		Login []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	p := &published{at: now, endpoint: provider.Endpoint()}
	// How we show who we are, rather than by trial (OpenID Connect Discovery 1.0 section
	// 3: client_secret_basic unless it says otherwise).
	p.endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if len(more.Login) > 0 && !slices.Contains(more.Login, "client_secret_basic") {
		p.endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	for _, address := range []string{more.Keys, p.endpoint.AuthURL, p.endpoint.TokenURL} {
		if err := m.asSafe(address); err != nil {
			return nil, err
		}
	}
	p.keys, err = m.fetchKeys(ctx, more.Keys)
	return p, err
}

// asSafe refuses an address that is less safe than the issuer's. An empty one is of what
// the provider does not offer, and is met by whoever asks for it.
func (m *remote) asSafe(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || strings.HasPrefix(m.issuer, "https:")) {
		return fmt.Errorf("the provider names %q, which is no address to go by", address)
	}
	return nil
}

// fetchKeys gives the keys that are of use: there may be others among them.
func (m *remote) fetchKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	if address == "" {
		return nil, errors.New("the provider names no keys")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := m.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the provider's keys: %s", res.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("the provider's keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the provider has %d keys", len(set.Keys))
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(text) == nil && useful(&k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// useful tells whether a key signs with one of the algorithms.
func useful(k *jose.JSONWebKey) bool {
	return (k.Use == "" || k.Use == "sig") && slices.ContainsFunc(algorithms, func(a jose.SignatureAlgorithm) bool { return fits(k, string(a)) })
}

// fits tells whether a key may have signed with an algorithm. Only public keys do: what
// anybody can read is nobody's secret.
func fits(k *jose.JSONWebKey, algorithm string) bool {
	if k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return (algorithm == string(jose.RS256) || algorithm == string(jose.PS256)) && bits >= leastRSA && bits <= mostRSA
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	default:
		return false
	}
}

// fitting gives the keys that may have signed a token, by its header: those of the id
// that it names, if it names one.
func (p *published) fitting(id, algorithm string) []jose.JSONWebKey {
	var keys []jose.JSONWebKey
	for i := range p.keys {
		if (id == "" || p.keys[i].KeyID == id) && fits(&p.keys[i], algorithm) {
			keys = append(keys, p.keys[i])
		}
	}
	return keys
}
