package crm

import "context"

// RepVisibility says what the reps of an organisation see of what people own.
type RepVisibility string

// What reps may see.
const (
	RepsSeeAll RepVisibility = "everything"
	RepsSeeOwn RepVisibility = "own" // see Actor.OwnerScope
)

// A Holder is whom a credential acts for, and what their organisation says of them.
type Principal struct {
	Owner
	RepsSee RepVisibility
}

// Actor gives the one who acts for the holder with a role. There is no other way to say
// what an actor sees: made without it, a rep sees only their own.
func (h Principal) Actor(role Role) Actor {
	return Actor{Org: h.OrgID, User: h.ID, Role: role, SeesAll: h.RepsSee == RepsSeeAll}
}

// Organisation reads the actor's own organisation.
func (s *Service) Organisation(ctx context.Context, by Actor) (Organisation, error) {
	return s.store.Organisation(ctx, by.Org)
}

// UpdateOrganisation changes the settings of the actor's organisation that the patch
// holds. What reps see, they see within a second, and nothing else any more.
func (s *Service) UpdateOrganisation(ctx context.Context, by Actor, p OrganisationPatch) (Organisation, error) {
	if err := by.checkSettings(); err != nil {
		return Organisation{}, err
	}
	var out Organisation
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := tx.LockOrganisation(ctx)
		if err != nil {
			return err
		}
		out = before
		var r Rules
		p.Apply(&out, &r)
		if err := r.Err(); err != nil || same(before, out) {
			return err
		}
		err = tx.UpdateOrganisation(ctx, out)
		if CodeOf(err) == CodeConflict { // there is nothing else that two could have
			return Conflict("Something else has this already", FieldError{"name", "is taken by another one"})
		}
		if err != nil {
			return err
		}
		details := map[string]string{}
		if out.Name != before.Name {
			details["name"] = out.Name
		}
		if out.RepsSee != before.RepsSee {
			details["reps_see"] = string(out.RepsSee)
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionSettingsChanged, Target: EntityOrganisation, TargetID: &out.ID, Details: details})
	})
	return out, err
}

// checkSettings refuses an actor who may not change the organisation's settings.
func (a Actor) checkSettings() error {
	if a.Role == RoleAdmin {
		return nil
	}
	return Forbidden("Only admins may change the organisation's settings.")
}

// Organisation is a tenant: everything else belongs to one.
type Organisation struct {
	ID              ID            `json:"id"`
	Name            string        `json:"name"`
	DefaultCurrency string        `json:"default_currency" doc:"ISO 4217."`
	RepsSee         RepVisibility `json:"reps_see" enum:"everything,own" doc:"What reps see of what people own: everything, or only what they own themselves."`
	CreatedAt       Instant       `json:"-"`
}

// OrganisationPatch holds the settings of an organisation that an admin may write.
type OrganisationPatch struct {
	Name    Field[string] `json:"name"`
	RepsSee Field[string] `json:"reps_see"`

	DecodeErrors DecodeErrors `json:"-"`
}

// Organisations declares them.
var Organisations = Declare(Entity[Organisation, OrganisationPatch, struct{}]{
	Name:         EntityOrganisation,
	DecodeErrors: func(p *OrganisationPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Organisation, OrganisationPatch]{
		{Name: "id", At: func(o *Organisation, _ *OrganisationPatch) (any, any) { return &o.ID, nil }},
		{Name: "name", Rule: nameRule, At: func(o *Organisation, p *OrganisationPatch) (any, any) { return &o.Name, &p.Name }},
		{Name: "default_currency", At: func(o *Organisation, _ *OrganisationPatch) (any, any) { return &o.DefaultCurrency, nil }},
		{Name: "reps_see", At: func(o *Organisation, p *OrganisationPatch) (any, any) { return (*string)(&o.RepsSee), &p.RepsSee }},
		{Name: "created_at", At: func(o *Organisation, _ *OrganisationPatch) (any, any) { return &o.CreatedAt, nil }},
	},
})

// Apply applies the patch by the rules of each member.
func (p OrganisationPatch) Apply(o *Organisation, r *Rules) { Organisations.Apply(&p, o, r) }
