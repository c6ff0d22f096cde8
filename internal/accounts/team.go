package accounts

import (
	"context"
	"reflect"
	"strconv"

	"sixty/internal/crm"
)

// Admins change, deactivate and reactivate people, and transfer their records. They cannot change
// their own role or deactivate themselves, and the last admin remains one, so that an
// organisation always has one.

// Member is a person as admins see them.
type Member struct {
	crm.Owner
	SignedInAt *crm.Instant // last; nil: never
}

// Members lists the people of the organisation, deactivated ones included.
func (s *Service) Members(ctx context.Context, by crm.Actor, q crm.List[crm.OwnerFilter]) (crm.Page[Member], error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return crm.Page[Member]{}, err
	}
	owners, err := s.store.Owners().Page(ctx, by.Org, q)
	if err != nil {
		return crm.Page[Member]{}, err
	}
	rows, err := s.members(ctx, by, owners.Rows)
	return crm.Page[Member]{
		Rows: rows, First: owners.First, Last: owners.Last, HasMore: owners.HasMore, HasPrevious: owners.HasPrevious, Total: owners.Total,
	}, err
}

// Member reads one of them, or the user of a key.
func (s *Service) Member(ctx context.Context, by crm.Actor, id crm.ID) (Member, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return Member{}, err
	}
	o, err := crm.GetOne(ctx, s.store.Owners(), by.Org, id, "user")
	if err != nil {
		return Member{}, err
	}
	return s.member(ctx, by, o)
}

// member is members for one person.
func (s *Service) member(ctx context.Context, by crm.Actor, o crm.Owner) (Member, error) {
	rows, err := s.members(ctx, by, []crm.Owner{o})
	if err != nil {
		return Member{}, err
	}
	return rows[0], nil
}

// members adds to people when they signed in last.
func (s *Service) members(ctx context.Context, by crm.Actor, owners []crm.Owner) ([]Member, error) {
	if len(owners) == 0 {
		return nil, nil
	}
	ids := make([]crm.ID, len(owners))
	for i := range owners {
		ids[i] = owners[i].ID
	}
	last, err := s.store.SignIns(ctx, by.Org, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Member, len(owners))
	for i, o := range owners {
		out[i].Owner = o
		if at, ok := last[o.ID]; ok {
			out[i].SignedInAt = &at
		}
	}
	return out, nil
}

// UpdateMember changes a person. A change of role signs the person out everywhere; no one
// changes their own. It needs a proof of who the actor is, and so does another address of an
// admin, who is known by it to the identity provider. That of an operator only operators change.
func (s *Service) UpdateMember(ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition, p crm.OwnerPatch) (Member, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return Member{}, err
	}
	var proof, address, notOperator error
	if p.Role.Set || p.Email.Set {
		proof, address = s.requireProof(ctx, by), s.checkAddress(ctx, by, p.Email)
		notOperator = s.RequireOperator(ctx, by, setOperatorAccess)
	}
	return s.changeMember(ctx, by, id, func(tx Tx, before crm.Owner, now crm.Instant) (crm.Owner, error) {
		if err := expected.Check(before.Version); err != nil {
			return crm.Owner{}, err
		}
		after := before
		if err := applyOwner(ctx, tx, p, &after); err != nil {
			return crm.Owner{}, err
		}
		readdressed := crm.Differ(before.Email, after.Email)
		if after.Role != before.Role || readdressed && before.Role == crm.RoleAdmin {
			if proof != nil {
				return crm.Owner{}, proof
			}
		}
		if !readdressed {
			return after, nil
		}
		if address != nil {
			return crm.Owner{}, address
		}
		return after, requireOperatorFor(ctx, tx, id, notOperator)
	})
}

// DeactivateOwner deactivates a person and ends their sessions; they still own their records.
func (s *Service) DeactivateOwner(ctx context.Context, by crm.Actor, id crm.ID) (Member, error) {
	return s.changeMember(ctx, by, id, func(_ Tx, o crm.Owner, now crm.Instant) (crm.Owner, error) {
		if o.DeactivatedAt == nil {
			o.DeactivatedAt = &now
		}
		return o, nil
	})
}

