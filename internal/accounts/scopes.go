package accounts

import (
	"encoding/json"
	"strings"

	"sixty/internal/crm"
)

// ScopeList holds the scopes of a key as they are stored: their names, separated by commas.
// In JSON it is an array.
type ScopeList string

// Set returns the scopes. Names of a newer program are not among them.
func (l ScopeList) Set() crm.Scopes { return crm.ParseScopes(string(l)) }

// MarshalJSON implements json.Marshaler.
func (l ScopeList) MarshalJSON() ([]byte, error) { return json.Marshal(l.Set().Names()) }

// applyScopes sets the scopes of a new key: those that are sent, or those of its role. A key
// does not create one that may do more than it may itself.
func (p APIKeyPatch) applyScopes(key *APIKey, r *crm.Rules, by crm.Actor) {
	if key.Role == "" { // which is reported
		return
	}
	allowed := key.Role.Scopes()
	if by.KeyID() != nil {
		allowed &= by.Scopes
	}
	scopes := allowed
	if p.Scopes.Set && !p.Scopes.Null {
		scopes = 0
		for _, name := range p.Scopes.Value {
			scope := crm.ParseScope(name)
			if scope == 0 {
				r.Add("scopes", "must be of %s", strings.Join(crm.ScopeNames(), ", "))
				return
			}
			scopes |= scope
		}
	}
	switch {
	case scopes == 0:
		r.Add("scopes", "must not be empty")
	case scopes&^key.Role.Scopes() != 0:
		r.Add("scopes", "must be of those that the role %s allows: %s", key.Role, strings.Join(key.Role.Scopes().Names(), ", "))
	case scopes&^allowed != 0:
		r.Add("scopes", "must be of those that the key has that creates it: %s", strings.Join(by.Scopes.Names(), ", "))
	}
	key.Scopes = ScopeList(scopes.String())
}

// checkReach rejects a key that would let a person do what it may not do itself: a person with
// any of the roles, who signs in, has all of the role's scopes.
func checkReach(by crm.Actor, roles ...crm.Role) error {
	if by.KeyID() == nil {
		return nil
	}
	for _, role := range roles {
		if lacking := role.Scopes() &^ by.Scopes; lacking != 0 {
			return crm.Forbidden("The API key does not have the scope " + strings.Join(lacking.Names(), ", ") + ", which the role " + string(role) + " has.")
		}
	}
	return nil
}
