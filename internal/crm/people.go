package crm

import (
	"context"
	"strings"
)

// Owners lists the people of the organisation, deactivated ones included: they
// still own records.
func (s *Service) Owners(ctx context.Context, by Actor, q List[OwnerFilter]) (Page[Owner], error) {
	return s.store.Reads(by).Owners().Page(ctx, by.Org, q)
}

// Owner reads one person's public profile.
func (s *Service) Owner(ctx context.Context, by Actor, id ID) (Owner, error) {
	return one(ctx, s.store.Reads(by).Owners(), by.Org, id, "owner")
}

// OwnerStats gives the numbers of those owners that have any.
func (s *Service) OwnerStats(ctx context.Context, by Actor, ids []ID) (map[ID]OwnerStats, error) {
	return s.store.Reads(by).OwnerStats(ctx, by.Org, ids)
}

// CreateOwner makes a person; a rep unless the patch says otherwise.
func (s *Service) CreateOwner(ctx context.Context, by Actor, p OwnerPatch) (Owner, error) {
	if err := by.checkPeople(); err != nil {
		return Owner{}, err
	}
	var out Owner
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) (err error) {
		out, err = insertOwner(ctx, tx, by, now, p)
		return err
	})
	return out, err
}

// insertOwner makes a person.
func insertOwner(ctx context.Context, tx Tx, by Actor, now Instant, p OwnerPatch) (Owner, error) {
	out := Owner{OrgID: by.Org, ID: NewID(), Role: RoleRep, CreatedAt: now, UpdatedAt: now, Version: 1}
	check := checks{ctx: ctx, tx: tx}
	p.Apply(&out, &check.Rules)
	free(&check, tx.Owners(), KeyEmail, out.Email, out.ID)
	if err := check.err(); err != nil {
		return Owner{}, err
	}
	if err := tx.Owners().Insert(ctx, []Owner{out}); err != nil {
		return Owner{}, err
	}
	return out, tellNewMember(ctx, tx, by, now, out)
}

// OwnerByEmail finds a person by e-mail address.
func (s *Service) OwnerByEmail(ctx context.Context, by Actor, email string) (Owner, error) {
	var out Owner
	err := s.store.DryRun(ctx, by, s.clock(), func(tx Tx) error {
		found, err := tx.Owners().Find(ctx, KeyEmail, []string{strings.ToLower(strings.TrimSpace(email))})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return NotFound("user")
		}
		out, err = one(ctx, tx.Reads().Owners(), by.Org, found[0].ID, "user")
		return err
	})
	return out, err
}

// DeleteOwner hides a person who owns nothing; one who does can only be
// deactivated.
func (s *Service) DeleteOwner(ctx context.Context, by Actor, id ID) error {
	if err := by.checkPeople(); err != nil {
		return err
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		admins, err := tx.LockAdmins(ctx)
		if err != nil {
			return err
		}
		o, err := lockOne(ctx, tx.Owners(), id, "user")
		if err != nil {
			return err
		}
		if by.User == id {
			return Forbidden("Nobody may delete themselves. Ask another admin.")
		}
		if lastAdmin(id, admins) {
			return Conflict("This is the last active admin. Make somebody else one before.")
		}
		used, err := tx.OwnerInUse(ctx, id)
		if err != nil {
			return err
		}
		if used {
			return Conflict("This person owns records and can only be deactivated.")
		}
		if err := tx.Owners().Delete(ctx, o); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionUserDeleted, Target: EntityOwner, TargetID: &id})
	})
}

// Organisations lists every organisation: for whoever runs the program, not for
// its users.
func (s *Service) Organisations(ctx context.Context) ([]Organisation, error) {
	return s.store.Organisations(ctx)
}

// defaultStages is the pipeline of a new organisation.
var defaultStages = []Stage{
	{Name: "Lead", Color: ptr("#94A3B8"), DefaultProbability: 10, Outcome: OutcomeOpen},
	{Name: "Qualified", Color: ptr("#3B82F6"), DefaultProbability: 25, Outcome: OutcomeOpen},
	{Name: "Proposal", Color: ptr("#8B5CF6"), DefaultProbability: 50, Outcome: OutcomeOpen},
	{Name: "Negotiation", Color: ptr("#F59E0B"), DefaultProbability: 75, Outcome: OutcomeOpen},
	{Name: "Won", Color: ptr("#22C55E"), DefaultProbability: 100, Outcome: OutcomeWon},
	{Name: "Lost", Color: ptr("#EF4444"), DefaultProbability: 0, Outcome: OutcomeLost},
}

func ptr[T any](v T) *T { return &v }

// CreateOrganisation makes an organisation with the default pipeline. Names of
// organisations are unique, whatever their case.
func (s *Service) CreateOrganisation(ctx context.Context, name string) (Organisation, error) {
	var r Rules
	now := s.clock()
	org := Organisation{ID: NewID(), DefaultCurrency: s.defaultCurrency, RepsSee: RepsSeeAll, CreatedAt: now}
	r.Name(Of(name), &org.Name)
	if err := r.Err(); err != nil {
		return Organisation{}, err
	}
	others, err := s.store.Organisations(ctx)
	if err != nil {
		return Organisation{}, err
	}
	for _, o := range others { // the store keeps to it too, but need not know the member
		if NameKey(o.Name) == NameKey(org.Name) {
			return Organisation{}, Conflict("Something else has this already", FieldError{"name", "is taken by another one"})
		}
	}
	err = s.store.Write(ctx, Actor{Org: org.ID}, now, func(tx Tx) error {
		if err := tx.PutOrganisation(ctx, org); err != nil {
			return err
		}
		stages := make([]Stage, len(defaultStages))
		for i, stage := range defaultStages {
			stage.OrgID, stage.ID, stage.OrderPosition = org.ID, NewID(), i+1
			stage.CreatedAt, stage.UpdatedAt, stage.Version = now, now, 1
			stages[i] = stage
		}
		return tx.Stages().Insert(ctx, stages)
	})
	return org, err
}
