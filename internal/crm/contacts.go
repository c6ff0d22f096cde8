package crm

import "context"

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
	now := s.clock()
	return contactWrites.create(ctx, s, by, now, NewContact(by, NewID(), now), p)
}

// NewContact returns a contact of the actor's with no values yet.
func NewContact(by Actor, id ID, now Instant) Contact {
	return Contact{OrgID: by.Org, ID: id, OwnerID: by.UserID(), CreatedAt: now, UpdatedAt: now, Version: 1}
}

// UpdateContact changes the members that the patch holds.
func (s *Service) UpdateContact(ctx context.Context, by Actor, id ID, expected VersionCondition, p ContactPatch) (Contact, error) {
	return contactWrites.update(ctx, s, by, s.clock(), id, expected, p)
}

// DeleteContact hides a contact; its deals, activities and tasks remain, without it.
func (s *Service) DeleteContact(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return contactWrites.delete(ctx, s, by, id, expected)
}

// endOtherPrimary ends the primary flag of another contact when a contact becomes its
// company's primary one. The actor must be one who may write the other contact.
func endOtherPrimary(ctx context.Context, tx Tx, by Actor, before, after Contact) error {
	was := before.IsPrimary && !Differ(before.CompanyID, after.CompanyID)
	if !after.IsPrimary || after.CompanyID == nil || was {
		return nil
	}
	others, err := tx.LockPrimaryContacts(ctx, *after.CompanyID)
	if err != nil {
		return err
	}
	if err := by.checkPrimary(others); err != nil || len(others) == 0 {
		return err
	}
	return tx.ClearPrimaryContacts(ctx, []ID{*after.CompanyID})
}

// RestoreContact shows a deleted contact again, and on its deals, activities and tasks that have no other.
func (s *Service) RestoreContact(ctx context.Context, by Actor, id ID) (Contact, error) {
	return contactWrites.restore(ctx, s, by, id)
}

// reviveContact ends the primary flag of a contact whose company has another primary one now.
func reviveContact(ctx context.Context, tx Tx, _ Actor, _ Instant, c *Contact) error {
	if !c.IsPrimary || c.CompanyID == nil {
		return nil
	}
	others, err := tx.LockPrimaryContacts(ctx, *c.CompanyID)
	c.IsPrimary = len(others) == 0
	return err
}

var contactWrites = writes[Contact, ContactPatch]{
	what: "contact", table: Tx.Contacts, apply: ContactPatch.Apply,
	prepare: endOtherPrimary, check: (*checks).contact, release: Tx.ClearContact,
	permit: func(by Actor, before, after Contact) error { return by.checkWrite(before.OwnerID, after.OwnerID) },
	stamps: func(c *Contact) (*Instant, *int64) { return &c.UpdatedAt, &c.Version },
	keys: func(c *Contact) []uniqueValue {
		return []uniqueValue{{KeyEmail, c.Email}, {KeyExternalID, c.ExternalID}}
	},
	revive: reviveContact,
}

func (c *checks) contact(before, after Contact) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
}