// ReactivateOwner undoes a deactivation. Their password and keys work again, their sessions do
// not. An admin has their rights again, which needs a proof of who the actor is.
func (s *Service) ReactivateOwner(ctx context.Context, by crm.Actor, id crm.ID) (Member, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return Member{}, err
	}
	proof := s.requireProof(ctx, by)
	return s.changeMember(ctx, by, id, func(_ Tx, o crm.Owner, _ crm.Instant) (crm.Owner, error) {
		if o.Role == crm.RoleAdmin && o.DeactivatedAt != nil && proof != nil {
			return crm.Owner{}, proof
		}
		o.DeactivatedAt = nil
		return o, nil
	})
}

// changeMember locks and changes a person, and enters it in the audit trail.
func (s *Service) changeMember(ctx context.Context, by crm.Actor, id crm.ID, change func(tx Tx, before crm.Owner, now crm.Instant) (crm.Owner, error)) (Member, error) {
	var out crm.Owner
	err := s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		// First all admins, in an order: of two who would demote each other one comes second.
		admins, err := tx.LockAdmins(ctx)
		if err != nil {
			return err
		}
		before, err := lockPerson(ctx, tx, id)
		if err != nil {
			return err
		}
		after, err := change(tx, before, now)
		if err != nil {
			return err
		}
		if out = before; reflect.DeepEqual(before, after) {
			return nil
		}
		if err := checkMember(by, before, after, admins); err != nil {
			return err
		}
		if before.Role != after.Role || crm.Differ(before.Email, after.Email) {
			if err := checkReach(by, before.Role, after.Role); err != nil {
				return err
			}
		}
		after.UpdatedAt = now
		if err := tx.Owners().Update(ctx, []crm.Change[crm.Owner]{{Before: before, After: after}}); err != nil {
			return err
		}
		out, out.Version = after, after.Version+1
		return MemberChanged(ctx, tx, by, now, before, after)
	})
	if err != nil {
		return Member{}, err
	}
	return s.member(ctx, by, out)
}

// MemberChanged does what every change of a person requires: a person with another role, or
// who is deactivated, is signed out. Their one-time token ends, also with another address, since
// it was meant for who had the old one. The change is entered in the audit trail.
func MemberChanged(ctx context.Context, tx TeamTx, by crm.Actor, now crm.Instant, before, after crm.Owner) error {
	deactivated := after.DeactivatedAt != nil && before.DeactivatedAt == nil
	signedOut := after.Role != before.Role || deactivated
	if signedOut {
		if err := tx.EndSessions(ctx, after.ID, none); err != nil {
			return err
		}
	}
	if signedOut || crm.Differ(before.Email, after.Email) {
		if _, err := tx.EndOneTimeToken(ctx, after.ID); err != nil {
			return err
		}
	}
	if deactivated {
		if err := tx.RevokeDevices(ctx, after.ID); err != nil {
			return err
		}
	}
	return Audit(ctx, tx, by, now, memberEvent(before, after))
}

// MemberCreated is MemberChanged for a person who was just created.
func MemberCreated(ctx context.Context, tx TeamTx, by crm.Actor, now crm.Instant, o crm.Owner) error {
	return Audit(ctx, tx, by, now, AuditEvent{
		Action: ActionUserCreated, Target: crm.EntityOwner, TargetID: &o.ID, Details: map[string]string{"role": string(o.Role)},
	})
}

// lockPerson locks a person.
func lockPerson(ctx context.Context, tx Tx, id crm.ID) (crm.Owner, error) {
	o, err := crm.LockOne(ctx, tx.Owners(), id, "user")
	if err == nil && o.Service {
		err = crm.Conflict("This is the user of an API key, not a person. End the key instead.")
	}
	return o, err
}

// checkMember rejects changes of one's own role or activity, and those that leave the
// organisation without an admin.
func checkMember(by crm.Actor, before, after crm.Owner, admins []crm.ID) error {
	demoted := before.Role == crm.RoleAdmin && after.Role != crm.RoleAdmin
	deactivated := before.DeactivatedAt == nil && after.DeactivatedAt != nil
	switch {
	case by.User == before.ID && after.Role != before.Role:
		return crm.Forbidden("You cannot change your own role. Ask another admin.")
	case by.User == before.ID && deactivated:
		return crm.Forbidden("You cannot deactivate yourself. Ask another admin.")
	case (demoted || deactivated) && LastAdmin(before.ID, admins):
		return crm.Conflict("This is the last active admin. Make another person an admin first.")
	}
	return nil
}

