package crm

import "context"

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
	now := s.clock()
	return companyWrites.create(ctx, s, by, now, NewCompany(by, NewID(), now), p)
}

// NewCompany returns a company of the actor's with no values yet.
func NewCompany(by Actor, id ID, now Instant) Company {
	return Company{OrgID: by.Org, ID: id, OwnerID: by.UserID(), CreatedAt: now, UpdatedAt: now, Version: 1}
}

// UpdateCompany changes the members that the patch holds.
func (s *Service) UpdateCompany(ctx context.Context, by Actor, id ID, expected VersionCondition, p CompanyPatch) (Company, error) {
	return companyWrites.update(ctx, s, by, s.clock(), id, expected, p)
}

// DeleteCompany hides a company; its deals, contacts, activities and tasks remain,
// without it.
func (s *Service) DeleteCompany(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return companyWrites.delete(ctx, s, by, id, expected)
}

// RestoreCompany shows a deleted company again, and on its deals, contacts, activities and tasks that have no other.
func (s *Service) RestoreCompany(ctx context.Context, by Actor, id ID) (Company, error) {
	return companyWrites.restore(ctx, s, by, id)
}

var companyWrites = writes[Company, CompanyPatch]{
	what: "company", table: Tx.Companies, apply: CompanyPatch.Apply,
	check: (*checks).company, release: Tx.ClearCompany,
	permit: func(by Actor, before, after Company) error { return by.checkWrite(before.OwnerID, after.OwnerID) },
	stamps: func(c *Company) (*Instant, *int64) { return &c.UpdatedAt, &c.Version },
	keys: func(c *Company) []uniqueValue {
		return []uniqueValue{{KeyDomain, c.Domain}, {KeyExternalID, c.ExternalID}}
	},
}

func (c *checks) company(before, after Company) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
}
