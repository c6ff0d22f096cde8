package auth

import (
	"context"
	"errors"
	"net/url"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/identity"
)

// Identities find out which of our people somebody is whom an identity provider has
// signed in: by the provider's subject or, the first time, by the e-mail address that it
// has verified.
type Identities struct {
	Store    Principals
	Service  *accounts.Service
	Provider *identity.Provider
	Welcome  accounts.ProvisioningPolicy // for those who are not known yet
}

// holder gives who somebody is. Whoever is nobody, or was deactivated, is refused in the
// same words.
func (s *Identities) holder(ctx context.Context, c identity.Claims) (accounts.Principal, error) {
	o, err := s.known(ctx, c)
	if crm.CodeOf(err) != crm.CodeNotFound {
		return o, err
	}
	err = s.Service.LinkIdentity(ctx, accounts.UnlinkedIdentity{
		Issuer: s.Provider.Issuer(), Subject: c.Subject, Email: c.Email, FirstName: c.FirstName, LastName: c.LastName,
	}, s.Welcome)
	switch crm.CodeOf(err) {
	case crm.CodeUnavailable, crm.CodeInternal: // the context's errors among them
		return accounts.Principal{}, err
	}
	// Also after a conflict, which may be that another request was first.
	if o, err = s.known(ctx, c); crm.CodeOf(err) == crm.CodeNotFound {
		return accounts.Principal{}, refused()
	}
	return o, err
}

// known gives who somebody is who is known by the subject: CodeNotFound if they are not.
func (s *Identities) known(ctx context.Context, c identity.Claims) (accounts.Principal, error) {
	_, o, err := s.Store.IdentityPrincipal(ctx, s.Provider.Issuer(), c.Subject)
	if err == nil && o.DeactivatedAt != nil {
		return accounts.Principal{}, refused()
	}
	return o, err
}

// told turns what a provider says into the domain's words.
func told(err error) error {
	switch {
	case errors.Is(err, identity.ErrRefused):
		return refused()
	case errors.Is(err, identity.ErrUnavailable):
		return &crm.Error{Code: crm.CodeUnavailable, Message: "The identity provider cannot be reached at the moment. Try again shortly.", Cause: err}
	default:
		return err
	}
}

// Tokens recognise people by the tokens of their identity provider (JWT). They are safe
// for concurrent use.
type Tokens struct {
	o     *Identities
	known recogniser
}

// NewTokens makes Tokens; fresh vouches for what is known of people. Close ends them, and
// not the provider.
func NewTokens(o *Identities, fresh Freshness, now func() time.Time) *Tokens {
	t := &Tokens{o: o}
	t.known = recogniser{fresh: fresh, now: now, entity: crm.EntityOwner} // whose they are, as much as tokens are anything
	t.known.init()
	return t
}

// Close waits for what still runs, all of which is bounded. Nothing may authenticate any
// more.
func (t *Tokens) Close() { t.known.close() }

// Lookup is Authenticate without asking the provider or the database; false if that is
// needed.
func (t *Tokens) Lookup(ctx context.Context, token string) (crm.Actor, bool) {
	if len(token) > maxJWT {
		return crm.Actor{}, false
	}
	c, ok := t.known.recall(ctx, hashOfJWT(token))
	return c.actor, ok
}

// Authenticate gives the actor behind a token, with the role that the person has here and
// now. A token that is not good, of nobody, or of somebody who was deactivated, is
// CodeUnauthenticated, in the same words; nothing is asked of the database for one that
// the provider has not signed. It is CodeUnavailable if that cannot be told.
func (t *Tokens) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	if len(token) > maxJWT {
		return crm.Actor{}, refused()
	}
	hash := hashOfJWT(token)
	if c, ok := t.known.recall(ctx, hash); ok {
		return c.actor, nil
	}
	if !looksLikeJWT(token) {
		return crm.Actor{}, refused()
	}
	claims, err := t.o.Provider.Verify(ctx, token)
	if err != nil {
		return crm.Actor{}, told(err)
	}
	c, err := t.known.recogniseBy(ctx, hash, func(ctx context.Context, _ digest, _ time.Time) (credential, error) {
		o, err := t.o.holder(ctx, claims)
		if err != nil {
			return credential{}, err
		}
		return credential{actor: o.Actor(o.Role), id: o.ID, until: claims.Until}, nil
	})
	return c.actor, err
}

