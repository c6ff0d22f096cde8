package store

import (
	"context"
	"slices"
	"strconv"

	"sixty/internal/crm"
)

// fetchSizes are the row counts that list statements ask for. The count stands in
// the text, because a planner that does not know it plans for a tenth of the table;
// a few sizes keep the texts few.
var fetchSizes = []int{2, 11, 26, 51, 101, 251, 501, crm.MaxLimit + 1}

func fetchSize(rows int) int {
	for _, n := range fetchSizes {
		if rows <= n {
			return n
		}
	}
	return crm.MaxLimit + 1
}

// A walk is a direction through a list from a place in it.
type walk struct {
	forward bool          // in the list's order
	from    *crm.Position // nil: from the end that lies behind
	at      bool          // the row at from belongs to it
	until   bool          // it ends at the border between rows with a value and those without
}

// page reads a stretch of a list, in as many legs as it takes to fill it. One row more
// than asked for tells whether there are more ahead; whether there are any behind is a
// question of its own, asked only when the walk began inside the list.
func page[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], org crm.ID, own *crm.ID, q crm.List[F]) (crm.Page[T], error) {
	n := narrowing{args: []any{org}, lead: "t", updated: "t.updated_at", id: "t.id"}
	t.show(own, &n)
	t.filter(q.Filter, &n)
	key := t.sorts[q.Sort.Field]
	w := walk{forward: !q.Backward, from: q.From}
	if w.from != nil {
		w.at = w.from.Inclusive
	}
	limit := min(max(q.Limit, 1), crm.MaxLimit)

	var p crm.Page[T]
	var row T
	spot := place{key: key, desc: q.Sort.Desc}
	dest := append(t.destinations(&row), spot.destination())
	position := func() *crm.Position {
		at := spot.position(t.id(&row))
		return &at
	}
	p.Rows = make([]T, 0, limit)
	ahead := false
	read := func(rows Rows) (bool, error) {
		if len(p.Rows) == limit {
			ahead = true
			return false, nil
		}
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		if p.Rows = append(p.Rows, row); len(p.Rows) == 1 {
			p.First = position()
		}
		return true, nil
	}
	for _, leg := range key.legs(q.Sort, w) {
		st, args := listStatement(s, t, &n, q.Sort, leg, fetchSize(limit+1-len(p.Rows)))
		if err := s.query(ctx, db, st, args, read); err != nil {
			return p, err
		}
		if ahead {
			break
		}
	}
	if len(p.Rows) > 0 {
		p.Last = position()
	}
	behind := false
	if w.from != nil {
		back := walk{forward: !w.forward, from: w.from, at: !w.at}
		var err error
		if behind, err = anyRow(ctx, s, db, t, &n, q.Sort, back); err != nil {
			return p, err
		}
	}
	p.HasMore, p.HasPrevious = ahead, behind
	if q.Backward {
		p.HasMore, p.HasPrevious = behind, ahead
		slices.Reverse(p.Rows)
		p.First, p.Last = p.Last, p.First
	}
	if q.Count != crm.CountNone {
		total, err := count(ctx, s, db, t, &n, q.Count)
		if err != nil {
			return p, err
		}
		p.Total = &total
	}
	return p, nil
}

// listStatement gives the statement of a leg of a page, and its arguments.
func listStatement[T, F any](s *Store, t *table[T, F], n *narrowing, sort crm.Sort, w walk, fetch int) (*Statement, []any) {
	n, w = n.along("t."+t.sorts[sort.Field].column, sort.Desc != w.forward, w)
	shape := shapeOf("p", t.entity, n, sort, w, fetch)
	st := s.statement(shape, func() *Statement {
		column, tail := tailOf(t, n, sort, w, fetch)
		return &Statement{
			Name: t.entity + ".list",
			SQL:  "SELECT " + t.selectList(true) + ", " + column + t.from(true, n) + tail,
		}
	})
	return st, n.bounds(t.sorts[sort.Field], w)
}

