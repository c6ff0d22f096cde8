package bulk

import (
	"slices"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// importKind is what an import has to know about one kind of thing. A value serves
// one stretch of rows and remembers what has to be written beside them.
type importKind[T, P any] interface {
	nouns() (one, many string)
	table() crm.Table[T]
	// blank is a new thing of that id before a row is applied to it.
	blank(id crm.ID) T
	id(t *T) crm.ID
	created(t *T) *crm.Instant
	updated(t *T) *crm.Instant
	// unique are the keys of which no two things may have the same value.
	unique() []crm.Key
	// key gives the value by which the thing is found; "" is none.
	key(t *T, k crm.Key) string
	// apart tells whether rows with other keys are nothing to the row of a thing.
	apart() bool
	unread(p *P) crm.DecodeErrors
	// members applies what the patch says, by the rules for each member.
	members(p *P, t *T, r *crm.Rules)
	// row applies a whole row, with its references and with the rules across members.
	row(row *ImportRow[P], t *T, isNew bool, r *crm.Rules)
	// begin is run before anything else; someStageless: not every row names a stage.
	begin(someStageless bool) error
	// stored is told of a thing that rows will be applied to.
	stored(t *T)
	// accept is told of a row that was applied to a thing.
	accept(before, after *T, isNew bool)
	// prepare is run before the things are written, complete after them.
	prepare(entries []*importEntry[T]) error
	complete() error
}

// quietKind is the part of a kind that has nothing to write beside its rows.
type quietKind[T any] struct{}

func (quietKind[T]) apart() bool                     { return true }
func (quietKind[T]) begin(bool) error                { return nil }
func (quietKind[T]) stored(*T)                       {}
func (quietKind[T]) accept(_, _ *T, _ bool)          {}
func (quietKind[T]) prepare([]*importEntry[T]) error { return nil }
func (quietKind[T]) complete() error                 { return nil }

// text gives an optional key's value.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

type companyImport struct {
	quietKind[crm.Company]
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

func (k *companyImport) blank(id crm.ID) crm.Company {
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

func (k *companyImport) unread(p *crm.CompanyPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *companyImport) members(p *crm.CompanyPatch, c *crm.Company, r *crm.Rules) { p.Apply(c, r) }

func (k *companyImport) row(row *ImportRow[crm.CompanyPatch], c *crm.Company, _ bool, r *crm.Rules) {
	p := row.Patch
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	p.Apply(c, r)
}

type ownerImport struct {
	quietKind[crm.Owner]
	*importTx
	rows   []*importEntry[crm.Owner]
	admins []crm.ID // who are active, as of the row that is applied
}

func newOwnerImport(b *importTx) importKind[crm.Owner, crm.OwnerPatch] {
	return &ownerImport{importTx: b}
}

func (k *ownerImport) nouns() (string, string)           { return "owner", "owners" }
func (k *ownerImport) table() crm.Table[crm.Owner]       { return k.tx.Owners() }
func (k *ownerImport) id(o *crm.Owner) crm.ID            { return o.ID }
func (k *ownerImport) created(o *crm.Owner) *crm.Instant { return &o.CreatedAt }
func (k *ownerImport) updated(o *crm.Owner) *crm.Instant { return &o.UpdatedAt }
func (k *ownerImport) unique() []crm.Key                 { return []crm.Key{crm.KeyEmail} }

func (k *ownerImport) blank(id crm.ID) crm.Owner {
	return crm.NewOwner(k.by, id, k.now)
}

func (k *ownerImport) key(o *crm.Owner, key crm.Key) string {
	if key == crm.KeyEmail {
		return text(o.Email)
	}
	return crm.NameKey(o.FullName)
}

// apart: an organisation keeps an admin.
func (k *ownerImport) apart() bool { return false }

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

func (k *ownerImport) prepare(rows []*importEntry[crm.Owner]) error {
	k.rows = rows
	return nil
}

// complete does for people who come by a file what is done for those who come one by one.
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

func (k *ownerImport) unread(p *crm.OwnerPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *ownerImport) members(p *crm.OwnerPatch, o *crm.Owner, r *crm.Rules) { p.Apply(o, r) }

func (k *ownerImport) row(row *ImportRow[crm.OwnerPatch], o *crm.Owner, _ bool, r *crm.Rules) {
	was := o.Role
	row.Patch.Apply(o, r)
	if was == crm.RoleAdmin && o.Role != crm.RoleAdmin && accounts.LastAdmin(o.ID, k.admins) {
		r.Add("role", "must stay admin: this is the last active admin")
	}
}
