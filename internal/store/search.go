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
	kind              string   // the hits' kind
	prefix, endPrefix string   // of the entity's terms in the index; see termKey
	columns           []string // what searched reads, besides id, owner_id and updated_at
	searched          func(*T) crm.Searched
	// relinked reports whether a record, which is a deal, may have other links than before; nil: it has
	// none.
	relinked func(before, after *T) bool
	// shown is what deals show of the record, and ofDeals finds these; nil: nothing.
	shown   func(*T) [2]string
	ofDeals dealsOf
}

// match is a record that was found, and its position in the order.
type match struct {
	hit      crm.Hit
	position crm.Position
}

// matches returns what matches a query and a list's filters, in the list's order, and whether
// there are more than are looked at. complete says that the index of searches is.
func matches[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q *crm.List[F], complete bool) (found []match, cut bool, err error) {
	if len(q.Search.Terms()) == 0 {
		return nil, false, nil
	}
	b := newWhere(org, t.search.key(org).ask(q.Search, r.store.dialect.TermSyntax()))
	t.restrictTo(r.owner, &b)
	t.filter(q.Filter, &b)
	most := crm.MaxSorted
	if q.Sort == crm.ByRank {
		most = crm.MaxHits
	}
	var read int
	// The index knows what is found, except by what an owner does not see. An order by anything but the
	// rank needs no more.
	if q.Sort != crm.ByRank && complete && (r.owner == nil || t.search.relinked == nil) {
		found, err = unrankedMatches(ctx, r, t, &b, q.Sort, most+1)
		read = len(found)
	} else {
		found, read, err = rankedMatches(ctx, r, t, &b, q, most+1) // one more shows that there are more
	}
	if err != nil {
		return nil, false, err
	}
	order := orderOf(q.Sort)
	slices.SortFunc(found, func(a, b match) int { return order(&a.position, &b.position) })
	return found[:min(len(found), most)], read > most, nil
}

// unrankedMatches returns the ids of the matches and their positions.
func unrankedMatches[T, F any](ctx context.Context, r *reader, t *table[T, F], b *whereBuilder, sort crm.Sort, most int) (found []match, err error) {
	key := t.sorts[sort.Field]
	value := sortValue{key: key, desc: sort.Desc}
	var m match
	dest := []any{&m.hit.ID, value.destination()}
	st := matchStatement(r.store, t, b, sort, key, true, most)
	org, _ := b.args[0].(crm.ID) // which newWhere begins with
	err = r.store.query(ctx, r.of(org), st, b.args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		m.position = value.position(m.hit.ID)
		found = append(found, m)
		return true, nil
	})
	return found, err
}

// rankedMatches returns the matches and their positions, and how many records were looked at.
func rankedMatches[T, F any](ctx context.Context, r *reader, t *table[T, F], b *whereBuilder, q *crm.List[F], most int) (found []match, read int, err error) {
	org, _ := b.args[0].(crm.ID)
	byRank, key := q.Sort == crm.ByRank, t.sorts[q.Sort.Field]
	if byRank {
		key = commonSorts["updated_at"]
	}
	ranker := q.Search.Ranker()
	var row T
	value := sortValue{key: key, desc: q.Sort.Desc}
	dest := append(t.destinationsOf(&row, t.search.columns), value.destination())
	var unranked []crm.Searched // what may be found by its links
	var positions []crm.Position
	add := func(s *crm.Searched, rank int64, at crm.Position) {
		m := match{s.Hit, at}
		if m.hit.Rank = rank; byRank {
			m.position.Rank = rank
		}
		found = append(found, m)
	}
	st := matchStatement(r.store, t, b, q.Sort, key, false, most)
	err = r.store.query(ctx, r.of(org), st, b.args, func(rows Rows) (bool, error) {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		read++
		s := t.search.searched(&row)
		switch rank, fits := ranker.Rank(&s); {
		case fits:
			add(&s, rank, value.position(s.ID))
		case t.search.relinked != nil:
			unranked, positions = append(unranked, s), append(positions, value.position(s.ID))
		} // else it has changed since the index was read
		return true, nil
	})
	if err != nil || len(unranked) == 0 {
		return found, read, err
	}
	ids := make([]crm.ID, len(unranked))
	for i := range unranked {
		ids[i] = unranked[i].ID
	}
	links, err := dealLinks(ctx, r.store, r.of(org), org, r.owner, ids)
	if err != nil {
		return nil, 0, err
	}
	for i := range unranked {
		s := &unranked[i]
		s.Links = links[s.ID]
		if rank, fits := ranker.Rank(s); fits {
			add(s, rank, positions[i])
		}
	}
	return found, read, nil
}