// anyRow tells whether a walk meets any row.
func anyRow[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], n *narrowing, sort crm.Sort, w walk) (found bool, err error) {
	key := t.sorts[sort.Field]
	for _, leg := range key.legs(sort, w) {
		n, leg := n.along("t."+key.column, sort.Desc != leg.forward, leg)
		st := s.statement(shapeOf("a", t.entity, n, sort, leg, 1), func() *Statement {
			_, tail := tailOf(t, n, sort, leg, 1)
			return &Statement{Name: t.entity + ".any", SQL: "SELECT 1" + t.from(false, n) + tail}
		})
		err = s.query(ctx, db, st, n.bounds(key, leg), func(Rows) (bool, error) {
			found = true
			return false, nil
		})
		if found || err != nil {
			break
		}
	}
	return found, err
}

// tailOf composes everything of the statement of a leg behind FROM, and tells the
// column of the order.
func tailOf[T, F any](t *table[T, F], n *narrowing, sort crm.Sort, w walk, fetch int) (column, tail string) {
	column, id := "t."+t.sorts[sort.Field].column, "t.id"
	if sort.Field == "updated_at" {
		column, id = n.updated, n.id
	}
	ascending := sort.Desc != w.forward
	compare, order := " < ", " DESC"
	if ascending {
		compare, order = " > ", ""
	}
	tail = " WHERE " + n.lead + ".org_id = $1" + t.there() + t.where + n.where
	next := len(n.args) + 1
	if w.from != nil {
		if w.at {
			compare = compare[:2] + "= "
		}
		if column == id {
			tail += " AND " + id + compare + placeholders(next, 1)
			next++
		} else {
			tail += " AND (" + column + ", " + id + ")" + compare + "(" + placeholders(next, 2) + ")"
			next += 2
		}
	}
	if w.until {
		within := " >= "
		if ascending {
			within = " < "
		}
		tail += " AND " + column + within + placeholders(next, 1)
	}
	tail += " ORDER BY " + column + order
	if column != id {
		tail += ", " + id + order
	}
	tail += " LIMIT " + strconv.Itoa(fetch)
	return column, tail
}

// bounds gives the arguments of the statement of a leg.
func (n *narrowing) bounds(key sortKey, w walk) []any {
	args := append(make([]any, 0, len(n.args)+3), n.args...)
	if w.from != nil && key.kind != keyID {
		args = append(args, key.argument(w.from.Number, w.from.Text))
	}
	if w.from != nil {
		args = append(args, w.from.ID)
	}
	if w.until {
		args = append(args, key.argument(key.none, ""))
	}
	return args
}

// shapeOf tells apart the texts of the list statements.
func shapeOf(what, entity string, n *narrowing, sort crm.Sort, w walk, fetch int) string {
	b := make([]byte, 0, 64)
	b = append(append(append(b, what...), entity...), ' ')
	b = append(append(b, n.shape...), ' ')
	b = append(b, sort.Field...)
	flags := byte('0')
	for i, set := range []bool{sort.Desc, w.forward, w.from != nil, w.at, w.until} {
		if set {
			flags += 1 << i
		}
	}
	b = append(b, ' ', flags, ' ')
	return string(strconv.AppendInt(b, int64(fetch), 10))
}

// count counts the rows of a list, or estimates them.
func count[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], n *narrowing, mode crm.CountMode) (int64, error) {
	n, _ = n.along("", false, walk{})
	tail := t.from(false, n) + " WHERE " + n.lead + ".org_id = $1" + t.there() + t.where + n.where
	st := &Statement{Name: t.entity + ".count", SQL: "SELECT count(*)" + tail}
	read := func(rows Rows) (int64, error) {
		var total int64
		err := rows.Scan(&total)
		return total, err
	}
	if mode == crm.CountEstimated {
		if sql, readEstimate, ok := s.dialect.Estimate("SELECT 1" + tail); ok {
			st, read = &Statement{Name: t.entity + ".estimate", SQL: sql}, readEstimate
		}
	}
	var total int64
	err := s.query(ctx, db, st, n.args, func(rows Rows) (_ bool, err error) {
		total, err = read(rows)
		return false, err
	})
	return total, err
}
