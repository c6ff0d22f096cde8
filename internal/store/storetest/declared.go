package storetest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// What cases take from the declarations of package crm, so that a property, filter or
// order that is declared is tested, too.

// A property is a declared property of T.
type property[T any] struct {
	crm.TextRule
	name     string
	min, max int
	enum     []string
	stored   func(*T) any
	writable bool // and not settled by others
}

// declared completes a kind from the declaration of its entity.
func declared[T, P, F any](k kind[T, F], e *crm.Entity[T, P, F]) kind[T, F] {
	k.sorts, k.filters = e.Sorts, e.Filters
	for i := range e.Properties {
		p := &e.Properties[i]
		k.properties = append(k.properties, property[T]{p.Rule, p.Name, p.Min, p.Max, p.Enum, p.Stored, p.Writable() && !p.Settled})
	}
	return k
}

// valueText returns the text of a property's value; false when there is none. Of an instant it is
// the day, for filters by days.
func valueText(stored any, days bool) (string, bool) {
	switch p := stored.(type) {
	case *string:
		return *p, true
	case *crm.ID:
		return p.String(), true
	case *crm.Instant:
		return valueText(&p, days)
	case **crm.Instant:
		return textOf(*p, func(at crm.Instant) string {
			if days {
				return crm.DateOf(at.Time()).String()
			}
			return at.String()
		})
	case **string:
		return textOf(*p, func(s string) string { return s })
	case **crm.ID:
		return textOf(*p, crm.ID.String)
	case **crm.Money:
		return textOf(*p, crm.Money.String)
	case **crm.Date:
		return textOf(*p, crm.Date.String)
	}
	panic(fmt.Sprintf("no filter compares a %T", stored))
}

func textOf[V any](p *V, text func(V) string) (string, bool) {
	if p == nil {
		return "", false
	}
	return text(*p), true
}

