package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// fetchSizes are the row limits of list statements. The limit is part of the text,
// because a planner that does not know it plans for a tenth of the table; a few sizes
// keep the texts few.
var fetchSizes = []int{2, 11, 26, 51, 101, 251, 501, crm.MaxLimit + 1}

func fetchSize(rows int) int {
	for _, n := range fetchSizes {
		if rows <= n {
			return n
		}
	}
	return crm.MaxLimit + 1
}

// page reads a page of a list, in as many index scans as it takes to fill it. One row
// more than the limit shows that there are more ahead; whether there are rows behind is
// asked by a statement of its own, only when the page starts inside the list.
func page[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], org crm.ID, owner *crm.ID, q crm.List[F]) (crm.Page[T], error) {
	b := newWhere(org)
	t.restrictTo(owner, &b)
	if t.choose(&q.Filter, &b); q.Sort.Field != t.order {
		b.unite()
	}
	b.deleted = q.Deleted
	key := t.sortKey(q.Sort)
	sc := keysetScan{forward: !q.Backward, from: q.From}
	if sc.from != nil {
		sc.inclusive = sc.from.Inclusive
	}
	limit := min(max(q.Limit, 1), crm.MaxLimit)

	var p crm.Page[T]
	var row T
	value := sortValue{key: key, desc: q.Sort.Desc}
	dest := append(t.destinations(&row), value.destination())
	position := func() *crm.Position {
		at := value.position(t.id(&row))
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
	for _, part := range key.indexScans(q.Sort, sc) {
		st, args := listStatement(s, t, &b, q.Sort, part, fetchSize(limit+1-len(p.Rows)))
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
	if sc.from != nil {
		back := keysetScan{forward: !sc.forward, from: sc.from, inclusive: !sc.inclusive}
		var err error
		if behind, err = anyRow(ctx, s, db, t, &b, q.Sort, back); err != nil {
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
		total, err := count(ctx, s, db, t, &b, q.Count)
		if err != nil {
			return p, err
		}
		p.Total = &total
	}
	return p, nil
}

// listStatement returns the statement of one index scan of a page, and its arguments.
func listStatement[T, F any](s *Store, t *table[T, F], b *whereBuilder, sort crm.Sort, sc keysetScan, fetch int) (*Statement, []any) {
	b, sc = b.forScan("t."+t.sortKey(sort).column, sort.Desc != sc.forward, sc)
	st := s.composed(listKey("list", t.entity, b, sort, sc, fetch), func() *Statement {
		if b.several.arms != nil {
			return &Statement{
				Name: t.entity + ".list",
				SQL: "SELECT " + t.selectList(true) + ", m.k FROM " + mergedSQL(t, b, sort, sc, fetch) + " CROSS JOIN " +
					strings.TrimPrefix(t.from(true, &whereBuilder{owner: b.owner}), " FROM ") + " WHERE t.org_id = $1 AND t.id = m.id" + orderBy(sort, sc, "m.k", "m.id"),
			}
		}
		column, _, tail := scanSQL(t, b, sort, sc, fetch)
		return &Statement{
			Name: t.entity + ".list",
			SQL:  "SELECT " + t.selectList(true) + ", " + column + t.from(true, b) + tail,
		}
	})
	return st, b.scanArgs(t.sortKey(sort), sc)
}

// anyRow reports whether a scan finds any row.
func anyRow[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], b *whereBuilder, sort crm.Sort, sc keysetScan) (found bool, err error) {
	key := t.sortKey(sort)
	for _, part := range key.indexScans(sort, sc) {
		b, part := b.forScan("t."+key.column, sort.Desc != part.forward, part)
		st := s.composed(listKey("any", t.entity, b, sort, part, 1), func() *Statement {
			if b.several.arms != nil {
				return &Statement{Name: t.entity + ".any", SQL: "SELECT 1 FROM " + mergedSQL(t, b, sort, part, 1)}
			}
			_, _, tail := scanSQL(t, b, sort, part, 1)
			return &Statement{Name: t.entity + ".any", SQL: "SELECT 1" + t.from(false, b) + tail}
		})
		err = s.query(ctx, db, st, b.scanArgs(key, part), func(Rows) (bool, error) {
			found = true
			return false, nil
		})
		if found || err != nil {
			break
		}
	}
	return found, err
}

// orderBy composes the ORDER BY of a scan.
func orderBy(sort crm.Sort, sc keysetScan, columns ...string) string {
	order := " DESC"
	if sort.Desc != sc.forward { // ascending
		order = ""
	}
	return " ORDER BY " + strings.Join(slices.Compact(columns), order+", ") + order
}

// scanSQL composes the statement of an index scan from WHERE on, and returns the columns
// of the order besides.
func scanSQL[T, F any](t *table[T, F], b *whereBuilder, sort crm.Sort, sc keysetScan, fetch int) (column, id, tail string) {
	column, id = "t."+t.sortKey(sort).column, "t.id"
	if sort.Field == "updated_at" {
		column, id = b.updated, b.id
	}
	ascending := sort.Desc != sc.forward
	compare := " < "
	if ascending {
		compare = " > "
	}
	tail = t.whereSQL(b)
	next := len(b.args) + 1
	if sc.from != nil {
		if sc.inclusive {
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
	if sc.untilNulls {
		within := " >= "
		if ascending {
			within = " < "
		}
		tail += " AND " + column + within + placeholders(next, 1)
	}
	columns := []string{column, id}
	if b.constant != "" && sort.Field == t.order {
		columns = []string{b.constant, column, id}
	}
	return column, id, tail + orderBy(sort, sc, columns...) + " LIMIT " + strconv.Itoa(fetch)
}

// scanArgs returns the arguments of the statement of an index scan.
func (b *whereBuilder) scanArgs(key sortKey, sc keysetScan) []any {
	args := append(make([]any, 0, len(b.args)+3), b.args...)
	if sc.from != nil && key.kind != keyID {
		args = append(args, key.argument(sc.from.Number, sc.from.Text))
	}
	if sc.from != nil {
		args = append(args, sc.from.ID)
	}
	if sc.untilNulls {
		args = append(args, key.argument(key.null, ""))
	}
	return args
}

// count counts the rows of a list, or estimates them.
func count[T, F any](ctx context.Context, s *Store, db Querier, t *table[T, F], b *whereBuilder, mode crm.CountMode) (int64, error) {
	b, _ = b.forScan("", false, keysetScan{})
	rest := t.from(false, b) + t.whereSQL(b)
	st := &Statement{Name: t.entity + ".count", SQL: "SELECT count(*)" + rest}
	read := func(rows Rows) (int64, error) {
		var total int64
		err := rows.Scan(&total)
		return total, err
	}
	if mode == crm.CountEstimated {
		if sql, readEstimate, ok := s.dialect.Estimate("SELECT 1" + rest); ok {
			st, read = &Statement{Name: t.entity + ".estimate", SQL: sql}, readEstimate
		}
	}
	var total int64
	err := s.query(ctx, db, st, b.args, func(rows Rows) (_ bool, err error) {
		total, err = read(rows)
		return false, err
	})
	return total, err
}
