package crm

import (
	"context"
	"strconv"
)

// What admins do about people: they change them, end and give back what they may do, and
// hand over what is theirs. Nobody does so about themselves, and the last admin stays
// one, so that nobody is locked out for good.

// Member is a person as admins see them.
type Member struct {
	Owner
	SignedInAt *Instant // last; nil: never
}

// Members lists the people of the organisation, deactivated ones included.
func (s *Service) Members(ctx context.Context, by Actor, q List[OwnerFilter]) (Page[Member], error) {
	if err := by.checkPeople(); err != nil {
		return Page[Member]{}, err
	}
	owners, err := s.store.Reads(by).Owners().Page(ctx, by.Org, q)
	if err != nil {
		return Page[Member]{}, err
	}
	rows, err := s.members(ctx, by, owners.Rows)
	return Page[Member]{
		Rows: rows, First: owners.First, Last: owners.Last, HasMore: owners.HasMore, HasPrevious: owners.HasPrevious, Total: owners.Total,
	}, err
}

// Member reads one of them, or the user of a key.
func (s *Service) Member(ctx context.Context, by Actor, id ID) (Member, error) {
	if err := by.checkPeople(); err != nil {
		return Member{}, err
	}
	o, err := one(ctx, s.store.Reads(by).Owners(), by.Org, id, "user")
	if err != nil {
		return Member{}, err
	}
	rows, err := s.members(ctx, by, []Owner{o})
	if err != nil {
		return Member{}, err
	}
	return rows[0], nil
}

// members adds to people when they have signed in.
func (s *Service) members(ctx context.Context, by Actor, owners []Owner) ([]Member, error) {
	if len(owners) == 0 {
		return nil, nil
	}
	ids := make([]ID, len(owners))
	for i := range owners {
		ids[i] = owners[i].ID
	}
	last, err := s.store.Reads(by).SignIns(ctx, by.Org, ids)
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

// UpdateMember changes what is said of a person. Whoever gets another role is signed out
// everywhere, and signs in again with that; nobody gives themselves one.
func (s *Service) UpdateMember(ctx context.Context, by Actor, id ID, expected VersionCondition, p OwnerPatch) (Member, error) {
	return s.changeMember(ctx, by, id, func(tx Tx, before Owner, now Instant) (Owner, error) {
		if err := expected.check(before.Version); err != nil {
			return Owner{}, err
		}
		after := before
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&after, &check.Rules)
		if email := changed(before.Email, after.Email); email != nil {
			free(&check, tx.Owners(), KeyEmail, email, id)
		}
		return after, check.err()
	})
}

// DeactivateOwner ends what a person may do, and their sessions; their records stay
// theirs.
func (s *Service) DeactivateOwner(ctx context.Context, by Actor, id ID) (Member, error) {
	return s.changeMember(ctx, by, id, func(_ Tx, o Owner, now Instant) (Owner, error) {
		if o.DeactivatedAt == nil {
			o.DeactivatedAt = &now
		}
		return o, nil
	})
}

// ReactivateOwner gives a person back what they might do. Their password and keys are
// good again, their sessions are not.
func (s *Service) ReactivateOwner(ctx context.Context, by Actor, id ID) (Member, error) {
	return s.changeMember(ctx, by, id, func(_ Tx, o Owner, _ Instant) (Owner, error) {
		o.DeactivatedAt = nil
		return o, nil
	})
}

// changeMember changes a person, who is locked, and tells of it.
func (s *Service) changeMember(ctx context.Context, by Actor, id ID, change func(tx Tx, before Owner, now Instant) (Owner, error)) (Member, error) {
	if err := by.checkPeople(); err != nil {
		return Member{}, err
	}
	now := s.clock()
	var out Owner
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
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
		if out = before; same(before, after) {
			return nil
		}
		if err := by.checkMember(before, after, admins); err != nil {
			return err
		}
		after.UpdatedAt = now
		if err := tx.Owners().Update(ctx, []Change[Owner]{{before, after}}); err != nil {
			return err
		}
		out, out.Version = after, after.Version+1
		return tellMember(ctx, tx, by, now, before, after)
	})
	if err != nil {
		return Member{}, err
	}
	rows, err := s.members(ctx, by, []Owner{out})
	if err != nil {
		return Member{}, err
	}
	return rows[0], nil
}

// tellMember does what goes with every change of a person, whichever way it came: whoever
// gets another role or is deactivated is signed out, and the audit trail tells of it.
func tellMember(ctx context.Context, tx Tx, by Actor, now Instant, before, after Owner) error {
	if after.Role != before.Role || after.DeactivatedAt != nil && before.DeactivatedAt == nil {
		if err := tx.EndSessions(ctx, after.ID, none); err != nil {
			return err
		}
	}
	return Audit(ctx, tx, by, now, memberEvent(before, after))
}