// matchStatement returns the statement that finds an entity's matches: first only their
// ids, in the index alone if there is no filter. The terms begin with the organisation, and
// the table that the records are then read from is restricted to it.
func matchStatement[T, F any](s *Store, t *table[T, F], b *whereBuilder, sort crm.Sort, key sortKey, idsOnly bool, most int) *Statement {
	kind, columns := "search", t.search.columns
	if idsOnly {
		kind, columns = "search_ids", []string{"id"}
	}
	return s.composed(listKey(kind, t.entity, b, sort, keysetScan{}, most), func() *Statement {
		tables, fits, newest := s.dialect.Matches(2)
		inner := "SELECT s.id FROM " + tables
		if len(b.where) > 0 {
			inner += " JOIN " + t.name + " t ON t.org_id = s.org_id AND t.id = s.id AND t.deleted_at IS NULL" + b.searchJoin
			// A selective filter may be evaluated first, and its rows be looked up here.
			fits += " AND s.org_id = $1 AND s.kind = '" + t.search.kind + "'"
		}
		inner += " WHERE " + fits + string(b.where) + " ORDER BY " + newest + " DESC LIMIT " + strconv.Itoa(most)
		return &Statement{Name: t.entity + "." + kind, SQL: "SELECT t." + strings.Join(columns, ", t.") + ", t." + key.column +
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
		c := cmp.Compare(a.Rank, b.Rank)
		if c == 0 {
			c = cmp.Compare(a.Number, b.Number)
		}
		if c == 0 {
			c = strings.Compare(a.Text, b.Text)
		}
		if c == 0 {
			c = bytes.Compare(a.ID[:], b.ID[:])
		}
		if sort.Desc {
			return -c
		}
		return c
	}
}

// cutPage cuts a page from the matches, which are all of them if complete.
func cutPage[T, F any](found []match, complete bool, q *crm.List[F]) (rows []match, p crm.Page[T]) {
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
	return rows, p
}

// searchPage returns a page of a searched list.
func searchPage[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	complete, err := r.searchComplete(ctx, org, t.search.relinked != nil)
	if err != nil {
		return crm.Page[T]{}, err
	}
	found, more, err := matches(ctx, r, t, org, &q, complete)
	if err != nil {
		return crm.Page[T]{}, err
	}
	cut, p := cutPage[T](found, complete && !more, &q)
	if len(cut) == 0 {
		p.Rows = []T{}
		return p, nil
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
	complete, err := r.searchComplete(ctx, org, !q.Filter.Kind.Narrows() || q.Filter.Kind.Has(new(crm.KindDeal)))
	if err != nil {
		return crm.Page[crm.Hit]{}, err
	}
	var found []match
	for _, find := range []func() ([]match, bool, error){
		func() ([]match, bool, error) { return hits(ctx, r, &s.companies, org, &q) },
		func() ([]match, bool, error) { return hits(ctx, r, &s.contacts, org, &q) },
		func() ([]match, bool, error) { return hits(ctx, r, &s.deals, org, &q) },
	} {
		of, more, err := find()
		if err != nil {
			return crm.Page[crm.Hit]{}, err
		}
		found, complete = append(found, of...), complete && !more
	}
	order := orderOf(crm.ByRank)
	slices.SortFunc(found, func(a, b match) int { return order(&a.position, &b.position) })
	cut, p := cutPage[crm.Hit](found, complete, &q)
	p.Rows = make([]crm.Hit, len(cut))
	for i := range cut {
		p.Rows[i] = cut[i].hit
	}
	return p, nil
}

// hits returns the matches of an entity, none if the search is for another kind.
func hits[T, F any](ctx context.Context, r *reader, t *table[T, F], org crm.ID, q *crm.List[crm.HitFilter]) (_ []match, more bool, _ error) {
	if q.Filter.Kind.Narrows() && !q.Filter.Kind.Has(&t.search.kind) {
		return nil, false, nil
	}
	return matches(ctx, r, t, org, &crm.List[F]{Search: q.Search, Sort: crm.ByRank}, false)
}
