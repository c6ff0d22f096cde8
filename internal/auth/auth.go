// Package auth authenticates requests. It generates the secrets of API keys and sessions,
// finds the actor of a secret, and checks passwords. What keys and sessions are, and who may
// create or end them, are rules of the domain.
package auth

import (
	"context"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Principals reads the principal of a credential, in any organisation: the user's ids, role and
// DeactivatedAt, and what reps may see. It returns CodeNotFound for an unknown credential.
// internal/store implements it.
type Principals interface {
	// SessionPrincipal returns the session with this hash, expired or not.
	SessionPrincipal(ctx context.Context, hash []byte) (accounts.Session, accounts.Principal, error)
	// APIKeyPrincipal returns the key with this hash, revoked or not.
	APIKeyPrincipal(ctx context.Context, hash []byte) (accounts.APIKey, accounts.Principal, error)
	// IdentityPrincipal returns the identity with this subject of an issuer.
	IdentityPrincipal(ctx context.Context, issuer, subject string) (accounts.Identity, accounts.Principal, error)
	// PersonPrincipal returns a person of an organisation, which the user of an API key is not.
	PersonPrincipal(ctx context.Context, org, user crm.ID) (accounts.Principal, error)
}

// Keys creates and authenticates API keys. It is safe for concurrent use.
type Keys struct {
	store   Principals
	service *accounts.Service
	// Trail, if not nil, audits rejected keys. It is set before the first use.
	Trail *accounts.FailureTrail
	credentialCache
}

// NewKeys returns Keys over the store and the use cases, which the caller must Close. fresh
// validates cached results; now is the clock for expiry.
func NewKeys(store Principals, service *accounts.Service, fresh Freshness, now func() time.Time) *Keys {
	k := &Keys{store: store, service: service}
	k.credentialCache = credentialCache{fresh: fresh, now: now, entity: crm.EntityAPIKey, hash: hashOfKey, find: k.findKey, use: service.UseAPIKey}
	k.init()
	return k
}

// Create creates a key without expiry, which acts with role for user, or for a new service user
// if that is nil. The secret is returned once and not stored.
func (k *Keys) Create(ctx context.Context, by crm.Actor, name string, role crm.Role, user *crm.ID) (secret string, key accounts.APIKey, err error) {
	p := accounts.APIKeyPatch{Name: crm.Of(name), Role: crm.Of(string(role))}
	if user != nil {
		p.UserID = crm.Of(*user)
	}
	return k.Issue(ctx, by, p)
}

// Issue creates a key from a patch.
func (k *Keys) Issue(ctx context.Context, by crm.Actor, p accounts.APIKeyPatch) (secret string, key accounts.APIKey, err error) {
	secret, prefix := newSecret()
	hash := hashOf(secret)
	key, err = k.service.CreateAPIKey(ctx, by, p, prefix, hash[:])
	if err != nil {
		return "", accounts.APIKey{}, err
	}
	return secret, key, nil
}

// List returns all of the organisation's keys, including ended ones, oldest first.
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

// Revoke ends a key. Every process rejects it within a second.
func (k *Keys) Revoke(ctx context.Context, by crm.Actor, id crm.ID) error {
	return k.service.RevokeAPIKey(ctx, by, id, crm.VersionCondition{})
}

// Authenticate returns the actor of an API key. A key that is unknown, revoked, expired or of a
// deactivated person is always the same CodeUnauthenticated.
func (k *Keys) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	hash, ok := hashOfKey(token)
	if !ok {
		k.Trail.Count(accounts.FailedKey)
		return crm.Actor{}, invalidToken()
	}
	c, err := k.get(ctx, hash)
	return c.actor, err
}

// findKey reads a key from the database.
func (k *Keys) findKey(ctx context.Context, hash digest, now time.Time) (credential, error) {
	key, holder, err := k.store.APIKeyPrincipal(ctx, hash[:])
	if crm.CodeOf(err) == crm.CodeNotFound {
		k.Trail.Count(accounts.FailedKey)
		return credential{}, invalidToken()
	}
	if err != nil {
		return credential{}, err
	}
	if holder.DeactivatedAt != nil || !key.Live(now) {
		k.Trail.Record(ctx, accounts.FailedKey, crm.Actor{Org: key.OrgID}, accounts.AuditEvent{
			Action: accounts.ActionKeyRejected, Target: crm.EntityAPIKey, TargetID: &key.ID,
		})
		return credential{}, invalidToken()
	}
	c := credential{actor: holder.KeyActor(key), id: key.ID, used: key.UsedAt}
	if key.ExpiresAt != nil {
		c.until = key.ExpiresAt.Time()
	}
	return c, nil
}

// invalidToken is the error of every invalid key or token.
func invalidToken() error {
	return &crm.Error{Code: crm.CodeUnauthenticated, Message: "The API key or token is not valid."}
}