// tellNewMember is tellMember for a person who was not there before.
func tellNewMember(ctx context.Context, tx Tx, by Actor, now Instant, o Owner) error {
	return Audit(ctx, tx, by, now, AuditEvent{
		Action: ActionUserCreated, Target: EntityOwner, TargetID: &o.ID, Details: map[string]string{"role": string(o.Role)},
	})
}

// lockPerson locks a person.
func lockPerson(ctx context.Context, tx Tx, id ID) (Owner, error) {
	o, err := lockOne(ctx, tx.Owners(), id, "user")
	if err == nil && o.Service {
		err = Conflict("This is the user of an API key, not a person. End the key instead.")
	}
	return o, err
}

// checkMember refuses to let somebody change what they may do themselves, and to leave
// the organisation without an admin.
func (a Actor) checkMember(before, after Owner, admins []ID) error {
	demoted := before.Role == RoleAdmin && after.Role != RoleAdmin
	deactivated := before.DeactivatedAt == nil && after.DeactivatedAt != nil
	switch {
	case a.User == before.ID && after.Role != before.Role:
		return Forbidden("Nobody may change their own role. Ask another admin.")
	case a.User == before.ID && deactivated:
		return Forbidden("Nobody may deactivate themselves. Ask another admin.")
	case (demoted || deactivated) && lastAdmin(before.ID, admins):
		return Conflict("This is the last active admin. Make somebody else one before.")
	}
	return nil
}

func lastAdmin(id ID, admins []ID) bool { return len(admins) == 1 && admins[0] == id }

// memberEvent says what was done to a person.
func memberEvent(before, after Owner) AuditEvent {
	e := AuditEvent{Action: ActionUserChanged, Target: EntityOwner, TargetID: &before.ID, Details: map[string]string{}}
	switch {
	case after.Role != before.Role:
		e.Action = ActionRoleChanged
		e.Details["from"], e.Details["to"] = string(before.Role), string(after.Role)
	case after.DeactivatedAt != nil && before.DeactivatedAt == nil:
		e.Action = ActionUserDeactivated
	case after.DeactivatedAt == nil && before.DeactivatedAt != nil:
		e.Action = ActionUserReactivated
	}
	if email := changed(before.Email, after.Email); email != nil {
		e.Details["email"] = *email // whom one signs in as
	}
	return e
}

// TransferredRecords tells how many things went from one person to another.
type TransferredRecords struct {
	Companies  int64 `json:"companies"`
	Contacts   int64 `json:"contacts"`
	Deals      int64 `json:"deals"`
	Activities int64 `json:"activities"`
	Tasks      int64 `json:"tasks" doc:"Those that were assigned to the person."`
}

// MaxTransferredRecords is how many things somebody may have who is handed over by a request, which
// has sixty seconds: half as many took twelve of them (bench/RESULTS.md). The operator's
// command has no such bound.
const MaxTransferredRecords = 200_000

// TransferOwnership gives everything that a person owns, or is to do, to another one, who must be
// active. Who did what in the past stays as it was. CodeConflict, and nothing is changed,
// when it is more than a request can carry.
func (s *Service) TransferOwnership(ctx context.Context, by Actor, from, to ID) (TransferredRecords, error) {
	if err := by.checkPeople(); err != nil {
		return TransferredRecords{}, err
	}
	now := s.clock()
	var n TransferredRecords
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		found, err := tx.Owners().LockForUpdate(ctx, []ID{from, to})
		if err != nil {
			return err
		}
		people := map[ID]Owner{}
		for _, o := range found {
			people[o.ID] = o
		}
		heir, there := people[to]
		switch _, known := people[from]; { // the user of a key may have made things
		case !known:
			return NotFound("user")
		case !there:
			return Invalid(FieldError{"to", "refers to a user that does not exist"})
		case from == to:
			return Invalid(FieldError{"to", "must be somebody else"})
		case heir.DeactivatedAt != nil:
			return Invalid(FieldError{"to", "must not be somebody who was deactivated"})
		}
		if err := by.checkHandOver(ctx, tx, from); err != nil {
			return err
		}
		if n, err = tx.TransferOwnership(ctx, from, to); err != nil {
			return err
		}
		text := func(n int64) string { return strconv.FormatInt(n, 10) }
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionOwnershipTransferred, Target: EntityOwner, TargetID: &from, Details: map[string]string{
			"to": to.String(), "companies": text(n.Companies), "contacts": text(n.Contacts), "deals": text(n.Deals),
			"activities": text(n.Activities), "tasks": text(n.Tasks),
		}})
	})
	return n, err
}

// checkHandOver refuses to begin what a request could not end.
func (a Actor) checkHandOver(ctx context.Context, tx Tx, from ID) error {
	if a.userID() == nil {
		return nil
	}
	n, err := tx.CountOwned(ctx, from, MaxTransferredRecords+1)
	if err == nil && n > MaxTransferredRecords {
		err = Conflict("This person has more than " + strconv.Itoa(MaxTransferredRecords) +
			" records, which is too much for one request. The command \"sixty user hand-over\" has no such bound.")
	}
	return err
}
