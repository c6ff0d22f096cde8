package crm

import (
	"context"
	"slices"
)

// Deals lists deals.
func (s *Service) Deals(ctx context.Context, by Actor, q List[DealFilter]) (Page[Deal], error) {
	return s.store.Reads(by).Deals().Page(ctx, by.Org, q)
}

// Deal reads one deal.
func (s *Service) Deal(ctx context.Context, by Actor, id ID) (Deal, error) {
	return GetOne(ctx, s.store.Reads(by).Deals(), by.Org, id, "deal")
}

// CreateDeal creates a deal. What the patch leaves out: the owner is the actor, the
// stage the first one, the probability that stage's, the company label the deal's
// own name, the currency the organisation's.
func (s *Service) CreateDeal(ctx context.Context, by Actor, p DealPatch) (Deal, error) {
	org, err := s.store.Organisation(ctx, by.Org)
	if err != nil {
		return Deal{}, err
	}
	var out Deal
	now := s.clock()
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		d := NewDeal(by, NewID(), org.DefaultCurrency, now)
		initial := d
		check := checks{ctx: ctx, tx: tx}
		stage, err := check.stageOf(by, p)
		if err != nil {
			return err
		}
		if stage != nil {
			d.Probability = stage.DefaultProbability
		}
		p.Apply(&d, &check.Rules)
		if stage != nil {
			p.Settle(&d, stage, true, now, &check.Rules)
		}
		if d.Company == nil && d.Name != "" {
			d.Company = &d.Name
		}
		if err := by.checkWrite(d.OwnerID); err != nil {
			return err
		}
		check.deal(initial, d)
		if err := check.err(); err != nil {
			return err
		}
		if err := tx.Deals().Insert(ctx, []Deal{d}); err != nil {
			return err
		}
		if err := tx.InsertStageHistory(ctx, []StageHistoryEntry{d.HistoryEntry(by)}); err != nil {
			return err
		}
		out, err = GetOne(ctx, tx.Reads().Deals(), by.Org, d.ID, "deal")
		return err
	})
	return out, err
}

// NewDeal returns an active deal of the actor's with no values yet.
func NewDeal(by Actor, id ID, currency string, now Instant) Deal {
	return Deal{
		OrgID: by.Org, ID: id, Currency: currency, Status: StatusActive,
		OwnerID: by.UserID(), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
}

// UpdateDeal changes the members that the patch holds; a change of stage is
// entered in the deal's history.
func (s *Service) UpdateDeal(ctx context.Context, by Actor, id ID, expected VersionCondition, p DealPatch) (Deal, error) {
	var out Deal
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := LockOne(ctx, tx.Deals(), id, "deal")
		if err != nil {
			return err
		}
		p, err := p.ownText(ctx, tx, before)
		if err != nil {
			return err
		}
		after := before
		check := checks{ctx: ctx, tx: tx}
		p.Apply(&after, &check.Rules)
		if err := dealWrites.allow(by, before, after, expected); err != nil {
			return err
		}
		moved := p.StageID.Set && !p.StageID.Null && p.StageID.Value != before.StageID
		var stage *Stage
		if moved {
			if stage, err = check.stageOf(by, p); err != nil {
				return err
			}
		}
		if !moved || stage != nil {
			p.Settle(&after, stage, moved, now, &check.Rules)
		}
		check.deal(before, after)
		if err := check.err(); err != nil {
			return err
		}
		if !same(before, after) {
			after.UpdatedAt = now
			if err := tx.Deals().Update(ctx, []Change[Deal]{{before, after}}); err != nil {
				return err
			}
		}
		if moved {
			if err := tx.CloseStageHistory(ctx, []ID{id}, now); err != nil {
				return err
			}
			if err := tx.InsertStageHistory(ctx, []StageHistoryEntry{after.HistoryEntry(by)}); err != nil {
				return err
			}
		}
		out, err = GetOne(ctx, tx.Reads().Deals(), by.Org, id, "deal")
		return err
	})
	return out, err
}

