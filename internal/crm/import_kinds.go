package crm

import "slices"

// importKind is what an import has to know about one kind of thing. A value serves
// one stretch of rows and remembers what has to be written beside them.
type importKind[T, P any] interface {
	nouns() (one, many string)
	table() Table[T]
	// blank is a new thing of that id before a row is applied to it.
	blank(id ID) T
	id(t *T) ID
	created(t *T) *Instant
	updated(t *T) *Instant
	// unique are the keys of which no two things may have the same value.
	unique() []Key
	// key gives the value by which the thing is found; "" is none.
	key(t *T, k Key) string
	// apart tells whether rows with other keys are nothing to the row of a thing.
	apart() bool
	unread(p *P) DecodeErrors
	// members applies what the patch says, by the rules for each member.
	members(p *P, t *T, r *Rules)
	// row applies a whole row, with its references and with the rules across members.
	row(row *ImportRow[P], t *T, isNew bool, r *Rules)
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
	quietKind[Company]
	*importTx
}

func newCompanyImport(b *importTx) importKind[Company, CompanyPatch] {
	return &companyImport{importTx: b}
}

func (k *companyImport) nouns() (string, string)     { return "company", "companies" }
func (k *companyImport) table() Table[Company]       { return k.tx.Companies() }
func (k *companyImport) id(c *Company) ID            { return c.ID }
func (k *companyImport) created(c *Company) *Instant { return &c.CreatedAt }
func (k *companyImport) updated(c *Company) *Instant { return &c.UpdatedAt }
func (k *companyImport) unique() []Key               { return []Key{KeyExternalID, KeyDomain} }

func (k *companyImport) blank(id ID) Company {
	return Company{OrgID: k.by.Org, ID: id, OwnerID: k.by.userID(), CreatedAt: k.now, UpdatedAt: k.now, Version: 1}
}

func (k *companyImport) key(c *Company, key Key) string {
	switch key {
	case KeyExternalID:
		return text(c.ExternalID)
	case KeyDomain:
		return text(c.Domain)
	default:
		return NameKey(c.Name)
	}
}

func (k *companyImport) unread(p *CompanyPatch) DecodeErrors { return p.DecodeErrors }

func (k *companyImport) members(p *CompanyPatch, c *Company, r *Rules) { p.Apply(c, r) }

func (k *companyImport) row(row *ImportRow[CompanyPatch], c *Company, _ bool, r *Rules) {
	p := row.Patch
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	p.Apply(c, r)
}

type ownerImport struct {
	quietKind[Owner]
	*importTx
	rows   []*importEntry[Owner]
	admins []ID // who are active, as of the row that is applied
}

func newOwnerImport(b *importTx) importKind[Owner, OwnerPatch] { return &ownerImport{importTx: b} }

func (k *ownerImport) nouns() (string, string)   { return "owner", "owners" }
func (k *ownerImport) table() Table[Owner]       { return k.tx.Owners() }
func (k *ownerImport) id(o *Owner) ID            { return o.ID }
func (k *ownerImport) created(o *Owner) *Instant { return &o.CreatedAt }
func (k *ownerImport) updated(o *Owner) *Instant { return &o.UpdatedAt }
func (k *ownerImport) unique() []Key             { return []Key{KeyEmail} }

func (k *ownerImport) blank(id ID) Owner {
	return Owner{OrgID: k.by.Org, ID: id, Role: RoleRep, CreatedAt: k.now, UpdatedAt: k.now, Version: 1}
}

func (k *ownerImport) key(o *Owner, key Key) string {
	if key == KeyEmail {
		return text(o.Email)
	}
	return NameKey(o.FullName)
}

// apart: an organisation keeps an admin.
func (k *ownerImport) apart() bool { return false }

func (k *ownerImport) begin(bool) (err error) {
	k.admins, err = k.tx.LockAdmins(k.ctx)
	return err
}

func (k *ownerImport) accept(_, after *Owner, _ bool) {
	k.admins = slices.DeleteFunc(k.admins, func(id ID) bool { return id == after.ID })
	if after.Role == RoleAdmin && after.DeactivatedAt == nil {
		k.admins = append(k.admins, after.ID)
	}
}

func (k *ownerImport) prepare(rows []*importEntry[Owner]) error {
	k.rows = rows
	return nil
}

// complete does for people who come by a file what is done for those who come one by one.
func (k *ownerImport) complete() error {
	for _, e := range k.rows {
		var err error
		switch {
		case e.isNew:
			err = tellNewMember(k.ctx, k.tx, k.by, k.now, e.after)
		case !same(e.before, e.after):
			err = tellMember(k.ctx, k.tx, k.by, k.now, e.before, e.after)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *ownerImport) unread(p *OwnerPatch) DecodeErrors { return p.DecodeErrors }

func (k *ownerImport) members(p *OwnerPatch, o *Owner, r *Rules) { p.Apply(o, r) }

func (k *ownerImport) row(row *ImportRow[OwnerPatch], o *Owner, _ bool, r *Rules) {
	was := o.Role
	row.Patch.Apply(o, r)
	if was == RoleAdmin && o.Role != RoleAdmin && lastAdmin(o.ID, k.admins) {
		r.Add("role", "must stay admin: this is the last active admin")
	}
}
