package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
	"sixty/internal/webhooks"
)

// schemas derives the named schemas of the API document from the Go types of requests and
// responses. A member that may be null is a pointer; one that is present only on request
// is promoted from an embedded pointer. A name stands for one type, and a type has one name.
type schemas struct {
	named map[string]*huma.Schema
	types map[string]reflect.Type // of those that are derived from one
	names map[reflect.Type]string
}

func newSchemas(named map[string]*huma.Schema) schemas {
	return schemas{named, map[string]reflect.Type{}, map[reflect.Type]string{}}
}

func textSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

func idSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "uuid"} }

func dateSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "date"} }

func (s schemas) scopes() *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: s.enum("Scope", crm.ScopeNames())}
}

// objectSchema is that of an object whose members are not described.
func objectSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

func instantSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "date-time"} }

// moneySchema has no multipleOf: most hundredths are no exact binary fractions, so that
// validators that divide would reject them.
func moneySchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double"}
}

func ratioSchema() *huma.Schema { return &huma.Schema{Type: huma.TypeNumber, Format: "double"} }

// define adds a schema under a name. Another one under a name that is taken panics at the
// start, so that every test finds it.
func (s schemas) define(name string, schema *huma.Schema) *huma.Schema {
	if known, taken := s.named[name]; taken && !reflect.DeepEqual(known, schema) {
		panic(fmt.Sprintf("httpapi: there are two schemas of the name %s", name))
	}
	s.named[name] = schema
	return ref(name)
}

// enum adds the schema of an enumeration, under a name.
func (s schemas) enum(name string, values []string) *huma.Schema {
	return s.define(name, &huma.Schema{Type: huma.TypeString, Enum: anys(values)})
}

// record adds the schema of a struct in responses, under a name.
func (s schemas) record(name string, t reflect.Type) *huma.Schema {
	if s.names[t] == name {
		return ref(name)
	}
	if other, named := s.names[t]; named {
		panic(fmt.Sprintf("httpapi: %s is already the schema %s", t, other))
	}
	if other, taken := s.types[name]; taken {
		panic(fmt.Sprintf("httpapi: the schema %s cannot be both %s and %s", name, other, t))
	}
	s.names[t], s.types[name] = name, t // known while its members are described
	return s.define(name, s.object(t))
}

func (s schemas) object(t reflect.Type) *huma.Schema {
	o := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	for _, f := range reflect.VisibleFields(t) {
		name := jsonName(f)
		if name == "" {
			continue
		}
		o.Properties[name] = s.member(t, f, f.Type)
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

// member returns the schema of a field of the struct, of the JSON type t, with the field's tags.
func (s schemas) member(in reflect.Type, f reflect.StructField, t reflect.Type) *huma.Schema {
	nullable := t.Kind() == reflect.Pointer
	if nullable {
		t = t.Elem()
	}
	var m *huma.Schema
	switch name, values := f.Tag.Get("schema"), f.Tag.Get("enum"); {
	case values != "":
		m = s.enum(enumName(in, f), strings.Split(values, ","))
	case name != "":
		m = ref(name)
	default:
		m = s.value(t)
	}
	if nullable {
		m = orNull(m)
	}
	m.Description = f.Tag.Get("doc")
	return m
}

// orNull returns the schema of a value that may be null.
func orNull(m *huma.Schema) *huma.Schema {
	if m.Ref != "" {
		return &huma.Schema{AnyOf: []*huma.Schema{m, null()}}
	}
	m.Nullable = true
	return m
}

// enumName returns the name of an enumeration that is declared with a field: that of its tag,
// or its type's, or else the struct's with the field's.
func enumName(in reflect.Type, f reflect.StructField) string {
	if name := f.Tag.Get("schema"); name != "" {
		return name
	}
	if t := unpointed(f.Type); t.Kind() == reflect.String && t != reflect.TypeFor[string]() {
		return t.Name()
	}
	for _, i := range f.Index[:len(f.Index)-1] {
		in = unpointed(in.Field(i).Type) // where it is promoted from
	}
	name := strings.TrimSuffix(strings.TrimSuffix(in.Name(), "View"), "Patch")
	return strings.ToUpper(name[:1]) + name[1:] + f.Name
}

func unpointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// forms are the schemas of the types that write their own JSON.
var forms = map[reflect.Type]func() *huma.Schema{
	reflect.TypeFor[crm.ID]():          idSchema,
	reflect.TypeFor[crm.Instant]():     instantSchema,
	reflect.TypeFor[crm.Moment]():      instantSchema, // a date is accepted too
	reflect.TypeFor[crm.Date]():        dateSchema,
	reflect.TypeFor[crm.Money]():       moneySchema,
	reflect.TypeFor[crm.Ratio]():       ratioSchema,
	reflect.TypeFor[crm.Days]():        ratioSchema,
	reflect.TypeFor[crm.Month]():       func() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Pattern: `^\d{4}-\d{2}$`} },
	reflect.TypeFor[server.Null]():     null,
	reflect.TypeFor[jobs.JSON]():       func() *huma.Schema { return orNull(objectSchema()) },
	reflect.TypeFor[json.RawMessage](): objectSchema,
}

