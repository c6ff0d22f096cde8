package adopt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
)

// maxShort is how much is read of a text that is short by nature; a longer one is not valid
// anyway.
const maxShort = 2500

// A table is a table of the source and how its rows are parsed. All columns are read into one
// row, which is emptied before each record.
type table[P any] struct {
	name    string
	keys    []string // the columns of a row's id, all of which are required
	order   []string // of the rows, by those of these columns that exist
	columns []*column
	// finish completes a row of which everything was read. May be nil.
	finish func(*table[P])

	row   bulk.AdoptRow[P]
	other extras
	left  []string // what could not be read, of this row
	ids   []string // of this row, as the source has them
	// amounts are those of this row that stand beside a currency.
	amounts []foreign
	last    string // id of the row before
}

// extras are values of rows that are no members, but that members are derived from.
type extras struct {
	fullName crm.Field[string]
	isAdmin  crm.Field[bool]
}

// A column is a column's name and how its values are read; a null is nil.
type column struct {
	name   string
	limit  int // characters that are read of a value
	kind   cells.Type
	reader *cells.Reader
	read   func(value *string) (violation string)
}

// newTable returns a table whose rows have an id of their own and the times of their records.
func newTable[P any](name string) *table[P] {
	t := &table[P]{name: name, keys: []string{"id"}, order: []string{"id"}}
	t.key("id", &t.row.ID)
	add(t, "created_at", &t.row.CreatedAt, cells.Instant, (*cells.Reader).Instant)
	add(t, "updated_at", &t.row.UpdatedAt, cells.Instant, (*cells.Reader).Instant)
	return t
}

// key adds a column of the row's id.
func (t *table[P]) key(name string, id *crm.ID) {
	t.columns = append(t.columns, &column{name: name, limit: maxShort, read: func(value *string) string {
		if value == nil {
			return "must not be null"
		}
		t.ids = append(t.ids, *value)
		var err error
		if *id, err = crm.ParseID(crm.Text(*value)); err != nil {
			return err.Error()
		}
		return ""
	}})
}

// add adds a column of a type. A value that cannot be read is left out; one that is read in
// part is reported (see cells.Inexact).
func add[P, V any](t *table[P], name string, member *crm.Field[V], kind cells.Type, read func(*cells.Reader, string) (V, error)) {
	c := &column{name: name, limit: maxShort, kind: kind}
	c.read = reading(member, func(s string) (V, error) { return read(c.reader, s) })
	t.columns = append(t.columns, c)
}

// addMembers adds the columns of declared properties, each read by its type. Texts of a name or a
// description are cut to their length; others, such as addresses, are not valid when they are
// cut.
func addMembers[T, P, F any](t *table[P], e *crm.Entity[T, P, F], names ...string) {
	for _, name := range names {
		property := e.Property(name)
		switch _, sent := property.At(new(T), &t.row.Patch); member := sent.(type) {
		case *crm.Field[string]:
			switch most := property.Rule.Max; {
			case property.Enum != nil:
				add(t, name, member, cells.Enum, (*cells.Reader).Enum)
			case name == "currency":
				add(t, name, member, cells.Text, (*cells.Reader).Currency)
			case (most == crm.MaxNameLength || most == crm.MaxTextLength) && name != string(crm.KeyExternalID):
				t.cut(name, member, most)
			default:
				add(t, name, member, cells.Text, (*cells.Reader).Text)
			}
		case *crm.Field[crm.Money]:
			t.addMoney(name, member)
		case *crm.Field[int]:
			if property.Max == 100 {
				add(t, name, member, cells.Percent, (*cells.Reader).Percent)
			} else {
				add(t, name, member, cells.Whole, (*cells.Reader).Whole)
			}
		case *crm.Field[bool]:
			add(t, name, member, cells.Bool, (*cells.Reader).Bool)
		case *crm.Field[crm.Date]:
			add(t, name, member, cells.Date, (*cells.Reader).Date)
		case *crm.Field[crm.Instant]:
			add(t, name, member, cells.Instant, (*cells.Reader).Instant)
		case *crm.Field[crm.Moment]:
			add(t, name, member, cells.Instant, func(r *cells.Reader, s string) (crm.Moment, error) {
				at, err := r.Instant(s)
				return crm.Moment(at), err
			})
		case *crm.Field[crm.ID]:
			add(t, name, member, cells.Text, func(_ *cells.Reader, s string) (crm.ID, error) { return parseID(s) })
		default:
			panic(fmt.Sprintf("adopt: no column can be read into %s, a %T", name, sent))
		}
	}
}

