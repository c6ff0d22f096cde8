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
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

const (
	// refreshAfter is the age at which the provider's data is read again in the background;
	// usableFor is the age up to which it is used while the provider is down.
	refreshAfter = 10 * time.Minute
	usableFor    = 24 * time.Hour
	// readPause is the minimum time between reads, so that tokens with unknown key ids do not
	// cause one each.
	readPause   = 10 * time.Second
	readTimeout = 3 * time.Second
	// maxWaiting bounds the requests that wait for a read.
	maxWaiting = 64
	maxKeys    = 100

	minRSA, maxRSA = 2048, 8192 // bits; checking longer keys is too expensive
)

// published is the configuration and the keys that a provider publishes.
type published struct {
	at       time.Time // when it was read
	endpoint oauth2.Endpoint
	keys     []jose.JSONWebKey
}

// remote caches what a provider publishes. It is safe for concurrent use.
type remote struct {
	issuer string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	end     context.CancelFunc
	ending  context.Context // for all reads
	running sync.WaitGroup

	mu      sync.Mutex
	last    *published // nil before the first read
	tried   time.Time  // when the last read began
	reading *reading   // nil if none is running
	waiting int        // requests waiting for a read
}

// reading is a read that is running or has just ended.
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

// signed returns the payload of a token signed with one of the provider's keys.
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
	return nil, rejected("invalid signature")
}

// get returns the cached data if it is sufficient, and otherwise reads it again, unless that
// has just been done. It returns ErrRejected if the current data is not sufficient.
func (m *remote) get(ctx context.Context, enough func(*published) bool) (*published, error) {
	known, r, err := m.lookup(enough)
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
		return nil, rejected("unknown key")
	default:
		return nil, ErrUnavailable
	}
}

// lookup returns the cached data, or a read to wait for. In the latter case known is nil if
// there is no usable data.
func (m *remote) lookup(enough func(*published) bool) (known *published, r *reading, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if known = m.last; known != nil && now.Sub(known.at) >= usableFor {
		known = nil
	}
	if known != nil && enough(known) {
		if now.Sub(known.at) >= refreshAfter {
			m.read(now)
		}
		return known, nil, nil
	}
	if r = m.read(now); r != nil && m.waiting < maxWaiting {
		m.waiting++
		return known, r, nil
	}
	if known != nil {
		return nil, nil, rejected("unknown key")
	}
	return nil, nil, ErrUnavailable
}

// read joins the running read or starts one; nil if the last one was too recent. The lock is
// held.
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
			m.log.Warn("cannot read the identity provider's configuration and keys", "error", brief(r.err))
		}
		close(r.done)
	})
	return r
}

// configuration is what we need of a provider's configuration (OpenID Connect Discovery 1.0
// section 3).
type configuration struct {
	Issuer string   `json:"issuer"`
	Keys   string   `json:"jwks_uri"`
	Auth   string   `json:"authorization_endpoint"`
	Token  string   `json:"token_endpoint"`
	Login  []string `json:"token_endpoint_auth_methods_supported"`
}

// fetch requests the provider's configuration and keys.
func (m *remote) fetch(ctx context.Context, now time.Time) (*published, error) {
	var c configuration
	below := strings.TrimSuffix(m.issuer, "/") + "/.well-known/"
	if err := m.request(ctx, below+"openid-configuration", &c); err != nil {
		if errors.Is(err, errAbsent) { // a provider of tokens alone, such as Supabase before 2026
			if keys, err := m.fetchKeys(ctx, below+"jwks.json"); err == nil {
				return &published{at: now, keys: keys}, nil
			}
		}
		return nil, fmt.Errorf("the provider's configuration: %w", err)
	}
	if c.Issuer != m.issuer {
		return nil, fmt.Errorf("the provider's configuration is of the issuer %q", c.Issuer)
	}
	p := &published{at: now, endpoint: oauth2.Endpoint{AuthURL: c.Auth, TokenURL: c.Token}}
	// Set explicitly instead of probing (OpenID Connect Discovery 1.0 section 3: the
	// default is client_secret_basic).
	p.endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if len(c.Login) > 0 && !slices.Contains(c.Login, "client_secret_basic") {
		p.endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	for _, address := range []string{c.Keys, c.Auth, c.Token} {
		if err := m.checkURL(address); err != nil {
			return nil, err
		}
	}
	var err error
	p.keys, err = m.fetchKeys(ctx, c.Keys)
	return p, err
}

// errAbsent means that the provider publishes nothing at an address.
var errAbsent = errors.New("404 Not Found")

// request requests JSON of the provider.
func (m *remote) request(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	res, err := m.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return errAbsent
	default:
		return errors.New(res.Status)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return decode(body, into)
}

// checkURL rejects a URL that is less secure than the issuer's. An empty one is a feature that
// the provider does not offer; its users check for that.
func (m *remote) checkURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || strings.HasPrefix(m.issuer, "https:")) {
		return fmt.Errorf("the provider's configuration contains the invalid URL %q", address)
	}
	return nil
}

// fetchKeys returns the usable keys.
func (m *remote) fetchKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	if address == "" {
		return nil, errors.New("the provider's configuration has no jwks_uri")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := m.request(ctx, address, &set); err != nil {
		return nil, fmt.Errorf("the provider's keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the provider has %d keys", len(set.Keys))
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(text) == nil && usable(&k) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// usable reports whether a key is for one of the algorithms.
func usable(k *jose.JSONWebKey) bool {
	return (k.Use == "" || k.Use == "sig") && slices.ContainsFunc(algorithms, func(a jose.SignatureAlgorithm) bool { return fits(k, string(a)) })
}

// fits reports whether a key can verify an algorithm's signatures. Only public keys can: a
// published secret key proves nothing.
func fits(k *jose.JSONWebKey, algorithm string) bool {
	if k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return (algorithm == string(jose.RS256) || algorithm == string(jose.PS256)) && bits >= minRSA && bits <= maxRSA
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	default:
		return false
	}
}

// fitting returns the keys that may verify a token, by its header: those with its key id, if
// it has one.
func (p *published) fitting(id, algorithm string) []jose.JSONWebKey {
	var keys []jose.JSONWebKey
	for i := range p.keys {
		if (id == "" || p.keys[i].KeyID == id) && fits(&p.keys[i], algorithm) {
			keys = append(keys, p.keys[i])
		}
	}
	return keys
}
