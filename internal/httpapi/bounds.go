package httpapi

import (
	"cmp"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
)

// limitByTags adds the limits that the tags of a patch's field declare.
func limitByTags(m *huma.Schema, tag reflect.StructTag) {
	number := func(name string) *int {
		n, err := strconv.Atoi(tag.Get(name))
		if err != nil {
			return nil
		}
		return &n
	}
	m.MinLength, m.MaxLength, m.Format = number("minLength"), number("maxLength"), cmp.Or(tag.Get("format"), m.Format)
}

// limitsOf returns the function that adds the limits of an entity's properties to the members
// of a schema.
func limitsOf[T, P, F any](e *crm.Entity[T, P, F]) func(*huma.Schema) {
	return func(schema *huma.Schema) {
		for i := range e.Properties {
			p := &e.Properties[i]
			if m := schema.Properties[p.Name]; m != nil && p.Enum == nil {
				limitBy(m, p.Type, &p.Rule, p.Min, p.Max)
			}
		}
	}
}

// limitBy adds the limits of a property of the type t.
func limitBy(m *huma.Schema, t reflect.Type, text *crm.TextRule, least, most int) {
	switch base := unpointed(t); {
	case base == reflect.TypeFor[crm.Money]():
		m.Minimum, m.Maximum = new(0.0), new(float64(crm.MaxMoney)/100)
	case base.Kind() == reflect.Int:
		m.Minimum, m.Maximum = new(float64(least)), new(float64(most))
	case base.Kind() == reflect.String && text.Max > 0:
		m.MaxLength, m.Format, m.Pattern = new(text.Max), text.Format, text.Pattern
		if t.Kind() == reflect.String {
			m.MinLength = new(1)
		}
	}
}
