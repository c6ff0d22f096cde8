package transfer

import (
	"fmt"
	"reflect"
	"strconv"

	"sixty/internal/crm"
)

// columns are the columns of a table of things: their members, and behind each id
// the name of what it leads to. They are called like the fields of an import, and what
// that derives (a full name) has no column. Like fields, they stand over one row.
type columns[T any] struct {
	row   crm.ExportRow[T]
	names []string
	cells []any // pointers into row
}

// newColumns finds the columns of Ts by their JSON names.
func newColumns[T any]() *columns[T] {
	c := &columns[T]{}
	v := reflect.ValueOf(&c.row.Record).Elem()
	_, labelled := v.Type().FieldByName("Company")
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if v.Type().Field(i).Name == "ExternalID" {
			name = string(crm.KeyExternalID) // also of what the API does not show it of
		}
		if name == "-" || name == fieldFullName {
			continue
		}
		c.add(name, v.Field(i).Addr().Interface())
		switch name {
		case "company_id":
			if labelled {
				c.add(fieldCompanyName, &c.row.Company)
			} else {
				c.add("company", &c.row.Company)
			}
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

// valueOf gives what a cell points to: a string, bool, int, crm.ID, crm.Money,
// crm.Date or crm.Instant, or nil for nothing.
func valueOf(cell any) any {
	switch p := cell.(type) {
	case *string:
		return *p
	case **string:
		return pointed(*p)
	case *crm.Action:
		return string(*p)
	case *crm.AuditDetails:
		return string(*p)
	case *bool:
		return *p
	case *int:
		return *p
	case **int:
		return pointed(*p)
	case *crm.ID:
		return *p
	case **crm.ID:
		return pointed(*p)
	case **crm.Money:
		return pointed(*p)
	case **crm.Date:
		return pointed(*p)
	case *crm.Instant:
		return *p
	case **crm.Instant:
		return pointed(*p)
	}
	panic(fmt.Sprintf("transfer: a %T is no cell", cell)) // held off by a test over every kind
}

func pointed[V any](p *V) any {
	if p == nil {
		return nil
	}
	return *p
}

// cellText gives a value as it stands in CSV. Only texts can be formulas.
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
	panic(fmt.Sprintf("transfer: a %T has no text", value))
}
