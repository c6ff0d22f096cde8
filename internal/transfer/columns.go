package transfer

import (
	"fmt"
	"reflect"
	"strconv"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// columns are the columns of a table of records: their properties, and behind each id
// the name of the record that it leads to. They are named like the fields of an import;
// derived properties (a full name) have no column. Like fields, they stand over one row.
type columns[T any] struct {
	row   bulk.ExportRow[T]
	names []string
	cells []any // pointers into row
}

// newColumns returns the columns of an entity.
func newColumns[T, P, F any](e *crm.Entity[T, P, F]) *columns[T] {
	c := &columns[T]{}
	company := "company"
	if e.Property(company) != nil { // the record has a label of that name
		company = fieldCompanyName
	}
	for i := range e.Properties {
		p := &e.Properties[i]
		if p.Internal && p.Name != string(crm.KeyExternalID) || p.Name == fieldFullName {
			continue
		}
		c.add(p.Name, p.Stored(&c.row.Record))
		switch p.Name {
		case "company_id":
			c.add(company, &c.row.Company)
		case "actor_id":
			c.add("actor", &c.row.Owner)
		case "owner_id":
			c.add("owner", &c.row.Owner)
		case "stage_id":
			c.add("stage", &c.row.Stage)
		case "contact_id", "primary_contact_id":
			c.add("contact", &c.row.Contact)
		case "deal_id":
			c.add("deal", &c.row.Deal)
		}
	}
	return c
}

func (c *columns[T]) add(name string, cell any) {
	c.names = append(c.names, name)
	c.cells = append(c.cells, cell)
}

// valueOf returns what a cell points to: a string, bool, int, crm.ID, crm.Money,
// crm.Date or crm.Instant, or nil.
func valueOf(cell any) any {
	v := reflect.ValueOf(cell).Elem()
	if v.Kind() != reflect.Pointer {
		return v.Interface()
	}
	if v.IsNil() {
		return nil
	}
	return v.Elem().Interface()
}

// cellText returns a value as it stands in CSV. Only texts can be formulas.
func cellText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return guard(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case fmt.Stringer:
		return v.String()
	}
	panic(fmt.Sprintf("transfer: a %T cannot be written as text", value))
}
