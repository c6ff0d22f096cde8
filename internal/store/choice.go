package store

import (
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// A filter of several values is either one condition, or a scan of its index for each value: its
// arm. An index on (org_id, column, order) holds the rows of one value in the list's order, so
// that a page in that order is the first rows of the arms, merged. As one condition, the
// engine would have to read all rows of the values and sort them, or to search the whole list for
// rows of values that may be rare.

// A source is where the rows t of a list are found.
type source struct {
	// A filter that is served by another table sets these: the FROM clause, the alias
	// with the leading org_id, and the columns of the default order.
	from, lead, updated, id string
	// constant is a column that is NULL in all rows, and comes before the default order in their
	// index. PostgreSQL takes the index for that order only if the column is named in it.
	constant string
	// searchJoin joins that other table to t where a search finds t first.
	searchJoin string
}

// rowsOfTable is the source of a list that no other table serves.
var rowsOfTable = source{lead: "t", updated: "t.updated_at", id: "t.id"}

// An arm is the condition of one value.
type arm struct {
	condition string
	source    *source // nil: that of the list
}

// alternatives are the arms of a filter, and what they are as one condition on t.
type alternatives struct {
	arms []arm
	any  string
	// overlap says that a row may be in several arms.
	overlap bool
	ids     bool
}

// armCounts are the numbers of values of a statement, few to keep the texts few. The rest of the
// values are NULL, which equal nothing.
var armCounts = []int{1, 2, 3, 4, 6, 9, 14, 20, 30, crm.MaxFilterValues}

// placeholdersFor adds the values to the arguments, and returns their placeholders.
func (b *whereBuilder) placeholdersFor(values []any) []string {
	n := armCounts[max(slices.IndexFunc(armCounts, func(n int) bool { return n >= len(values) }), 0)]
	if len(values) == 0 {
		n = 0
	}
	all := make([]string, n)
	for i := range all {
		var value any
		if i < len(values) {
			value = values[i]
		}
		all[i] = b.placeholder(value)
	}
	return all
}

// placeholder adds an argument, and returns its placeholder.
func (b *whereBuilder) placeholder(arg any) string {
	b.args = append(b.args, arg)
	return "$" + strconv.Itoa(len(b.args))
}

// compared returns the alternatives of a column that is compared with values.
func compared[F any](b *whereBuilder, c *condition[F], values crm.Choice) alternatives {
	var a alternatives
	column := c.column
	var conditions []string
	places := b.placeholdersFor(values.Values)
	for _, p := range places {
		a.arms = append(a.arms, arm{condition: column + " = " + p})
	}
	if len(places) > 0 {
		conditions = append(conditions, column+" IN ("+strings.Join(places, ", ")+")")
		_, a.ids = values.Values[0].(crm.ID)
	}
	if values.Null {
		of := rowsOfTable
		if !c.nullIndex {
			of.constant = column
		}
		a.arms = append(a.arms, arm{column + " IS NULL", &of})
		conditions = append(conditions, column+" IS NULL")
	}
	a.any = anyOf(conditions)
	return a
}

func anyOf(conditions []string) string { return "(" + strings.Join(conditions, " OR ") + ")" }

// choose adds the conditions of the filters that are set. Of those with several values one is
// left as arms: of ids, which are the most selective, or if there are none, of others, unless
// an id narrows the list already. Of several it is the one with the fewest values.
func (t *table[T, F]) choose(f *F, b *whereBuilder) {
	var several []alternatives
	oneID := b.owner != ""
	singles := 0
	for i := range t.filters {
		x := &t.filters[i]
		value := x.value(f)
		values, isChoice := value.(crm.Choice)
		switch {
		case value == nil:
		case !isChoice && x.add != nil:
			x.add(b, f)
		case !isChoice:
			b.add(x.sql, value)
		default:
			if a := x.alternatives(b, f, values); len(a.arms) > 1 {
				several = append(several, a)
			} else {
				oneID = oneID || a.ids
				singles++
				b.narrow(a.arms[0])
			}
		}
	}
	driving := -1
	for i, a := range several {
		switch {
		case oneID && !a.ids:
		case driving < 0, a.ids && !several[driving].ids,
			a.ids == several[driving].ids && len(a.arms) < len(several[driving].arms):
			driving = i
		}
	}
	if singles > 1 || driving >= 0 || b.owner != "" { // another index may serve the list
		b.constant = ""
	}
	for i, a := range several {
		if i == driving {
			b.several = a
		} else {
			b.and(a.any)
		}
	}
}

func (c *condition[F]) alternatives(b *whereBuilder, f *F, values crm.Choice) alternatives {
	if c.choice != nil {
		return c.choice(b, f, values)
	}
	return compared(b, c, values)
}

// unite makes the arms one condition.
func (b *whereBuilder) unite() {
	if b.several.any != "" {
		b.and(b.several.any)
		b.several = alternatives{}
	}
}

// and adds a condition without a value of its own.
func (b *whereBuilder) and(condition string) {
	b.where = append(append(b.where, " AND "...), condition...)
}

// narrow adds the condition of one arm, and has its source serve the list.
func (b *whereBuilder) narrow(a arm) {
	if a.source != nil && b.from == "" {
		b.source = *a.source
	}
	b.and(a.condition)
}

// arm returns the builder of a scan of one arm.
func (b *whereBuilder) arm(a arm) *whereBuilder {
	c := *b
	c.several, c.where = alternatives{}, slices.Clip(b.where)
	c.narrow(a)
	return &c
}

// mergedSQL composes the query m of the sort keys and ids that the scans of the arms find first.
func mergedSQL[T, F any](t *table[T, F], b *whereBuilder, sort crm.Sort, sc keysetScan, fetch int) string {
	union := " UNION ALL "
	if b.several.overlap {
		union = " UNION "
	}
	var sql strings.Builder
	for i, a := range b.several.arms {
		if i > 0 {
			sql.WriteString(union)
		}
		of := b.arm(a)
		column, id, tail := scanSQL(t, of, sort, sc, fetch)
		sql.WriteString("SELECT a.k, a.id FROM (SELECT " + column + " AS k, " + id + " AS id" + t.from(false, of) + tail + ") a")
	}
	return "(SELECT u.k, u.id FROM (" + sql.String() + ") u" + orderBy(sort, sc, "u.k", "u.id") + " LIMIT " + strconv.Itoa(fetch) + ") m"
}
