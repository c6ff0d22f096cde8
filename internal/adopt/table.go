package adopt

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sixty/internal/bulk"
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
	columns []column
	// finish completes a row of which everything was read. May be nil.
	finish func(*table[P])

	row   bulk.AdoptRow[P]
	other extras
	left  []string // what could not be read, of this row
	ids   []string // of this row, as the source has them
	last  string   // id of the row before
}

// extras are values of rows that are no members, but that members are derived from.
type extras struct {
	fullName crm.Field[string]
	isAdmin  crm.Field[bool]
}

// A column is a column's name and how its values are read; a null is nil.
type column struct {
	name  string
	limit int // characters that are read of a value
	read  func(value *string) (violation string)
}

// newTable returns a table whose rows have an id of their own and the times of their records.
func newTable[P any](name string) *table[P] {
	t := &table[P]{name: name, keys: []string{"id"}, order: []string{"id"}}
	t.key("id", &t.row.ID)
	add(t, "created_at", &t.row.CreatedAt, parseInstant)
	add(t, "updated_at", &t.row.UpdatedAt, parseInstant)
	return t
}

// key adds a column of the row's id.
func (t *table[P]) key(name string, id *crm.ID) {
	t.columns = append(t.columns, column{name, maxShort, func(value *string) string {
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

// add adds a column that is read with parse. A value that parse cannot read is left out; one
// that it reads in part is reported (see inexact).
func add[P, V any](t *table[P], name string, member *crm.Field[V], parse func(string) (V, error)) {
	t.columns = append(t.columns, column{name, maxShort, reading(member, parse)})
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
				add(t, name, member, parseEnumerated)
			case (most == crm.MaxNameLength || most == crm.MaxTextLength) && name != string(crm.KeyExternalID):
				t.cut(name, member, most)
			default:
				add(t, name, member, parseText)
			}
		case *crm.Field[crm.Money]:
			add(t, name, member, parseMoney)
		case *crm.Field[int]:
			parse := parseWhole
			if property.Max == 100 {
				parse = parsePercent
			}
			add(t, name, member, parse)
		case *crm.Field[bool]:
			add(t, name, member, parseBool)
		case *crm.Field[crm.Date]:
			add(t, name, member, parseDate)
		case *crm.Field[crm.Instant]:
			add(t, name, member, parseInstant)
		case *crm.Field[crm.Moment]:
			add(t, name, member, parseMoment)
		case *crm.Field[crm.ID]:
			add(t, name, member, crm.ParseID)
		default:
			panic(fmt.Sprintf("adopt: no column can be read into %s, a %T", name, sent))
		}
	}
}

// cut adds a column of texts that are cut after a number of characters.
func (t *table[P]) cut(name string, member *crm.Field[string], most int) {
	// A little more than the limit is enough to see that it is too long; space around it
	// does not count, if there is not too much of it.
	t.columns = append(t.columns, column{name, most + maxShort, reading(member, func(s string) (string, error) {
		s = crm.Text(s)
		if utf8.RuneCountInString(s) <= most {
			return s, nil
		}
		return string([]rune(s)[:most]), &inexact{fmt.Sprintf("was cut after %d characters", most)}
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
		if near, ok := err.(*inexact); ok { //nolint:errorlint // parsers return it unwrapped
			*member = crm.Of(v)
			return near.what
		}
		if err != nil {
			return err.Error() + " (it is " + quoted(*value) + ")"
		}
		*member = crm.Of(v)
		return ""
	}
}

// inexact says that a value was read, though not as it is.
type inexact struct{ what string }

func (e *inexact) Error() string { return e.what }

// fit drops the columns that the source does not have.
func (t *table[P]) fit(names map[string]bool) error {
	for _, key := range t.keys {
		if !names[key] {
			return &SourceError{fmt.Sprintf("the source's table %s has no column %s that this user may read", t.name, key)}
		}
	}
	t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return !names[c.name] })
	t.order = slices.DeleteFunc(t.order, func(name string) bool { return !names[name] })
	return nil
}

// parse parses a record, or returns why it cannot be.
func (t *table[P]) parse(record []*string) (row parsed[P], reason string) {
	t.row, t.other, t.left, t.ids = bulk.AdoptRow[P]{}, extras{}, nil, nil
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
