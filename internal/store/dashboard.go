package store

import (
	"context"

	"sixty/internal/crm"
)

// DealGroups reads the deals once and sums them up by everything that a dashboard
// tells apart, rather than once for each of its parts.
func (r *reader) DealGroups(ctx context.Context, org crm.ID, f crm.DashboardFilter, each func(*crm.DealGroup)) error {
	s := r.store
	n := narrowing{args: []any{org}}
	narrow(&n, '!', "t.owner_id =", r.own)
	narrow(&n, 'o', "t.owner_id =", f.OwnerID)
	month := s.dialect.MonthOf("t.closed_at")
	closed := n
	// The months are what the index of SQLite is ordered by; the days are exact.
	if f.From != nil {
		first := crm.Date(crm.MonthOf(*f.From))
		closed.add('m', month+" >=", &first)
	}
	if f.To != nil {
		last := crm.Date(crm.MonthOf(*f.To))
		closed.add('n', month+" <=", &last)
	}
	during(&closed, "t.closed_at", f)
	st := s.statement("dashboard.deals "+string(closed.shape), func() *Statement {
		sums := func(month, where string) string {
			const group = "t.currency, t.status, t.stage_id, t.owner_id"
			return "SELECT " + month + ", " + group + ", count(*), " + s.dialect.SumBig("t.value") + ", " +
				s.dialect.SumBig("(t.value * t.probability + 50) / 100") + ", " +
				s.dialect.SumBig(s.dialect.DaysBetween("t.created_at", "t.closed_at")) +
				"\nFROM deals t WHERE t.org_id = $1 AND t.deleted_at IS NULL" + where + " GROUP BY " + month + ", " + group
		}
		text := sums(month, n.where)
		if len(closed.args) > len(n.args) {
			text = sums(month, n.where+" AND t.closed_at IS NULL AND "+month+" IS NULL") + "\nUNION ALL\n" + sums(month, closed.where)
		}
		return &Statement{"dashboard.deals", text}
	})
	var g crm.DealGroup
	dest := []any{&g.Month, &g.Currency, &g.Status, &g.StageID, &g.OwnerID, &g.Count, &g.Value, &g.Weighted, &g.Days}
	return s.query(patient(ctx), r.of(org), st, closed.args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		each(&g)
		return true, nil
	})
}

// ActivityNumbers implements crm.Reads.
func (r *reader) ActivityNumbers(ctx context.Context, org crm.ID, f crm.DashboardFilter) ([]crm.ActivityNumbers, error) {
	s := r.store
	n := narrowing{args: []any{org}}
	narrow(&n, '!', "t.owner_id =", r.own)
	narrow(&n, 'o', "t.owner_id =", f.OwnerID)
	during(&n, "t.date", f)
	st := s.statement("dashboard.activities "+string(n.shape), func() *Statement {
		return &Statement{"dashboard.activities", "SELECT t.type, count(*), " + s.dialect.SumBig("t.amount") + `
FROM activities t WHERE t.org_id = $1 AND t.deleted_at IS NULL` + n.where + " GROUP BY t.type ORDER BY t.type"}
	})
	return collect(patient(ctx), s, r.of(org), st, func(a *crm.ActivityNumbers) []any {
		return []any{&a.Type, &a.Count, &a.Amount}
	}, n.args...)
}

// during adds the conditions that an instant lies within a dashboard's days.
func during(n *narrowing, column string, f crm.DashboardFilter) {
	if f.From != nil {
		n.add('f', column+" >=", f.From.Instant())
	}
	if f.To != nil {
		n.add('t', column+" <", (*f.To + 1).Instant())
	}
}
