package storetest

import (
	"fmt"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// mixedRounds is how many combinations of filters a list is read with.
const mixedRounds = 50

// mixed narrows a list by random filters, of one value, of several and of none, in a random
// order, as everyone sees it and as an owner sees it who sees nothing else. It reads all pages,
// both ways, and counts.
func mixed[T, F any](f *fixture, l *list[T, F]) {
	m := newMakerOf(mixedSeed)
	people := l.ownersOf()
	paged := 0
	for range mixedRounds {
		conditions := l.randomConditions(f, m)
		by := crm.Actor{}
		if m.IntN(4) == 0 {
			by = crm.Actor{Org: f.home.ID, User: people[m.IntN(len(people))], Role: crm.RoleRep}
			conditions = append(conditions, condition[T, F]{"own", func(*F) {}, func(row *T) bool { return l.isOwnedBy(row, by.User) }})
		}
		sort := l.sorts.Default
		if m.IntN(3) == 0 {
			sort = crm.Sort{Field: l.sorts.Fields[m.IntN(len(l.sorts.Fields))], Desc: m.IntN(2) == 0}
		}
		want := l.ordered(sort, conditions...)
		limit := max([]int{1, 2, 7, 50}[m.IntN(4)], len(want)/8+1)
		l.walk(f, by, crm.List[F]{Filter: l.filter(conditions...), Sort: sort, Limit: limit}, conditions, want)
		if len(want) > limit {
			paged++
		}
	}
	if paged < mixedRounds/5 {
		f.Errorf("%s: only %d of %d combinations have a second page: they tell little", l.entity, paged, mixedRounds)
	}
}

// mixedSeed makes the combinations the same in every run.
const mixedSeed = 13

// randomConditions returns conditions of up to four filters.
func (l *list[T, F]) randomConditions(f *fixture, m maker) (conditions []condition[T, F]) {
	f.Helper()
	for _, i := range m.Perm(len(l.filters))[:1+m.IntN(min(4, len(l.filters)))] {
		x := &l.filters[i]
		conditions = append(conditions, l.condition(f, x, l.randomText(m, x)))
	}
	return conditions
}

// randomText returns a text that a filter can be set to.
func (l *list[T, F]) randomText(m maker, x *crm.Filter[T, F]) string {
	values := x.Enum
	if len(values) == 0 {
		values = l.valuesOf(x, l.rows)
	}
	one := func() string { return values[m.IntN(len(values))] }
	_, spans := x.At(new(F)).(**crm.Span)
	switch {
	case spans && m.IntN(2) == 0:
		return one()[:len("2026-01-02")] // the whole day
	case !x.TakesSeveral():
		return one()
	case x.Nullable && m.IntN(6) == 0:
		return crm.NullWord
	}
	texts := make([]string, 1+m.IntN(8)) // the same one now and then
	for i := range texts {
		texts[i] = one()
		switch {
		case x.Nullable && m.IntN(8) == 0:
			texts[i] = crm.NullWord
		case x.Enum == nil && m.IntN(4) == 0:
			texts[i] = m.newID().String() // no row has it
		}
	}
	return strings.Join(texts, ",")
}

// ownerProperties are the properties whose values own a record.
var ownerProperties = []string{"owner_id", "assigned_to", "created_by"}

// owned returns the ids of those who own a row.
func (l *list[T, F]) owned(row *T) (people []crm.ID) {
	for _, p := range l.properties {
		if id, ok := p.stored(row).(**crm.ID); ok && *id != nil && slices.Contains(ownerProperties, p.name) {
			people = append(people, **id)
		}
	}
	return people
}

func (l *list[T, F]) isOwnedBy(row *T, person crm.ID) bool {
	return slices.Contains(l.owned(row), person)
}

// ownersOf returns some of those who own rows.
func (l *list[T, F]) ownersOf() (people []crm.ID) {
	for i := range l.rows {
		for _, id := range l.owned(&l.rows[i]) {
			if !slices.Contains(people, id) {
				people = append(people, id)
			}
		}
	}
	return people
}

// walk compares the ids of all pages of a list with what is wanted, from its start and from
// its end, and its exact count.
func (l *list[T, F]) walk(f *fixture, by crm.Actor, q crm.List[F], conditions []condition[T, F], want []T) {
	f.Helper()
	ids := idsOf(l.kind, want)
	view := l.view(f.store.Reads(by))
	q.Count = crm.CountExact
	for _, q.Backward = range []bool{false, true} {
		start, end := 0, 0
		if q.Backward {
			start, end = len(ids), len(ids)
		}
		for q.From = nil; ; {
			if q.Backward {
				start, end = max(start-q.Limit, 0), start
			} else {
				start, end = end, min(end+q.Limit, len(ids))
			}
			p, err := view.Page(f.Context(), f.home.ID, q)
			said := func() string {
				var names []string
				for _, c := range conditions {
					names = append(names, c.name)
				}
				return fmt.Sprintf("%s with %s by %s, limit %d, from %+v, backward %v, rows %d to %d of %d",
					l.entity, strings.Join(names, " and "), q.Sort, q.Limit, q.From, q.Backward, start, end, len(ids))
			}
			if err != nil {
				f.Errorf("%s: %v", said(), err)
				return
			}
			if got := idsOf(l.kind, p.Rows); !slices.Equal(got, ids[start:end]) {
				f.Errorf("%s:\n got %v\nwant %v", said(), got, ids[start:end])
				return
			}
			if p.HasPrevious != (start > 0) || p.HasMore != (end < len(ids)) || p.Total == nil || *p.Total != int64(len(ids)) {
				f.Errorf("%s: HasPrevious %v, HasMore %v, total %v", said(), p.HasPrevious, p.HasMore, p.Total)
				return
			}
			if q.From = p.Last; q.Backward {
				q.From = p.First
			}
			if q.Backward && start == 0 || !q.Backward && end == len(ids) {
				break
			}
		}
	}
}
