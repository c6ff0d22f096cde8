package bulk

import (
	"slices"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

func newCompanies(b *batchTx) kind[crm.Company, crm.CompanyPatch] {
	return plainKind[crm.Company, crm.CompanyPatch]{b, companies}
}

// ownerKind is the kind of people.
type ownerKind struct {
	plainKind[crm.Owner, crm.OwnerPatch]
	admins []crm.ID // who are active, as of the row that is applied
}

func newOwners(b *batchTx) kind[crm.Owner, crm.OwnerPatch] {
	return &ownerKind{plainKind: plainKind[crm.Owner, crm.OwnerPatch]{b, owners}}
}

// independent: an organisation keeps an admin.
func (k *ownerKind) independent() bool { return false }

// claims: people without an e-mail address cannot sign in. They are but names, which rows of other
// records refer to.
func (k *ownerKind) claims() bool { return true }

func (k *ownerKind) begin(bool) (err error) {
	k.admins, err = k.tx.LockAdmins(k.ctx)
	return err
}

func (k *ownerKind) accept(_, after *crm.Owner, _ bool) {
	k.admins = slices.DeleteFunc(k.admins, func(id crm.ID) bool { return id == after.ID })
	if after.Role == crm.RoleAdmin && after.DeactivatedAt == nil {
		k.admins = append(k.admins, after.ID)
	}
}

// complete does for imported people what every change of a person requires.
func (k *ownerKind) complete(rows []*entry[crm.Owner]) error {
	for _, e := range rows {
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

func (k *ownerKind) row(row *ImportRow[crm.OwnerPatch], o *crm.Owner, _ bool, r *crm.Rules) {
	was := o.Role
	p := row.Patch
	if isPlaceholder(o.FullName, o.ExternalID, o.Email) {
		replaceName(&p.FirstName, &p.LastName, p.Email)
	}
	p.Apply(o, r)
	if was == crm.RoleAdmin && o.Role != crm.RoleAdmin && accounts.LastAdmin(o.ID, k.admins) {
		r.Add("role", "must stay admin: this is the last active admin")
	}
}

func (k *ownerKind) take(row *AdoptRow[crm.OwnerPatch], o *crm.Owner, isNew bool, r *crm.Rules) []crm.FieldError {
	p := row.Patch
	p.Role = unlessNull(p.Role)
	if !isNew && p.Role.Value != string(crm.RoleAdmin) && o.Role != crm.RoleAdmin {
		p.Role = crm.Field[string]{} // roles here are finer than those there
	}
	p.Apply(o, r)
	return nil
}
