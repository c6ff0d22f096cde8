package store

import (
	"context"

	"sixty/internal/crm"
)

// reader gives the views over a connection pool or a transaction.
type reader struct {
	store *Store
	db    Querier // the transaction; nil for the pool
}

// of gives what runs an organisation's statements.
func (r *reader) of(org crm.ID) Querier {
	if r.db != nil {
		return r.db
	}
	return r.store.of(org)
}

// view is one kind's.
type view[T, F any] struct {
	*reader
	table *table[T, F]
}

func (r *reader) Companies() crm.View[crm.Company, crm.CompanyFilter] {
	return view[crm.Company, crm.CompanyFilter]{r, &r.store.companies}
}

func (r *reader) Contacts() crm.View[crm.Contact, crm.ContactFilter] {
	return view[crm.Contact, crm.ContactFilter]{r, &r.store.contacts}
}

func (r *reader) Deals() crm.View[crm.Deal, crm.DealFilter] {
	return view[crm.Deal, crm.DealFilter]{r, &r.store.deals}
}

func (r *reader) Stages() crm.View[crm.Stage, crm.StageFilter] {
	return view[crm.Stage, crm.StageFilter]{r, &r.store.stages}
}

func (r *reader) Owners() crm.View[crm.Owner, crm.OwnerFilter] {
	return view[crm.Owner, crm.OwnerFilter]{r, &r.store.owners}
}

func (r *reader) Activities() crm.View[crm.Activity, crm.ActivityFilter] {
	return view[crm.Activity, crm.ActivityFilter]{r, &r.store.activities}
}

func (r *reader) Tasks() crm.View[crm.Task, crm.TaskFilter] {
	return view[crm.Task, crm.TaskFilter]{r, &r.store.tasks}
}

func (v view[T, F]) Page(ctx context.Context, org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	if q.Search != nil && v.table.search != nil {
		return searchPage(ctx, v.reader, v.table, org, q)
	}
	return page(ctx, v.store, v.of(org), v.table, org, q)
}

func (v view[T, F]) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error) {
	return byID(ctx, v.store, v.of(org), v.table, org, ids, true)
}

// byID reads things by their ids, as the view shows them or as they are stored.
// Stored ones are locked against change, in the order of their ids.
func byID[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], org crm.ID, ids []crm.ID, asView bool) ([]T, error) {
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
	st := s.statement(name, func() *Statement {
		return &Statement{name, "SELECT " + t.selectList(asView) + t.from(asView, nil) +
			" WHERE t.org_id = $1 AND " + condition + t.there() + end}
	})
	return collect(ctx, s, db, st, t.destinations, org, arg)
}

// collect reads all rows of a statement; destinations gives the pointers into a row.
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
	st := s.statement("deal.contacts", func() *Statement {
		return &Statement{"deal.contacts", `SELECT deal_id, contact_id, role FROM deal_contacts
WHERE org_id = $1 AND ` + s.dialect.AnyID("deal_id", 2) + ` AND role IS NOT NULL ORDER BY deal_id, contact_id`}
	})
	return collect(ctx, s, r.of(org), st, func(c *crm.DealContact) []any {
		return []any{&c.DealID, &c.ContactID, &c.Role}
	}, org, s.dialect.IDs(deals))
}

var dealMoves = &Statement{"deal.moves", `SELECT org_id, id, deal_id, stage_id, entered_at, exited_at, user_id
FROM deal_stage_moves WHERE org_id = $1 AND deal_id = $2 ORDER BY entered_at, id`}

func (r *reader) StageMoves(ctx context.Context, org, deal crm.ID) ([]crm.StageMove, error) {
	return collect(ctx, r.store, r.of(org), dealMoves, func(m *crm.StageMove) []any {
		return []any{&m.OrgID, &m.ID, &m.DealID, &m.StageID, &m.EnteredAt, &m.ExitedAt, &m.UserID}
	}, org, deal)
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

// dealTallies composes the sums of the deals of a page's companies or owners.
func (s *Store) dealTallies(column string) string {
	return "SELECT " + column + ", currency, count(*), " + s.dialect.SumBig("value") + `
FROM deals WHERE org_id = $1 AND ` + s.dialect.AnyID(column, 2) + ` AND deleted_at IS NULL GROUP BY ` + column + `, currency`
}

// noCurrency stands in a tally that is of contacts.
const noCurrency = ""

func (r *reader) CompanyStats(ctx context.Context, org crm.ID, companies []crm.ID) (map[crm.ID]crm.CompanyStats, error) {
	s := r.store
	st := s.statement("company.stats", func() *Statement {
		return &Statement{"company.stats", s.dealTallies("company_id") + `
UNION ALL
SELECT company_id, '` + noCurrency + `', count(*), 0
FROM contacts WHERE org_id = $1 AND ` + s.dialect.AnyID("company_id", 2) + ` AND deleted_at IS NULL GROUP BY company_id
ORDER BY 1, 2`}
	})
	tallies, err := collect(ctx, s, r.of(org), st, (*tally).destinations, org, s.dialect.IDs(companies))
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
	st := s.statement("owner.stats", func() *Statement {
		return &Statement{"owner.stats", s.dealTallies("owner_id") + " ORDER BY 1, 2"}
	})
	tallies, err := collect(ctx, s, r.of(org), st, (*tally).destinations, org, s.dialect.IDs(owners))
	out := make(map[crm.ID]crm.OwnerStats, len(owners))
	for _, t := range tallies {
		o := out[t.id]
		o.Deals += t.count
		o.Value = append(o.Value, t.sum)
		out[t.id] = o
	}
	return out, err
}
