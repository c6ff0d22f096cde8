package store

import (
	"context"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// reader implements crm.Reads over a connection pool or a transaction.
type reader struct {
	store *Store
	db    Querier // the transaction; nil for the pool
	owner *crm.ID // the only owner of the records that it sees; nil: it sees all
}

// of returns what runs an organisation's statements.
func (r *reader) of(org crm.ID) Querier {
	if r.db != nil {
		return r.db
	}
	return r.store.of(org)
}

// view implements crm.View of an entity.
type view[T, F any] struct {
	*reader
	table *table[T, F]
}

func viewOf[T, F any](r *reader, t *table[T, F]) crm.View[T, F] { return view[T, F]{r, t} }

func (r *reader) Companies() crm.View[crm.Company, crm.CompanyFilter] {
	return viewOf(r, &r.store.companies)
}
func (r *reader) Contacts() crm.View[crm.Contact, crm.ContactFilter] {
	return viewOf(r, &r.store.contacts)
}
func (r *reader) Deals() crm.View[crm.Deal, crm.DealFilter]    { return viewOf(r, &r.store.deals) }
func (r *reader) Stages() crm.View[crm.Stage, crm.StageFilter] { return viewOf(r, &r.store.stages) }
func (r *reader) Owners() crm.View[crm.Owner, crm.OwnerFilter] { return viewOf(r, &r.store.owners) }
func (r *reader) Activities() crm.View[crm.Activity, crm.ActivityFilter] {
	return viewOf(r, &r.store.activities)
}
func (r *reader) Tasks() crm.View[crm.Task, crm.TaskFilter] { return viewOf(r, &r.store.tasks) }

func (v view[T, F]) Page(ctx context.Context, org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	if q.Search != nil && v.table.search != nil {
		return searchPage(ctx, v.reader, v.table, org, q)
	}
	return page(ctx, v.store, v.of(org), v.table, org, v.owner, q)
}

func (v view[T, F]) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error) {
	return byID(ctx, v.store, v.of(org), v.table, org, v.owner, ids, true)
}

// byID reads records by their ids, as the view shows them or as they are stored.
// Stored ones are locked for update, in the order of their ids.
func byID[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], org crm.ID, owner *crm.ID, ids []crm.ID, asView bool) ([]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	name, condition, end := t.entity+".get", "t.id = $2", ""
	var arg any = &ids[0]
	if len(ids) > 1 {
		name, condition, arg = t.entity+".by_ids", s.dialect.AnyID("t.id", 2), s.dialect.IDs(ids)
	}
	if !asView {
		name, end = name+"_lock", " ORDER BY t.id"+s.dialect.ForUpdate()
	}
	b := newWhere(org, arg)
	t.restrictTo(owner, &b)
	st := s.statement(name+string(b.where), func() *Statement {
		return &Statement{name, "SELECT " + t.selectList(asView) + t.from(asView, &b) +
			" WHERE t.org_id = $1 AND " + condition + t.notDeleted() + string(b.where) + end}
	})
	return collect(ctx, s, db, st, t.destinations, b.args...)
}

// collect returns all rows of a statement; destinations returns the pointers into a row.
func collect[T any](ctx context.Context, s *Store, db Querier, st *Statement, destinations func(*T) []any, args ...any) ([]T, error) {
	var out []T
	var row T
	dest := destinations(&row)
	err := s.query(ctx, db, st, args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		out = append(out, row)
		return true, nil
	})
	return out, err
}

func (r *reader) DealContacts(ctx context.Context, org crm.ID, deals []crm.ID) ([]crm.DealContact, error) {
	s := r.store
	args, owned := r.ownedOnly([]any{org, s.dialect.IDs(deals)}, ownDeal+ownContact)
	st := s.statement("deal.contacts"+owned, func() *Statement {
		return &Statement{"deal.contacts", `SELECT t.deal_id, t.contact_id, t.role FROM deal_contacts t
WHERE t.org_id = $1 AND ` + s.dialect.AnyID("t.deal_id", 2) + ` AND t.role IS NOT NULL` + owned + ` ORDER BY t.deal_id, t.contact_id`}
	})
	return collect(ctx, s, r.of(org), st, func(c *crm.DealContact) []any {
		return []any{&c.DealID, &c.ContactID, &c.Role}
	}, args...)
}

