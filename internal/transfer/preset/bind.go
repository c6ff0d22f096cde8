package preset

import (
	"slices"
	"strings"

	"sixty/internal/crm"
)

// Binding is a table laid over the header of a file.
type Binding struct {
	Feeds  []Feed   // in the order of the table
	Unread []string // columns that are read into no field
	Twice  []string // columns of the table that are not read because two have their name

	skip     []condition
	outcomes []outcome
}

// Feed reads the cells of a field.
type Feed struct {
	Field   string
	Columns []int // that it reads; none: it has a constant

	sources  []source
	join     string
	joins    bool
	null     []string
	values   map[string]string
	ranges   []Range
	constant string
	outcomes []outcome
}

type source struct {
	column       int
	when         *condition
	micros, host bool
}

// condition is a Condition on columns of a file.
type condition struct {
	column int // -1: the file has none of the columns
	always bool
	is     []string // plain names
	prefix string
}

type outcome struct {
	condition
	outcome crm.Outcome
}

// Bind lays the table over a header. Columns that are taken are read by another rule.
func (t *Table) Bind(header []string, taken func(column int) bool) *Binding {
	b := &Binding{}
	columns := columnsOf(header)
	read := make([]bool, len(header))
	for _, c := range t.Columns {
		found := columns.named(c.Name)
		if len(found) == 0 || taken(found[0]) {
			continue
		}
		for _, i := range found {
			read[i] = true
		}
		if len(found) > 1 {
			if name := header[found[0]]; !slices.Contains(b.Twice, name) {
				b.Twice = append(b.Twice, name)
			}
			continue
		}
		f := b.feed(t, c.Field)
		f.Columns = append(f.Columns, found[0])
		f.sources = append(f.sources, source{found[0], bindWhen(c.When, columns), c.Micros, c.Host})
	}
	for _, field := range sortedKeys(t.Constant) {
		b.feed(t, field)
	}
	for _, c := range t.Skip {
		b.skip = append(b.skip, bindCondition(&c, columns))
	}
	for _, o := range t.Outcomes {
		b.outcomes = append(b.outcomes, outcome{bindCondition(&o.Condition, columns), crm.Outcome(o.Outcome)})
	}
	if t.Kind == "stages" && len(b.outcomes) > 0 {
		b.feed(t, "outcome").outcomes = b.outcomes
	}
	b.preferParts()
	for i, name := range header {
		if !read[i] && !taken(i) && name != "" {
			b.Unread = append(b.Unread, name)
		}
	}
	return b
}

// headerColumns are the columns of a header.
type headerColumns struct {
	header  []string
	byPlain map[string][]int
}

func columnsOf(header []string) headerColumns {
	c := headerColumns{header, map[string][]int{}}
	for i, name := range header {
		c.byPlain[PlainName(name)] = append(c.byPlain[PlainName(name)], i)
	}
	return c
}

// named returns the columns of a name: of several with its plain name those that are written
// like it, if there are any.
func (c *headerColumns) named(name string) []int {
	found := c.byPlain[PlainName(name)]
	if len(found) < 2 {
		return found
	}
	var written []int
	for _, i := range found {
		if crm.NameKey(c.header[i]) == crm.NameKey(name) {
			written = append(written, i)
		}
	}
	if len(written) == 0 {
		return found
	}
	return written
}

// feed returns the feed of a field, which it makes if there is none.
func (b *Binding) feed(t *Table, field string) *Feed {
	for i := range b.Feeds {
		if b.Feeds[i].Field == field {
			return &b.Feeds[i]
		}
	}
	f := Feed{Field: field, null: t.Null, values: t.Values[field], ranges: t.Ranges[field], constant: t.Constant[field]}
	f.join, f.joins = t.Join[field]
	b.Feeds = append(b.Feeds, f)
	return &b.Feeds[len(b.Feeds)-1]
}

// preferParts leaves a full name out where the file has its parts, too.
func (b *Binding) preferParts() {
	if slices.ContainsFunc(b.Feeds, func(f Feed) bool { return f.Field == "last_name" }) {
		b.Feeds = slices.DeleteFunc(b.Feeds, func(f Feed) bool { return f.Field == "full_name" })
	}
}

func bindWhen(c *Condition, columns headerColumns) *condition {
	if c == nil {
		return nil
	}
	bound := bindCondition(c, columns)
	return &bound
}

func bindCondition(c *Condition, columns headerColumns) condition {
	bound := condition{column: -1, always: len(c.Columns) == 0, prefix: strings.ToLower(c.Prefix)}
	for _, name := range c.Columns {
		if found := columns.named(name); len(found) == 1 {
			bound.column = found[0]
			break
		}
	}
	for _, value := range c.Is {
		bound.is = append(bound.is, PlainName(value))
	}
	return bound
}

// holds reports whether the condition holds on a record.
func (c *condition) holds(record []string) bool {
	if c.column < 0 {
		return c.always
	}
	cell := crm.Text(record[c.column])
	switch {
	case c.prefix != "":
		return strings.HasPrefix(strings.ToLower(cell), c.prefix)
	case len(c.is) > 0:
		return slices.Contains(c.is, PlainName(cell))
	}
	return cell != ""
}

// Skips reports whether a record is passed over.
func (b *Binding) Skips(record []string) bool {
	for i := range b.skip {
		if b.skip[i].holds(record) {
			return true
		}
	}
	return false
}

// Outcome returns what the stage of a record is; "" if the file does not tell.
func (b *Binding) Outcome(record []string) crm.Outcome { return outcomeOf(b.outcomes, record) }

func outcomeOf(outcomes []outcome, record []string) crm.Outcome {
	for i := range outcomes {
		if outcomes[i].holds(record) {
			return outcomes[i].outcome
		}
	}
	return ""
}

// Cell returns what a record says of the field; "" is nothing.
func (f *Feed) Cell(record []string) string {
	cell := f.cell(record)
	if cell != "" {
		if value, ok := f.values[PlainName(cell)]; ok {
			cell = value
		} else if value, ok := rangeOf(f.ranges, cell); ok {
			cell = value
		}
	}
	if cell == "" {
		return f.constant
	}
	return cell
}

func (f *Feed) cell(record []string) string {
	if f.outcomes != nil {
		return string(outcomeOf(f.outcomes, record))
	}
	var joined []string
	for i := range f.sources {
		s := &f.sources[i]
		if s.when != nil && !s.when.holds(record) {
			continue
		}
		cell := crm.Text(record[s.column])
		if cell == "" || f.isNull(cell) {
			continue
		}
		if s.micros {
			cell = fromMicros(cell)
		}
		if s.host {
			cell = hostOf(cell)
		}
		if !f.joins {
			return cell
		}
		if !slices.Contains(joined, cell) {
			joined = append(joined, cell)
		}
	}
	return strings.Join(joined, f.join)
}

func (f *Feed) isNull(cell string) bool {
	return slices.ContainsFunc(f.null, func(null string) bool { return strings.EqualFold(null, cell) })
}

// fromMicros returns an amount that is given in millionths; what is no whole number stays as
// it is.
func fromMicros(cell string) string {
	digits, negative := strings.CutPrefix(cell, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return cell
	}
	const places = 6
	if missing := places + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, decimals := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
	if decimals != "" {
		whole += "." + decimals
	}
	if negative {
		return "-" + whole
	}
	return whole
}

// hostOf returns the host of a web address; what is none stays as it is.
func hostOf(cell string) string {
	_, rest, ok := strings.Cut(cell, "://")
	if !ok {
		return cell
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	host = strings.TrimPrefix(strings.ToLower(host), "www.")
	if host == "" {
		return cell
	}
	return host
}
