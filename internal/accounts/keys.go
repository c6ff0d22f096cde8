package accounts

import (
	"context"
	"fmt"

	"sixty/internal/crm"
)

// APIKey is a credential: who holds the secret acts as User with Role, or with the role
// that the user has if that may do less.
type APIKey struct {
	OrgID     crm.ID       `json:"-"`
	ID        crm.ID       `json:"id"`
	UserID    crm.ID       `json:"user_id" doc:"The user that it acts for; without one, a service user is created."`
	Name      string       `json:"name" doc:"What it is for."`
	Role      crm.Role     `json:"role" enum:"viewer,rep,manager,admin" doc:"What it may do at most: never more than its user."`
	Scopes    ScopeList    `json:"scopes" doc:"What it may be used for, as far as its role allows."`
	Prefix    string       `json:"prefix" doc:"How the secret begins, for recognition."`
	Hash      []byte       `json:"-"` // SHA-256 of the whole secret
	CreatedBy *crm.ID      `json:"created_by" doc:"Who created it; null for the command line."`
	CreatedAt crm.Instant  `json:"created_at"`
	ExpiresAt *crm.Instant `json:"expires_at" doc:"null: never."`
	RevokedAt *crm.Instant `json:"revoked_at" doc:"null: it is live, unless it has expired."`
	UsedAt    *crm.Instant `json:"used_at" doc:"Last, to the minute or so."`
	// UsedAddress is older than UsedAt if a program without it has entered the last use.
	UsedAddress *string `json:"used_address" doc:"Where the request of that use came from."`
}

// APIKeyPatch holds the members of an API key that a client may set.
type APIKeyPatch struct {
	Name      crm.Field[string]      `json:"name"`
	Role      crm.Field[string]      `json:"role"`
	Scopes    crm.Field[[]string]    `json:"scopes"`
	UserID    crm.Field[crm.ID]      `json:"user_id"`
	ExpiresAt crm.Field[crm.Instant] `json:"expires_at"`

	DecodeErrors crm.DecodeErrors `json:"-"`
}

// APIKeyFilter narrows API keys: by nothing so far.
type APIKeyFilter struct{}

// APIKeys declares them. They never change but in their use.
var APIKeys = crm.Declare(crm.Entity[APIKey, struct{}, APIKeyFilter]{
	Name: crm.EntityAPIKey,
	Properties: []crm.Property[APIKey, struct{}]{
		{Name: "org_id", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.OrgID, nil }},
		{Name: "id", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.ID, nil }},
		{Name: "user_id", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.UserID, nil }},
		{Name: "name", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.Name, nil }},
		{Name: "role", At: func(k *APIKey, _ *struct{}) (any, any) { return (*string)(&k.Role), nil }},
		{Name: "scopes", At: func(k *APIKey, _ *struct{}) (any, any) { return (*string)(&k.Scopes), nil }},
		{Name: "prefix", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.Prefix, nil }},
		{Name: "hash", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.Hash, nil }},
		{Name: "created_by", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.CreatedBy, nil }},
		{Name: "created_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.CreatedAt, nil }},
		{Name: "expires_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.ExpiresAt, nil }},
		{Name: "revoked_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.RevokedAt, nil }},
		{Name: "used_at", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.UsedAt, nil }},
		{Name: "used_address", At: func(k *APIKey, _ *struct{}) (any, any) { return &k.UsedAddress, nil }},
	},
	Sorts: crm.Sorts{Fields: []string{"created_at"}, Default: crm.Sort{Field: "created_at", Desc: true}},
})

// APIKeys lists the organisation's keys, those that have ended included.
func (s *Service) APIKeys(ctx context.Context, by crm.Actor, q crm.List[APIKeyFilter]) (crm.Page[APIKey], error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return crm.Page[APIKey]{}, err
	}
	return s.store.APIKeys().Page(ctx, by.Org, q)
}

// APIKey reads one of them.
func (s *Service) APIKey(ctx context.Context, by crm.Actor, id crm.ID) (APIKey, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return APIKey{}, err
	}
	return crm.GetOne(ctx, s.store.APIKeys(), by.Org, id, "API key")
}

