package accounts

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// ActorOf returns the actor that a user is now, for work that they asked for earlier: with their
// present role, or less by the API key that they used. CodeForbidden says why they may do nothing
// any more.
func (s *Service) ActorOf(ctx context.Context, org, user crm.ID, key *crm.ID) (crm.Actor, error) {
	users, err := s.store.Owners().ByID(ctx, org, []crm.ID{user})
	if err != nil {
		return crm.Actor{}, err
	}
	if len(users) == 0 || users[0].DeactivatedAt != nil {
		return crm.Actor{}, crm.Forbidden("The user who asked for it is deactivated or deleted.")
	}
	organisation, err := s.store.Organisation(ctx, org)
	if err != nil {
		return crm.Actor{}, err
	}
	p := Principal{Owner: users[0], RepsSee: organisation.RepsSee}
	if key == nil {
		return p.Actor(p.Role), nil
	}
	keys, err := s.store.APIKeys().ByID(ctx, org, []crm.ID{*key})
	if err != nil {
		return crm.Actor{}, err
	}
	if len(keys) == 0 || keys[0].UserID != user || !keys[0].Live(s.now()) {
		return crm.Actor{}, crm.Forbidden("The API key that was used to ask for it has been revoked or has expired.")
	}
	return p.KeyActor(keys[0]), nil
}

// KeyActor returns the actor of a principal's API key: with at most the person's current role,
// should that have been reduced.
func (p Principal) KeyActor(key APIKey) crm.Actor {
	actor := p.Actor(key.Role.LeastPrivileged(p.Role))
	actor.Scopes, actor.Key = key.Scopes.Set(), key.ID
	if key.CreatedBy != nil && *key.CreatedBy != key.UserID {
		actor.KeyCreatedBy = *key.CreatedBy
	}
	return actor
}

// Live reports whether a key can be used.
func (k APIKey) Live(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(k.ExpiresAt.Time()))
}
