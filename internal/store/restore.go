package store

import (
	"context"
	"strings"

	"sixty/internal/crm"
)

// Restoring deleted records. What a deletion clears on other records stands in
// cleared_references until the record is restored, or removed for good.

// A link is a column of a kind of records that refers to another kind.
type link struct{ kind, table, column, detail string }

// linksTo are the columns that refer to a kind of records that can be restored, by kind. A
// detail is an expression of what is cleared besides.
var linksTo = map[string][]link{
	crm.EntityCompany: {
		{kind: crm.EntityDeal, table: "deals", column: "company_id"},
		{kind: crm.EntityContact, table: "contacts", column: "company_id", detail: "CASE WHEN t.is_primary THEN 'primary' END"},
		{kind: crm.EntityActivity, table: "activities", column: "company_id"},
		{kind: crm.EntityTask, table: "tasks", column: "company_id"},
	},
	crm.EntityContact: {
		{kind: crm.EntityDeal, table: "deals", column: "primary_contact_id"},
		{kind: crm.EntityActivity, table: "activities", column: "contact_id"},
		{kind: crm.EntityTask, table: "tasks", column: "contact_id"},
	},
	crm.EntityDeal: {
		{kind: crm.EntityActivity, table: "activities", column: "deal_id"},
		{kind: crm.EntityTask, table: "tasks", column: "deal_id"},
	},
}

// dealContactLink is the kind of a deal's further contact among the cleared references; its
// detail is the role.
const dealContactLink = "deal_contact"

const (
	insertCleared = "INSERT INTO cleared_references (org_id, kind, record_id, holder, holder_id, detail) "
	// What is cleared once more is as it was last.
	orReplace = " ON CONFLICT (org_id, kind, record_id, holder, holder_id) DO UPDATE SET detail = excluded.detail"
)

// keepReferences notes the references to a record that its deletion is about to clear. The
// records that hold them are locked, so that these are the ones that are cleared.
func (t *tx) keepReferences(ctx context.Context, kind string, id crm.ID) error {
	for _, l := range linksTo[kind] {
		name := kind + ".keep_" + l.kind
		st := t.store.statement(name, func() *Statement {
			detail := "NULL"
			if l.detail != "" {
				detail = l.detail
			}
			return &Statement{name, insertCleared + "SELECT t.org_id, '" + kind + "', t." + l.column + ", '" + l.kind + "', t.id, " + detail +
				" FROM " + l.table + " t WHERE t.org_id = $1 AND t." + l.column + " = $2 AND t.deleted_at IS NULL ORDER BY t.id" + t.store.dialect.ForUpdate() + orReplace}
		})
		if _, err := t.exec(ctx, st, t.by.Org, id); err != nil {
			return err
		}
	}
	if kind != crm.EntityContact {
		return nil
	}
	_, err := t.exec(ctx, keepDealContacts, t.by.Org, id)
	return err
}