// ownText takes contact_name and contact_email out of a patch that sends back what the
// deal shows of its primary contact: they are the contact's, not the deal's own.
func (p DealPatch) ownText(ctx context.Context, tx Tx, d Deal) (DealPatch, error) {
	if d.PrimaryContactID == nil || !p.ContactName.Set && !p.ContactEmail.Set {
		return p, nil
	}
	shown, err := GetOne(ctx, tx.Reads().Deals(), d.OrgID, d.ID, "deal")
	if err != nil {
		return p, err
	}
	for _, m := range []struct {
		sent  *Field[string]
		shown *string
	}{{&p.ContactName, shown.ContactName}, {&p.ContactEmail, shown.ContactEmail}} {
		if m.shown != nil && m.sent.Value == *m.shown {
			*m.sent = Field[string]{}
		}
	}
	return p, nil
}

// DeleteDeal hides a deal; its activities and tasks remain, without it.
func (s *Service) DeleteDeal(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	return dealWrites.delete(ctx, s, by, id, expected)
}

// dealWrites deletes and locks deals. CreateDeal and UpdateDeal do what they need for stages.
var dealWrites = writes[Deal, DealPatch]{
	what: "deal", table: Tx.Deals, release: Tx.ClearDeal,
	permit: func(by Actor, before, after Deal) error { return by.checkWrite(before.OwnerID, after.OwnerID) },
	stamps: func(d *Deal) (*Instant, *int64) { return &d.UpdatedAt, &d.Version },
	keys:   func(d *Deal) []uniqueValue { return []uniqueValue{{KeyExternalID, d.ExternalID}} },
	revive: reviveDeal,
}

// RestoreDeal shows a deleted deal again, and on its activities and tasks that have no other.
func (s *Service) RestoreDeal(ctx context.Context, by Actor, id ID) (Deal, error) {
	var out Deal
	err := s.Atomic(ctx, by, func(ctx context.Context) (err error) {
		if _, err = dealWrites.restore(ctx, s, by, id); err != nil {
			return err
		}
		out, err = s.Deal(ctx, by, id)
		return err
	})
	return out, err
}

// reviveDeal puts a deal whose stage was deleted meanwhile into the first one. Its status stays.
func reviveDeal(ctx context.Context, tx Tx, by Actor, now Instant, d *Deal) error {
	held, err := tx.Stages().LockForShare(ctx, []ID{d.StageID})
	if err != nil || len(held) > 0 {
		return err
	}
	check := checks{ctx: ctx, tx: tx}
	stage, err := check.stageOf(by, DealPatch{})
	if err == nil && stage == nil {
		err = Conflict("The deal's stage was deleted, and there is no other")
	}
	if err != nil {
		return err
	}
	d.StageID, d.StageChangedAt = stage.ID, now
	if err := tx.CloseStageHistory(ctx, []ID{d.ID}, now); err != nil {
		return err
	}
	return tx.InsertStageHistory(ctx, []StageHistoryEntry{d.HistoryEntry(by)})
}

// DealHistory returns a deal's stage history, oldest first.
func (s *Service) DealHistory(ctx context.Context, by Actor, id ID) ([]StageHistoryEntry, error) {
	if _, err := s.Deal(ctx, by, id); err != nil {
		return nil, err
	}
	return s.store.Reads(by).StageHistory(ctx, by.Org, id)
}

// DealContacts returns the further contacts of deals, ordered by deal and contact.
func (s *Service) DealContacts(ctx context.Context, by Actor, deals []ID) ([]DealContact, error) {
	return s.store.Reads(by).DealContacts(ctx, by.Org, deals)
}