// CreateAPIKey creates a key with the given prefix and hash. It acts for the user that the
// patch names or, without one, for a service user that is created with the key's name. The
// role is the key's own and not higher than the user's; if the user's role becomes lower, that
// one counts. It must expire within the days that the organisation sets and, if a key creates
// it, not after that one.
func (s *Service) CreateAPIKey(ctx context.Context, by crm.Actor, p APIKeyPatch, prefix string, hash []byte) (APIKey, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return APIKey{}, err
	}
	if p.Role.Value == string(crm.RoleAdmin) {
		if err := s.requireProof(ctx, by); err != nil {
			return APIKey{}, err
		}
	}
	creator, err := s.creatingKey(ctx, by)
	if err != nil {
		return APIKey{}, err
	}
	now := s.clock()
	key := APIKey{OrgID: by.Org, ID: crm.NewID(), Prefix: prefix, Hash: hash, CreatedBy: by.UserID(), CreatedAt: now}
	if person := by.KeyCreatorID(); person != nil { // else a second key would be the user's own
		key.CreatedBy = person
	}
	var r crm.Rules
	p.apply(&key, &r, by)
	if latest := creator.ExpiresAt; latest != nil && (key.ExpiresAt == nil || *key.ExpiresAt > *latest) {
		r.Add("expires_at", "must be at most that of the key that creates it, %s", latest)
	}
	if err := r.Err(); err != nil {
		return APIKey{}, err
	}
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		if !p.UserID.Set || p.UserID.Null {
			holder, err := insertServiceUser(ctx, tx, key)
			if err != nil {
				return err
			}
			key.UserID = holder
			return putKey(ctx, tx, by, key)
		}
		holders, err := tx.Owners().LockForUpdate(ctx, []crm.ID{p.UserID.Value})
		switch {
		case err != nil:
			return err
		case len(holders) == 0:
			return crm.Invalid(crm.FieldError{Field: "user_id", Message: "refers to a user that does not exist"})
		case holders[0].DeactivatedAt != nil:
			return crm.Conflict("This person has been deactivated and cannot be acted for.")
		case key.Role.LeastPrivileged(holders[0].Role) != key.Role:
			return crm.Invalid(crm.FieldError{Field: "role", Message: "must not be more than that of the person, " + string(holders[0].Role)})
		}
		key.UserID = holders[0].ID
		return putKey(ctx, tx, by, key)
	})
	return key, err
}

// creatingKey returns the key that the actor is authenticated by; the zero APIKey for none.
func (s *Service) creatingKey(ctx context.Context, by crm.Actor) (APIKey, error) {
	id := by.KeyID()
	if id == nil {
		return APIKey{}, nil
	}
	return crm.GetOne(ctx, s.store.APIKeys(), by.Org, *id, "API key")
}

func (p APIKeyPatch) apply(key *APIKey, r *crm.Rules, by crm.Actor) {
	r.Bad = append(r.Bad, p.DecodeErrors...)
	r.Name(crm.Of(p.Name.Value), &key.Name)
	if role, err := crm.ParseRole(p.Role.Value); err == nil {
		key.Role = role
	} else {
		r.Add("role", "must be one of viewer, rep, manager, admin")
	}
	p.applyScopes(key, r, by)
	if p.ExpiresAt.Set && !p.ExpiresAt.Null {
		key.ExpiresAt = &p.ExpiresAt.Value
	}
	if key.ExpiresAt != nil && *key.ExpiresAt <= key.CreatedAt {
		r.Add("expires_at", "must lie in the future")
	}
}

// insertServiceUser creates the user of a key that acts for no person.
func insertServiceUser(ctx context.Context, tx Tx, key APIKey) (crm.ID, error) {
	first, last := crm.SplitName(key.Name)
	holder := crm.Owner{OrgID: key.OrgID, ID: crm.NewID(), Service: true, CreatedAt: key.CreatedAt, UpdatedAt: key.CreatedAt, Version: 1}
	var r crm.Rules
	crm.OwnerPatch{FirstName: first, LastName: last, Role: crm.Of(string(key.Role))}.Apply(&holder, &r)
	if err := r.Err(); err != nil {
		return crm.ID{}, err
	}
	return holder.ID, tx.Owners().Insert(ctx, []crm.Owner{holder})
}

// putKey adds a key, and its entry in the audit trail.
func putKey(ctx context.Context, tx Tx, by crm.Actor, key APIKey) error {
	org, err := tx.LockOrganisation(ctx) // after its users, as every transaction that changes them
	if err != nil {
		return err
	}
	if err := checkExpiry(org, key); err != nil {
		return err
	}
	if err := tx.PutAPIKey(ctx, key); err != nil {
		return err
	}
	details := map[string]string{
		"name": key.Name, "prefix": key.Prefix, "role": string(key.Role), "scopes": string(key.Scopes), "user_id": key.UserID.String(),
	}
	if key.ExpiresAt != nil {
		details["expires_at"] = key.ExpiresAt.String()
	}
	return Audit(ctx, tx, by, key.CreatedAt, AuditEvent{Action: ActionKeyCreated, Target: crm.EntityAPIKey, TargetID: &key.ID, Details: details})
}

// checkExpiry rejects a key that would live longer than its organisation permits.
func checkExpiry(org crm.Organisation, key APIKey) error {
	if org.KeyMaxDays == nil {
		return nil
	}
	latest := crm.InstantOf(key.CreatedAt.Time().AddDate(0, 0, *org.KeyMaxDays))
	if key.ExpiresAt != nil && *key.ExpiresAt <= latest {
		return nil
	}
	return crm.Invalid(crm.FieldError{Field: "expires_at", Message: fmt.Sprintf("must be at most %d days from now, which is the maximum of the organisation", *org.KeyMaxDays)})
}

// APIKeyVersion is the version of every API key: keys are never changed, only used and revoked.
const APIKeyVersion = 1

// RevokeAPIKey ends a key for good.
func (s *Service) RevokeAPIKey(ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition) error {
	return s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		was, err := tx.RevokeAPIKey(ctx, id)
		switch {
		case err != nil:
			return err
		case !was:
			return crm.NotFound("live API key")
		}
		if err := expected.Check(APIKeyVersion); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionKeyRevoked, Target: crm.EntityAPIKey, TargetID: &id})
	})
}