// valuesOf returns texts that a filter can be set to: some that rows have, in order.
func (k kind[T, F]) valuesOf(x *crm.Filter[T, F], rows []T) []string {
	i := slices.IndexFunc(k.properties, func(p property[T]) bool { return p.name == x.Property })
	_, days := x.At(new(F)).(**crm.Date)
	var values []string
	for j := range rows {
		if text, ok := valueText(k.properties[i].stored(&rows[j]), days); ok {
			values = append(values, text)
		}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	const most = 8
	for len(values) > most {
		values = slices.Delete(values, len(values)/2, len(values)/2+1)
	}
	return values
}

// several returns texts of several values, and of none, for a filter that takes them.
func (k kind[T, F]) several(x *crm.Filter[T, F], rows []T) (texts []string) {
	if !x.TakesSeveral() {
		return nil
	}
	values := k.valuesOf(x, rows)
	if len(x.Enum) > 0 {
		values = x.Enum
	}
	if len(values) > 1 {
		texts = append(texts, values[1]+","+values[0]+","+values[1], strings.Join(values, ","))
	}
	if x.Nullable {
		texts = append(texts, crm.NullWord, values[0]+","+crm.NullWord)
	}
	return texts
}

// complete sets the optional texts that a full variant and one of long texts lack.
func (k kind[T, F]) complete(full, long *T) {
	for _, p := range k.properties {
		f, ok := p.stored(full).(**string)
		if !ok || *f != nil || !p.writable {
			continue
		}
		*f, *p.stored(long).(**string) = ptr("The "+p.name), ptr(strings.Repeat("長", p.Max))
		if p.enum != nil {
			*f, *p.stored(long).(**string) = &p.enum[0], &p.enum[len(p.enum)-1]
		}
	}
}

// unvaried are the properties with unique values, and those that each list sets.
var unvaried = []string{"name", "title", "first_name", "last_name", "domain", "email", "external_id"}

// vary sets properties of a row, each to one of a few values.
func (k kind[T, F]) vary(m maker, row T) T {
	for _, p := range k.properties {
		if !p.writable || slices.Contains(unvaried, p.name) {
			continue
		}
		texts := []string{"One", "two", "Three & four"}
		switch {
		case p.enum != nil:
			texts = p.enum
		case p.name == "currency":
			texts = []string{"GBP", "EUR", "USD"}
		case p.name == "color":
			texts = []string{"#000000", "#FFFFFF"}
		}
		switch v := p.stored(&row).(type) {
		case *string:
			*v = texts[m.IntN(len(texts))]
		case **string:
			*v = some(m, texts)
		case **crm.Money:
			*v = some(m, []crm.Money{0, 100, 5_000})
		case **crm.Date:
			*v = some(m, []crm.Date{0, 20_000, 20_001})
		case *int:
			*v = p.min + m.IntN(min(p.max-p.min, 3)+1)
		case **int:
			*v = some(m, []int{p.min, p.max})
		}
	}
	return row
}

// derive makes the conditions of a list from its declared filters: of each the value
// that leaves the most rows, though not all of them.
func (l *list[T, F]) derive(f *fixture) {
	f.Helper()
	for i := range l.filters {
		x := &l.filters[i]
		var best condition[T, F]
		most := 0
		for _, text := range slices.Concat(x.Enum, l.valuesOf(x, l.rows)) {
			c := l.condition(f, x, text)
			n := 0
			for j := range l.rows {
				if c.keep(&l.rows[j]) {
					n++
				}
			}
			if n > most && n < len(l.rows) {
				best, most = c, n
			}
		}
		if most > 0 {
			l.conditions = append(l.conditions, best)
		}
	}
}

// condition is a declared filter that is set to a text.
func (l *list[T, F]) condition(f *fixture, x *crm.Filter[T, F], text string) condition[T, F] {
	f.Helper()
	set := l.base
	if err := x.Set(&set, text); err != nil {
		f.Fatalf("%s: the filter %s cannot be set to %q: %v", l.entity, x.Name, text, err)
	}
	return condition[T, F]{
		name: x.Name + "=" + text,
		set:  func(filter *F) { _ = x.Set(filter, text) },
		keep: func(row *T) bool { return l.passes(x, row, &set) },
	}
}

// passes reports whether a row passes a filter.
func (l *list[T, F]) passes(x *crm.Filter[T, F], row *T, set *F) bool {
	if l.related != nil {
		if passes, known := l.related(x.Name, row, set); known {
			return passes
		}
	}
	return x.Match(row, set)
}

// eachFilter compares what SQL selects by each declared filter with what the filter is
// declared to mean, for many values, and reports filters that no row is excluded by.
func (l *list[T, F]) eachFilter(f *fixture) {
	f.Helper()
	for i := range l.filters {
		x := &l.filters[i]
		distinguished := slices.ContainsFunc(l.conditions, func(c condition[T, F]) bool { return strings.HasPrefix(c.name, x.Name+"=") })
		if !distinguished {
			f.Errorf("%s: no value of the filter %s leaves some rows but not all: let %s vary in the list's rows", l.entity, x.Name, x.Property)
		}
		for _, text := range slices.Concat(x.Enum, l.valuesOf(x, l.rows), l.several(x, l.rows)) {
			c := l.condition(f, x, text)
			q := crm.List[F]{Filter: l.filter(c), Sort: l.sorts.Default, Limit: crm.MaxLimit}
			p, err := l.view(f.store.Reads(crm.Actor{})).Page(f.Context(), f.home.ID, q)
			if err != nil {
				f.Errorf("%s: the filter %s: %v", l.entity, c.name, err)
				continue
			}
			if got, want := idsOf(l.kind, p.Rows), idsOf(l.kind, l.ordered(q.Sort, c)); !slices.Equal(got, want) {
				f.Errorf("%s: the SQL condition of the filter %s selects %d rows, its Match %d", l.entity, c.name, len(got), len(want))
			}
		}
	}
}

// checks compares the values that CHECK constraints accept with the declared ones.
func checks(f *fixture) {
	checkEnums(f, "companies", companies())
	checkEnums(f, "contacts", contacts())
	checkEnums(f, "deals", deals())
	checkEnums(f, "deal_stages", stages())
	checkEnums(f, "users", owners())
	checkEnums(f, "activities", activities())
	checkEnums(f, "tasks", tasks())
	checkEnums(f, "api_keys", keys())
	checkEnums(f, "outbox", outbox())
	checkEnum(f, "deal_contacts", "role", crm.DealContactRoles)
}

func checkEnums[T, F any](f *fixture, table string, k kind[T, F]) {
	f.Helper()
	for _, p := range k.properties {
		if p.enum != nil {
			checkEnum(f, table, p.name, slices.DeleteFunc(slices.Clone(p.enum), func(v string) bool {
				return v == crm.TaskOverdue // shown, not stored
			}))
		}
	}
}

var quoted = regexp.MustCompile(`'(\w+)'`)

// checkEnum compares the values of a column. Engines write its constraint as
// (column IN ('a', 'b')) or (column = ANY (ARRAY['a'::text, 'b'::text])).
func checkEnum(f *fixture, table, column string, want []string) {
	f.Helper()
	constraints, err := f.engine.Checks(f.Context(), table)
	if err != nil {
		f.Fatal(err)
	}
	list := regexp.MustCompile(`\(` + column + ` (?:IN \(|= ANY \(+ARRAY\[)([^\])]*)`).FindStringSubmatch(constraints)
	if list == nil {
		f.Errorf("%s: no CHECK constraint lists the values of %s, declared are %v", table, column, want)
		return
	}
	var got []string
	for _, m := range quoted.FindAllStringSubmatch(list[1], -1) {
		got = append(got, m[1])
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		f.Errorf("%s: the CHECK constraint of %s accepts %v, declared are %v", table, column, got, want)
	}
}