var (
	keepDealContacts = &Statement{"contact.keep_deal_contact", insertCleared + `SELECT t.org_id, 'contact', t.contact_id, 'deal_contact', t.deal_id, t.role
FROM deal_contacts t WHERE t.org_id = $1 AND t.contact_id = $2 AND t.role IS NOT NULL
AND EXISTS (SELECT 1 FROM deals d WHERE d.org_id = $1 AND d.id = t.deal_id AND d.deleted_at IS NULL)` + orReplace}
	keepOne  = &Statement{"cleared_reference.insert", insertCleared + `VALUES ($1, $2, $3, $4, $5, $6)` + orReplace}
	dropKept = &Statement{"cleared_reference.delete", `DELETE FROM cleared_references WHERE org_id = $1 AND kind = $2 AND record_id = $3`}

	goneDealContacts = &Statement{"deal.gone_contacts", `SELECT t.contact_id, t.role FROM deal_contacts t
WHERE t.org_id = $1 AND t.deal_id = $2 AND EXISTS (SELECT 1 FROM contacts c WHERE c.org_id = $1 AND c.id = t.contact_id AND c.deleted_at IS NOT NULL) ORDER BY t.contact_id`}
	dropDealContact = &Statement{"deal_contact.drop", `DELETE FROM deal_contacts WHERE org_id = $1 AND deal_id = $2 AND contact_id = $3`}

	restorePrimaries = &Statement{"contact.restore_deal_primaries", `INSERT INTO deal_contacts (org_id, deal_id, contact_id, is_primary, deal_updated_at)
SELECT d.org_id, d.id, d.primary_contact_id, true, d.updated_at FROM deals d
WHERE d.org_id = $1 AND d.primary_contact_id = $2 AND d.id IN (` + keptHolders("contact", "deal") + `)
ON CONFLICT (org_id, deal_id, contact_id) DO UPDATE SET is_primary = excluded.is_primary`}
	restoreRoles = &Statement{"contact.restore_deal_contacts", `INSERT INTO deal_contacts (org_id, deal_id, contact_id, role, is_primary, deal_updated_at)
SELECT d.org_id, d.id, k.record_id, k.detail, false, d.updated_at FROM cleared_references k JOIN deals d ON d.org_id = k.org_id AND d.id = k.holder_id
WHERE k.org_id = $1 AND k.kind = 'contact' AND k.record_id = $2 AND k.holder = 'deal_contact'
ON CONFLICT (org_id, deal_id, contact_id) DO UPDATE SET role = excluded.role`}
	restorePrimaryFlag = &Statement{"company.restore_primary", `UPDATE contacts SET is_primary = true WHERE org_id = $1 AND company_id = $2
AND id = (SELECT c.id FROM contacts c JOIN cleared_references k ON k.org_id = c.org_id AND k.holder_id = c.id
WHERE k.org_id = $1 AND k.kind = 'company' AND k.record_id = $2 AND k.holder = 'contact' AND k.detail = 'primary'
AND c.company_id = $2 ORDER BY c.deleted_at IS NOT NULL, c.id LIMIT 1)`}
)

// keptHolders returns the query of the records that referred to record $2.
func keptHolders(kind, holder string) string {
	return "SELECT holder_id FROM cleared_references WHERE org_id = $1 AND kind = '" + kind + "' AND record_id = $2 AND holder = '" + holder + "'"
}

// LockDeleted implements crm.Table.
func (w *writer[T, F]) LockDeleted(ctx context.Context, id crm.ID) ([]T, error) {
	s, t := w.tx.store, w.table
	b := newWhere(w.tx.by.Org, id)
	t.restrictTo(w.tx.owner, &b)
	name := t.entity + ".lock_deleted"
	st := s.statement(name+string(b.where), func() *Statement {
		return &Statement{name, "SELECT " + t.selectList(false) + " FROM " + t.name + " t WHERE t.org_id = $1 AND t.id = $2 AND t.deleted_at IS NOT NULL" +
			string(b.where) + s.dialect.ForUpdate()}
	})
	return collect(ctx, s, w.tx.db, st, t.destinations, b.args...)
}

// Restore implements crm.Table.
func (w *writer[T, F]) Restore(ctx context.Context, row T) error {
	t, x := w.table, w.tx
	if err := x.confine(t.entity, t.org(&row)); err != nil {
		return err
	}
	id := t.id(&row)
	if err := w.clearGone(ctx, &row); err != nil {
		return err
	}
	// First the row as it is to be, since only then it may stand beside the others.
	err := x.rewrite(ctx, t.name, t.writtenColumns(), 1, func(int) []any { return t.values(&row, nil) })
	if err != nil {
		return x.store.fault(ctx, err)
	}
	undelete := x.store.statement(t.entity+".restore", func() *Statement {
		return &Statement{t.entity + ".restore", "UPDATE " + t.name + " SET deleted_at = NULL WHERE org_id = $1 AND id = $2 AND deleted_at IS NOT NULL"}
	})
	n, err := x.exec(ctx, undelete, x.by.Org, id)
	if err != nil {
		return err
	}
	if err := allWritten(t.name, n, 1); err != nil {
		return err
	}
	if err := w.insertTerms(ctx, 1, func(int) *T { return &row }); err != nil {
		return err
	}
	x.log(t.entity, &id, crm.OpCreated, t.refs(&row))
	return x.putBack(ctx, t.entity, id)
}

