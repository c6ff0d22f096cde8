package bulk

import (
	"slices"

	"sixty/internal/crm"
)

// contactImport is the import of contacts. It remembers which of them become their
// company's primary contact, since that ends it for another one.
type contactImport struct {
	plainImport[crm.Contact]
	*importTx
	primary map[crm.ID]*crm.Contact // by company, among the records of the rows
	ends    map[crm.ID]bool         // companies whose primary contact changes
}

func newContactImport(b *importTx) importKind[crm.Contact, crm.ContactPatch] { return newContacts(b) }

func newContacts(b *importTx) *contactImport {
	return &contactImport{importTx: b, primary: map[crm.ID]*crm.Contact{}, ends: map[crm.ID]bool{}}
}

func (k *contactImport) nouns() (string, string)             { return "contact", "contacts" }
func (k *contactImport) table() crm.Table[crm.Contact]       { return k.tx.Contacts() }
func (k *contactImport) id(c *crm.Contact) crm.ID            { return c.ID }
func (k *contactImport) created(c *crm.Contact) *crm.Instant { return &c.CreatedAt }
func (k *contactImport) updated(c *crm.Contact) *crm.Instant { return &c.UpdatedAt }
func (k *contactImport) unique() []crm.Key                   { return []crm.Key{crm.KeyExternalID, crm.KeyEmail} }

func (k *contactImport) newRecord(id crm.ID) crm.Contact {
	return crm.NewContact(k.by, id, k.now)
}

func (k *contactImport) independent() bool { return false }

func (k *contactImport) key(c *crm.Contact, key crm.Key) string {
	switch key {
	case crm.KeyExternalID:
		return text(c.ExternalID)
	case crm.KeyEmail:
		return text(c.Email)
	default:
		return crm.NameKey(c.FullName)
	}
}

func (k *contactImport) decodeErrors(p *crm.ContactPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *contactImport) members(p *crm.ContactPatch, c *crm.Contact, r *crm.Rules) { p.Apply(c, r) }

func (k *contactImport) row(row *ImportRow[crm.ContactPatch], c *crm.Contact, _ bool, r *crm.Rules) {
	p := row.Patch
	k.refs.companies.into(row.Company, &p.CompanyID, r)
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	p.Apply(c, r)
}

func (k *contactImport) stored(c *crm.Contact) {
	if c.IsPrimary && c.CompanyID != nil {
		k.primary[*c.CompanyID] = c
	}
}

func (k *contactImport) accept(before, after *crm.Contact, _ bool) {
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
func (k *contactImport) prepare(entries []*entry[crm.Contact]) error {
	if len(k.ends) == 0 {
		return nil
	}
	companies := make([]crm.ID, 0, len(k.ends))
	for id := range k.ends {
		companies = append(companies, id)
	}
	slices.SortFunc(companies, compareIDs)
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
