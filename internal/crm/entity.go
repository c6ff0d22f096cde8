package crm

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// An Entity is the one declaration of the records T of a kind: what they hold, what a
// patch P may change, what a list narrows them by with a filter F, and how it sorts
// them. REST, the API document, imports, exports and the store read it.
type Entity[T, P, F any] struct {
	Name       string // in the change log
	Properties []Property[T, P]
	Filters    []Filter[T, F]
	Sorts      Sorts
	// DecodeErrors returns where a patch holds them; nil when nothing is patched.
	DecodeErrors func(*P) *DecodeErrors
}

// A Property declares a member of the records T. Its type, its documentation (`doc`) and
// the values of an enumerated one (`enum`) are those of T's struct field.
type Property[T, P any] struct {
	Name string // in JSON, and of the column
	// At returns pointers to the member in a record and in a patch. The second one is
	// nil for a member that clients cannot write.
	At func(*T, *P) (stored, sent any)
	// Rule checks and normalises a text. An enumerated property needs none.
	Rule TextRule
	// Min and Max bound a whole number.
	Min, Max int
	// Searched texts are found by their words, a Phone by its digits alone.
	Searched, Phone bool
	// Settled properties depend on each other: not Apply, but their entity sets them.
	Settled bool

	Enum     []string     // nil: any value
	Doc      string       // for the API document
	Type     reflect.Type // of T's struct field
	Internal bool         // not part of the API

	noPatch *P
}

// Declare completes an entity from the tags of T.
func Declare[T, P, F any](e Entity[T, P, F]) *Entity[T, P, F] {
	record, patch := new(T), new(P)
	v := reflect.ValueOf(record).Elem()
	for i := range e.Properties {
		m := &e.Properties[i]
		m.noPatch = patch
		stored := m.Stored(record)
		for j := range v.NumField() {
			if v.Field(j).Addr().Pointer() != reflect.ValueOf(stored).Pointer() {
				continue
			}
			f := v.Type().Field(j)
			m.Type, m.Doc, m.Internal = f.Type, f.Tag.Get("doc"), f.Tag.Get("json") == "-"
			if enum := f.Tag.Get("enum"); enum != "" {
				m.Enum = strings.Split(enum, ",")
				m.Rule = oneOf(m.Enum)
			}
		}
	}
	for i := range e.Filters {
		m := e.Property(e.Filters[i].Property)
		e.Filters[i].complete(m.Enum, &m.Rule, m.Stored)
	}
	return &e
}

// Property returns the property of a name, nil when there is none.
func (e *Entity[T, P, F]) Property(name string) *Property[T, P] {
	i := slices.IndexFunc(e.Properties, func(m Property[T, P]) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Properties[i]
}

// Enum returns the values of an enumerated property.
func (e *Entity[T, P, F]) Enum(name string) []string { return e.Property(name).Enum }

// Stored returns a pointer to the property in a record.
func (m *Property[T, P]) Stored(t *T) any {
	stored, _ := m.At(t, m.noPatch)
	return stored
}

// Writable reports whether clients can write the member.
func (m *Property[T, P]) Writable() bool {
	_, sent := m.At(new(T), m.noPatch)
	return sent != nil
}

// HasFormat reports whether a text must have a format, so that an empty one is no value:
// an enumerated one, an e-mail address, a domain, a web address, a currency.
func (m *Property[T, P]) HasFormat() bool { return m.Rule.check != nil }

// Apply applies a patch by the rules of each member alone.
func (e *Entity[T, P, F]) Apply(p *P, t *T, r *Rules) {
	r.Bad = append(r.Bad, *e.DecodeErrors(p)...)
	for i := range e.Properties {
		e.Properties[i].apply(p, t, r)
	}
}

// ApplyOnly is Apply for some properties, without the errors of decoding.
func (e *Entity[T, P, F]) ApplyOnly(p *P, t *T, r *Rules, names ...Key) {
	for i := range e.Properties {
		if m := &e.Properties[i]; slices.Contains(names, Key(m.Name)) {
			m.apply(p, t, r)
		}
	}
}

// apply applies a patch to the member by its own rules.
func (m *Property[T, P]) apply(p *P, t *T, r *Rules) {
	stored, sent := m.At(t, p)
	if m.Settled || sent == nil {
		return
	}
	switch dst := stored.(type) {
	case *string:
		r.need(m.Name, *sent.(*Field[string]), dst, &m.Rule)
	case **string:
		r.text(m.Name, *sent.(*Field[string]), dst, &m.Rule)
	case **ID:
		value(*sent.(*Field[ID]), dst)
	case **Date:
		value(*sent.(*Field[Date]), dst)
	case **Money:
		r.amount(m.Name, *sent.(*Field[Money]), dst)
	case *int:
		r.number(m.Name, *sent.(*Field[int]), dst, m.Min, m.Max)
	case **int:
		r.optionalNumber(m.Name, *sent.(*Field[int]), dst, m.Min, m.Max)
	case *bool:
		if f := sent.(*Field[bool]); f.Set {
			*dst = f.Value && !f.Null
		}
	case *Instant:
		r.instant(m.Name, *sent.(*Field[Moment]), dst)
	case **Instant:
		f := sent.(*Field[Moment])
		value(Field[Instant]{f.Set, f.Null, Instant(f.Value)}, dst)
	default:
		panic(fmt.Sprintf("crm: no patch can set the member %s, a %T", m.Name, stored))
	}
}

// Normalise brings the texts of a stored record to the rules of today, by the function that
// applies a patch. What breaks a rule stays as it is.
func (e *Entity[T, P, F]) Normalise(t *T, apply func(P, *T, *Rules)) {
	var p P
	for i := range e.Properties {
		m := &e.Properties[i]
		stored, sent := m.At(t, &p)
		field, isText := sent.(*Field[string])
		if !isText || m.Settled || m.Enum != nil {
			continue
		}
		switch text := stored.(type) {
		case *string:
			*field = Of(*text)
		case **string:
			if *text != nil {
				*field = Of(**text)
			}
		}
	}
	var r Rules
	apply(p, t, &r)
}

// besideTitle returns the texts, and the phone numbers, that a record is found by beside its
// title, which is never null.
func (e *Entity[T, P, F]) besideTitle(t *T) (texts, phones []string) {
	for i := range e.Properties {
		p := &e.Properties[i]
		if !p.Searched {
			continue
		}
		text, ok := p.Stored(t).(**string)
		switch {
		case !ok || *text == nil:
		case p.Phone:
			phones = append(phones, **text)
		default:
			texts = append(texts, **text)
		}
	}
	return texts, phones
}