// The conditions that a row's deal, or contact, belongs to @.
const (
	ownDeal    = " AND EXISTS (SELECT 1 FROM deals d WHERE d.org_id = t.org_id AND d.id = t.deal_id AND d.owner_id = @)"
	ownContact = " AND EXISTS (SELECT 1 FROM contacts c WHERE c.org_id = t.org_id AND c.id = t.contact_id AND c.owner_id = @)"
)

// ownedOnly appends to args what a condition needs in which @ stands for the only owner
// that the reader sees, and returns the condition as SQL; "" for a reader that sees all.
func (r *reader) ownedOnly(args []any, condition string) (_ []any, owned string) {
	if r.owner == nil {
		return args, ""
	}
	args = append(args, r.owner)
	return args, strings.ReplaceAll(condition, "@", "$"+strconv.Itoa(len(args)))
}

func (r *reader) StageHistory(ctx context.Context, org, deal crm.ID) ([]crm.StageHistoryEntry, error) {
	args, owned := r.ownedOnly([]any{org, deal}, ownDeal)
	st := r.store.statement("deal.moves"+owned, func() *Statement {
		return &Statement{"deal.moves", `SELECT t.org_id, t.id, t.deal_id, t.stage_id, t.entered_at, t.exited_at, t.user_id
FROM deal_stage_moves t WHERE t.org_id = $1 AND t.deal_id = $2` + owned + ` ORDER BY t.entered_at, t.id`}
	})
	return collect(ctx, r.store, r.of(org), st, func(m *crm.StageHistoryEntry) []any {
		return []any{&m.OrgID, &m.ID, &m.DealID, &m.StageID, &m.EnteredAt, &m.ExitedAt, &m.UserID}
	}, args...)
}

// tally is a row of numbers: of one company or owner, in one currency.
type tally struct {
	id    crm.ID
	sum   crm.Sum
	count int64
}

func (t *tally) destinations() []any {
	return []any{&t.id, &t.sum.Currency, &t.count, &t.sum.Amount}
}

// dealTallies composes the query of the sums of the deals of a page's companies or owners.
func (s *Store) dealTallies(column, owned string) string {
	return "SELECT " + column + ", currency, count(*), " + s.dialect.SumBig("value") + `
FROM deals WHERE org_id = $1 AND ` + s.dialect.AnyID(column, 2) + ` AND deleted_at IS NULL` + owned + ` GROUP BY ` + column + `, currency`
}

// noCurrency is the currency in a tally of contacts.
const noCurrency = ""

func (r *reader) CompanyStats(ctx context.Context, org crm.ID, companies []crm.ID) (map[crm.ID]crm.CompanyStats, error) {
	s := r.store
	args, owned := r.ownedOnly([]any{org, s.dialect.IDs(companies)}, " AND owner_id = @")
	st := s.statement("company.stats"+owned, func() *Statement {
		return &Statement{"company.stats", s.dealTallies("company_id", owned) + `
UNION ALL
SELECT company_id, '` + noCurrency + `', count(*), 0
FROM contacts WHERE org_id = $1 AND ` + s.dialect.AnyID("company_id", 2) + ` AND deleted_at IS NULL` + owned + ` GROUP BY company_id
ORDER BY 1, 2`}
	})
	tallies, err := collect(ctx, s, r.of(org), st, (*tally).destinations, args...)
	out := make(map[crm.ID]crm.CompanyStats, len(companies))
	for _, t := range tallies {
		c := out[t.id]
		if t.sum.Currency == noCurrency {
			c.Contacts = t.count
		} else {
			c.Deals += t.count
			c.Value = append(c.Value, t.sum)
		}
		out[t.id] = c
	}
	return out, err
}

func (r *reader) OwnerStats(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.OwnerStats, error) {
	s := r.store
	args, owned := r.ownedOnly([]any{org, s.dialect.IDs(owners)}, " AND owner_id = @")
	st := s.statement("owner.stats"+owned, func() *Statement {
		return &Statement{"owner.stats", s.dealTallies("owner_id", owned) + " ORDER BY 1, 2"}
	})
	tallies, err := collect(ctx, s, r.of(org), st, (*tally).destinations, args...)
	out := make(map[crm.ID]crm.OwnerStats, len(owners))
	for _, t := range tallies {
		o := out[t.id]
		o.Deals += t.count
		o.Value = append(o.Value, t.sum)
		out[t.id] = o
	}
	return out, err
}