// PutDealContact adds a contact to a deal, or changes the part it plays there. What is
// expected is the deal, which is changed by it, and whether the contact is on it already.
func (s *Service) PutDealContact(ctx context.Context, by Actor, deal, contact ID, expected VersionCondition, role string) (DealContact, error) {
	out := DealContact{DealID: deal, ContactID: contact, Role: role}
	expected, part := expected.OfPart()
	err := s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		d, err := dealWrites.lock(ctx, tx, by, deal, expected)
		if err != nil {
			return err
		}
		if held, err := tx.Contacts().LockForShare(ctx, []ID{contact}); err != nil {
			return err
		} else if len(held) == 0 {
			return NotFound("contact")
		}
		if part != MayExist {
			there, err := tx.Reads().DealContacts(ctx, by.Org, []ID{deal})
			if err != nil {
				return err
			}
			if err := part.Check(slices.ContainsFunc(there, func(c DealContact) bool { return c.ContactID == contact })); err != nil {
				return err
			}
		}
		if _, violation := contactRoleRule.Check(role); violation != "" {
			return Invalid(FieldError{"role", violation})
		}
		return tx.PutDealContact(ctx, d, out)
	})
	return out, err
}

// DeleteDealContact takes a contact off a deal. What is expected is the deal, which is
// changed by it.
func (s *Service) DeleteDealContact(ctx context.Context, by Actor, deal, contact ID, expected VersionCondition) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		d, err := dealWrites.lock(ctx, tx, by, deal, expected)
		if err != nil {
			return err
		}
		if held, err := tx.Contacts().LockForShare(ctx, []ID{contact}); err != nil {
			return err
		} else if len(held) == 0 {
			return NotFound("contact on this deal")
		}
		was, err := tx.DeleteDealContact(ctx, d, contact)
		if err == nil && !was {
			return NotFound("contact on this deal")
		}
		return err
	})
}

// DaysInStage returns a function of the whole days, UTC, that a deal has been in its stage. The
// answer is valid until the day has ended.
func (s *Service) DaysInStage(ctx context.Context) func(*Deal) int {
	today := DateOf(s.now())
	ValidUntil(ctx, (today + 1).Instant())
	return func(d *Deal) int { return max(0, int(today-DateOf(d.StageChangedAt.Time()))) }
}

// HistoryEntry returns the stage history entry that begins with the deal as it is.
func (d Deal) HistoryEntry(by Actor) StageHistoryEntry {
	return StageHistoryEntry{OrgID: d.OrgID, ID: NewID(), DealID: d.ID, StageID: d.StageID, EnteredAt: d.StageChangedAt, UserID: by.UserID()}
}

// stageOf returns the stage that a deal enters: the one sent, or else the first. It is nil
// when there is none, and then that is among the validation errors.
func (c *checks) stageOf(by Actor, p DealPatch) (*Stage, error) {
	if p.StageID.Set && p.StageID.Null {
		return nil, nil // said by apply
	}
	if p.StageID.Set {
		rows, err := c.tx.Reads().Stages().ByID(c.ctx, by.Org, []ID{p.StageID.Value})
		if err != nil {
			return nil, err
		}
		if held, err := c.tx.Stages().LockForShare(c.ctx, []ID{p.StageID.Value}); err != nil {
			return nil, err
		} else if len(rows) > 0 && len(held) > 0 {
			return &rows[0], nil
		}
		c.Add("stage_id", "refers to a deal stage that does not exist")
		return nil, nil
	}
	page, err := c.tx.Reads().Stages().Page(c.ctx, by.Org, List[StageFilter]{Sort: Stages.Sorts.Default, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		c.Add("stage_id", "must be given: there are no deal stages yet")
		return nil, nil
	}
	return &page.Rows[0], nil
}

func (c *checks) deal(before, after Deal) {
	exists(c, "owner_id", changed(before.OwnerID, after.OwnerID), c.tx.Owners(), "an owner")
	exists(c, "company_id", changed(before.CompanyID, after.CompanyID), c.tx.Companies(), "a company")
	exists(c, "primary_contact_id", changed(before.PrimaryContactID, after.PrimaryContactID), c.tx.Contacts(), "a contact")
	dealWrites.distinct(c, &before, &after, after.ID)
}
