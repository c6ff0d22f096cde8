package httpapi

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// schemas derives the named schemas of the API document from the Go types of requests and
// responses. A member that may be null is a pointer; one that is present only on request
// is promoted from an embedded pointer.
type schemas struct{ named map[string]*huma.Schema }

func textSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

func idSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "uuid"} }

func dateSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "date"} }

func scopesSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: anys(crm.ScopeNames())}}
}

func instantSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "date-time"} }

func moneySchema() *huma.Schema { return placesSchema(0.01) }

// placesSchema returns the schema of a decimal number that is a multiple of unit.
func placesSchema(unit float64) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, MultipleOf: &unit}
}

// record adds the schema of a struct in responses, under a name.
func (s schemas) record(name string, t reflect.Type) *huma.Schema {
	if _, known := s.named[name]; !known {
		s.named[name] = nil // known while its members are described
		s.named[name] = s.object(t)
	}
	return ref(name)
}

func (s schemas) object(t reflect.Type) *huma.Schema {
	o := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	for _, f := range reflect.VisibleFields(t) {
		name := jsonName(f)
		if name == "" {
			continue
		}
		o.Properties[name] = s.member(f, f.Type)
		if !isJoined(t, f) && !strings.Contains(f.Tag.Get("json"), ",omitempty") {
			o.Required = append(o.Required, name)
		}
	}
	slices.Sort(o.Required)
	return o
}

// isJoined reports whether a field is promoted from an embedded pointer.
func isJoined(t reflect.Type, f reflect.StructField) bool {
	return len(f.Index) > 1 && t.Field(f.Index[0]).Type.Kind() == reflect.Pointer
}

// member returns the schema of a struct's field of the JSON type t, with the field's tags.
func (s schemas) member(f reflect.StructField, t reflect.Type) *huma.Schema {
	nullable := t.Kind() == reflect.Pointer
	if nullable {
		t = t.Elem()
	}
	m := s.value(t)
	if enum := f.Tag.Get("enum"); enum != "" {
		m.Enum = anys(strings.Split(enum, ","))
		if nullable {
			m.Enum = append(m.Enum, nil)
		}
	}
	switch {
	case nullable && m.Ref != "":
		m = &huma.Schema{AnyOf: []*huma.Schema{m, null()}}
	case nullable:
		m.Nullable = true
	}
	m.Description = f.Tag.Get("doc")
	return m
}

// forms are the schemas of the types that write their own JSON.
var forms = map[reflect.Type]func() *huma.Schema{
	reflect.TypeFor[crm.ID]():             idSchema,
	reflect.TypeFor[accounts.ScopeList](): scopesSchema,
	reflect.TypeFor[crm.Instant]():        instantSchema,
	reflect.TypeFor[crm.Moment]():         textSchema, // its two forms have no format in common
	reflect.TypeFor[crm.Date]():           dateSchema,
	reflect.TypeFor[crm.Money]():          moneySchema,
	reflect.TypeFor[crm.Ratio]():          func() *huma.Schema { return placesSchema(0.0001) },
	reflect.TypeFor[crm.Days]():           func() *huma.Schema { return placesSchema(0.01) },
	reflect.TypeFor[crm.Month]():          func() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Pattern: `^\d{4}-\d{2}$`} },
	reflect.TypeFor[server.Null]():        null,
}

// value returns the schema of a Go type's JSON.
func (s schemas) value(t reflect.Type) *huma.Schema {
	if form, ok := forms[t]; ok {
		return form()
	}
	switch t.Kind() {
	case reflect.String:
		return &huma.Schema{Type: huma.TypeString}
	case reflect.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case reflect.Int, reflect.Int64:
		return &huma.Schema{Type: huma.TypeInteger}
	case reflect.Slice:
		return &huma.Schema{Type: huma.TypeArray, Items: s.value(t.Elem())}
	case reflect.Map:
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: s.value(t.Elem())}
	case reflect.Struct:
		return s.record(strings.ToUpper(t.Name()[:1])+t.Name()[1:], t)
	}
	panic(fmt.Sprintf("httpapi: %s has no JSON schema", t)) // at the start, so that every test finds it
}

