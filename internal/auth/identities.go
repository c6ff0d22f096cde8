package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/identity"
)

// Identities maps users of the identity provider to our accounts: by the provider's subject or,
// the first time, by the verified email address.
type Identities struct {
	Store    Principals
	Service  *accounts.Service
	Provider *identity.Provider
	Policy   accounts.ProvisioningPolicy // for users without a linked account
	// SubjectIsUser has a subject that is the id of a person of the policy's organisation be that
	// person, as of a provider that the people were adopted from. Then no email address is looked
	// at, and no one is created.
	SubjectIsUser bool
	Trail         *accounts.FailureTrail // if not nil, audits rejected tokens
	Logger        *slog.Logger           // if not nil, is told why valid tokens are rejected

	told atomic.Int64 // when the logger was told last, in seconds
}

// principal returns a user's account. Without one, or with a deactivated one, the error is
// always the same CodeUnauthenticated.
func (s *Identities) principal(ctx context.Context, c identity.Claims) (accounts.Principal, error) {
	if s.SubjectIsUser {
		return s.person(ctx, c)
	}
	o, err := s.linked(ctx, c)
	if crm.CodeOf(err) != crm.CodeNotFound {
		return o, err
	}
	err = s.Service.LinkIdentity(ctx, accounts.UnlinkedIdentity{
		Issuer: s.Provider.Issuer(), Subject: c.Subject, Email: c.Email, FirstName: c.FirstName, LastName: c.LastName,
	}, s.Policy)
	switch crm.CodeOf(err) {
	case crm.CodeUnavailable, crm.CodeInternal: // the context's errors among them
		return accounts.Principal{}, err
	}
	// Also after a conflict: another request may have been first.
	if o, err = s.linked(ctx, c); crm.CodeOf(err) == crm.CodeNotFound {
		return accounts.Principal{}, s.unknownUser(ctx, c, "no user is linked to it, or has the e-mail address that the provider has verified")
	}
	return o, err
}

// person is principal where the subject is the id of a person or, without one, linked to one.
// They are of the policy's organisation.
func (s *Identities) person(ctx context.Context, c identity.Claims) (accounts.Principal, error) {
	org, err := s.Service.ProvidersOrganisation(ctx, s.Provider.Issuer(), s.Policy.Organisation)
	if crm.CodeOf(err) == crm.CodeNotFound {
		return accounts.Principal{}, s.unknownUser(ctx, c, "there is no organisation of the provider's users, or several")
	}
	if err != nil {
		return accounts.Principal{}, err
	}
	id, malformed := crm.ParseID(c.Subject)
	if malformed == nil {
		o, err := s.Store.PersonPrincipal(ctx, org, id)
		if crm.CodeOf(err) != crm.CodeNotFound {
			return s.active(ctx, c, o, err)
		}
	}
	o, err := s.linked(ctx, c)
	switch {
	case crm.CodeOf(err) == crm.CodeNotFound && malformed != nil:
		return o, s.unknownUser(ctx, c, "the subject is no UUID, and no user is linked to it")
	case crm.CodeOf(err) == crm.CodeNotFound:
		return o, s.unknownUser(ctx, c, "the subject is the id of no user of the organisation, and no user is linked to it")
	case err == nil && o.OrgID != org:
		return accounts.Principal{}, s.unknownUser(ctx, c, "the user is of another organisation")
	}
	return o, err
}

// linked returns the account linked to the subject; CodeNotFound if there is none.
func (s *Identities) linked(ctx context.Context, c identity.Claims) (accounts.Principal, error) {
	_, o, err := s.Store.IdentityPrincipal(ctx, s.Provider.Issuer(), c.Subject)
	return s.active(ctx, c, o, err)
}

// active returns an account that was found, unless it is deactivated.
func (s *Identities) active(ctx context.Context, c identity.Claims, o accounts.Principal, err error) (accounts.Principal, error) {
	if err == nil && o.DeactivatedAt != nil {
		s.Trail.Record(ctx, accounts.FailedToken, crm.Actor{Org: o.OrgID}, accounts.AuditEvent{
			Action: accounts.ActionTokenRejected, Target: crm.EntityOwner, TargetID: &o.ID,
		})
		return accounts.Principal{}, s.unknownUser(ctx, c, "the user is deactivated")
	}
	return o, err
}

// unknownUser returns the error of a valid token that is no active user's here, and tells the
// log why: once a second at most, since anyone may have an account at the provider.
func (s *Identities) unknownUser(ctx context.Context, c identity.Claims, reason string) error {
	if s.Logger != nil {
		now, last := time.Now().Unix(), s.told.Load()
		if now > last && s.told.CompareAndSwap(last, now) {
			s.Logger.WarnContext(ctx, "a valid token of the identity provider is no user's here", "issuer", s.Provider.Issuer(), "subject", c.Subject, "reason", reason)
		}
	}
	return &crm.Error{Code: crm.CodeUnauthenticated, Reason: reasonUnknownUser, Message: "The API key or token is not valid."}
}

// reasonUnknownUser is the reason of a token that is valid and no active user's here.
const reasonUnknownUser = "token.unknown_user"

// domainError converts an error of the identity provider.
func domainError(err error) error {
	switch {
	case errors.Is(err, identity.ErrRejected):
		return invalidToken()
	case errors.Is(err, identity.ErrUnavailable):
		return &crm.Error{Code: crm.CodeUnavailable, Message: "The identity provider cannot be reached at the moment. Try again shortly.", Cause: err}
	default:
		return err
	}
}

// Tokens authenticates people by the tokens of the identity provider (JWT). It is safe for
// concurrent use.
type Tokens struct {
	o *Identities
	credentialCache
}

