// Package identity speaks to an identity provider that is somebody else's: it reads the
// keys that the provider publishes, checks the tokens that it signs (JWT, RFC 7519), and
// signs people in by it (OpenID Connect Core 1.0, code flow with PKCE). Whom of ours a
// token speaks of is not known here.
package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// The errors of a Provider, which say more in their text: that is for the log alone.
var (
	// ErrRefused: the token or the sign-in is not good.
	ErrRefused = errors.New("refused")
	// ErrNotBegun: the sign-in was not begun by this browser, or too long ago.
	ErrNotBegun = errors.New("not begun here")
	// ErrUnavailable: the provider cannot be reached, and without it nothing can be told.
	ErrUnavailable = errors.New("the identity provider cannot be reached")
)

// refused says why.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Options say which provider it is, and what for.
type Options struct {
	// Issuer is the provider's name, exactly as its tokens say it: a URL below which its
	// configuration is (OpenID Connect Discovery 1.0 section 4).
	Issuer string
	// Audiences are those of whom a bearer token must name one. None: no bearer token is
	// good.
	Audiences []string
	// Secret is what bearer tokens are signed with (HS256), instead of the provider's
	// keys; empty: they are signed with those.
	Secret string
	// ClientID is who we are to the provider; "": nobody is signed in by it.
	ClientID, ClientSecret string
	// RedirectURL is where the provider sends people back to.
	RedirectURL string

	Now    func() time.Time // time.Now if nil
	Logger *slog.Logger     // none if nil
}

// Provider is an identity provider. It may be down when the program starts and at any
// time later. It is safe for concurrent use; Close must follow.
type Provider struct {
	o      Options
	remote *remote
	client *http.Client
	at     chan struct{} // holds one for each code that is being exchanged
}

// New makes a Provider and asks it nothing yet.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client := newClient()
	return &Provider{o: o, client: client, remote: newRemote(o, client), at: make(chan struct{}, maxExchanges)}
}

// Close ends what runs.
func (p *Provider) Close() {
	p.remote.close()
	p.client.CloseIdleConnections()
}

// SignsTokens tells whether bearer tokens may be good, SignsIn whether people can be
// signed in.
func (p *Provider) SignsTokens() bool { return len(p.o.Audiences) > 0 }

// SignsIn is told with SignsTokens.
func (p *Provider) SignsIn() bool { return p.o.ClientID != "" }

// Issuer gives the provider's name.
func (p *Provider) Issuer() string { return p.o.Issuer }

// algorithms are those of the provider's keys: no shared secret is among them, so that
// a public key is never taken for one, and neither is "none" (RFC 8725 section 3.1).
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

// Verify gives what a bearer token says, if the provider has signed it for us and it is
// good now. Errors are ErrRefused and ErrUnavailable, or the context's.
func (p *Provider) Verify(ctx context.Context, token string) (Claims, error) {
	c, err := p.verify(ctx, token)
	if err != nil {
		// Not louder: anybody can send any number of them.
		p.o.Logger.DebugContext(ctx, "a bearer token was refused", "reason", err)
		return Claims{}, err
	}
	return c, nil
}

func (p *Provider) verify(ctx context.Context, token string) (Claims, error) {
	payload, err := p.signed(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	return readClaims(payload, p.o.Issuer, p.o.Audiences, p.o.Now())
}

// signed gives the payload of a bearer token whose signature is good.
func (p *Provider) signed(ctx context.Context, token string) ([]byte, error) {
	if p.o.Secret == "" {
		return p.remote.signed(ctx, token)
	}
	jws, err := parse(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify([]byte(p.o.Secret))
	if err != nil {
		return nil, refused("%s", err)
	}
	return payload, nil
}

// parse reads a token that is signed by one of the algorithms. Line breaks within it are
// nothing to the decoder, and make it none (RFC 7515 section 2).
func parse(token string, by []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	if strings.ContainsAny(token, "\r\n") {
		return nil, refused("it has line breaks")
	}
	jws, err := jose.ParseSignedCompact(token, by)
	if err != nil {
		return nil, refused("%s", err)
	}
	return jws, nil
}

// maxAnswer bounds what is read of an answer of the provider, in bytes.
const maxAnswer = 1 << 20

// newClient makes the client that asks the provider. Redirects are not followed: what is
// asked is where the provider has said that it is. Times are bounded by whoever asks.
func newClient() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		transport = transport.Clone()
	} else {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport.MaxIdleConnsPerHost, transport.MaxResponseHeaderBytes = 2, 64<<10
	return &http.Client{
		Transport:     bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts answers off that are too long.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// brief cuts the text of an error for the log: it may hold a whole answer.
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
