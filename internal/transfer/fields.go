package transfer

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

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

// fields are the fields of one kind of row. They are the members that a client may
// write, found once by their JSON names, and those that only an import has. All
// read into one row, which is emptied before each record.
type fields[P any] struct {
	row    crm.ImportRow[P]
	byName map[string]*field[P]
	ids    map[string]bool // the members that are references
	dates  dateFormat
	unread *crm.DecodeErrors // of the row
	person bool              // has a name that is split
	// byID says that columns called id are of this program, and not somebody's numbers.
	byID bool
	// Of the row that is read: whether it has a company's label, and the name of the
	// company that it refers to, in columns of their own.
	labelled, companyNamed bool
}

// newFields makes the fields of the rows that patch a T and refer to other things.
func newFields[P, T any](dates dateFormat, references ...crm.Reference) *fields[P] {
	f := &fields[P]{byName: map[string]*field[P]{}, ids: map[string]bool{}, dates: dates}
	enumerated := enumeratedMembers[T]()
	texts := map[string]*crm.Field[string]{}
	v := reflect.ValueOf(&f.row.Patch).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name := tag.Get("json")
		if only := tag.Get("import"); only != "" {
			name = only // not for clients
		}
		switch member := v.Field(i).Addr().Interface().(type) {
		case *crm.Field[string]:
			texts[name] = member
			if enumerated[name] {
				f.add(name, reader(member, parseEnumerated))
			} else {
				f.add(name, reader(member, parseText))
			}
		case *crm.Field[crm.Money]:
			f.add(name, reader(member, parseMoney))
		case *crm.Field[int]:
			f.add(name, reader(member, parseWhole))
		case *crm.Field[bool]:
			f.add(name, reader(member, parseBool))
		case *crm.Field[crm.Date]:
			f.add(name, reader(member, dates.parseDate))
		case *crm.Field[crm.Instant]:
			f.add(name, reader(member, dates.parseInstant))
		case *crm.Field[crm.Moment]:
			f.add(name, reader(member, dates.parseMoment))
		case *crm.Field[crm.ID]: // is a reference
			f.ids[name] = true
		case *crm.DecodeErrors:
			f.unread = member
		default:
			panic(fmt.Sprintf("transfer: no cell can be read into %s, a %T", name, member))
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
func (f *fields[P]) addReference(ref crm.Reference, texts map[string]*crm.Field[string]) {
	idName := string(ref) + "_id"
	var text, other *string
	switch ref {
	case crm.RefCompany:
		text, other = &f.row.Company, &f.row.Fallback.Company
	case crm.RefOwner:
		text, other = &f.row.Owner, &f.row.Fallback.Owner
	case crm.RefStage:
		text, other = &f.row.Stage, &f.row.Fallback.Stage
		f.add("stage_changed_at", reader(&f.row.StageChangedAt, f.dates.parseInstant))
	case crm.RefContact:
		text, other = &f.row.Contact, &f.row.Fallback.Contact
		if !f.ids[idName] {
			idName = "primary_contact_id"
		}
	case crm.RefDeal:
		text, other = &f.row.Deal, &f.row.Fallback.Deal
	}
	named := func(cell string) error {
		*text = cell
		return nil
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
		f.add(string(ref), named)
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
	names := make([]string, 0, len(f.byName))
	for name := range f.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// clash gives two fields among those fed that would overwrite each other.
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
func (f *fields[P]) parse(m *mapping[P], cells []string) crm.ImportRow[P] {
	f.row = crm.ImportRow[P]{}
	f.labelled, f.companyNamed = m.feeds(string(crm.RefCompany)), m.feeds(fieldCompanyName)
	for _, b := range m.bindings {
		cell := unguard(strings.TrimSpace(cells[b.column]))
		if cell == "" {
			continue
		}
		if err := b.field.read(cell); err != nil {
			f.complain(b.field.name, fmt.Sprintf("%s (it is %q)", err, shortened(cell)))
		}
	}
	return f.row
}

// refuse makes a row of a record that cannot be read at all.
func (f *fields[P]) refuse(reason string) crm.ImportRow[P] {
	f.row = crm.ImportRow[P]{}
	f.complain("", reason)
	return f.row
}

func (f *fields[P]) complain(field, message string) {
	*f.unread = append(*f.unread, crm.FieldError{Field: field, Message: message})
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

// reader gives what reads a cell into a member.
func reader[T any](member *crm.Field[T], parse func(string) (T, error)) func(string) error {
	return func(cell string) error {
		v, err := parse(cell)
		if err == nil {
			*member = crm.Of(v)
		}
		return err
	}
}

// enumeratedMembers finds the members of T that have only certain values.
func enumeratedMembers[T any]() map[string]bool {
	enumerated := map[string]bool{}
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag; tag.Get("enum") != "" {
			enumerated[tag.Get("json")] = true
		}
	}
	return enumerated
}
