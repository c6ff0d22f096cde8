package crm

import "context"

// APIKeys lists the organisation's keys, those that have ended included.
func (s *Service) APIKeys(ctx context.Context, by Actor, q List[APIKeyFilter]) (Page[APIKey], error) {
	if err := by.checkPeople(); err != nil {
		return Page[APIKey]{}, err
	}
	return s.store.Reads(by).APIKeys().Page(ctx, by.Org, q)
}

// APIKey reads one of them.
func (s *Service) APIKey(ctx context.Context, by Actor, id ID) (APIKey, error) {
	if err := by.checkPeople(); err != nil {
		return APIKey{}, err
	}
	return one(ctx, s.store.Reads(by).APIKeys(), by.Org, id, "API key")
}

// CreateAPIKey makes a key of the prefix and hash that are given. It acts for the user
// that the patch names or, without one, for a service user that is made for it and bears
// its name. The role is the key's own and not more than the person's; should the person
// come to have a lesser one, that counts.
func (s *Service) CreateAPIKey(ctx context.Context, by Actor, p APIKeyPatch, prefix string, hash []byte) (APIKey, error) {
	if err := by.checkPeople(); err != nil {
		return APIKey{}, err
	}
	now := s.clock()
	key := APIKey{OrgID: by.Org, ID: NewID(), Prefix: prefix, Hash: hash, CreatedAt: now}
	var r Rules
	p.Apply(&key, &r, now)
	if err := r.Err(); err != nil {
		return APIKey{}, err
	}
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		if !p.UserID.Set || p.UserID.Null {
			holder, err := insertServiceUser(ctx, tx, key)
			if err != nil {
				return err
			}
			key.UserID = holder
			return putKey(ctx, tx, by, key)
		}
		holders, err := tx.Owners().LockForUpdate(ctx, []ID{p.UserID.Value})
		switch {
		case err != nil:
			return err
		case len(holders) == 0:
			return Invalid(FieldError{"user_id", "refers to a user that does not exist"})
		case holders[0].DeactivatedAt != nil:
			return Conflict("This person has been deactivated and cannot be acted for.")
		case key.Role.LeastPrivileged(holders[0].Role) != key.Role:
			return Invalid(FieldError{"role", "must not be more than that of the person, " + string(holders[0].Role)})
		}
		key.UserID = holders[0].ID
		return putKey(ctx, tx, by, key)
	})
	return key, err
}

func (p APIKeyPatch) Apply(key *APIKey, r *Rules, now Instant) {
	r.Bad = append(r.Bad, p.DecodeErrors...)
	r.Name(Of(p.Name.Value), &key.Name)
	if role, err := ParseRole(p.Role.Value); err == nil {
		key.Role = role
	} else {
		r.Add("role", "must be one of viewer, rep, manager, admin")
	}
	value(p.ExpiresAt, &key.ExpiresAt)
	if key.ExpiresAt != nil && *key.ExpiresAt <= now {
		r.Add("expires_at", "must lie in the future")
	}
}

// insertServiceUser makes the user whom a key acts for that is nobody's.
func insertServiceUser(ctx context.Context, tx Tx, key APIKey) (ID, error) {
	first, last := SplitName(key.Name)
	holder := Owner{OrgID: key.OrgID, ID: NewID(), Service: true, CreatedAt: key.CreatedAt, UpdatedAt: key.CreatedAt, Version: 1}
	var r Rules
	OwnerPatch{FirstName: first, LastName: last, Role: Of(string(key.Role))}.Apply(&holder, &r)
	if err := r.Err(); err != nil {
		return ID{}, err
	}
	return holder.ID, tx.Owners().Insert(ctx, []Owner{holder})
}

// putKey adds a key, and tells of it.
func putKey(ctx context.Context, tx Tx, by Actor, key APIKey) error {
	if err := tx.PutAPIKey(ctx, key); err != nil {
		return err
	}
	return Audit(ctx, tx, by, key.CreatedAt, AuditEvent{Action: ActionKeyCreated, Target: EntityAPIKey, TargetID: &key.ID, Details: map[string]string{
		"name": key.Name, "prefix": key.Prefix, "role": string(key.Role), "user_id": key.UserID.String(),
	}})
}

// keyVersion is that of every key: it does not change but in its use, and ends.
const keyVersion = 1

// RevokeAPIKey ends a key for good.
func (s *Service) RevokeAPIKey(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	if err := by.checkPeople(); err != nil {
		return err
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		was, err := tx.RevokeAPIKey(ctx, id)
		switch {
		case err != nil:
			return err
		case !was:
			return NotFound("live API key")
		}
		if err := expected.check(keyVersion); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionKeyRevoked, Target: EntityAPIKey, TargetID: &id})
	})
}
