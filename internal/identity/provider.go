// Package identity is a client of an external identity provider: it reads the provider's
// published keys, verifies its tokens (JWT, RFC 7519), and signs people in with it (OpenID
// Connect Core 1.0, code flow with PKCE). It does not know which account a token belongs to.
package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// The errors of a Provider. Their text has more details, for the log only.
var (
	// ErrRejected means that the token or the sign-in is invalid.
	ErrRejected = errors.New("rejected")
	// ErrNotAsked is an ErrRejected: the provider has not asked the user again who they are.
	ErrNotAsked = fmt.Errorf("%w: no recent auth_time after max_age=0", ErrRejected)
	// ErrNotBegun means that this browser has not started the sign-in, or too long ago.
	ErrNotBegun = errors.New("sign-in not started by this browser")
	// ErrUnavailable means that the provider is needed and cannot be reached.
	ErrUnavailable = errors.New("the identity provider cannot be reached")
)

// rejected returns an ErrRejected with a reason.
func rejected(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRejected, fmt.Sprintf(format, args...))
}

// Options configure a Provider.
type Options struct {
	// Issuer is the issuer in the provider's tokens: a URL below which its configuration is
	// found (OpenID Connect Discovery 1.0 section 4).
	Issuer string
	// Audiences are the accepted audiences of bearer tokens, and those that ID tokens may have
	// beside ClientID. If empty, no bearer token is accepted.
	Audiences []string
	// Secret is the secret that bearer tokens are signed with (HS256). If empty, they are
	// signed with the provider's keys.
	Secret string
	// ClientID is the client id at the provider; "" disables sign-in.
	ClientID, ClientSecret string
	// RedirectURL is where the provider redirects browsers after a sign-in.
	RedirectURL string

	Now    func() time.Time // time.Now if nil
	Logger *slog.Logger     // none if nil
}

// Provider is an identity provider. It may be unavailable at any time. It is safe for
// concurrent use; the caller must Close it.
type Provider struct {
	o         Options
	secrets   atomic.Pointer[secrets]
	remote    *remote
	client    *http.Client
	exchanges chan struct{} // holds one element per running code exchange
}

// secrets are those that may be replaced.
type secrets struct{ tokens, client string }

// New returns a Provider, without any request to it.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client := newClient()
	p := &Provider{o: o, client: client, remote: newRemote(o, client), exchanges: make(chan struct{}, maxExchanges)}
	p.secrets.Store(&secrets{tokens: o.Secret, client: o.ClientSecret})
	return p
}

// ReplaceSecrets replaces the secret that bearer tokens are signed with and the client's. It
// returns false, and replaces nothing, where there was one and is none or the reverse: that
// would change how tokens and clients are verified.
func (p *Provider) ReplaceSecrets(tokens, client string) bool {
	if (tokens == "") != (p.o.Secret == "") || (client == "") != (p.o.ClientSecret == "") {
		return false
	}
	p.secrets.Store(&secrets{tokens, client})
	return true
}

// Close stops background reads.
func (p *Provider) Close() {
	p.remote.close()
	p.client.CloseIdleConnections()
}

// SignsTokens reports whether bearer tokens are accepted.
func (p *Provider) SignsTokens() bool { return len(p.o.Audiences) > 0 }

// SignsIn reports whether sign-in is enabled.
func (p *Provider) SignsIn() bool { return p.o.ClientID != "" }

// Issuer returns the provider's issuer.
func (p *Provider) Issuer() string { return p.o.Issuer }

// algorithms are the signature algorithms of the provider's keys. They are all asymmetric, so
// that a public key is never used as a shared secret, and exclude "none" (RFC 8725 section
// 3.1).
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

// Verify returns the claims of a bearer token, if it is valid. Errors are ErrRejected and
// ErrUnavailable, or the context's.
func (p *Provider) Verify(ctx context.Context, token string) (Claims, error) {
	c, err := p.verify(ctx, token)
	if err != nil {
		// At debug level, because anyone can send any number of invalid tokens.
		p.o.Logger.DebugContext(ctx, "bearer token rejected", "reason", err)
		return Claims{}, err
	}
	return c, nil
}

func (p *Provider) verify(ctx context.Context, token string) (Claims, error) {
	payload, err := p.signed(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	return readClaims(payload, p.o.Issuer, p.o.Audiences, nil, p.o.Now())
}

// signed returns the payload of a bearer token with a valid signature.
func (p *Provider) signed(ctx context.Context, token string) ([]byte, error) {
	if p.o.Secret == "" {
		return p.remote.signed(ctx, token)
	}
	jws, err := parse(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify([]byte(p.secrets.Load().tokens))
	if err != nil {
		return nil, rejected("%s", err)
	}
	return payload, nil
}

// headerNames are the members of a token's header that affect how it is verified.
var headerNames = []string{"alg", "kid", "crit", "b64"}

// parse parses a token signed with one of the algorithms. The decoder would ignore line
// breaks, which are not allowed (RFC 7515 section 2).
func parse(token string, by []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	if strings.ContainsAny(token, "\r\n") {
		return nil, rejected("line breaks in the token")
	}
	text, _, _ := strings.Cut(token, ".")
	header, err := encoding.DecodeString(text)
	if err == nil {
		err = checkJSON(header, headerNames...)
	}
	if err != nil {
		return nil, rejected("the header: %s", err)
	}
	jws, err := jose.ParseSignedCompact(token, by)
	if err != nil {
		return nil, rejected("%s", err)
	}
	return jws, nil
}

// maxAnswer bounds the size of the provider's responses in bytes.
const maxAnswer = 1 << 20

// newClient returns the HTTP client for the provider. It does not follow redirects, because
// the provider's configuration names all URLs. Callers set timeouts.
func newClient() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		transport = transport.Clone()
	} else {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport.MaxIdleConnsPerHost, transport.MaxResponseHeaderBytes = 2, 64<<10
	return &http.Client{
		Transport:     strict{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// strict rejects answers that are longer than maxAnswer, and those to successful requests that
// are not JSON as decode wants it, before a library decodes them.
type strict struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	_ = res.Body.Close()
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the provider's answer is too long")
	}
	if err == nil && res.StatusCode/100 == 2 {
		err = checkJSON(body)
	}
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// brief shortens the text of an error for the log, since it may contain a whole response.
func brief(err error) string {
	const most = 300
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.ErrorCode != "" {
		return fmt.Sprintf("%q (%d)", answered.ErrorCode, answered.Response.StatusCode)
	}
	if s := err.Error(); len(s) > most {
		return s[:most] + "…"
	}
	return err.Error()
}
