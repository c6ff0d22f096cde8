// Package auth tells on whose behalf a request runs. It makes the secrets of API keys
// and of sessions, finds the actor behind one, and checks passwords; what a key or a
// session is, and who may make or end one, are the domain's rules.
package auth

import (
	"context"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Principals finds who a credential acts for, in all organisations. Of the user these return
// the ids, the role, DeactivatedAt and what reps see; CodeNotFound if there is no such
// credential. internal/store implements it.
type Principals interface {
	// SessionPrincipal finds the session with this hash, expired or not.
	SessionPrincipal(ctx context.Context, hash []byte) (accounts.Session, accounts.Principal, error)
	// APIKeyPrincipal finds the key with this hash, revoked or not.
	APIKeyPrincipal(ctx context.Context, hash []byte) (accounts.APIKey, accounts.Principal, error)
	// IdentityPrincipal finds the identity with this subject of an issuer.
	IdentityPrincipal(ctx context.Context, issuer, subject string) (accounts.Identity, accounts.Principal, error)
}

// Keys makes API keys and recognises them. It is safe for concurrent use.
type Keys struct {
	store   Principals
	service *accounts.Service
	known   recogniser
}

// NewKeys makes Keys over storage and the use cases; fresh vouches for what is known,
// the clock is for expiry. Close ends them.
func NewKeys(store Principals, service *accounts.Service, fresh Freshness, now func() time.Time) *Keys {
	k := &Keys{store: store, service: service}
	k.known = recogniser{fresh: fresh, now: now, entity: crm.EntityAPIKey, find: k.find, use: service.UseAPIKey}
	k.known.init()
	return k
}

// Close waits for what still runs, all of which is bounded. Nothing may authenticate any
// more.
func (k *Keys) Close() { k.known.close() }

// Create makes a key, which acts with role for user, or without one for a service user
// made for it, and never expires. The secret is told this once and stored nowhere.
func (k *Keys) Create(ctx context.Context, by crm.Actor, name string, role crm.Role, user *crm.ID) (secret string, key accounts.APIKey, err error) {
	p := accounts.APIKeyPatch{Name: crm.Of(name), Role: crm.Of(string(role))}
	if user != nil {
		p.UserID = crm.Of(*user)
	}
	return k.Issue(ctx, by, p)
}

// Issue is Create for whatever can be said of a key.
func (k *Keys) Issue(ctx context.Context, by crm.Actor, p accounts.APIKeyPatch) (secret string, key accounts.APIKey, err error) {
	secret, prefix := newSecret()
	hash := hashOf(secret)
	key, err = k.service.CreateAPIKey(ctx, by, p, prefix, hash[:])
	if err != nil {
		return "", accounts.APIKey{}, err
	}
	return secret, key, nil
}

// List gives all of the organisation's keys, oldest first, those that have ended included.
func (k *Keys) List(ctx context.Context, by crm.Actor) (all []accounts.APIKey, err error) {
	q := crm.List[accounts.APIKeyFilter]{Sort: crm.Sort{Field: "created_at"}, Limit: crm.MaxLimit}
	for {
		page, err := k.service.APIKeys(ctx, by, q)
		if err != nil {
			return nil, err
		}
		if all = append(all, page.Rows...); !page.HasMore {
			return all, nil
		}
		q.From = page.Last
	}
}

// Revoke ends a key; every process refuses it within a second.
func (k *Keys) Revoke(ctx context.Context, by crm.Actor, id crm.ID) error {
	return k.service.RevokeAPIKey(ctx, by, id, crm.VersionCondition{})
}

// Lookup is Authenticate without asking the database; false if that is needed.
func (k *Keys) Lookup(ctx context.Context, token string) (crm.Actor, bool) {
	if !looksLikeSecret(token) {
		return crm.Actor{}, false
	}
	c, ok := k.known.recall(ctx, hashOf(token))
	return c.actor, ok
}

// Authenticate gives the actor behind an API key's secret. A secret that is unknown,
// revoked, expired or of somebody who was deactivated is CodeUnauthenticated, in the
// same words, so that the answer tells nothing about it.
func (k *Keys) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	if !looksLikeSecret(token) {
		return crm.Actor{}, refused()
	}
	c, err := k.known.recognise(ctx, hashOf(token))
	return c.actor, err
}

// LastKnown gives the actor who held a secret when the database was last asked, at
// most two minutes ago: for whom an answer from before will do while the database is
// gone.
func (k *Keys) LastKnown(token string) (crm.Actor, bool) {
	if !looksLikeSecret(token) {
		return crm.Actor{}, false
	}
	c, ok := k.known.lastKnown(hashOf(token))
	return c.actor, ok
}

// find asks the database for a key.
func (k *Keys) find(ctx context.Context, hash digest, now time.Time) (credential, error) {
	key, holder, err := k.store.APIKeyPrincipal(ctx, hash[:])
	if crm.CodeOf(err) == crm.CodeNotFound {
		return credential{}, refused()
	}
	if err != nil {
		return credential{}, err
	}
	if key.RevokedAt != nil || holder.DeactivatedAt != nil || key.ExpiresAt != nil && !now.Before(key.ExpiresAt.Time()) {
		return credential{}, refused()
	}
	c := credential{
		// A person who was an admin once leaves no admin's key behind.
		actor: holder.Actor(key.Role.LeastPrivileged(holder.Role)), id: key.ID, used: key.UsedAt,
	}
	if key.ExpiresAt != nil {
		c.until = key.ExpiresAt.Time()
	}
	return c, nil
}

// refused is the one answer to every key that is not good.
func refused() error {
	return &crm.Error{Code: crm.CodeUnauthenticated, Message: "The API key or token is not valid."}
}