// Restore also restores what deal_contacts says of the deal.
func (w *dealWriter) Restore(ctx context.Context, d crm.Deal) error {
	type gone struct {
		contact crm.ID
		role    *string
	}
	x := w.tx
	all, err := collect(ctx, x.store, x.db, goneDealContacts, func(g *gone) []any { return []any{&g.contact, &g.role} }, x.by.Org, d.ID)
	if err != nil {
		return err
	}
	for _, g := range all {
		exists, err := x.lockReferred(ctx, crm.EntityContact, g.contact)
		if err != nil {
			return err
		}
		if exists { // it has just been restored
			continue
		}
		if g.role != nil {
			if _, err := x.exec(ctx, keepOne, x.by.Org, crm.EntityContact, g.contact, dealContactLink, d.ID, g.role); err != nil {
				return err
			}
		}
		if _, err := x.exec(ctx, dropDealContact, x.by.Org, d.ID, g.contact); err != nil {
			return err
		}
	}
	if err := w.writer.Restore(ctx, d); err != nil {
		return err
	}
	return x.touchMany(ctx, []crm.ID{d.ID}, d.UpdatedAt)
}

// clearGone clears the references of a deleted record to others that have been deleted as well,
// and keeps them, so that restoring those sets them again.
func (w *writer[T, F]) clearGone(ctx context.Context, row *T) error {
	t, x := w.table, w.tx
	id := t.id(row)
	for _, kind := range []string{crm.EntityCompany, crm.EntityContact, crm.EntityDeal} {
		for _, l := range linksTo[kind] {
			if l.kind != t.entity {
				continue
			}
			field := t.reference(row, l.column)
			if *field == nil {
				continue
			}
			exists, err := x.lockReferred(ctx, kind, **field)
			if err != nil {
				return err
			}
			if exists {
				continue
			}
			var detail any
			if c, ok := any(row).(*crm.Contact); ok && c.IsPrimary {
				detail, c.IsPrimary = "primary", false
			}
			if _, err := x.exec(ctx, keepOne, x.by.Org, kind, **field, l.kind, id, detail); err != nil {
				return err
			}
			*field = nil
		}
	}
	return nil
}

// lockReferred locks a record that another one refers to, whether the actor sees it or not, and
// reports whether it is there. Deleted ones are locked as well: they may just be restored.
func (t *tx) lockReferred(ctx context.Context, kind string, id crm.ID) (exists bool, err error) {
	tables := map[string]string{crm.EntityCompany: t.store.companies.name, crm.EntityContact: t.store.contacts.name, crm.EntityDeal: t.store.deals.name}
	name := kind + ".lock_referred"
	st := t.store.statement(name, func() *Statement {
		return &Statement{name, "SELECT t.deleted_at IS NULL FROM " + tables[kind] + " t WHERE t.org_id = $1 AND t.id = $2" + t.store.dialect.ForShare()}
	})
	found, err := collect(ctx, t.store, t.db, st, func(b *bool) []any { return []any{b} }, t.by.Org, id)
	return len(found) == 1 && found[0], err
}

// putBack sets the references to a restored record that its deletion had cleared, where there is
// no other now. Records that are deleted themselves get theirs too.
func (t *tx) putBack(ctx context.Context, kind string, id crm.ID) error {
	if err := t.lockHolders(ctx, kind, id); err != nil {
		return err
	}
	if kind == crm.EntityCompany {
		if err := putBackLink(ctx, t, &t.store.contacts, kind, id); err != nil {
			return err
		}
		if _, err := t.exec(ctx, restorePrimaryFlag, t.by.Org, id); err != nil {
			return err
		}
	}
	if kind == crm.EntityCompany || kind == crm.EntityContact {
		if err := t.putBackDeals(ctx, kind, id); err != nil {
			return err
		}
	}
	if err := putBackLink(ctx, t, &t.store.activities, kind, id); err != nil {
		return err
	}
	if err := putBackLink(ctx, t, &t.store.tasks, kind, id); err != nil {
		return err
	}
	_, err := t.exec(ctx, dropKept, t.by.Org, kind, id)
	return err
}

