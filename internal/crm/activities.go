package crm

import "context"

// Activities lists activities.
func (s *Service) Activities(ctx context.Context, by Actor, q List[ActivityFilter]) (Page[Activity], error) {
	return s.store.Reads(by).Activities().Page(ctx, by.Org, q)
}

// Activity reads one activity.
func (s *Service) Activity(ctx context.Context, by Actor, id ID) (Activity, error) {
	return GetOne(ctx, s.store.Reads(by).Activities(), by.Org, id, "activity")
}

// CreateActivity creates an activity: completed, of now, and the actor's, unless the
// patch says otherwise.
func (s *Service) CreateActivity(ctx context.Context, by Actor, p ActivityPatch) (Activity, error) {
	now := s.clock()
	return activityWrites.create(ctx, s, by, now, NewActivity(by, NewID(), now), p)
}

// NewActivity returns a completed activity of the actor's, of now, with no other values yet.
func NewActivity(by Actor, id ID, now Instant) Activity {
	return Activity{
		OrgID: by.Org, ID: id, Status: ActivityCompleted, Date: now,
		OwnerID: by.UserID(), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
}

// UpdateActivity changes the members that the patch holds.
func (s *Service) UpdateActivity(ctx context.Context, by Actor, id ID, expected VersionCondition, p ActivityPatch) (Activity, error) {
	return activityWrites.update(ctx, s, by, s.clock(), id, expected, p)
}

// DeleteActivity hides an activity.
func (s *Service) DeleteActivity(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return activityWrites.delete(ctx, s, by, id, expected)
}

// RestoreActivity shows a deleted activity again.
func (s *Service) RestoreActivity(ctx context.Context, by Actor, id ID) (Activity, error) {
	return activityWrites.restore(ctx, s, by, id)
}

var activityWrites = writes[Activity, ActivityPatch]{
	what: "activity", table: Tx.Activities, apply: ActivityPatch.Apply,
	check:  (*checks).activity,
	permit: func(by Actor, before, after Activity) error { return by.checkWrite(before.OwnerID, after.OwnerID) },
	stamps: func(a *Activity) (*Instant, *int64) { return &a.UpdatedAt, &a.Version },
	keys:   func(a *Activity) []uniqueValue { return []uniqueValue{{KeyExternalID, a.ExternalID}} },
}

func (c *checks) activity(before, after Activity) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
	exists(c, "contact_id", changed(before.ContactID, after.ContactID), c.tx.Contacts(), "a contact")
	exists(c, "deal_id", changed(before.DealID, after.DealID), c.tx.Deals(), "a deal")
}
