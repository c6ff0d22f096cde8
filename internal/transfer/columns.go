package transfer

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
)

// column is a column of a table.
type column struct {
	name string
	// cell points to where its value is in the row of the table: to a string, bool, int,
	// crm.ID, crm.Money, crm.Date or crm.Instant, or to a pointer to one.
	cell any
	// member points to the same value as JSON has it.
	member any
	// derived columns are written only when they are chosen: an import would read them and
	// what they are derived from.
	derived bool
}

// exportTable is a kind of records as an export writes it: all columns, over one row.
type exportTable struct {
	kind    Kind
	columns []column
	record  any // points to the record in the row; nil when columns are chosen
	// read calls each with every record in the row.
	read func(ctx context.Context, e *bulk.Export, each func() error) error
	// notice returns what an import would make of the records that is not what they are; ""
	// is nothing. It may be nil.
	notice func() string
}

// name is a readable name beside an id; in JSON none is null.
type name string

// MarshalJSON returns the text.
func (n name) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return textJSON(string(n))
}

// nameColumns are the columns that stand behind properties, with the names of the records
// that these refer to.
func nameColumns[T any](row *bulk.ExportRow[T]) map[string]column {
	columns := map[string]column{
		"company_id": {name: "company", cell: &row.Company}, "stage_id": {name: "stage", cell: &row.Stage}, "deal_id": {name: "deal", cell: &row.Deal},
		"contact_id": {name: "contact", cell: &row.Contact}, "primary_contact_id": {name: "contact", cell: &row.Contact},
		"owner_id": {name: "owner", cell: &row.Owner}, "actor_id": {name: "actor", cell: &row.Owner},
		"assigned_to": {name: "assignee", cell: &row.Owner}, "created_by": {name: "creator", cell: &row.Creator},
	}
	for property, c := range columns {
		c.member = (*name)(c.cell.(*string))
		columns[property] = c
	}
	return columns
}

// newTable returns the table of an entity: its properties, and behind each id the name of the
// record that it leads to. The columns are named like the fields of an import.
func newTable[T, P, F any](
	kind Kind, e *crm.Entity[T, P, F], filter F, read func(*bulk.Export, context.Context, F, func([]bulk.ExportRow[T]) error) error,
) *exportTable {
	row := &bulk.ExportRow[T]{}
	t := &exportTable{kind: kind, record: &row.Record}
	names := nameColumns(row)
	if e.Property("company") != nil { // the record has a label of that name
		company := names["company_id"]
		company.name = fieldCompanyName
		names["company_id"] = company
	}
	for i := range e.Properties {
		p := &e.Properties[i]
		if p.Internal && p.Name != string(crm.KeyExternalID) {
			continue
		}
		stored := p.Stored(&row.Record)
		t.columns = append(t.columns, column{
			name: p.Name, cell: stored, derived: p.Name == fieldFullName,
			member: reflect.ValueOf(stored).Convert(reflect.PointerTo(p.Type)).Interface(), // such as details, which are an object
		})
		if c, ok := names[p.Name]; ok {
			t.columns = append(t.columns, c)
		}
	}
	t.read = func(ctx context.Context, e *bulk.Export, each func() error) error {
		return read(e, ctx, filter, func(batch []bulk.ExportRow[T]) error {
			for i := range batch {
				*row = batch[i]
				if err := each(); err != nil {
					return err
				}
			}
			return context.Cause(ctx)
		})
	}
	return t
}

// choose leaves the columns of these names, in their order; without any, all that an import
// reads.
func (t *exportTable) choose(names []string) error {
	if len(names) == 0 {
		t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return c.derived })
		return nil
	}
	var chosen []column
	for at, given := range names {
		i := slices.IndexFunc(t.columns, func(c column) bool { return preset.PlainName(c.name) == preset.PlainName(given) })
		if i < 0 {
			return wrongColumn(at, fmt.Sprintf("%s have no column %s; there are %s", t.kind, cells.Quoted(given), strings.Join(t.names(), ", ")))
		}
		if slices.ContainsFunc(chosen, func(c column) bool { return c.name == t.columns[i].name }) {
			return wrongColumn(at, t.columns[i].name+" is named twice")
		}
		chosen = append(chosen, t.columns[i])
	}
	t.columns, t.record = chosen, nil
	return nil
}

// wrongColumn says what is wrong with the column that was named in a place of the list.
func wrongColumn(at int, message string) error {
	return &UsageError{Message: "--columns: " + message, Fields: []crm.FieldError{{Field: strconv.Itoa(at), Message: "must be a column: " + message}}}
}

func (t *exportTable) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// value returns what the cell points to: a string, bool, int, crm.ID, crm.Money, crm.Date or
// crm.Instant, or nil.
func (c *column) value() any {
	v := reflect.ValueOf(c.cell).Elem()
	if v.Kind() != reflect.Pointer {
		return v.Interface()
	}
	if v.IsNil() {
		return nil
	}
	return v.Elem().Interface()
}

// cellText returns a value as it stands in CSV.
func cellText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case fmt.Stringer:
		return v.String()
	}
	panic(fmt.Sprintf("transfer: a %T cannot be written as text", value))
}
