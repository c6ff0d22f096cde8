package bulk

import (
	"slices"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// text returns an optional key's value.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type companyImport struct {
	plainImport[crm.Company]
	*importTx
}

func newCompanyImport(b *importTx) importKind[crm.Company, crm.CompanyPatch] {
	return &companyImport{importTx: b}
}

func (k *companyImport) nouns() (string, string)             { return "company", "companies" }
func (k *companyImport) table() crm.Table[crm.Company]       { return k.tx.Companies() }
func (k *companyImport) id(c *crm.Company) crm.ID            { return c.ID }
func (k *companyImport) created(c *crm.Company) *crm.Instant { return &c.CreatedAt }
func (k *companyImport) updated(c *crm.Company) *crm.Instant { return &c.UpdatedAt }
func (k *companyImport) unique() []crm.Key                   { return []crm.Key{crm.KeyExternalID, crm.KeyDomain} }

func (k *companyImport) newRecord(id crm.ID) crm.Company {
	return crm.NewCompany(k.by, id, k.now)
}

func (k *companyImport) key(c *crm.Company, key crm.Key) string {
	switch key {
	case crm.KeyExternalID:
		return text(c.ExternalID)
	case crm.KeyDomain:
		return text(c.Domain)
	default:
		return crm.NameKey(c.Name)
	}
}

func (k *companyImport) decodeErrors(p *crm.CompanyPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *companyImport) members(p *crm.CompanyPatch, c *crm.Company, r *crm.Rules) { p.Apply(c, r) }

func (k *companyImport) row(row *ImportRow[crm.CompanyPatch], c *crm.Company, _ bool, r *crm.Rules) {
	p := row.Patch
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	p.Apply(c, r)
}

type ownerImport struct {
	plainImport[crm.Owner]
	*batchTx
	rows   []*entry[crm.Owner]
	admins []crm.ID // who are active, as of the row that is applied
}

func newOwnerImport(b *importTx) importKind[crm.Owner, crm.OwnerPatch] {
	return &ownerImport{batchTx: b.batchTx}
}

func (k *ownerImport) nouns() (string, string)           { return "owner", "owners" }
func (k *ownerImport) table() crm.Table[crm.Owner]       { return k.tx.Owners() }
func (k *ownerImport) id(o *crm.Owner) crm.ID            { return o.ID }
func (k *ownerImport) created(o *crm.Owner) *crm.Instant { return &o.CreatedAt }
func (k *ownerImport) updated(o *crm.Owner) *crm.Instant { return &o.UpdatedAt }
func (k *ownerImport) unique() []crm.Key                 { return []crm.Key{crm.KeyEmail} }

func (k *ownerImport) newRecord(id crm.ID) crm.Owner {
	return crm.NewOwner(k.by, id, k.now)
}

func (k *ownerImport) key(o *crm.Owner, key crm.Key) string {
	if key == crm.KeyEmail {
		return text(o.Email)
	}
	return crm.NameKey(o.FullName)
}

// independent: an organisation keeps an admin.
func (k *ownerImport) independent() bool { return false }

func (k *ownerImport) begin(bool) (err error) {
	k.admins, err = k.tx.LockAdmins(k.ctx)
	return err
}

func (k *ownerImport) accept(_, after *crm.Owner, _ bool) {
	k.admins = slices.DeleteFunc(k.admins, func(id crm.ID) bool { return id == after.ID })
	if after.Role == crm.RoleAdmin && after.DeactivatedAt == nil {
		k.admins = append(k.admins, after.ID)
	}
}

func (k *ownerImport) prepare(rows []*entry[crm.Owner]) error {
	k.rows = rows
	return nil
}

// complete does for imported people what every change of a person requires.
func (k *ownerImport) complete() error {
	for _, e := range k.rows {
		var err error
		switch {
		case e.isNew:
			err = accounts.MemberCreated(k.ctx, k.tx, k.by, k.now, e.after)
		case !same(e.before, e.after):
			err = accounts.MemberChanged(k.ctx, k.tx, k.by, k.now, e.before, e.after)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *ownerImport) decodeErrors(p *crm.OwnerPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *ownerImport) members(p *crm.OwnerPatch, o *crm.Owner, r *crm.Rules) { p.Apply(o, r) }

func (k *ownerImport) row(row *ImportRow[crm.OwnerPatch], o *crm.Owner, _ bool, r *crm.Rules) {
	was := o.Role
	row.Patch.Apply(o, r)
	if was == crm.RoleAdmin && o.Role != crm.RoleAdmin && accounts.LastAdmin(o.ID, k.admins) {
		r.Add("role", "must stay admin: this is the last active admin")
	}
}
