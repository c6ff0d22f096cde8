package crm

import "context"

// Owners lists the people of the organisation, deactivated ones included: they
// still own records.
func (s *Service) Owners(ctx context.Context, by Actor, q List[OwnerFilter]) (Page[Owner], error) {
	return s.store.Reads(by).Owners().Page(ctx, by.Org, q)
}

// Owner reads one person's public profile.
func (s *Service) Owner(ctx context.Context, by Actor, id ID) (Owner, error) {
	return GetOne(ctx, s.store.Reads(by).Owners(), by.Org, id, "owner")
}

// OwnerStats returns the numbers of those owners that have any.
func (s *Service) OwnerStats(ctx context.Context, by Actor, ids []ID) (map[ID]OwnerStats, error) {
	return s.store.Reads(by).OwnerStats(ctx, by.Org, ids)
}

// NewOwner returns a person, a rep, with no values yet.
func NewOwner(by Actor, id ID, now Instant) Owner {
	return Owner{OrgID: by.Org, ID: id, Role: RoleRep, CreatedAt: now, UpdatedAt: now, Version: 1}
}