// LastKnown gives the actor who held a token when the database was last asked, at most
// two minutes ago.
func (t *Tokens) LastKnown(token string) (crm.Actor, bool) {
	if len(token) > maxJWT {
		return crm.Actor{}, false
	}
	c, ok := t.known.lastKnown(hashOfJWT(token))
	return c.actor, ok
}

// Bearers recognise whoever shows a bearer token: an API key, or the token of an identity
// provider.
type Bearers struct {
	Keys   *Keys
	Tokens *Tokens // nil: keys alone are good
}

// Lookup is that of Keys or of Tokens.
func (b Bearers) Lookup(ctx context.Context, token string) (crm.Actor, bool) {
	if b.Tokens == nil || looksLikeSecret(token) {
		return b.Keys.Lookup(ctx, token)
	}
	return b.Tokens.Lookup(ctx, token)
}

// Authenticate is that of Keys or of Tokens.
func (b Bearers) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	if b.Tokens == nil || looksLikeSecret(token) {
		return b.Keys.Authenticate(ctx, token)
	}
	return b.Tokens.Authenticate(ctx, token)
}

// LastKnown is that of Keys or of Tokens.
func (b Bearers) LastKnown(token string) (crm.Actor, bool) {
	if b.Tokens == nil || looksLikeSecret(token) {
		return b.Keys.LastKnown(token)
	}
	return b.Tokens.LastKnown(token)
}

// ErrNotBegun is returned when a browser and the provider's query do not belong together.
var ErrNotBegun = identity.ErrNotBegun

// The bounds of a sign-in at the provider: how long somebody may take, and how long the
// place may be that they return to, in bytes.
const (
	AttemptLasts = identity.AttemptLasts
	MaxReturnTo  = identity.MaxReturnTo
)

// Begin begins a sign-in at the provider. The browser keeps secret, for itself alone, and
// goes to location. CodeUnavailable if the provider is down.
func (s *Identities) Begin(ctx context.Context, returnTo string) (secret, location string, err error) {
	secret, location, err = s.Provider.Begin(ctx, returnTo)
	return secret, location, told(err)
}

// SignInBy begins a session, as SignIn does, of somebody whom the provider has sent back:
// the browser shows the secret that Begin has given it, and the query of the provider. It
// gives where they return to. Whoever is refused again and again must wait: *TooSoon.
// ErrNotBegun if the secret and the query do not belong together.
func (s *Sessions) SignInBy(ctx context.Context, i *Identities, secret string, q url.Values, from ClientInfo) (started Started, returnTo string, err error) {
	if returnTo, err = i.Provider.Returned(secret, q); err != nil {
		return Started{}, "", err
	}
	address := tried{"address " + from.Address, freeOfAddress}
	if err := s.attempts.begin(address); err != nil {
		return Started{}, "", err
	}
	o, err := i.signedIn(ctx, secret, q)
	if crm.CodeOf(err) != crm.CodeUnauthenticated {
		s.attempts.undo(address)
	}
	if err != nil {
		return Started{}, "", err
	}
	started, err = s.begin(ctx, o.OrgID, o.ID, from)
	return started, returnTo, err
}

// signedIn gives who the provider has signed in.
func (s *Identities) signedIn(ctx context.Context, secret string, q url.Values) (accounts.Principal, error) {
	c, err := s.Provider.Finish(ctx, secret, q)
	if errors.Is(err, identity.ErrRefused) {
		return accounts.Principal{}, &crm.Error{Code: crm.CodeUnauthenticated, Message: "The identity provider has not signed you in. Begin again."}
	}
	if err != nil {
		return accounts.Principal{}, told(err)
	}
	o, err := s.holder(ctx, c)
	if crm.CodeOf(err) == crm.CodeUnauthenticated {
		err = &crm.Error{Code: crm.CodeUnauthenticated, Message: "The identity provider has signed you in, but you have no account here."}
	}
	return o, err
}
