package crm

import (
	"cmp"
	"context"
)

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
	var out Activity
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		initial := NewActivity(by, NewID(), now)
		out = initial
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&out, &check.Rules)
		if err := by.checkWrite(out.OwnerID); err != nil {
			return err
		}
		check.activity(initial, out)
		if err := check.err(); err != nil {
			return err
		}
		return tx.Activities().Insert(ctx, []Activity{out})
	})
	return out, err
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
	var out Activity
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := LockOne(ctx, tx.Activities(), id, "activity")
		if err != nil {
			return err
		}
		out = before
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&out, &check.Rules)
		if err := cmp.Or(by.checkWrite(before.OwnerID, out.OwnerID), expected.Check(before.Version)); err != nil {
			return err
		}
		check.activity(before, out)
		if err := check.err(); err != nil || same(before, out) {
			return err
		}
		out.UpdatedAt = now
		err = tx.Activities().Update(ctx, []Change[Activity]{{before, out}})
		out.Version++
		return err
	})
	return out, err
}

// DeleteActivity hides an activity.
func (s *Service) DeleteActivity(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		a, err := LockOne(ctx, tx.Activities(), id, "activity")
		if err != nil {
			return err
		}
		if err := cmp.Or(by.checkWrite(a.OwnerID), expected.Check(a.Version)); err != nil {
			return err
		}
		return tx.Activities().Delete(ctx, a)
	})
}

func (c *checks) activity(before, after Activity) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
	exists(c, "contact_id", changed(before.ContactID, after.ContactID), c.tx.Contacts(), "a contact")
	exists(c, "deal_id", changed(before.DealID, after.DealID), c.tx.Deals(), "a deal")
}
