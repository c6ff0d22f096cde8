package transfer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
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

// fieldCurrency is the currency of a row's amounts.
const fieldCurrency = "currency"

// field is a field of a row that cells can be read into.
type field[P any] struct {
	name string
	kind cells.Type
	rank int // fields of a higher rank are read later, and overrule
	// identifier says that cells are ids or telephone numbers, which a spreadsheet may have damaged.
	identifier bool
	read       func(r *cells.Reader, cell string) error
}

// fields are the fields of one kind of row: the declared properties that a client may
// write, and those that only an import has. All read into one row, which is emptied
// before each record.
type fields[P any] struct {
	row          bulk.ImportRow[P]
	byName       map[string]*field[P]
	byPlainName  map[string]*field[P]
	ids          map[string]bool   // the properties that are references
	decodeErrors *crm.DecodeErrors // of the row
	person       bool              // has a name that is split
	// byID is true when columns called id hold ids of this program, not other numbers.
	byID bool
	// Of the row that is read: whether it has a company's label, and the name of the
	// company that it refers to, in columns of their own.
	labelled, companyNamed bool

	amounts  rowAmounts
	currency *crm.Field[string] // of the row; nil: amounts have no currency of their own
	// Of the row: companies beyond the first one of a cell, and, if lenient, what was rounded.
	further int
	rounded []crm.FieldError
	lenient bool
	// Of the row: fields whose text stands for none in other programs, and whether it is called
	// like a sum of the others.
	nulls []string
	total bool
}

// newFields returns the fields of the rows that patch an entity and refer to other
// records.
func newFields[T, P, F any](e *crm.Entity[T, P, F], currencies currencies, references ...bulk.Reference) *fields[P] {
	f := &fields[P]{byName: map[string]*field[P]{}, byPlainName: map[string]*field[P]{}, ids: map[string]bool{}}
	f.amounts.currencies = currencies
	f.decodeErrors = e.DecodeErrors(&f.row.Patch)
	texts := map[string]*crm.Field[string]{}
	for i := range e.Properties {
		p := &e.Properties[i]
		switch _, sent := p.At(new(T), &f.row.Patch); sent := sent.(type) {
		case nil: // clients cannot write it
		case *crm.Field[string]:
			texts[p.Name] = sent
			switch {
			case p.Enum != nil:
				f.add(p.Name, cells.Enum, reader(sent, (*cells.Reader).Enum))
			case p.Name == fieldCurrency:
				f.currency = sent
				f.add(p.Name, cells.Text, f.readCurrency)
			default:
				f.add(p.Name, cells.Text, reader(sent, (*cells.Reader).Text)).identifier = p.Name == string(crm.KeyExternalID) || strings.HasSuffix(p.Name, "phone")
			}
		case *crm.Field[crm.Money]:
			f.add(p.Name, cells.Money, f.readAmount(p.Name, sent))
		case *crm.Field[int]:
			if p.Max == 100 {
				f.add(p.Name, cells.Percent, reader(sent, (*cells.Reader).Percent))
			} else {
				f.add(p.Name, cells.Whole, reader(sent, (*cells.Reader).Whole))
			}
		case *crm.Field[bool]:
			f.add(p.Name, cells.Bool, reader(sent, (*cells.Reader).Bool))
		case *crm.Field[crm.Date]:
			f.add(p.Name, cells.Date, reader(sent, (*cells.Reader).Date))
		case *crm.Field[crm.Instant]:
			f.add(p.Name, cells.Instant, reader(sent, (*cells.Reader).Instant))
		case *crm.Field[crm.Moment]:
			f.add(p.Name, cells.Instant, func(r *cells.Reader, cell string) error {
				at, err := r.Instant(cell)
				if usable(err) {
					*sent = crm.Of(crm.Moment(at))
				}
				return err
			})
		case *crm.Field[crm.ID]: // is a reference
			f.ids[p.Name] = true
		default:
			panic(fmt.Sprintf("transfer: no cell can be read into %s, a %T", p.Name, sent))
		}
	}
	f.add(string(crm.KeyID), cells.Text, reader(&f.row.ID, func(_ *cells.Reader, cell string) (crm.ID, error) {
		id, err := crm.ParseID(cell)
		if err != nil {
			err = fmt.Errorf("%w (it is %s)", err, cells.Quoted(cell))
		}
		return id, err
	}))
	f.add("created_at", cells.Instant, reader(&f.row.CreatedAt, (*cells.Reader).Instant))
	f.add("updated_at", cells.Instant, reader(&f.row.UpdatedAt, (*cells.Reader).Instant))
	for _, ref := range references {
		f.addReference(ref, texts)
	}
	if first, last := texts[fieldFirstName], texts[fieldLastName]; first != nil && last != nil {
		f.person = true
		f.add(fieldFullName, cells.Text, func(_ *cells.Reader, cell string) error {
			*first, *last = crm.SplitName(cell)
			return nil
		})
	}
	return f
}

func (f *fields[P]) add(name string, kind cells.Type, read func(*cells.Reader, string) error) *field[P] {
	added := &field[P]{name: name, kind: kind, read: read}
	f.byName[name], f.byPlainName[preset.PlainName(name)] = added, added
	return added
}

