package accounts

import (
	"context"

	"sixty/internal/crm"
)

// CreateOwner creates a person; a rep unless the patch says otherwise.
func (s *Service) CreateOwner(ctx context.Context, by crm.Actor, p crm.OwnerPatch) (crm.Owner, error) {
	if err := s.checkNewOwner(ctx, by, p); err != nil {
		return crm.Owner{}, err
	}
	var out crm.Owner
	err := s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) (err error) {
		out, err = insertOwner(ctx, tx, by, now, p)
		return err
	})
	return out, err
}

// checkNewOwner returns CodeForbidden unless the actor may create the person of a patch: admins
// may, with an address that is not for another organisation, and an admin after a proof of who
// they are.
func (s *Service) checkNewOwner(ctx context.Context, by crm.Actor, p crm.OwnerPatch) error {
	if err := RequireAdmin(by, managePeople); err != nil {
		return err
	}
	if p.Role.Value == string(crm.RoleAdmin) {
		if err := s.requireProof(ctx, by); err != nil {
			return err
		}
	}
	return s.checkAddress(ctx, by, p.Email)
}

// insertOwner creates a person.
func insertOwner(ctx context.Context, tx Tx, by crm.Actor, now crm.Instant, p crm.OwnerPatch) (crm.Owner, error) {
	out := crm.NewOwner(by, crm.NewID(), now)
	if err := applyOwner(ctx, tx, p, &out); err != nil {
		return crm.Owner{}, err
	}
	if err := checkReach(by, out.Role); err != nil {
		return crm.Owner{}, err
	}
	if err := tx.Owners().Insert(ctx, []crm.Owner{out}); err != nil {
		return crm.Owner{}, err
	}
	return out, MemberCreated(ctx, tx, by, now, out)
}

// applyOwner applies a patch to a person; the e-mail address and the external id must be unique.
func applyOwner(ctx context.Context, tx TeamTx, p crm.OwnerPatch, o *crm.Owner) error {
	var r crm.Rules
	p.Apply(o, &r)
	if err := r.Err(); err != nil {
		return err
	}
	var taken []crm.FieldError
	for _, unique := range []struct {
		key   crm.Key
		value *string
	}{{crm.KeyEmail, o.Email}, {crm.KeyExternalID, o.ExternalID}} {
		by, err := crm.Collision(ctx, tx.Owners(), "user", unique.key, unique.value, o.ID)
		if err != nil {
			return err
		}
		if by != nil {
			taken = append(taken, *by)
		}
	}
	if len(taken) > 0 {
		return crm.InUse(taken...)
	}
	return nil
}

// OwnerByEmail finds a person by e-mail address, also one that is stored as it was before
// NormalEmail.
func (s *Service) OwnerByEmail(ctx context.Context, by crm.Actor, email string) (crm.Owner, error) {
	var out crm.Owner
	err := s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		normal, legacy := crm.StoredEmails(email)
		for _, stored := range []string{normal, legacy} {
			found, err := tx.Owners().Find(ctx, crm.KeyEmail, []string{stored})
			if err != nil {
				return err
			}
			if len(found) > 0 {
				out, err = crm.LockOne(ctx, tx.Owners(), found[0].ID, "user")
				return err
			}
		}
		return crm.NotFound("user")
	})
	return out, err
}

// DeleteOwner deletes a person who owns no records; one who does can only be deactivated.
func (s *Service) DeleteOwner(ctx context.Context, by crm.Actor, id crm.ID) error {
	return s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		admins, err := tx.LockAdmins(ctx)
		if err != nil {
			return err
		}
		o, err := crm.LockOne(ctx, tx.Owners(), id, "user")
		if err != nil {
			return err
		}
		if by.User == id {
			return crm.Forbidden("You cannot delete yourself. Ask another admin.")
		}
		if LastAdmin(id, admins) {
			return crm.Conflict("This is the last active admin. Make another person an admin first.")
		}
		used, err := tx.OwnerInUse(ctx, id)
		if err != nil {
			return err
		}
		if used {
			return crm.Conflict("This person owns records and can only be deactivated.")
		}
		if err := tx.Owners().Delete(ctx, o); err != nil {
			return err
		}
		if _, err := tx.EndOneTimeToken(ctx, id); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionUserDeleted, Target: crm.EntityOwner, TargetID: &id})
	})
}
