package accounts

import (
	"context"
	"strconv"

	"sixty/internal/crm"
)

// Organisations lists every organisation: for the operator of the program, not for its users.
func (s *Service) Organisations(ctx context.Context) ([]crm.Organisation, error) {
	return s.store.Organisations(ctx)
}

// CreateOrganisation creates an organisation with the default pipeline. Names of organisations
// are unique, whatever their case.
func (s *Service) CreateOrganisation(ctx context.Context, name string) (crm.Organisation, error) {
	var r crm.Rules
	now := s.clock()
	org := crm.Organisation{ID: crm.NewID(), DefaultCurrency: s.defaultCurrency, RepsSee: crm.RepsSeeAll, CreatedAt: now}
	crm.OrganisationPatch{Name: crm.Of(name)}.Apply(&org, &r)
	if err := r.Err(); err != nil {
		return crm.Organisation{}, err
	}
	others, err := s.store.Organisations(ctx)
	if err != nil {
		return crm.Organisation{}, err
	}
	for _, o := range others { // the store enforces it too, but may not know the member
		if crm.NameKey(o.Name) == crm.NameKey(org.Name) {
			return crm.Organisation{}, crm.InUse(crm.UsedElsewhere("name"))
		}
	}
	err = s.store.Write(ctx, crm.Actor{Org: org.ID}, now, func(tx Tx) error {
		if err := tx.PutOrganisation(ctx, org); err != nil {
			return err
		}
		return tx.Stages().Insert(ctx, crm.DefaultStages(crm.Actor{Org: org.ID}, now))
	})
	return org, err
}

// UpdateOrganisation changes the settings of the actor's organisation that are in the patch.
// Every instance applies a change of what reps see within a second.
func (s *Service) UpdateOrganisation(ctx context.Context, by crm.Actor, expected crm.VersionCondition, p crm.OrganisationPatch) (crm.Organisation, error) {
	var out crm.Organisation
	err := s.writeAsAdmin(ctx, by, "change the organisation's settings", func(tx Tx, now crm.Instant) error {
		before, err := tx.LockOrganisation(ctx)
		if err != nil {
			return err
		}
		if err := expected.Check(before.Version()); err != nil {
			return err
		}
		out = before
		var r crm.Rules
		p.Apply(&out, &r)
		if err := r.Err(); err != nil || before.Version() == out.Version() {
			return err
		}
		err = tx.UpdateOrganisation(ctx, out)
		if crm.CodeOf(err) == crm.CodeConflict { // there is nothing else that two could have
			return crm.InUse(crm.UsedElsewhere("name"))
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
		if crm.Differ(out.KeyMaxDays, before.KeyMaxDays) {
			details["key_max_days"] = "none"
			if out.KeyMaxDays != nil {
				details["key_max_days"] = strconv.Itoa(*out.KeyMaxDays)
			}
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionSettingsChanged, Target: crm.EntityOrganisation, TargetID: &out.ID, Details: details})
	})
	return out, err
}