func parseID(s string) (crm.ID, error) {
	id, err := crm.ParseID(s)
	if err != nil {
		return id, fmt.Errorf("%w (it is %s)", err, quoted(s))
	}
	return id, nil
}

// cut adds a column of texts that are cut after a number of characters.
func (t *table[P]) cut(name string, member *crm.Field[string], most int) {
	// A little more than the limit is enough to see that it is too long; space around it
	// does not count, if there is not too much of it.
	t.columns = append(t.columns, &column{name: name, limit: most + maxShort, read: reading(member, func(s string) (string, error) {
		s = crm.Text(s)
		if utf8.RuneCountInString(s) <= most {
			return s, nil
		}
		return string([]rune(s)[:most]), &cells.Inexact{Message: fmt.Sprintf("was cut after %d characters", most)}
	})})
}

// reading returns a function that reads a value into a member.
func reading[V any](member *crm.Field[V], parse func(string) (V, error)) func(*string) string {
	return func(value *string) string {
		*member = crm.Null[V]()
		if value == nil || crm.Text(*value) == "" {
			return ""
		}
		v, err := parse(crm.Text(*value))
		var near *cells.Inexact
		if err == nil || errors.As(err, &near) {
			*member = crm.Of(v)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	}
}

// fit drops the columns that the source does not have, and returns those of which all values
// are to be looked at before one is read.
func (t *table[P]) fit(types map[string]string) (open []*column, err error) {
	for _, key := range t.keys {
		if types[key] == "" {
			return nil, &SourceError{fmt.Sprintf("the source's table %s has no column %s that this user may read", t.name, key)}
		}
	}
	missing := func(name string) bool { return types[name] == "" }
	t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { return missing(c.name) })
	t.order = slices.DeleteFunc(t.order, missing)
	for _, c := range t.columns {
		o, decided := options(types[c.name], c.kind)
		c.reader = cells.NewReader(c.kind, o)
		if !decided {
			open = append(open, c)
		}
	}
	return open, nil
}

// parse parses a record, or returns why it cannot be.
func (t *table[P]) parse(record []*string) (row parsed[P], reason string) {
	t.row, t.other, t.left, t.ids, t.amounts = bulk.AdoptRow[P]{}, extras{}, nil, nil, t.amounts[:0]
	for i, c := range t.columns {
		violation := c.read(record[i])
		if violation == "" {
			continue
		}
		t.left = append(t.left, c.name+" "+violation)
		if slices.Contains(t.keys, c.name) {
			reason = joined([]string{reason, c.name + " " + violation})
		}
	}
	id := strings.Join(t.ids, " ")
	if reason == "" && id == t.last {
		reason = "the row before has the same id"
	}
	t.last = id
	if reason == "" && t.finish != nil {
		t.finish(t)
	}
	return parsed[P]{t.row, id, t.left}, reason
}

// maxShown is how much of a value is repeated in a reason, in characters.
const maxShown = 40

func quoted(value string) string {
	if r := []rune(value); len(r) > maxShown {
		value = string(r[:maxShown]) + "…"
	}
	return fmt.Sprintf("%q", value)
}

// joined puts reasons together.
func joined(reasons []string) string {
	said := slices.DeleteFunc(slices.Clone(reasons), func(r string) bool { return r == "" })
	return strings.Join(said, "; ")
}
