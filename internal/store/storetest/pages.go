package storetest

import (
	"fmt"
	"reflect"
	"slices"

	"sixty/internal/crm"
)

// scans goes through a list in every order, both ways and in pages of many sizes,
// and compares every page with the model.
func scans[T, F any](f *fixture, l *list[T, F]) {
	for _, field := range l.sorts.Fields {
		for _, desc := range []bool{false, true} {
			sort := crm.Sort{Field: field, Desc: desc}
			want := l.ordered(sort)
			for _, limit := range []int{1, 2, 7, 37, crm.MaxLimit} {
				q := crm.List[F]{Sort: sort, Limit: limit}
				l.forward(f, q, want)
				l.backward(f, q, want)
			}
		}
	}
}

// scansByID goes through what is exported in the order that is for exports.
func scansByID(f *fixture) {
	scanByID(f, companyList(f))
	scanByID(f, contactList(f))
	scanByID(f, dealList(f))
	scanByID(f, activityList(f))
}

func scanByID[T, F any](f *fixture, l *list[T, F]) {
	f.Helper()
	l.key = func(string, *T) sortKey { return sortKey{} } // the id decides
	for _, limit := range []int{1, 37, crm.MaxLimit} {
		l.forward(f, crm.List[F]{Sort: crm.IDOrder, Limit: limit}, l.ordered(crm.IDOrder))
	}
	for _, c := range l.conditions {
		q := crm.List[F]{Sort: crm.IDOrder, Filter: l.filter(c), Limit: 7}
		l.forward(f, q, l.ordered(crm.IDOrder, c))
	}
}

// read reads a page and compares it with rows start to end of the whole.
func (l *list[T, F]) read(f *fixture, q crm.List[F], whole []T, start, end int) crm.Page[T] {
	f.Helper()
	p, err := l.view(f.store.Reads(crm.Actor{})).Page(f.Context(), f.home.ID, q)
	what := func() string {
		return fmt.Sprintf("%s by %s, filter %+v, limit %d, from %+v, backward %v: rows %d to %d of %d",
			l.entity, q.Sort, q.Filter, q.Limit, q.From, q.Backward, start, end, len(whole))
	}
	if err != nil {
		f.Fatalf("%s: %v", what(), err)
	}
	if len(p.Rows) != end-start || start < end && !reflect.DeepEqual(p.Rows, whole[start:end]) {
		f.Fatalf("%s:\n got %v\nwant %v", what(), idsOf(l.kind, p.Rows), idsOf(l.kind, whole[start:end]))
	}
	if more, previous := end < len(whole), start > 0; p.HasMore != more || p.HasPrevious != previous {
		f.Fatalf("%s: HasMore %v, HasPrevious %v, want %v, %v", what(), p.HasMore, p.HasPrevious, more, previous)
	}
	if (p.First == nil) != (start == end) || (p.Last == nil) != (start == end) {
		f.Fatalf("%s: First %v, Last %v", what(), p.First, p.Last)
	}
	if start < end && (p.First.ID != *l.id(&whole[start]) || p.Last.ID != *l.id(&whole[end-1])) {
		f.Fatalf("%s: First %s, Last %s", what(), p.First.ID, p.Last.ID)
	}
	return p
}

// forward walks from the start of a list to its end, backward from its end to its
// start.
func (l *list[T, F]) forward(f *fixture, q crm.List[F], want []T) {
	f.Helper()
	for start := 0; ; start += q.Limit {
		end := min(start+q.Limit, len(want))
		p := l.read(f, q, want, start, end)
		if end == len(want) {
			return
		}
		q.From = p.Last
	}
}

func (l *list[T, F]) backward(f *fixture, q crm.List[F], want []T) {
	f.Helper()
	q.Backward = true
	for end := len(want); ; end -= q.Limit {
		start := max(end-q.Limit, 0)
		p := l.read(f, q, want, start, end)
		if start == 0 {
			return
		}
		q.From = p.First
	}
}

// noValue is what stands for no value in the positions of descending orders, and so in
// cursors that clients have: it stays as it is.
var noValue = map[string]int64{
	"value":               -9223372036854775807,
	"expected_close_date": -2147483647,
	"due_date":            -62135596801000000,
}

// positions starts pages at places of every kind: after and at a row, before and up
// to it, and where a row was; also where the rows without a value begin.
func positions[T, F any](f *fixture, l *list[T, F]) {
	after := func(sort crm.Sort, whole []T, i int) crm.Position {
		f.Helper()
		from := *l.read(f, crm.List[F]{Sort: sort, Limit: i + 1}, whole, 0, i+1).Last
		if sort.Desc && l.key(sort.Field, &whole[i]).null && from.Number != noValue[sort.Field] {
			f.Errorf("%s by %s: %d stands for no value", l.entity, sort, from.Number)
		}
		return from
	}
	for _, field := range l.sorts.Fields {
		for _, desc := range []bool{false, true} {
			sort := crm.Sort{Field: field, Desc: desc}
			whole := l.ordered(sort)
			border := max(1, slices.IndexFunc(whole, func(row T) bool { return l.key(field, &row).null }))
			for _, i := range []int{0, 1, border - 1, border, len(whole) / 2, len(whole) - 2, len(whole) - 1} {
				l.around(f, sort, after(sort, whole, i), whole, i, i+1)
			}
			for _, gone := range []int{len(whole) / 3, border - 1, border - 1} {
				from := after(sort, whole, gone)
				id := *l.id(&whole[gone])
				remove(f, f.home, l.kind, 3, id)
				l.rows = slices.DeleteFunc(l.rows, func(row T) bool { return *l.id(&row) == id })
				whole = l.ordered(sort)
				l.around(f, sort, from, whole, gone, gone)
			}
		}
	}
}

