package storetest

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// A list is a kind with rows of it in an organisation, and what the port says of
// their order, in Go.
type list[T, F any] struct {
	kind[T, F]
	key        func(field string, row *T) sortKey
	base       F                                                      // what every filter starts from
	related    func(filter string, row *T, f *F) (passes, known bool) // by other records; may be nil
	conditions []condition[T, F]
	rows       []T // what the list holds unfiltered, in no particular order
}

// A sortKey is what a row is sorted by: a number or a text, or nothing.
type sortKey struct {
	null   bool
	number int64
	text   string
}

// A condition is one filter, and what it says.
type condition[T, F any] struct {
	name string
	set  func(*F)
	keep func(*T) bool
}

// ordered returns the rows that fulfil the conditions, in an order: what has no key
// comes last either way, names go by the bytes of their NameKey, and ids decide
// between equals, in the direction of the order.
func (l *list[T, F]) ordered(sort crm.Sort, conditions ...condition[T, F]) []T {
	var rows []T
	for i := range l.rows {
		if !slices.ContainsFunc(conditions, func(c condition[T, F]) bool { return !c.keep(&l.rows[i]) }) {
			rows = append(rows, l.rows[i])
		}
	}
	slices.SortFunc(rows, func(a, b T) int {
		x, y := l.key(sort.Field, &a), l.key(sort.Field, &b)
		if x.null != y.null {
			if x.null {
				return 1
			}
			return -1
		}
		c := cmp.Or(cmp.Compare(x.number, y.number), strings.Compare(x.text, y.text), bytes.Compare(l.id(&a)[:], l.id(&b)[:]))
		if sort.Desc {
			return -c
		}
		return c
	})
	return rows
}

// filter returns the filter of conditions.
func (l *list[T, F]) filter(conditions ...condition[T, F]) F {
	filter := l.base
	for _, c := range conditions {
		c.set(&filter)
	}
	return filter
}

// listSize is the number of rows that lists are tried on.
const listSize = 300

// A maker makes rows with many ties and gaps, the same in every run.
type maker struct{ *rand.Rand }

func newMaker() maker { return newMakerOf(1) }

// newMakerOf makes one of many makers, of other rows each.
func newMakerOf(n uint64) maker { return maker{rand.New(rand.NewPCG(n, 2))} } //nolint:gosec // the rows are to be the same in every run

// newID returns an id that does not depend on the order of creation.
func (m maker) newID() (id crm.ID) {
	for i := range id {
		id[i] = byte(m.IntN(256))
	}
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

func (m maker) instant() crm.Instant { return at(m.IntN(40) - 20) }

func (m maker) day() crm.Instant { return (at(0) + crm.Instant(m.IntN(9)-4)*24*60*60*1e6).Midnight() }

func (m maker) name() string {
	names := []string{
		"Acme", "acme", " ACME ", "Acme Ltd", "Zeta", "zeta", "Ångström", "A\u030angstro\u0308m", "Éclair", "Eclair", "東京", "\U0001F600",
		"a b", "a  b", "a-b", "ab", "\uffee", "1st", "10th", "9th", "O'Neill", "ß", "ss", "İstanbul",
	}
	return names[m.IntN(len(names))]
}

// some returns one of the values, or now and then nil.
func some[T any](m maker, values []T) *T {
	if m.IntN(4) == 0 {
		return nil
	}
	return ptr(values[m.IntN(len(values))])
}

func number[N ~int64 | ~int32 | ~int](p *N) sortKey {
	if p == nil {
		return sortKey{null: true}
	}
	return sortKey{number: int64(*p)}
}

func named(name string) sortKey { return sortKey{text: crm.NameKey(name)} }

// is reports whether an optional value is v.
func is[T comparable](p *T, v T) bool { return p != nil && *p == v }

// three inserts three records to refer to.
func three[T, F any](f *fixture, k kind[T, F], build func(name string) T) []crm.ID {
	f.Helper()
	rows := []T{build("A"), build("B"), build("C")}
	insert(f, f.home, k, rows...)
	return idsOf(k, rows)
}

// fill stores rows of the list at home, and the same away, and deletes a tenth of
// those at home. toAway takes off a row what it refers to.
func (l *list[T, F]) fill(f *fixture, m maker, build func(i int) T, toAway func(*T)) []crm.ID {
	f.Helper()
	home, away := []T(nil), []T(nil)
	for i := range listSize {
		row := build(i)
		*l.id(&row) = m.newID()
		home = append(home, row)
		*l.org(&row) = f.away.ID
		toAway(&row)
		away = append(away, row)
	}
	insert(f, f.home, l.kind, home...)
	insert(f, f.away, l.kind, away...)
	ids := idsOf(l.kind, home)
	remove(f, f.home, l.kind, 2, ids[:listSize/10]...)
	return ids
}

// settle takes the list's rows from the store. That they are read as they were
// stored is for other cases to say.
func (l *list[T, F]) settle(f *fixture, ids ...crm.ID) *list[T, F] {
	f.Helper()
	for _, row := range readAll(f, f.home, l.kind, ids) {
		l.rows = append(l.rows, row)
	}
	slices.SortFunc(l.rows, func(a, b T) int { return bytes.Compare(l.id(&a)[:], l.id(&b)[:]) })
	l.derive(f)
	return l
}