// NewTokens returns Tokens; fresh validates cached results. The caller must Close them, and
// the provider.
func NewTokens(o *Identities, fresh Freshness, now func() time.Time) *Tokens {
	t := &Tokens{o: o}
	t.credentialCache = credentialCache{fresh: fresh, now: now, entity: crm.EntityOwner, hash: hashOfJWT} // tokens themselves are not in the change log
	t.init()
	return t
}

// Authenticate returns the actor of a token, with the person's current role. A token that is
// invalid, or of an unknown or deactivated person, is always the same CodeUnauthenticated;
// the database is queried only for tokens signed by the provider. It returns CodeUnavailable
// if the token cannot be verified.
func (t *Tokens) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	hash, ok := hashOfJWT(token)
	if !ok {
		return crm.Actor{}, invalidToken()
	}
	if c, ok := t.lookup(ctx, hash); ok {
		return c.actor, nil
	}
	if !looksLikeJWT(token) {
		return crm.Actor{}, invalidToken()
	}
	claims, err := t.o.Provider.Verify(ctx, token)
	if errors.Is(err, identity.ErrRejected) {
		t.o.Trail.Count(accounts.FailedToken)
	}
	if err != nil {
		return crm.Actor{}, domainError(err)
	}
	c, err := t.getBy(ctx, hash, func(ctx context.Context, _ digest, _ time.Time) (credential, error) {
		o, err := t.o.principal(ctx, claims)
		if err != nil {
			return credential{}, err
		}
		return credential{actor: o.Actor(o.Role), id: o.ID, until: claims.Until}, nil
	})
	return c.actor, err
}

// BearerTokens authenticates both kinds of bearer tokens: API keys, and tokens of the identity
// provider.
type BearerTokens struct {
	Keys   *Keys
	Tokens *Tokens // nil: only keys are accepted
}

// Lookup returns the actor of a key or of a token that was verified a moment ago.
func (b BearerTokens) Lookup(ctx context.Context, token string) (crm.Actor, bool) {
	if b.Tokens == nil || looksLikeSecret(token) {
		return b.Keys.Lookup(ctx, token)
	}
	return b.Tokens.Lookup(ctx, token)
}

// Authenticate returns the actor of a key or of a token.
func (b BearerTokens) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	if b.Tokens == nil || looksLikeSecret(token) {
		return b.Keys.Authenticate(ctx, token)
	}
	return b.Tokens.Authenticate(ctx, token)
}

// LastKnown returns the actor that a key or a token had when it was last verified.
func (b BearerTokens) LastKnown(token string) (crm.Actor, bool) {
	if b.Tokens == nil || looksLikeSecret(token) {
		return b.Keys.LastKnown(token)
	}
	return b.Tokens.LastKnown(token)
}

// ErrNotBegun means that the secret and the provider's query do not match.
var ErrNotBegun = identity.ErrNotBegun

// The bounds of a sign-in at the provider: its duration, and the length of the URL to return
// to in bytes.
const (
	AttemptTTL  = identity.AttemptTTL
	MaxReturnTo = identity.MaxReturnTo
)

// Begin starts a sign-in at the provider, which asks the user again who they are if reauthenticate
// is set. The browser must store secret, invisible to others,
// and be redirected to location. It returns CodeUnavailable if the provider is down.
func (s *Identities) Begin(ctx context.Context, returnTo string, reauthenticate bool) (secret, location string, err error) {
	secret, location, err = s.Provider.Begin(ctx, returnTo, reauthenticate)
	return secret, location, domainError(err)
}

// SignInWithProvider begins a session, as SignIn does, after the provider has redirected the
// browser back, given the secret from Begin and the query. It returns where the browser
// returns to. It returns a *TooManyAttempts after repeated failures, and ErrNotBegun if the
// secret and the query do not match.
func (s *Sessions) SignInWithProvider(ctx context.Context, i *Identities, secret string, q url.Values, from ClientInfo) (started NewSession, returnTo string, err error) {
	if returnTo, err = i.Provider.Returned(secret, q); err != nil {
		return NewSession{}, "", err
	}
	a, err := s.admitAnyone(ctx, s.client(from))
	if err != nil {
		return NewSession{}, "", err
	}
	o, verified, err := i.signedIn(ctx, secret, q)
	if crm.CodeOf(err) != crm.CodeUnauthenticated {
		a.undone(ctx)
	}
	if err != nil {
		return NewSession{}, "", err
	}
	started, err = s.begin(ctx, o.OrgID, o.ID, verified, from)
	return started, returnTo, err
}

// signedIn returns the account of the user that the provider has signed in, and when it has asked
// them who they are: 0 if it does not say.
func (s *Identities) signedIn(ctx context.Context, secret string, q url.Values) (accounts.Principal, crm.Instant, error) {
	c, err := s.Provider.Finish(ctx, secret, q)
	switch {
	case errors.Is(err, identity.ErrNotAsked):
		return accounts.Principal{}, 0, &crm.Error{Code: crm.CodeUnauthenticated, Message: "The identity provider does not say that it has asked you again who you are (auth_time)."}
	case errors.Is(err, identity.ErrRejected):
		return accounts.Principal{}, 0, &crm.Error{Code: crm.CodeUnauthenticated, Message: "The identity provider has not signed you in. Try again."}
	case err != nil:
		return accounts.Principal{}, 0, domainError(err)
	}
	o, err := s.principal(ctx, c)
	if crm.CodeOf(err) == crm.CodeUnauthenticated {
		err = &crm.Error{Code: crm.CodeUnauthenticated, Reason: reasonUnknownUser, Message: "The identity provider has signed you in, but you have no account here."}
	}
	return o, verifiedAt(c), err
}
