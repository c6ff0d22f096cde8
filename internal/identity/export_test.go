package identity

import "github.com/go-jose/go-jose/v4"

// What tests look at from outside.
var (
	Useful      = useful
	OpenAttempt = openAttempt
)

// Text gives an attempt as a browser keeps it.
func (a attempt) Text() string { return a.text }

// ReturnTo gives where it returns to.
func (a attempt) ReturnTo() string { return a.returnTo }

// State gives what the provider sends back.
func (a attempt) State() string { return a.state() }

// Knowing makes a Provider that has just read the keys, and asks nobody.
func Knowing(o Options, keys ...jose.JSONWebKey) *Provider {
	p := New(o)
	p.remote.last, p.remote.tried = &published{at: p.o.Now(), keys: keys}, p.o.Now()
	return p
}