// LastAdmin reports whether a person is the only one of the active admins.
func LastAdmin(id crm.ID, admins []crm.ID) bool { return len(admins) == 1 && admins[0] == id }

// memberEvent returns the audit event of a change.
func memberEvent(before, after crm.Owner) AuditEvent {
	e := AuditEvent{Action: ActionUserChanged, Target: crm.EntityOwner, TargetID: &before.ID, Details: map[string]string{}}
	switch {
	case after.Role != before.Role:
		e.Action = ActionRoleChanged
		e.Details["from"], e.Details["to"] = string(before.Role), string(after.Role)
	case after.DeactivatedAt != nil && before.DeactivatedAt == nil:
		e.Action = ActionUserDeactivated
	case after.DeactivatedAt == nil && before.DeactivatedAt != nil:
		e.Action = ActionUserReactivated
	}
	if email := after.Email; email != nil && crm.Differ(before.Email, email) {
		e.Details["email"] = *email // what they sign in with
	}
	return e
}

// TransferredRecords counts the records that were transferred from one person to another.
type TransferredRecords struct {
	Companies  int64 `json:"companies"`
	Contacts   int64 `json:"contacts"`
	Deals      int64 `json:"deals"`
	Activities int64 `json:"activities"`
	Tasks      int64 `json:"tasks" doc:"Those that were assigned to the person."`
}

// MaxTransferredRecords bounds the records that a request transfers, which has sixty seconds:
// half as many took twelve of them (bench/RESULTS.md). The operator's command has no such
// bound.
const MaxTransferredRecords = 200_000

// TransferOwnership makes another person, who must be active, the owner of all records of a
// person, and assigns their tasks to them. Who created or completed what is not changed.
// CodeConflict, and nothing is changed, when there are more than MaxTransferredRecords.
func (s *Service) TransferOwnership(ctx context.Context, by crm.Actor, from, to crm.ID) (TransferredRecords, error) {
	var n TransferredRecords
	err := s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		found, err := tx.Owners().LockForUpdate(ctx, []crm.ID{from, to})
		if err != nil {
			return err
		}
		people := map[crm.ID]crm.Owner{}
		for _, o := range found {
			people[o.ID] = o
		}
		recipient, there := people[to]
		switch _, known := people[from]; { // the user of a key may own records, too
		case !known:
			return crm.NotFound("user")
		case !there:
			return crm.Invalid(crm.FieldError{Field: "to", Message: "refers to a user that does not exist"})
		case from == to:
			return crm.Invalid(crm.FieldError{Field: "to", Message: "must be another user"})
		case recipient.DeactivatedAt != nil:
			return crm.Invalid(crm.FieldError{Field: "to", Message: "must not be a deactivated user"})
		}
		if err := checkTransfer(ctx, tx, by, from); err != nil {
			return err
		}
		if n, err = tx.TransferOwnership(ctx, from, to); err != nil {
			return err
		}
		text := func(n int64) string { return strconv.FormatInt(n, 10) }
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionOwnershipTransferred, Target: crm.EntityOwner, TargetID: &from, Details: map[string]string{
			"to": to.String(), "companies": text(n.Companies), "contacts": text(n.Contacts), "deals": text(n.Deals),
			"activities": text(n.Activities), "tasks": text(n.Tasks),
		}})
	})
	return n, err
}

// checkTransfer rejects a transfer that a request could not finish.
func checkTransfer(ctx context.Context, tx TeamTx, by crm.Actor, from crm.ID) error {
	if by.UserID() == nil {
		return nil
	}
	n, err := tx.CountOwned(ctx, from, MaxTransferredRecords+1)
	if err == nil && n > MaxTransferredRecords {
		err = crm.Conflict("This person has more than " + strconv.Itoa(MaxTransferredRecords) +
			" records, which is too much for one request. The command \"sixty user hand-over\" has no such bound.")
	}
	return err
}
