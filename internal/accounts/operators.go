package accounts

import (
	"context"

	"sixty/internal/crm"
)

// Operator is a person who may see and do what concerns the whole instance.
type Operator struct {
	Organisation string // its name
	Person       crm.Owner
	Since        crm.Instant
}

// RequireOperator returns CodeForbidden for an actor who may not do what concerns the whole
// instance. Those who may are admins: of the only organisation, or else the operators. A key that
// another person created for an operator is only theirs if that person may, too. It asks the
// database, so that there is no time in which a former operator still is one. what completes the
// sentence "Only operators may".
func (s *Service) RequireOperator(ctx context.Context, by crm.Actor, what string) error {
	if by.Role == crm.RoleAdmin {
		if by.UserID() == nil {
			return nil // the command line
		}
		ok, err := s.store.IsOperator(ctx, by.Org, by.User)
		if creator := by.KeyCreatorID(); ok && err == nil && creator != nil {
			ok, err = s.store.IsOperator(ctx, by.Org, *creator)
		}
		if ok || err != nil {
			return err
		}
	}
	return crm.Forbidden("Only operators may " + what + ".")
}

// requireOperatorFor returns CodeForbidden for an actor who may not set what a person signs in
// with: an operator's only operators may set, since it has their rights. The person is locked, so
// that they do not become an operator meanwhile; notOperator is what RequireOperator has returned.
func requireOperatorFor(ctx context.Context, tx Tx, user crm.ID, notOperator error) error {
	if notOperator == nil {
		return nil
	}
	operator, err := tx.IsListedOperator(ctx, user)
	if err != nil || !operator {
		return err
	}
	return notOperator
}

// setOperatorAccess is what RequireOperator is asked for requireOperatorFor.
const setOperatorAccess = "change what an operator signs in with"

// Operators returns those of all organisations.
func (s *Service) Operators(ctx context.Context) ([]Operator, error) { return s.store.Operators(ctx) }

// AddOperator makes an admin an operator. Their one-time token ends: another person has it.
func (s *Service) AddOperator(ctx context.Context, by crm.Actor, user crm.ID) error {
	return s.changeOperator(ctx, by, user, ActionOperatorAdded, func(tx Tx, o crm.Owner, now crm.Instant) (bool, error) {
		if o.Role != crm.RoleAdmin || o.DeactivatedAt != nil {
			return false, crm.Conflict("Only an active admin can be an operator.")
		}
		if _, err := tx.EndOneTimeToken(ctx, user); err != nil {
			return false, err
		}
		return tx.PutOperator(ctx, user, now)
	})
}

// RemoveOperator takes that away from a person.
func (s *Service) RemoveOperator(ctx context.Context, by crm.Actor, user crm.ID) error {
	return s.changeOperator(ctx, by, user, ActionOperatorRemoved, func(tx Tx, _ crm.Owner, _ crm.Instant) (bool, error) {
		was, err := tx.DeleteOperator(ctx, user)
		if err == nil && !was {
			err = crm.NotFound("operator")
		}
		return was, err
	})
}

// changeOperator runs fn on a person in a transaction of the command line, and enters what it
// changed in the audit trail.
func (s *Service) changeOperator(ctx context.Context, by crm.Actor, user crm.ID, action Action, fn func(Tx, crm.Owner, crm.Instant) (changed bool, err error)) error {
	if by.UserID() != nil {
		return crm.Forbidden("Operators are added and removed on the command line.")
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		o, err := crm.LockOne(ctx, tx.Owners(), user, "user")
		if err != nil {
			return err
		}
		if changed, err := fn(tx, o, now); err != nil || !changed {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: action, Target: crm.EntityOwner, TargetID: &user})
	})
}
