package crm

import (
	"cmp"
	"context"
)

// Companies lists companies.
func (s *Service) Companies(ctx context.Context, by Actor, q List[CompanyFilter]) (Page[Company], error) {
	return s.store.Reads(by).Companies().Page(ctx, by.Org, q)
}

// CompaniesByID returns those of the ids that exist, at most MaxLimit at once.
func (s *Service) CompaniesByID(ctx context.Context, by Actor, ids []ID) ([]Company, error) {
	return s.store.Reads(by).Companies().ByID(ctx, by.Org, ids)
}

// Company reads one company.
func (s *Service) Company(ctx context.Context, by Actor, id ID) (Company, error) {
	return GetOne(ctx, s.store.Reads(by).Companies(), by.Org, id, "company")
}

// CompanyStats returns the numbers of those companies that have any.
func (s *Service) CompanyStats(ctx context.Context, by Actor, ids []ID) (map[ID]CompanyStats, error) {
	return s.store.Reads(by).CompanyStats(ctx, by.Org, ids)
}

// CreateCompany creates a company, owned by the actor unless the patch says otherwise.
func (s *Service) CreateCompany(ctx context.Context, by Actor, p CompanyPatch) (Company, error) {
	var out Company
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		initial := NewCompany(by, NewID(), now)
		out = initial
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&out, &check.Rules)
		if err := by.checkWrite(out.OwnerID); err != nil {
			return err
		}
		check.company(initial, out)
		if err := check.err(); err != nil {
			return err
		}
		return tx.Companies().Insert(ctx, []Company{out})
	})
	return out, err
}

// NewCompany returns a company of the actor's with no values yet.
func NewCompany(by Actor, id ID, now Instant) Company {
	return Company{OrgID: by.Org, ID: id, OwnerID: by.UserID(), CreatedAt: now, UpdatedAt: now, Version: 1}
}

// UpdateCompany changes the members that the patch holds.
func (s *Service) UpdateCompany(ctx context.Context, by Actor, id ID, expected VersionCondition, p CompanyPatch) (Company, error) {
	var out Company
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := LockOne(ctx, tx.Companies(), id, "company")
		if err != nil {
			return err
		}
		out = before
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&out, &check.Rules)
		if err := cmp.Or(by.checkWrite(before.OwnerID, out.OwnerID), expected.Check(before.Version)); err != nil {
			return err
		}
		check.company(before, out)
		if err := check.err(); err != nil || same(before, out) {
			return err
		}
		out.UpdatedAt = now
		err = tx.Companies().Update(ctx, []Change[Company]{{before, out}})
		out.Version++
		return err
	})
	return out, err
}

// DeleteCompany hides a company; its deals, contacts, activities and tasks remain,
// without it.
func (s *Service) DeleteCompany(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		c, err := LockOne(ctx, tx.Companies(), id, "company")
		if err != nil {
			return err
		}
		if err := cmp.Or(by.checkWrite(c.OwnerID), expected.Check(c.Version)); err != nil {
			return err
		}
		if err := tx.ClearCompany(ctx, id); err != nil {
			return err
		}
		return tx.Companies().Delete(ctx, c)
	})
}

func (c *checks) company(before, after Company) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
	free(c, c.tx.Companies(), KeyDomain, changed(before.Domain, after.Domain), after.ID)
	free(c, c.tx.Companies(), KeyExternalID, changed(before.ExternalID, after.ExternalID), after.ID)
}
