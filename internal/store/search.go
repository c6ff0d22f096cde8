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

// A search reads the ids of the matches from an index, and of those records the columns
// that they are ranked by. The domain ranks them, so that both engines agree; the page is
// then cut from the list in memory.

// A searchSpec says how the records of an entity are searched.
type searchSpec[T any] struct {
	kind     string   // the hits' kind
	prefix   string   // of the entity's terms in the index
	columns  []string // what searched reads, besides id, owner_id and updated_at
	searched func(*T) crm.Searched
}

// match is a record that was found, and its position in the order.
type match struct {
	hit      crm.Hit
	position crm.Position
}

// matches returns what matches a query and a list's filters, in the list's order.
func matches[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q *crm.List[F]) ([]match, error) {
	words := q.Search.Words()
	if len(words) == 0 {
		return nil, nil
	}
	b := newWhere(org, r.store.dialect.Prefixes(termsOf(org, t.search.prefix, words)))
	t.restrictTo(r.owner, &b)
	t.filter(q.Filter, &b)
	byRank := q.Sort == crm.ByRank
	key := commonSorts["updated_at"]
	if !byRank {
		key = t.sorts[q.Sort.Field]
	}

	var row T
	value := sortValue{key: key, desc: q.Sort.Desc}
	dest := append(t.destinationsOf(&row, t.search.columns), value.destination())
	var found []match
	st := matchStatement(r.store, t, &b, q.Sort, key)
	err := r.store.query(ctx, r.of(org), st, b.args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		s := t.search.searched(&row)
		rank, fits := q.Search.Rank(&s)
		if !fits { // it has changed since the index was read
			return true, nil
		}
		m := match{s.Hit, value.position(s.ID)}
		if m.hit.Rank = rank; byRank {
			m.position.Rank = rank
		}
		found = append(found, m)
		return true, nil
	})
	order := orderOf(q.Sort)
	slices.SortFunc(found, func(a, b match) int { return order(&a.position, &b.position) })
	return found, err
}

// matchStatement returns the statement that finds an entity's matches: first only their
// ids, in the index alone if there is no filter. The terms begin with the organisation, and
// the table that the records are then read from is restricted to it.
func matchStatement[T, F any](s *Store, t *table[T, F], b *whereBuilder, sort crm.Sort, key sortKey) *Statement {
	return s.composed(listKey("search", t.entity, b, sort, keysetScan{}, crm.MaxHits), func() *Statement {
		tables, fits, newest := s.dialect.Matches(2)
		inner := "SELECT s.id FROM " + tables
		if len(b.where) > 0 {
			inner += " JOIN " + t.name + " t ON t.org_id = s.org_id AND t.id = s.id AND t.deleted_at IS NULL" + b.searchJoin
			// A selective filter may be evaluated first, and its rows be looked up here.
			fits += " AND s.org_id = $1 AND s.kind = '" + t.search.kind + "'"
		}
		inner += " WHERE " + fits + string(b.where) + " ORDER BY " + newest + " DESC LIMIT " + strconv.Itoa(crm.MaxHits)
		return &Statement{Name: t.entity + ".search", SQL: "SELECT t." + strings.Join(t.search.columns, ", t.") + ", t." + key.column +
			" FROM " + t.name + " t WHERE t.org_id = $1 AND " + s.dialect.AnyOf("t.id", inner) + " AND t.deleted_at IS NULL"}
	})
}

// searchedColumns returns the columns that an entity's searches read.
func searchedColumns[T, P, F any](e *crm.Entity[T, P, F]) []string {
	columns := []string{"id", "owner_id", "updated_at"}
	for _, p := range e.Properties {
		if p.Searched {
			columns = append(columns, p.Name)
		}
	}
	return columns
}

// destinationsOf returns the pointers that some columns of a row are scanned into.
func (t *table[T, F]) destinationsOf(row *T, names []string) []any {
	dest := make([]any, 0, len(names)+1)
	for _, name := range names {
		i := slices.IndexFunc(t.columns, func(c column[T]) bool { return c.name == name })
		dest = append(dest, t.columns[i].field(row))
	}
	return dest
}

// orderOf returns the comparison of positions in an order.
func orderOf(sort crm.Sort) func(a, b *crm.Position) int {
	return func(a, b *crm.Position) int {
		c := cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Number, b.Number), strings.Compare(a.Text, b.Text), bytes.Compare(a.ID[:], b.ID[:]))
		if sort.Desc {
			return -c
		}
		return c
	}
}

// cutPage cuts a page from the matches.
func cutPage[T, F any](ctx context.Context, r *reader, org crm.ID, found []match, q *crm.List[F]) (rows []match, p crm.Page[T], err error) {
	complete, err := r.searchComplete(ctx, org)
	p.Truncated = !complete
	start, end := 0, len(found)
	limit := min(max(q.Limit, 1), crm.MaxLimit)
	if q.From != nil {
		order := orderOf(q.Sort)
		i, exact := slices.BinarySearchFunc(found, q.From, func(m match, from *crm.Position) int { return order(&m.position, from) })
		if exact && q.From.Inclusive == q.Backward {
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
	if q.Count != crm.CountNone && complete {
		total := int64(len(found))
		p.Total = &total
	}
	if rows = found[start:end]; len(rows) > 0 {
		p.First, p.Last = &rows[0].position, &rows[len(rows)-1].position
	}
	return rows, p, err
}

// searchPage returns a page of a searched list.
func searchPage[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	found, err := matches(ctx, r, t, org, &q)
	if err != nil {
		return crm.Page[T]{}, err
	}
	cut, p, err := cutPage[T](ctx, r, org, found, &q)
	if err != nil {
		return p, err
	}
	ids := make([]crm.ID, len(cut))
	index := make(map[crm.ID]int, len(cut))
	for i := range cut {
		ids[i] = cut[i].hit.ID
		index[ids[i]] = i
	}
	// Records that were deleted since are missing.
	p.Rows, err = byID(ctx, r.store, r.of(org), t, org, r.owner, ids, true)
	slices.SortFunc(p.Rows, func(a, b T) int { return index[t.id(&a)] - index[t.id(&b)] })
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
	slices.SortFunc(found, func(a, b match) int { return order(&a.position, &b.position) })
	cut, p, err := cutPage[crm.Hit](ctx, r, org, found, &q)
	p.Rows = make([]crm.Hit, len(cut))
	for i := range cut {
		p.Rows[i] = cut[i].hit
	}
	return p, err
}

// hits returns the matches of an entity, none if the search is for another kind.
func hits[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q *crm.List[crm.HitFilter]) ([]match, error) {
	if q.Filter.Kind != nil && *q.Filter.Kind != t.search.kind {
		return nil, nil
	}
	return matches(ctx, r, t, org, &crm.List[F]{Search: q.Search, Sort: crm.ByRank})
}
