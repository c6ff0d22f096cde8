package bulk

import (
	"context"
	"maps"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// AdoptDealContacts puts contacts on deals in the roles that the rows say, as
// AdoptOwners creates people. The deals keep their updated_at.
func (s *Service) AdoptDealContacts(ctx context.Context, by crm.Actor, rows []crm.DealContact) ([]AdoptResult, error) {
	return adoptInHalves(ctx, s, by, rows, func(b *batchTx, rows []crm.DealContact) ([]AdoptResult, error) {
		return linkAdoption{b}.batch(rows)
	})
}

// linkAdoption is a batch of deals' further contacts.
type linkAdoption struct{ *batchTx }

// link is what a further contact is known by.
type link struct{ deal, contact crm.ID }

func (l linkAdoption) batch(rows []crm.DealContact) ([]AdoptResult, error) {
	dealIDs, contactIDs := map[crm.ID]bool{}, map[crm.ID]bool{}
	for _, row := range rows {
		dealIDs[row.DealID], contactIDs[row.ContactID] = true, true
	}
	locked, err := l.tx.Deals().LockForUpdate(l.ctx, slices.SortedFunc(maps.Keys(dealIDs), crm.CompareIDs))
	if err != nil {
		return nil, err
	}
	deals := make(map[crm.ID]crm.Deal, len(locked))
	for _, d := range locked {
		deals[d.ID] = d
	}
	contacts, err := lockForShare(l.tx.Contacts().LockForShare).existing(l.ctx, contactIDs)
	if err != nil {
		return nil, err
	}
	roles, err := l.dealContacts(slices.Collect(maps.Keys(deals)))
	if err != nil {
		return nil, err
	}
	results := make([]AdoptResult, len(rows))
	touched := map[crm.ID]bool{}
	for i, row := range rows {
		deal, ok := deals[row.DealID]
		var bad []crm.FieldError
		if !ok {
			bad = append(bad, crm.FieldError{Field: "deal_id", Message: "refers to no deal that exists"})
		}
		if !contacts[row.ContactID] {
			bad = append(bad, crm.FieldError{Field: "contact_id", Message: "refers to no contact that exists"})
		}
		if !slices.Contains(crm.DealContactRoles, row.Role) {
			bad = append(bad, crm.FieldError{Field: "role", Message: "must be one of " + strings.Join(crm.DealContactRoles, ", ")})
		}
		if len(bad) > 0 {
			results[i] = AdoptResult{Verdict: RowRejected, Reason: rejected(bad...).Reason}
			continue
		}
		at := link{row.DealID, row.ContactID}
		role, was := roles[at]
		switch {
		case was && role == row.Role:
			results[i].Verdict = RowUnchanged
			continue
		case was:
			results[i].Verdict = RowUpdated
		default:
			results[i].Verdict = RowCreated
		}
		if err := l.tx.PutDealContact(l.ctx, deal, row); err != nil {
			return nil, err
		}
		roles[at], touched[row.DealID] = row.Role, true
	}
	return results, l.restore(deals, touched)
}

// dealContacts returns the roles that the further contacts of deals have.
func (b *batchTx) dealContacts(deals []crm.ID) (map[link]string, error) {
	roles := map[link]string{}
	for part := range slices.Chunk(slices.SortedFunc(slices.Values(deals), crm.CompareIDs), crm.MaxLimit) {
		found, err := b.tx.Reads().DealContacts(b.ctx, b.by.Org, part)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			roles[link{c.DealID, c.ContactID}] = c.Role
		}
	}
	return roles, nil
}

// restore sets the updated_at of the deals that were touched to what it was.
func (l linkAdoption) restore(deals map[crm.ID]crm.Deal, touched map[crm.ID]bool) error {
	if len(touched) == 0 {
		return nil
	}
	now, err := l.tx.Deals().LockForUpdate(l.ctx, slices.SortedFunc(maps.Keys(touched), crm.CompareIDs))
	if err != nil {
		return err
	}
	changes := make([]crm.Change[crm.Deal], len(now))
	for i, d := range now {
		changes[i] = crm.Change[crm.Deal]{Before: d, After: d}
		changes[i].After.UpdatedAt = deals[d.ID].UpdatedAt
	}
	return l.tx.Deals().Update(l.ctx, changes)
}