// lockHolders locks the records that referred to one: they may just be deleted, or restored.
func (t *tx) lockHolders(ctx context.Context, kind string, id crm.ID) error {
	for _, l := range linksTo[kind] {
		name := kind + ".lock_holders_" + l.kind
		st := t.store.statement(name, func() *Statement {
			return &Statement{name, "SELECT t.id FROM " + l.table + " t WHERE t.org_id = $1 AND t.id IN (" + keptHolders(kind, l.kind) +
				") ORDER BY t.id" + t.store.dialect.ForUpdate()}
		})
		if _, err := collect(ctx, t.store, t.db, st, func(id *crm.ID) []any { return []any{id} }, t.by.Org, id); err != nil {
			return err
		}
	}
	return nil
}

func linkOf(kind, holder string) (link, bool) {
	for _, l := range linksTo[kind] {
		if l.kind == holder {
			return l, true
		}
	}
	return link{}, false
}

// putBackLink sets the references of one kind of records.
func putBackLink[T, F any](ctx context.Context, x *tx, t *table[T, F], kind string, id crm.ID) error {
	l, ok := linkOf(kind, t.entity)
	if !ok {
		return nil
	}
	name := t.entity + ".put_back_" + l.column
	st := x.store.statement(name, func() *Statement {
		return &Statement{name, "UPDATE " + t.name + " SET " + l.column + " = $2, updated_at = $3, version = version + 1 WHERE org_id = $1 AND id IN (" +
			keptHolders(kind, t.entity) + ") AND " + l.column + " IS NULL AND deleted_at IS NULL RETURNING " + strings.Join(t.idColumns(), ", ")}
	})
	if _, err := logChanged(ctx, x, t, st, l.column, id, x.by.Org, id, x.at); err != nil {
		return err
	}
	return x.putBackDeleted(ctx, t.name, l, kind, id)
}

// putBackDeleted sets the references of records that are deleted themselves.
func (t *tx) putBackDeleted(ctx context.Context, table string, l link, kind string, id crm.ID) error {
	name := l.kind + ".put_back_deleted_" + l.column
	st := t.store.statement(name, func() *Statement {
		return &Statement{name, "UPDATE " + table + " SET " + l.column + " = $2 WHERE org_id = $1 AND id IN (" +
			keptHolders(kind, l.kind) + ") AND " + l.column + " IS NULL AND deleted_at IS NOT NULL"}
	})
	_, err := t.exec(ctx, st, t.by.Org, id)
	return err
}

// putBackDeals sets the references of deals, and keeps deal_contacts in step.
func (t *tx) putBackDeals(ctx context.Context, kind string, id crm.ID) error {
	deals := &t.store.deals
	l, _ := linkOf(kind, crm.EntityDeal)
	holders := "id IN (" + keptHolders(kind, crm.EntityDeal) + ") AND " + l.column + " IS NULL"
	where := holders
	if kind == crm.EntityContact {
		where = "(" + holders + " OR id IN (" + keptHolders(kind, dealContactLink) + "))"
	}
	st := t.store.statement("deal.put_back_"+l.column, func() *Statement {
		return &Statement{"deal.put_back_" + l.column, "UPDATE deals SET " + l.column + " = CASE WHEN " + holders + " THEN $2 ELSE " + l.column + " END" +
			", updated_at = $3, version = version + 1 WHERE org_id = $1 AND " + where + " AND deleted_at IS NULL RETURNING " + strings.Join(deals.idColumns(), ", ")}
	})
	ids, err := logChanged(ctx, t, deals, st, l.column, id, t.by.Org, id, t.at)
	if err != nil {
		return err
	}
	if err := t.putBackDeleted(ctx, "deals", l, kind, id); err != nil {
		return err
	}
	if kind == crm.EntityContact {
		for _, st := range []*Statement{restorePrimaries, restoreRoles} {
			if _, err := t.exec(ctx, st, t.by.Org, id); err != nil {
				return err
			}
		}
	}
	if err := t.touchMany(ctx, ids, t.at); err != nil {
		return err
	}
	return t.reindexDeals(ctx, ids)
}
