package store

import (
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// A column is a column of a table and the member of T that it holds. member gives
// a pointer, from which the column is written and into which it is read.
type column[T any] struct {
	name   string
	member func(*T) any
	view   string // how a view reads it, when not as it is stored
}

// A table describes where the things of one kind are kept.
type table[T, F any] struct {
	name    string // of the table
	entity  string // in the change log and in statements' names
	columns []column[T]
	nameOf  func(*T) string // what name_key is folded from; nil: there is none
	owned   string          // the condition that a thing is a person's, who is @ in it; "": they are nobody's
	joins   string          // what the view reads beside t, ending in the condition of the join
	joined  string          // owned, for what is joined
	where   string          // what else the list demands of t
	sorts   map[string]sortKey
	filter  func(F, *narrowing)
	keys    map[crm.Key]string // columns by which things are found
	id      func(*T) crm.ID
	org     func(*T) crm.ID
	refs    func(*T) crm.Refs
	search  *searching[T] // nil: it is not searched
	forever bool          // nothing is ever deleted from it
}

// there gives the condition of what is not deleted.
func (t *table[T, F]) there() string {
	if t.forever {
		return ""
	}
	return " AND t.deleted_at IS NULL"
}

// selectList gives the columns as SELECT lists them: as stored, or as the view
// reads them.
func (t *table[T, F]) selectList(view bool) string {
	var b strings.Builder
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		if view && c.view != "" {
			b.WriteString(c.view)
		} else {
			b.WriteString("t." + c.name)
		}
	}
	return b.String()
}

// from gives the FROM clause.
func (t *table[T, F]) from(view bool, n *narrowing) string {
	from := " FROM " + t.name + " t"
	if n != nil && n.from != "" {
		from = n.from
	}
	if view {
		from += t.joins
		if n != nil && n.own != "" && t.joined != "" {
			from += " AND " + strings.ReplaceAll(t.joined, "@", n.own)
		}
	}
	return from
}

// show narrows what is read of the table to what somebody sees: to what they own, or if
// own is nil by nothing.
func (t *table[T, F]) show(own *crm.ID, n *narrowing) {
	if own == nil || t.owned == "" {
		return
	}
	n.args = append(n.args, own)
	n.shape = append(n.shape, '!')
	n.own = "$" + strconv.Itoa(len(n.args))
	n.where += " AND " + strings.ReplaceAll(t.owned, "@", n.own)
}

// destinations gives the pointers that a row is scanned into.
func (t *table[T, F]) destinations(row *T) []any {
	dest := make([]any, len(t.columns), len(t.columns)+1)
	for i, c := range t.columns {
		dest[i] = c.member(row)
	}
	return dest
}

// written gives the names of the columns that are written.
func (t *table[T, F]) written() []string {
	names := make([]string, 0, len(t.columns)+1)
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	if t.nameOf != nil {
		names = append(names, "name_key")
	}
	return names
}

// values gives what is written of a row, in the order of written, into args.
func (t *table[T, F]) values(row *T, args []any) []any {
	args = args[:0]
	for _, c := range t.columns {
		args = append(args, c.member(row))
	}
	if t.nameOf != nil {
		args = append(args, crm.NameKey(t.nameOf(row)))
	}
	return args
}

// placeholders gives "$from, …" for n arguments.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}

// narrowing gathers the conditions of a list's filters, and their arguments. shape
// tells which conditions they are. A filter that another table serves says so in
// from, lead (whose org_id leads), updated and id (the default order's columns).
type narrowing struct {
	from, lead, updated, id string

	// beside joins that other table to t where a search finds t first.
	beside string

	where string
	shape []byte
	args  []any
	own   string // the placeholder of whose things alone are read; "": everybody's

	span span
}

// A span is a stretch of time that a filter leaves of a list: in column, an instant, from
// least on and before most; nil for no bound.
type span struct {
	column      string
	least, most *crm.Instant
}

// along gives the narrowing of a walk, with the conditions of the span, and the walk. The
// bound that the walk comes from is no condition beside its position, of which an engine
// might enter the index by either: the position is moved to the bound, if it lies before.
func (n *narrowing) along(column string, ascending bool, w walk) (*narrowing, walk) {
	if n.span == (span{}) {
		return n, w
	}
	along := *n
	along.args, along.shape = slices.Clip(n.args), slices.Clip(n.shape)
	walked := w.from != nil && column == n.span.column
	if least := n.span.least; least != nil {
		switch {
		case !walked || !ascending:
			along.add('>', n.span.column+" >=", *least)
		case w.from.Number < int64(*least):
			w.from, w.at = &crm.Position{Number: int64(*least)}, true
		}
	}
	if most := n.span.most; most != nil {
		switch {
		case !walked || ascending:
			along.add('<', n.span.column+" <", *most)
		case w.from.Number >= int64(*most):
			w.from, w.at = &crm.Position{Number: int64(*most)}, false // no id is less
		}
	}
	return &along, w
}

// add adds a condition: text before the placeholder, the argument, text after.
func (n *narrowing) add(letter byte, condition string, arg any) {
	n.args = append(n.args, arg)
	n.shape = append(n.shape, letter)
	n.where += " AND " + condition + " $" + strconv.Itoa(len(n.args))
}

// narrow adds a condition when the filter's member is there.
func narrow[T any](n *narrowing, letter byte, condition string, arg *T) {
	if arg != nil {
		n.add(letter, condition, arg)
	}
}
