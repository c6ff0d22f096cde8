package crm

import "slices"

// contactImport is the import of contacts. It remembers which of them become their
// company's primary contact, since that ends it for another one.
type contactImport struct {
	quietKind[Contact]
	*importTx
	primary map[ID]*Contact // by company, among the things of the rows
	ends    map[ID]bool     // companies whose primary contact changes
}

func newContactImport(b *importTx) importKind[Contact, ContactPatch] {
	return &contactImport{importTx: b, primary: map[ID]*Contact{}, ends: map[ID]bool{}}
}

func (k *contactImport) nouns() (string, string)     { return "contact", "contacts" }
func (k *contactImport) table() Table[Contact]       { return k.tx.Contacts() }
func (k *contactImport) id(c *Contact) ID            { return c.ID }
func (k *contactImport) created(c *Contact) *Instant { return &c.CreatedAt }
func (k *contactImport) updated(c *Contact) *Instant { return &c.UpdatedAt }
func (k *contactImport) unique() []Key               { return []Key{KeyExternalID, KeyEmail} }

func (k *contactImport) blank(id ID) Contact {
	return Contact{OrgID: k.by.Org, ID: id, OwnerID: k.by.userID(), CreatedAt: k.now, UpdatedAt: k.now, Version: 1}
}

func (k *contactImport) apart() bool { return false }

func (k *contactImport) key(c *Contact, key Key) string {
	switch key {
	case KeyExternalID:
		return text(c.ExternalID)
	case KeyEmail:
		return text(c.Email)
	default:
		return NameKey(c.FullName)
	}
}

func (k *contactImport) unread(p *ContactPatch) DecodeErrors { return p.DecodeErrors }

func (k *contactImport) members(p *ContactPatch, c *Contact, r *Rules) { p.Apply(c, r) }

func (k *contactImport) row(row *ImportRow[ContactPatch], c *Contact, _ bool, r *Rules) {
	p := row.Patch
	k.refs.companies.into(row.Company, &p.CompanyID, r)
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	p.Apply(c, r)
}

func (k *contactImport) stored(c *Contact) {
	if c.IsPrimary && c.CompanyID != nil {
		k.primary[*c.CompanyID] = c
	}
}

func (k *contactImport) accept(before, after *Contact, _ bool) {
	if !after.IsPrimary || before.IsPrimary && !differ(before.CompanyID, after.CompanyID) {
		return
	}
	company := *after.CompanyID
	k.ends[company] = true
	if other := k.primary[company]; other != nil && other.ID != after.ID && !differ(other.CompanyID, &company) {
		other.IsPrimary = false
	}
	k.primary[company] = after
}

// prepare ends what the rows' contacts take over. That raises the versions of the
// contacts that it ended, which may be things of the rows themselves.
func (k *contactImport) prepare(entries []*importEntry[Contact]) error {
	if len(k.ends) == 0 {
		return nil
	}
	companies := make([]ID, 0, len(k.ends))
	for id := range k.ends {
		companies = append(companies, id)
	}
	slices.SortFunc(companies, compareIDs)
	if err := k.tx.ClearPrimaryContacts(k.ctx, companies); err != nil {
		return err
	}
	ended := map[ID]*importEntry[Contact]{}
	var ids []ID
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