// addReference adds a reference under the name of what it leads to and under that
// of the id that it becomes. Both are understood alike; where both are given, the
// name counts if the id leads to nothing. Only the name is also a deal's label.
func (f *fields[P]) addReference(ref bulk.Reference, texts map[string]*crm.Field[string]) {
	name, idName := string(ref), string(ref)+"_id"
	text, other := f.row.Of(ref), f.row.Fallback.Of(ref)
	switch {
	case ref == bulk.RefStage:
		f.add("stage_changed_at", cells.Instant, reader(&f.row.StageChangedAt, (*cells.Reader).Instant))
		f.add("closed_at_if_closed", cells.Instant, reader(&f.row.ClosedAtIfClosed, (*cells.Reader).Instant))
	case ref == bulk.RefContact && !f.ids[idName]:
		idName = "primary_contact_id"
	case ref == bulk.RefOwner && f.ids["assigned_to"]:
		name, idName = "assignee", "assigned_to"
	case ref == bulk.RefCreator:
		name, idName = "creator", "created_by"
	}
	if label := texts[name]; label != nil {
		f.add(name, cells.Text, func(_ *cells.Reader, cell string) error {
			*label = crm.Of(cell)
			if !f.companyNamed {
				*text = cell
			}
			return nil
		})
		f.add(fieldCompanyName, cells.Text, func(_ *cells.Reader, cell string) error {
			if !f.labelled {
				*label = crm.Of(cell)
			}
			*text = cell
			return nil
		})
	} else {
		f.add(name, cells.Text, func(_ *cells.Reader, cell string) error {
			*text = cell
			return nil
		})
	}
	id := f.add(idName, cells.Text, func(_ *cells.Reader, cell string) error {
		ids := strings.FieldsFunc(cell, func(r rune) bool { return r == ';' })
		if len(ids) == 0 {
			return nil
		}
		*text, *other = strings.TrimSpace(ids[0]), *text
		f.row.IDs = f.row.IDs.With(ref)
		switch {
		case idName == "primary_contact_id":
			f.row.FurtherContacts = append(f.row.FurtherContacts, ids[1:]...)
		case len(ids) > 1:
			f.further += len(ids) - 1
		}
		return nil
	})
	id.rank, id.identifier = 1, true
}

// named returns the field of a name, however it is spelled; nil: there is none.
func (f *fields[P]) named(name string) *field[P] {
	plain := preset.PlainName(name)
	if f.person && plain == "name" {
		plain = preset.PlainName(fieldFullName)
	}
	return f.byPlainName[plain]
}

// names lists the fields.
func (f *fields[P]) names() []string {
	return slices.Sorted(maps.Keys(f.byName))
}

// clash returns two of the mapped fields that would overwrite each other.
func (f *fields[P]) clash(mapped map[string]int) (a, b string) {
	if _, ok := mapped[fieldFullName]; !ok {
		return "", ""
	}
	for _, part := range []string{fieldFirstName, fieldLastName} {
		if _, ok := mapped[part]; ok {
			return fieldFullName, part
		}
	}
	return "", ""
}

// reset empties the row.
func (f *fields[P]) reset(m *mapping[P]) {
	f.row = bulk.ImportRow[P]{}
	f.further, f.rounded, f.nulls, f.total = 0, f.rounded[:0], f.nulls[:0], false
	f.amounts.reset()
	f.labelled = m.maps(string(bulk.RefCompany))
	f.companyNamed = m.maps(fieldCompanyName) || f.byID && m.maps("company_id") // a copy of a record has a label of its own
}

// parse reads a record into a row. An empty cell says nothing: it neither sets nor clears.
func (f *fields[P]) parse(m *mapping[P], record []string) bulk.ImportRow[P] {
	f.reset(m)
	for i := range m.bindings {
		f.readCell(&m.bindings[i], record)
	}
	if err := f.amounts.settle(f.currency); err != nil {
		f.reject(fieldCurrency, err.Error())
	}
	return f.row
}

// parseKeys reads those fields of a record by which its row may be recognised.
func (f *fields[P]) parseKeys(m *mapping[P], record []string) *bulk.ImportRow[P] {
	f.reset(m)
	for _, i := range m.keys {
		f.readCell(&m.bindings[i], record)
	}
	return &f.row
}

// readCell reads what a record says of a field.
func (f *fields[P]) readCell(b *binding[P], record []string) {
	cell := b.cell(record)
	if b.reader.Empty(cell) {
		return
	}
	var err error
	if b.field.identifier && cells.DamagedID(cell) {
		err = fmt.Errorf("has lost digits in a spreadsheet: export it as text (it is %s)", cells.Quoted(cell))
	} else {
		err = b.field.read(b.reader, cell)
	}
	switch {
	case err == nil:
		f.notice(b.field, cell)
	case f.lenient && usable(err):
		f.rounded = append(f.rounded, crm.FieldError{Field: b.field.name, Message: err.Error()})
	case usable(err):
		f.reject(b.field.name, err.Error()+"; --lenient takes it rounded")
	default:
		f.reject(b.field.name, err.Error()+nullHint(cell))
	}
}

// refuse returns the row of a record that cannot be taken.
func (f *fields[P]) refuse(reason string) bulk.ImportRow[P] {
	f.row = bulk.ImportRow[P]{}
	f.reject("", reason)
	return f.row
}

func (f *fields[P]) reject(field, message string) {
	*f.decodeErrors = append(*f.decodeErrors, crm.FieldError{Field: field, Message: message})
}

// usable reports whether a value stands beside an error.
func usable(err error) bool {
	var inexact *cells.Inexact
	return err == nil || errors.As(err, &inexact)
}

// reader returns a function that reads a cell into a member.
func reader[T any](member *crm.Field[T], parse func(*cells.Reader, string) (T, error)) func(*cells.Reader, string) error {
	return func(r *cells.Reader, cell string) error {
		v, err := parse(r, cell)
		if usable(err) {
			*member = crm.Of(v)
		}
		return err
	}
}