// patch adds the schema of a body that creates or changes a record, under a name: the
// members of the patch, each described as in the record, and nullable if it is there. record
// is nil for a body that is no record: the patch describes its members itself.
func (s schemas) patch(name string, patch, record reflect.Type, required []string) {
	o := &huma.Schema{
		Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, Required: required,
		Description: "Unknown members are rejected; read-only ones are ignored.",
	}
	for i := range patch.NumField() {
		f := patch.Field(i)
		member := jsonName(f)
		if member == "" {
			continue
		}
		described := f
		if record != nil {
			described = fieldByJSON(record, member)
		}
		value, _ := f.Type.FieldByName("Value")
		t := value.Type
		if described.Type.Kind() == reflect.Pointer || f.Tag.Get("nullable") == "true" {
			t = reflect.PointerTo(t)
		}
		o.Properties[member] = s.member(described, t)
	}
	s.named[name] = o
}

// fieldByJSON returns the field of a struct by its JSON name. A wrong name panics at the
// start, so that every test finds it.
func fieldByJSON(t reflect.Type, name string) reflect.StructField {
	for _, f := range reflect.VisibleFields(t) {
		if jsonName(f) == name {
			return f
		}
	}
	panic(fmt.Sprintf("httpapi: %s has no member %s", t, name))
}

func null() *huma.Schema { return &huma.Schema{Type: "null"} }

// envelope returns the schema of the response with one record.
func (s schemas) envelope(name string) *huma.Schema {
	return s.answer(name+"Answer", ref(name))
}

// envelopeOrNull is envelope for a record that may be missing.
func (s schemas) envelopeOrNull(name string) *huma.Schema {
	return s.answer(name+"AnswerOrNull", &huma.Schema{AnyOf: []*huma.Schema{ref(name), null()}})
}

// deleted returns the schema of the response to a deletion.
func (s schemas) deleted() *huma.Schema {
	return s.answer("DeletedAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"deleted", "id"},
		Properties: map[string]*huma.Schema{
			"deleted": {Type: huma.TypeBoolean, Enum: []any{true}},
			"id":      idSchema(),
		},
	})
}

// written returns the schema of the response to a write by a credential that may not read.
func (s schemas) written() *huma.Schema {
	return s.answer("WrittenAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"id"}, Properties: map[string]*huma.Schema{"id": idSchema()},
	})
}

// answer returns the schema of the response with data that has no name of its own.
func (s schemas) answer(name string, data *huma.Schema) *huma.Schema {
	s.named[name] = &huma.Schema{
		Type: huma.TypeObject, Required: []string{"data", "error"},
		Properties: map[string]*huma.Schema{"data": data, "error": null()},
	}
	return ref(name)
}

// list returns the schema of the response with a page of records.
func (s schemas) list(name string) *huma.Schema {
	s.record("ListMeta", reflect.TypeFor[listMeta]())
	return s.page(name, "ListMeta")
}

// changes returns the schema of the response with a page of the change log.
func (s schemas) changes() *huma.Schema {
	s.record("Change", reflect.TypeFor[crm.LogEntry]())
	delete(s.named["Change"].Properties["refs"].Properties, "lost_by") // not in responses
	s.record("ChangesMeta", reflect.TypeFor[changesMeta]())
	return s.page("Change", "ChangesMeta")
}

func (s schemas) page(name, meta string) *huma.Schema {
	s.record("Pagination", reflect.TypeFor[pagination]())
	s.named[name+"List"] = &huma.Schema{
		Type: huma.TypeObject, Required: []string{"data", "error", "count", "pagination", "meta"},
		Properties: map[string]*huma.Schema{
			"data":       {Type: huma.TypeArray, Items: ref(name)},
			"error":      null(),
			"count":      {Type: huma.TypeInteger, Description: "The rows in this page."},
			"pagination": ref("Pagination"),
			"meta":       ref(meta),
		},
	}
	return ref(name + "List")
}

// pagination and the metas are the schema of what appendListTail writes.
type (
	pagination struct {
		HasMore     bool    `json:"hasMore" doc:"There are rows after this page, in the list's order."`
		HasPrevious bool    `json:"hasPrevious" doc:"There are rows before this page, in the list's order."`
		NextCursor  *string `json:"nextCursor" doc:"To be sent with direction=forward."`
		PrevCursor  *string `json:"prevCursor" doc:"To be sent with direction=backward."`
		Limit       int     `json:"limit"`
		Count       int     `json:"count" doc:"The rows in this page."`
	}
	listMeta struct {
		TotalCount *int64 `json:"totalCount" doc:"The rows of the whole list, when asked for by count."`
		Direction  string `json:"direction" enum:"forward,backward"`
		Truncated  bool   `json:"truncated,omitempty" doc:"True when a search did not look at everything, because its index is being rebuilt. There is no totalCount then."`
	}
	changesMeta struct {
		listMeta
		Reset bool `json:"reset" doc:"The change log does not continue from since: everything derived from earlier responses must be read again."`
	}
)