// around reads the pages on either side of a position. Rows from start to end are
// those that stand at it: one, or none when it has gone.
func (l *list[T, F]) around(f *fixture, sort crm.Sort, from crm.Position, whole []T, start, end int) {
	f.Helper()
	const limit = 5
	q := crm.List[F]{Sort: sort, Limit: limit, From: &from}
	l.read(f, q, whole, end, min(end+limit, len(whole)))
	q.Backward = true
	l.read(f, q, whole, max(start-limit, 0), start)
	at := from
	at.Inclusive = true
	q.From = &at
	l.read(f, q, whole, max(end-limit, 0), end)
	q.Backward = false
	l.read(f, q, whole, start, min(start+limit, len(whole)))
}

// filters narrows a list by every filter, by every two of them, by some three, and
// by all, and counts what is left.
func filters[T, F any](f *fixture, l *list[T, F]) {
	l.eachFilter(f)
	conditions := l.conditions
	combinations := [][]condition[T, F]{conditions}
	for i, a := range conditions {
		combinations = append(combinations, []condition[T, F]{a})
		for j, b := range conditions[i+1:] {
			combinations = append(combinations, []condition[T, F]{a, b})
			if rest := conditions[i+j+2:]; len(rest) > 0 {
				combinations = append(combinations, []condition[T, F]{a, b, rest[(i+j)%len(rest)]})
			}
		}
	}
	met := false
	for _, c := range combinations {
		q := crm.List[F]{Filter: l.filter(c...), Sort: l.sorts.Default, Limit: 10}
		want := l.ordered(q.Sort, c...)
		met = met || len(want) > q.Limit && len(c) > 1
		l.forward(f, q, want)
		l.backward(f, q, want)
		l.counted(f, q, len(want))
	}
	if len(conditions) > 2 && !met {
		f.Error("the rows made are too few to tell: no two filters leave a second page")
	}
	for _, c := range append([]condition[T, F]{{"none", func(*F) {}, func(*T) bool { return true }}}, conditions...) {
		for _, field := range l.sorts.Fields {
			for _, desc := range []bool{false, true} {
				q := crm.List[F]{Filter: l.filter(c), Sort: crm.Sort{Field: field, Desc: desc}, Limit: 50}
				want := l.ordered(q.Sort, c)
				l.forward(f, q, want)
				l.backward(f, q, want)
			}
		}
		l.counted(f, crm.List[F]{Filter: l.filter(c), Sort: l.sorts.Default, Limit: 1}, len(l.ordered(l.sorts.Default, c)))
	}
}

// counted checks a list's exact and estimated count. An engine that cannot estimate
// counts.
func (l *list[T, F]) counted(f *fixture, q crm.List[F], want int) {
	f.Helper()
	_, _, estimates := f.engine.Dialect().Estimate("SELECT 1")
	for _, q.Count = range []crm.CountMode{crm.CountNone, crm.CountExact, crm.CountEstimated} {
		p, err := l.view(f.store.Reads(crm.Actor{})).Page(f.Context(), f.home.ID, q)
		total := must(f, p, err).Total
		switch {
		case (total == nil) != (q.Count == crm.CountNone):
			f.Errorf("%s, filter %+v, count mode %d: total %v", l.entity, q.Filter, q.Count, total)
		case total == nil:
		case *total < 0, (q.Count == crm.CountExact || !estimates) && *total != int64(want):
			f.Errorf("%s, filter %+v, count mode %d: %d, want %d", l.entity, q.Filter, q.Count, *total, want)
		}
	}
}

// emptyList reads lists that have no rows, from either end and from a position.
func emptyList(f *fixture) {
	missing := crm.NewID()
	l := &list[crm.Deal, crm.DealFilter]{kind: deals()}
	for _, q := range []crm.List[crm.DealFilter]{
		{}, {Backward: true},
		{From: &crm.Position{ID: missing}}, {From: &crm.Position{ID: missing}, Backward: true},
		{Filter: crm.DealFilter{OwnerID: crm.Only(missing)}}, {Filter: crm.DealFilter{ContactID: crm.Only(missing)}, Backward: true},
	} {
		q.Sort, q.Limit = l.sorts.Default, 50
		l.read(f, q, nil, 0, 0)
		l.counted(f, q, 0)
	}
	for _, ids := range [][]crm.ID{nil, {missing}, {missing, crm.NewID()}} {
		rows, err := f.store.Reads(crm.Actor{}).Deals().ByID(f.Context(), f.home.ID, ids)
		if len(must(f, rows, err)) > 0 {
			f.Errorf("%d rows for ids that nothing has", len(rows))
		}
	}
}
