package identity

import "github.com/go-jose/go-jose/v4"

var (
	Usable      = usable
	OpenAttempt = openAttempt
)

// Text returns an attempt as stored by the browser.
func (a attempt) Text() string { return a.text }

// ReturnTo returns where it returns to.
func (a attempt) ReturnTo() string { return a.returnTo }

// State returns the state parameter.
func (a attempt) State() string { return a.state() }

// WithKeys returns a Provider that has just read these keys and needs no request.
func WithKeys(o Options, keys ...jose.JSONWebKey) *Provider {
	p := New(o)
	p.remote.last, p.remote.tried = &published{at: p.o.Now(), keys: keys}, p.o.Now()
	return p
}
