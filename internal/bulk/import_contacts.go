package bulk

import (
	"maps"
	"slices"

	"sixty/internal/crm"
)

// contactKind is the kind of contacts. It remembers which of them become their
// company's primary contact, since that ends it for another one.
type contactKind struct {
	plainKind[crm.Contact, crm.ContactPatch]
	primary map[crm.ID]*crm.Contact // by company, among the records of the rows
	ends    map[crm.ID]bool         // companies whose primary contact changes
}

func newContacts(b *batchTx) kind[crm.Contact, crm.ContactPatch] { return newContactKind(b) }

func newContactKind(b *batchTx) *contactKind {
	return &contactKind{
		plainKind: plainKind[crm.Contact, crm.ContactPatch]{b, contacts},
		primary:   map[crm.ID]*crm.Contact{}, ends: map[crm.ID]bool{},
	}
}

func (k *contactKind) row(row *ImportRow[crm.ContactPatch], c *crm.Contact, isNew bool, r *crm.Rules) {
	named := *row
	if p := &named.Patch; isPlaceholder(c.FullName, c.ExternalID, c.Email) {
		replaceName(&p.FirstName, &p.LastName, p.Email)
	}
	k.plainKind.row(&named, c, isNew, r)
}

func (k *contactKind) independent() bool { return false }

func (k *contactKind) stored(c *crm.Contact) {
	if c.IsPrimary && c.CompanyID != nil {
		k.primary[*c.CompanyID] = c
	}
}

func (k *contactKind) accept(before, after *crm.Contact, _ bool) {
	if !after.IsPrimary || before.IsPrimary && !crm.Differ(before.CompanyID, after.CompanyID) {
		return
	}
	company := *after.CompanyID
	k.ends[company] = true
	if other := k.primary[company]; other != nil && other.ID != after.ID && !crm.Differ(other.CompanyID, &company) {
		other.IsPrimary = false
	}
	k.primary[company] = after
}

// prepare ends what the rows' contacts take over. That raises the versions of the
// contacts that it ended, which may be records of the rows themselves.
func (k *contactKind) prepare(entries []*entry[crm.Contact]) error {
	if len(k.ends) == 0 {
		return nil
	}
	companies := slices.SortedFunc(maps.Keys(k.ends), crm.CompareIDs)
	if err := k.tx.ClearPrimaryContacts(k.ctx, companies); err != nil {
		return err
	}
	ended := map[crm.ID]*entry[crm.Contact]{}
	var ids []crm.ID
	for _, e := range entries {
		if b := &e.before; !e.isNew && b.IsPrimary && b.CompanyID != nil && k.ends[*b.CompanyID] {
			ended[b.ID] = e
			ids = append(ids, b.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	fresh, err := k.tx.Contacts().LockForUpdate(k.ctx, ids)
	for _, c := range fresh {
		e := ended[c.ID]
		e.before, e.after.UpdatedAt, e.after.Version = c, c.UpdatedAt, c.Version
	}
	return err
}

// contactAdoption is the adoption of contacts.
type contactAdoption struct{ *contactKind }

func newContactAdoption(b *batchTx) kind[crm.Contact, crm.ContactPatch] {
	return &contactAdoption{newContactKind(b)}
}

// accept notes that a contact becomes its company's primary one. What the other one
// is from then on, its own row says.
func (k *contactAdoption) accept(before, after *crm.Contact, _ bool) {
	if after.IsPrimary && (!before.IsPrimary || crm.Differ(before.CompanyID, after.CompanyID)) {
		k.ends[*after.CompanyID] = true
	}
}

// prepare ends what the rows' contacts take over, which is no change at the time of
// the adoption but at that of their rows.
func (k *contactAdoption) prepare(entries []*entry[crm.Contact]) error {
	at := make([]crm.Instant, len(entries))
	for i, e := range entries {
		at[i] = e.after.UpdatedAt
	}
	err := k.contactKind.prepare(entries)
	for i, e := range entries {
		e.after.UpdatedAt = at[i]
	}
	return err
}
