package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// A search asks an index for the ids of what fits, and reads of those things what
// they are ranked by. Ranking them is the domain's, and so both engines agree on it;
// what follows is a page like any other, but of a list in memory.

// searching tells how the things of a kind are searched.
type searching[T any] struct {
	kind    string   // the hits' kind
	letter  string   // the kind in the index's terms
	columns []string // what of reads, beside id, owner_id and updated_at
	of      func(*T) crm.Searched
}

// match is a thing that was found, and its place in the order.
type match struct {
	hit crm.Hit
	at  crm.Position
}

// matches finds what fits a query within a list's filters, in the list's order.
func matches[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q *crm.List[F]) ([]match, error) {
	words := q.Search.Words()
	if len(words) == 0 {
		return nil, nil
	}
	n := narrowing{args: []any{org, r.store.dialect.Prefixes(termsOf(org, t.search.letter, words))}, lead: "t", updated: "t.updated_at", id: "t.id"}
	t.show(r.own, &n)
	t.filter(q.Filter, &n)
	byRank := q.Sort == crm.ByRank
	key := commonSorts["updated_at"]
	if !byRank {
		key = t.sorts[q.Sort.Field]
	}

	var row T
	spot := place{key: key, desc: q.Sort.Desc}
	dest := append(t.chosen(&row, t.searchedColumns()), spot.destination())
	var found []match
	st := matchStatement(r.store, t, &n, q.Sort, key)
	err := r.store.query(ctx, r.of(org), st, n.args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		s := t.search.of(&row)
		rank, fits := q.Search.Rank(&s)
		if !fits { // it has changed under the index's hands
			return true, nil
		}
		m := match{s.Hit, spot.position(s.ID)}
		if m.hit.Rank = rank; byRank {
			m.at.Rank = rank
		}
		found = append(found, m)
		return true, nil
	})
	order := orderOf(q.Sort)
	slices.SortFunc(found, func(a, b match) int { return order(&a.at, &b.at) })
	return found, err
}

// matchStatement gives the statement that finds a kind's matches: at first only their
// ids, in the index alone when no filter asks for more. That they are the organisation's
// own is for the terms to say, and for the table that they are then read from.
func matchStatement[T, F any](s *Store, t *table[T, F], n *narrowing, sort crm.Sort, key sortKey) *Statement {
	shape := shapeOf("s", t.entity, n, sort, walk{}, crm.MaxHits)
	return s.statement(shape, func() *Statement {
		tables, fits, newest := s.dialect.Matches(2)
		inner := "SELECT s.id FROM " + tables
		if n.where != "" {
			inner += " JOIN " + t.name + " t ON t.org_id = s.org_id AND t.id = s.id AND t.deleted_at IS NULL" + n.beside
			// A filter that leaves few things may lead to them first, and from them here.
			fits += " AND s.org_id = $1 AND s.kind = '" + t.search.kind + "'"
		}
		inner += " WHERE " + fits + n.where + " ORDER BY " + newest + " DESC LIMIT " + strconv.Itoa(crm.MaxHits)
		return &Statement{Name: t.entity + ".search", SQL: "SELECT t." + strings.Join(t.searchedColumns(), ", t.") + ", t." + key.column +
			" FROM " + t.name + " t WHERE t.org_id = $1 AND " + s.dialect.AnyOf("t.id", inner) + " AND t.deleted_at IS NULL"}
	})
}

func (t *table[T, F]) searchedColumns() []string {
	return append([]string{"id", "owner_id", "updated_at"}, t.search.columns...)
}

// chosen gives the pointers that some columns of a row are scanned into.
func (t *table[T, F]) chosen(row *T, names []string) []any {
	dest := make([]any, 0, len(names)+1)
	for _, name := range names {
		i := slices.IndexFunc(t.columns, func(c column[T]) bool { return c.name == name })
		dest = append(dest, t.columns[i].member(row))
	}
	return dest
}

// orderOf gives the comparison of places in an order.
func orderOf(sort crm.Sort) func(a, b *crm.Position) int {
	return func(a, b *crm.Position) int {
		c := cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Number, b.Number), strings.Compare(a.Text, b.Text), bytes.Compare(a.ID[:], b.ID[:]))
		if sort.Desc {
			return -c
		}
		return c
	}
}

// stretch cuts a page out of what was found.
func stretch[T, F any](found []match, q *crm.List[F]) (rows []match, p crm.Page[T]) {
	start, end := 0, len(found)
	limit := min(max(q.Limit, 1), crm.MaxLimit)
	if q.From != nil {
		order := orderOf(q.Sort)
		i, there := slices.BinarySearchFunc(found, q.From, func(m match, from *crm.Position) int { return order(&m.at, from) })
		if there && q.From.Inclusive == q.Backward {
			i++
		}
		start, end = i, i
	}
	if q.Backward {
		start = max(end-limit, 0)
	} else {
		end = min(start+limit, len(found))
	}
	p.HasPrevious, p.HasMore = start > 0, end < len(found)
	if q.Count != crm.CountNone {
		total := int64(len(found))
		p.Total = &total
	}
	if rows = found[start:end]; len(rows) > 0 {
		p.First, p.Last = &rows[0].at, &rows[len(rows)-1].at
	}
	return rows, p
}

// searchPage is page for a list that is searched.
func searchPage[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	found, err := matches(ctx, r, t, org, &q)
	if err != nil {
		return crm.Page[T]{}, err
	}
	cut, p := stretch[T](found, &q)
	ids := make([]crm.ID, len(cut))
	place := make(map[crm.ID]int, len(cut))
	for i := range cut {
		ids[i] = cut[i].hit.ID
		place[ids[i]] = i
	}
	// What has been deleted since it was found is missing.
	p.Rows, err = byID(ctx, r.store, r.of(org), t, org, r.own, ids, true)
	slices.SortFunc(p.Rows, func(a, b T) int { return place[t.id(&a)] - place[t.id(&b)] })
	return p, err
}

// Search implements crm.Reads.
func (r *reader) Search(ctx context.Context, org crm.ID, q crm.List[crm.HitFilter]) (crm.Page[crm.Hit], error) {
	s := r.store
	var found []match
	for _, find := range []func() ([]match, error){
		func() ([]match, error) { return hits(ctx, r, &s.companies, org, &q) },
		func() ([]match, error) { return hits(ctx, r, &s.contacts, org, &q) },
		func() ([]match, error) { return hits(ctx, r, &s.deals, org, &q) },
	} {
		of, err := find()
		if err != nil {
			return crm.Page[crm.Hit]{}, err
		}
		found = append(found, of...)
	}
	order := orderOf(crm.ByRank)
	slices.SortFunc(found, func(a, b match) int { return order(&a.at, &b.at) })
	cut, p := stretch[crm.Hit](found, &q)
	p.Rows = make([]crm.Hit, len(cut))
	for i := range cut {
		p.Rows[i] = cut[i].hit
	}
	return p, nil
}

// hits are a kind's matches, unless the search is of another kind.
func hits[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q *crm.List[crm.HitFilter]) ([]match, error) {
	if q.Filter.Kind != nil && *q.Filter.Kind != t.search.kind {
		return nil, nil
	}
	return matches(ctx, r, t, org, &crm.List[F]{Search: q.Search, Sort: crm.ByRank})
}
