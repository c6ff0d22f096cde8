package crm

import (
	"cmp"
	"context"
)

// Contacts lists contacts.
func (s *Service) Contacts(ctx context.Context, by Actor, q List[ContactFilter]) (Page[Contact], error) {
	return s.store.Reads(by).Contacts().Page(ctx, by.Org, q)
}

// ContactsByID returns those of the ids that exist, at most MaxLimit at once.
func (s *Service) ContactsByID(ctx context.Context, by Actor, ids []ID) ([]Contact, error) {
	return s.store.Reads(by).Contacts().ByID(ctx, by.Org, ids)
}

// Contact reads one contact.
func (s *Service) Contact(ctx context.Context, by Actor, id ID) (Contact, error) {
	return GetOne(ctx, s.store.Reads(by).Contacts(), by.Org, id, "contact")
}

// CreateContact creates a contact, owned by the actor unless the patch says otherwise.
func (s *Service) CreateContact(ctx context.Context, by Actor, p ContactPatch) (Contact, error) {
	var out Contact
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		initial := NewContact(by, NewID(), now)
		out = initial
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&out, &check.Rules)
		if err := by.checkWrite(out.OwnerID); err != nil {
			return err
		}
		check.contact(initial, out)
		if err := check.err(); err != nil {
			return err
		}
		if err := endOtherPrimary(ctx, tx, initial, out); err != nil {
			return err
		}
		return tx.Contacts().Insert(ctx, []Contact{out})
	})
	return out, err
}

// NewContact returns a contact of the actor's with no values yet.
func NewContact(by Actor, id ID, now Instant) Contact {
	return Contact{OrgID: by.Org, ID: id, OwnerID: by.UserID(), CreatedAt: now, UpdatedAt: now, Version: 1}
}

// UpdateContact changes the members that the patch holds.
func (s *Service) UpdateContact(ctx context.Context, by Actor, id ID, expected VersionCondition, p ContactPatch) (Contact, error) {
	var out Contact
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := LockOne(ctx, tx.Contacts(), id, "contact")
		if err != nil {
			return err
		}
		out = before
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&out, &check.Rules)
		if err := cmp.Or(by.checkWrite(before.OwnerID, out.OwnerID), expected.Check(before.Version)); err != nil {
			return err
		}
		check.contact(before, out)
		if err := check.err(); err != nil || same(before, out) {
			return err
		}
		if err := endOtherPrimary(ctx, tx, before, out); err != nil {
			return err
		}
		out.UpdatedAt = now
		err = tx.Contacts().Update(ctx, []Change[Contact]{{before, out}})
		out.Version++
		return err
	})
	return out, err
}

// DeleteContact hides a contact; its deals, activities and tasks remain, without it.
func (s *Service) DeleteContact(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		c, err := LockOne(ctx, tx.Contacts(), id, "contact")
		if err != nil {
			return err
		}
		if err := cmp.Or(by.checkWrite(c.OwnerID), expected.Check(c.Version)); err != nil {
			return err
		}
		if err := tx.ClearContact(ctx, id); err != nil {
			return err
		}
		return tx.Contacts().Delete(ctx, c)
	})
}

// endOtherPrimary ends the primary flag of another contact when a contact becomes its
// company's primary one.
func endOtherPrimary(ctx context.Context, tx Tx, before, after Contact) error {
	was := before.IsPrimary && !Differ(before.CompanyID, after.CompanyID)
	if !after.IsPrimary || was {
		return nil
	}
	return tx.ClearPrimaryContacts(ctx, []ID{*after.CompanyID})
}

func (c *checks) contact(before, after Contact) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
	free(c, c.tx.Contacts(), KeyEmail, changed(before.Email, after.Email), after.ID)
	free(c, c.tx.Contacts(), KeyExternalID, changed(before.ExternalID, after.ExternalID), after.ID)
}
