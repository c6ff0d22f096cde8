package store

import (
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// A whereBuilder collects the conditions of a statement and their arguments. Statements
// are cached by the text of their conditions (see listKey), so two different sets of
// conditions never share one.
type whereBuilder struct {
	source
	where   []byte       // " AND " and a condition, repeated
	several alternatives // of one filter; see choose
	args    []any
	owner   string // the placeholder of the only owner that is visible; "" for all

	timeRange timeRange
	deleted   bool // the deleted records, instead of the others
}

// newWhere returns a builder for statements on t, whose $1 is the organisation.
func newWhere(args ...any) whereBuilder {
	return whereBuilder{source: rowsOfTable, args: args}
}

// A timeRange limits an instant column: from inclusive, before exclusive; nil is open.
type timeRange struct {
	column       string
	from, before *crm.Instant
}

// add adds a condition that ends in an operator, and the operand on its right.
func (b *whereBuilder) add(condition string, arg any) {
	b.args = append(b.args, arg)
	b.where = append(append(b.where, " AND "...), condition...)
	b.where = strconv.AppendInt(append(b.where, " $"...), int64(len(b.args)), 10)
}

// addIf adds a condition unless the filter's field is nil.
func addIf[T any](b *whereBuilder, condition string, arg *T) {
	if arg != nil {
		b.add(condition, arg)
	}
}

// addOwner adds a condition in which @ stands for the owner.
func (b *whereBuilder) addOwner(condition string, owner *crm.ID) {
	b.args = append(b.args, owner)
	b.owner = "$" + strconv.Itoa(len(b.args))
	b.where = append(append(b.where, " AND "...), strings.ReplaceAll(condition, "@", b.owner)...)
}

// forScan adds the conditions of the time range, and returns the builder and scan to use.
// A bound on the side where the scan starts moves the start instead: with both a condition
// and a start position the engine may search the index by either.
func (b *whereBuilder) forScan(column string, ascending bool, sc keysetScan) (*whereBuilder, keysetScan) {
	r := b.timeRange
	if r == (timeRange{}) {
		return b, sc
	}
	c := *b
	c.args, c.where = slices.Clip(b.args), slices.Clip(b.where)
	onColumn := sc.from != nil && column == r.column
	if r.from != nil {
		switch {
		case !onColumn || !ascending:
			c.add(r.column+" >=", *r.from)
		case sc.from.Number < int64(*r.from):
			sc.from, sc.inclusive = &crm.Position{Number: int64(*r.from)}, true
		}
	}
	if r.before != nil {
		switch {
		case !onColumn || ascending:
			c.add(r.column+" <", *r.before)
		case sc.from.Number >= int64(*r.before):
			sc.from, sc.inclusive = &crm.Position{Number: int64(*r.before)}, false // no id is less
		}
	}
	return &c, sc
}

// listKey returns the cache key of a list statement: what it is composed of.
func listKey(kind, entity string, b *whereBuilder, sort crm.Sort, sc keysetScan, fetch int) []byte {
	key := make([]byte, 0, 256)
	for _, s := range [...]string{kind, entity, b.from, b.several.any, b.owner, sort.Field} {
		key = append(append(key, s...), '\n')
	}
	key = append(append(key, b.where...), '\n')
	flags := byte('0')
	for i, set := range [...]bool{sort.Desc, sc.forward, sc.from != nil, sc.inclusive, sc.untilNulls} {
		if set {
			flags += 1 << i
		}
	}
	return strconv.AppendInt(append(key, flags, '\n'), int64(fetch), 10)
}