// value returns the schema of a Go type's JSON.
func (s schemas) value(t reflect.Type) *huma.Schema {
	if form, ok := forms[t]; ok {
		return form()
	}
	if t == reflect.TypeFor[accounts.ScopeList]() {
		return s.scopes()
	}
	if t == reflect.TypeFor[webhooks.EventList]() {
		return &huma.Schema{Type: huma.TypeArray, Items: textSchema()}
	}
	switch t.Kind() {
	case reflect.String:
		return &huma.Schema{Type: huma.TypeString}
	case reflect.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case reflect.Int:
		return &huma.Schema{Type: huma.TypeInteger}
	case reflect.Int64:
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	case reflect.Slice:
		return &huma.Schema{Type: huma.TypeArray, Items: s.value(t.Elem())}
	case reflect.Map:
		return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: s.value(t.Elem())}
	case reflect.Struct:
		if name, named := s.names[t]; named {
			return ref(name)
		}
		return s.record(strings.ToUpper(t.Name()[:1])+t.Name()[1:], t)
	}
	panic(fmt.Sprintf("httpapi: %s has no JSON schema", t)) // at the start, so that every test finds it
}

// patch adds the schema of a body that creates or changes a record, under a name: the
// members of the patch, each described as in the record, and nullable if it is there. record
// is nil for a body that is no record: the patch describes its members itself. limits add
// the limits of the members.
func (s schemas) patch(name string, patch, record reflect.Type, required []string, limits ...func(*huma.Schema)) {
	o := &huma.Schema{
		Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, Required: required, AdditionalProperties: false,
	}
	if record != nil {
		o.Description = "Read-only members of the record are ignored, other unknown members are rejected."
	}
	for i := range patch.NumField() {
		f := patch.Field(i)
		member := jsonName(f)
		if member == "" {
			continue
		}
		in, described := patch, f
		if record != nil {
			in, described = record, fieldByJSON(record, member)
		}
		value, _ := f.Type.FieldByName("Value")
		t := value.Type
		if described.Type.Kind() == reflect.Pointer || f.Tag.Get("nullable") == "true" {
			t = reflect.PointerTo(t)
		}
		m := s.member(in, described, t)
		if m.Ref == "" && m.AnyOf == nil {
			limitByTags(m, f.Tag)
		}
		o.Properties[member] = m
	}
	for _, limit := range limits {
		limit(o)
	}
	s.define(name, o)
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
	return s.answer(name+"AnswerOrNull", orNull(ref(name)))
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

// answer returns the schema of the response with data that has no name of its own.
func (s schemas) answer(name string, data *huma.Schema) *huma.Schema {
	return s.define(name, &huma.Schema{
		Type: huma.TypeObject, Required: []string{"data", "error"},
		Properties: map[string]*huma.Schema{"data": data, "error": null()},
	})
}

// list returns the schema of the response with a page of records.
func (s schemas) list(name string) *huma.Schema {
	s.record("ListMeta", reflect.TypeFor[listMeta]())
	return s.page(name, "ListMeta")
}

// changes returns the schema of the response with a page of the change log.
func (s schemas) changes() *huma.Schema {
	s.record("Change", reflect.TypeFor[crm.LogEntry]())
	delete(s.named["Refs"].Properties, "lost_by") // not in responses
	s.record("ChangesMeta", reflect.TypeFor[changesMeta]())
	return s.page("Change", "ChangesMeta")
}

func (s schemas) page(name, meta string) *huma.Schema {
	s.record("Pagination", reflect.TypeFor[pagination]())
	return s.define(name+"List", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"data", "error", "count", "pagination", "meta"},
		Properties: map[string]*huma.Schema{
			"data":       {Type: huma.TypeArray, Items: ref(name)},
			"error":      null(),
			"count":      {Type: huma.TypeInteger, Description: "The rows in this page."},
			"pagination": ref("Pagination"),
			"meta":       ref(meta),
		},
	})
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
		Direction  string `json:"direction" enum:"forward,backward" schema:"Direction"`
		Truncated  bool   `json:"truncated,omitempty" doc:"True when a search did not look at everything: there are more matches than it considers, or its index is being rebuilt. There is no totalCount then."`
	}
	changesMeta struct {
		listMeta
		Reset bool `json:"reset" doc:"The change log does not continue from since: everything derived from earlier responses must be read again."`
	}
)
