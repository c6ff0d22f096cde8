package crm

import "context"

// APIKeys lists the organisation's keys, oldest first, those that have ended
// included.
func (s *Service) APIKeys(ctx context.Context, by Actor) ([]APIKey, error) {
	if err := by.checkPeople(); err != nil {
		return nil, err
	}
	return s.store.APIKeys(ctx, by.Org)
}

// CreateAPIKey makes a key of the name, role, prefix and hash that are given. It
// acts for user, or, without one, for a service user that is made for it and bears
// its name. The role is the key's own: it may be less, or more, than the person's.
func (s *Service) CreateAPIKey(ctx context.Context, by Actor, key APIKey, user *ID) (APIKey, error) {
	if err := by.checkPeople(); err != nil {
		return APIKey{}, err
	}
	now := s.clock()
	key.OrgID, key.ID, key.CreatedAt, key.RevokedAt = by.Org, NewID(), now, nil
	var r rules
	r.name(Of(key.Name), &key.Name)
	if _, err := ParseRole(string(key.Role)); err != nil {
		r.add("role", "must be one of viewer, rep, manager, admin")
	}
	if key.ExpiresAt != nil && *key.ExpiresAt <= now {
		r.add("expires_at", "must lie in the future")
	}
	if err := r.err(); err != nil {
		return APIKey{}, err
	}
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		if user == nil {
			first, last := SplitName(key.Name)
			holder := Owner{OrgID: by.Org, ID: NewID(), Service: true, CreatedAt: now, UpdatedAt: now, Version: 1}
			var r rules
			OwnerPatch{FirstName: first, LastName: last, Role: Of(string(key.Role))}.apply(&holder, &r)
			if err := r.err(); err != nil {
				return err
			}
			key.UserID = holder.ID
			if err := tx.Owners().Insert(ctx, []Owner{holder}); err != nil {
				return err
			}
			return tx.PutAPIKey(ctx, key)
		}
		holder, err := lockOne(ctx, tx.Owners(), *user, "user")
		if err != nil {
			return err
		}
		if holder.DeactivatedAt != nil {
			return Conflict("This person has been deactivated and cannot be acted for.")
		}
		key.UserID = holder.ID
		return tx.PutAPIKey(ctx, key)
	})
	return key, err
}

// RevokeAPIKey ends a key for good.
func (s *Service) RevokeAPIKey(ctx context.Context, by Actor, id ID) error {
	if err := by.checkPeople(); err != nil {
		return err
	}
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		was, err := tx.RevokeAPIKey(ctx, id)
		if err == nil && !was {
			return NotFound("live API key")
		}
		return err
	})
}
