package store

import (
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// A column is a column of a table and the field of T that it holds. field returns a
// pointer, from which the column is written and into which it is read.
type column[T any] struct {
	name  string
	field func(*T) any
	view  string // the expression that a view reads instead of the column
}

// A table describes the table of an entity.
type table[T, F any] struct {
	name      string // of the table
	entity    string // in the change log and in statements' names
	columns   []column[T]
	nameOf    func(*T) string // what name_key is folded from; nil: there is none
	owned     string          // the condition that @ owns a record; "": records have no owner
	joins     string          // what the view joins to t, ending in the condition of the join
	joinOwned string          // owned, for what is joined
	where     string          // a condition of every list
	sorts     map[string]sortKey
	order     string // the field of the default order, which filters have indexes in
	filters   []tableFilter[F]
	keys      map[crm.Key]string // the columns that records are found by
	id        func(*T) crm.ID
	org       func(*T) crm.ID
	refs      func(*T) crm.Refs
	search    *searchSpec[T] // nil: it is not searched
	permanent bool           // it has no deleted_at
}

// columnsOf returns the columns of an entity's properties. views holds the expressions that
// a view reads instead of some of them.
func columnsOf[T, P, F any](e *crm.Entity[T, P, F], views map[string]string) []column[T] {
	columns := make([]column[T], len(e.Properties))
	for i := range e.Properties {
		p := &e.Properties[i]
		columns[i] = column[T]{name: p.Name, field: p.Stored, view: views[p.Name]}
	}
	return columns
}

// A condition is the SQL of a filter that is set.
type condition[F any] struct {
	sql string                  // its text before the value, or
	add func(*whereBuilder, *F) // what adds it
	// Of a filter of several values:
	column string // that has one of them, or
	// nullIndex says that there is an index of the rows that have no value in the column.
	nullIndex bool
	choice    func(*whereBuilder, *F, crm.Choice) alternatives
}

// A tableFilter is a declared filter and its condition.
type tableFilter[F any] struct {
	name  string
	value func(*F) any // nil when the filter is not set
	condition[F]
}

// filtersOf joins the filters of an entity to their conditions, by name.
func filtersOf[T, P, F any](e *crm.Entity[T, P, F], conditions map[string]condition[F]) []tableFilter[F] {
	filters := make([]tableFilter[F], len(e.Filters))
	for name := range conditions {
		if !slices.ContainsFunc(e.Filters, func(x crm.Filter[T, F]) bool { return x.Name == name }) {
			panic("store: " + e.Name + " declares no filter " + name)
		}
	}
	for i := range e.Filters {
		x := &e.Filters[i]
		filters[i] = tableFilter[F]{x.Name, x.Value, conditions[x.Name]}
	}
	return filters
}

// filter adds the conditions of the filters that are set.
func (t *table[T, F]) filter(f F, b *whereBuilder) {
	t.choose(&f, b)
	b.unite()
}

// notDeleted returns the condition that a row is not deleted.
func (t *table[T, F]) notDeleted() string {
	if t.permanent {
		return ""
	}
	return " AND t.deleted_at IS NULL"
}

// whereSQL returns the WHERE clause of a list.
func (t *table[T, F]) whereSQL(b *whereBuilder) string {
	deleted := t.notDeleted()
	if b.deleted {
		deleted = " AND t.deleted_at IS NOT NULL"
	}
	sql := " WHERE " + b.lead + ".org_id = $1" + deleted + t.where + string(b.where)
	if b.several.any != "" {
		sql += " AND " + b.several.any
	}
	return sql
}

// selectList returns the columns as SELECT lists them: as stored, or as the view reads
// them.
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

// from returns the FROM clause.
func (t *table[T, F]) from(view bool, b *whereBuilder) string {
	from := " FROM " + t.name + " t"
	if b.from != "" {
		from = b.from
	}
	if view {
		from += t.joins
		if b.owner != "" && t.joinOwned != "" {
			from += " AND " + strings.ReplaceAll(t.joinOwned, "@", b.owner)
		}
	}
	return from
}

// restrictTo adds the condition that records belong to an owner; nil is no restriction.
func (t *table[T, F]) restrictTo(owner *crm.ID, b *whereBuilder) {
	if owner != nil && t.owned != "" {
		b.addOwner(t.owned, owner)
	}
}

// destinations returns the pointers that a row is scanned into.
func (t *table[T, F]) destinations(row *T) []any {
	dest := make([]any, len(t.columns), len(t.columns)+1)
	for i, c := range t.columns {
		dest[i] = c.field(row)
	}
	return dest
}

// idColumns returns the names of the columns that hold the record's id and references.
func (t *table[T, F]) idColumns() []string {
	var names []string
	for _, c := range t.columns {
		switch c.field(new(T)).(type) {
		case *crm.ID, **crm.ID:
			if c.name != "org_id" {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// reference returns a pointer to a reference of a record.
func (t *table[T, F]) reference(row *T, name string) **crm.ID {
	for _, c := range t.columns {
		if field, ok := c.field(row).(**crm.ID); ok && c.name == name {
			return field
		}
	}
	panic("store: a " + t.entity + " has no reference " + name)
}

// setID sets a reference.
func (t *table[T, F]) setID(row *T, name string, id crm.ID) {
	for _, c := range t.columns {
		if field, ok := c.field(row).(**crm.ID); ok && c.name == name {
			*field = &id
		}
	}
}

// writtenColumns returns the names of the columns that are written.
func (t *table[T, F]) writtenColumns() []string {
	names := make([]string, 0, len(t.columns)+1)
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	if t.nameOf != nil {
		names = append(names, "name_key")
	}
	return names
}

// values puts the values of writtenColumns into args, and returns them.
func (t *table[T, F]) values(row *T, args []any) []any {
	args = args[:0]
	for _, c := range t.columns {
		args = append(args, c.field(row))
	}
	if t.nameOf != nil {
		args = append(args, crm.NameKey(t.nameOf(row)))
	}
	return args
}

// placeholders returns "$from, …" for n arguments.
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
