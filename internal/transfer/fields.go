package transfer

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// The fields of a person's name: one that is split, or its parts.
const (
	fieldFullName  = "full_name"
	fieldFirstName = "first_name"
	fieldLastName  = "last_name"
)

// fieldCompanyName is the company that a deal is with. In a file that has it, the
// company is only the deal's label; elsewhere it is both.
const fieldCompanyName = "company_name"

// field is a field of a row that cells can be read into.
type field[P any] struct {
	name string
	rank int // fields of a higher rank are read later, and overrule
	read func(cell string) error
}

// fields are the fields of one kind of row: the declared properties that a client may
// write, and those that only an import has. All read into one row, which is emptied
// before each record.
type fields[P any] struct {
	row          bulk.ImportRow[P]
	byName       map[string]*field[P]
	ids          map[string]bool // the properties that are references
	dates        dateFormat
	decodeErrors *crm.DecodeErrors // of the row
	person       bool              // has a name that is split
	// byID is true when columns called id hold ids of this program, not other numbers.
	byID bool
	// Of the row that is read: whether it has a company's label, and the name of the
	// company that it refers to, in columns of their own.
	labelled, companyNamed bool
}

// newFields returns the fields of the rows that patch an entity and refer to other
// records.
func newFields[T, P, F any](e *crm.Entity[T, P, F], dates dateFormat, references ...bulk.Reference) *fields[P] {
	f := &fields[P]{byName: map[string]*field[P]{}, ids: map[string]bool{}, dates: dates}
	f.decodeErrors = e.DecodeErrors(&f.row.Patch)
	texts := map[string]*crm.Field[string]{}
	for _, p := range e.Properties {
		switch _, sent := p.At(new(T), &f.row.Patch); sent := sent.(type) {
		case nil: // clients cannot write it
		case *crm.Field[string]:
			texts[p.Name] = sent
			parse := parseText
			if p.Enum != nil {
				parse = parseEnumerated
			}
			f.add(p.Name, reader(sent, parse))
		case *crm.Field[crm.Money]:
			f.add(p.Name, reader(sent, parseMoney))
		case *crm.Field[int]:
			f.add(p.Name, reader(sent, parseWhole))
		case *crm.Field[bool]:
			f.add(p.Name, reader(sent, parseBool))
		case *crm.Field[crm.Date]:
			f.add(p.Name, reader(sent, dates.parseDate))
		case *crm.Field[crm.Instant]:
			f.add(p.Name, reader(sent, dates.parseInstant))
		case *crm.Field[crm.Moment]:
			f.add(p.Name, reader(sent, dates.parseMoment))
		case *crm.Field[crm.ID]: // is a reference
			f.ids[p.Name] = true
		default:
			panic(fmt.Sprintf("transfer: no cell can be read into %s, a %T", p.Name, sent))
		}
	}
	f.add(string(crm.KeyID), reader(&f.row.ID, crm.ParseID))
	f.add("created_at", reader(&f.row.CreatedAt, dates.parseInstant))
	f.add("updated_at", reader(&f.row.UpdatedAt, dates.parseInstant))
	for _, ref := range references {
		f.addReference(ref, texts)
	}
	if first, last := texts[fieldFirstName], texts[fieldLastName]; first != nil && last != nil {
		f.person = true
		f.add(fieldFullName, func(cell string) error {
			*first, *last = crm.SplitName(cell)
			return nil
		})
	}
	return f
}

func (f *fields[P]) add(name string, read func(string) error) *field[P] {
	f.byName[name] = &field[P]{name: name, read: read}
	return f.byName[name]
}

// addReference adds a reference under the name of what it leads to and under that
// of the id that it becomes. Both are understood alike; where both are given, the
// name counts if the id leads to nothing. Only the name is also a deal's label.
func (f *fields[P]) addReference(ref bulk.Reference, texts map[string]*crm.Field[string]) {
	idName := string(ref) + "_id"
	text, other := f.row.Of(ref), f.row.Fallback.Of(ref)
	if ref == bulk.RefStage {
		f.add("stage_changed_at", reader(&f.row.StageChangedAt, f.dates.parseInstant))
		f.add("closed_at_if_closed", reader(&f.row.ClosedAtIfClosed, f.dates.parseInstant))
	}
	if ref == bulk.RefContact && !f.ids[idName] {
		idName = "primary_contact_id"
	}
	if label := texts[string(ref)]; label != nil {
		f.add(string(ref), func(cell string) error {
			*label = crm.Of(cell)
			if !f.companyNamed {
				*text = cell
			}
			return nil
		})
		f.add(fieldCompanyName, func(cell string) error {
			if !f.labelled {
				*label = crm.Of(cell)
			}
			*text = cell
			return nil
		})
	} else {
		f.add(string(ref), func(cell string) error {
			*text = cell
			return nil
		})
	}
	f.add(idName, func(cell string) error {
		*text, *other = cell, *text
		return nil
	}).rank = 1
}

// named finds a field by its name, however it is spelled; nil: there is none.
func (f *fields[P]) named(name string) *field[P] {
	name = plainName(name)
	if f.person && name == "name" {
		name = fieldFullName
	}
	return f.byName[name]
}

// names lists the fields.
func (f *fields[P]) names() []string {
	return slices.Sorted(maps.Keys(f.byName))
}

// clash returns two of the given fields that would overwrite each other.
func (f *fields[P]) clash(fed map[string]int) (a, b string) {
	if _, ok := fed[fieldFullName]; !ok {
		return "", ""
	}
	for _, part := range []string{fieldFirstName, fieldLastName} {
		if _, ok := fed[part]; ok {
			return fieldFullName, part
		}
	}
	return "", ""
}

// parse reads a record into a row. An empty cell says nothing: it neither sets nor
// clears.
func (f *fields[P]) parse(m *mapping[P], cells []string) bulk.ImportRow[P] {
	f.row = bulk.ImportRow[P]{}
	f.labelled, f.companyNamed = m.feeds(string(bulk.RefCompany)), m.feeds(fieldCompanyName)
	for _, b := range m.bindings {
		cell := unguard(crm.Text(cells[b.column]))
		if cell == "" {
			continue
		}
		if err := b.field.read(cell); err != nil {
			f.reject(b.field.name, fmt.Sprintf("%s (it is %q)", err, shortened(cell)))
		}
	}
	return f.row
}

// refuse returns the row of a record that cannot be read.
func (f *fields[P]) refuse(reason string) bulk.ImportRow[P] {
	f.row = bulk.ImportRow[P]{}
	f.reject("", reason)
	return f.row
}

func (f *fields[P]) reject(field, message string) {
	*f.decodeErrors = append(*f.decodeErrors, crm.FieldError{Field: field, Message: message})
}

// maxShown is how much of a cell is repeated in a reason, in bytes.
const maxShown = 40

func shortened(cell string) string {
	if len(cell) <= maxShown {
		return cell
	}
	n := maxShown
	for !utf8.RuneStart(cell[n]) {
		n--
	}
	return cell[:n] + "…"
}

// reader returns a function that reads a cell into a member.
func reader[T any](member *crm.Field[T], parse func(string) (T, error)) func(string) error {
	return func(cell string) error {
		v, err := parse(cell)
		if err == nil {
			*member = crm.Of(v)
		}
		return err
	}
}
