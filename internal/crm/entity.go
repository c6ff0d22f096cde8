package crm

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
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

// A Filter declares what a list can be narrowed by.
type Filter[T, F any] struct {
	Name string // of the query parameter
	Doc  string
	// Property is what is compared. Of an enumerated one the filter takes only those values.
	Property string
	// At returns where a filter holds the value: a **ID, **string, **Money or **Date
	// that is nil when it does not narrow.
	At func(*F) any
	// Match reports whether a record passes a filter that is set. By default, the property must
	// have the filter's value.
	Match func(*T, *F) bool

	Enum []string // nil: any value

	rule *TextRule // of the property
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
		x := &e.Filters[i]
		m := e.Property(x.Property)
		x.rule = &m.Rule
		if x.Enum = m.Enum; x.Match == nil {
			x.Match = func(t *T, f *F) bool { return matches(m.Stored(t), x.At(f)) }
		}
	}
	return &e
}

// matches reports whether a stored member has the value of a filter.
func matches(stored, filter any) bool {
	switch value := filter.(type) {
	case **ID:
		return holds(stored, **value)
	case **string:
		return holds(stored, **value)
	default:
		panic(fmt.Sprintf("crm: a filter that is a %T needs a Match", filter))
	}
}

func holds[V comparable](stored any, value V) bool {
	if optional, ok := stored.(**V); ok {
		return *optional != nil && **optional == value
	}
	return *stored.(*V) == value
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
		m := &e.Properties[i]
		stored, sent := m.At(t, p)
		if m.Settled || sent == nil {
			continue
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

// Value returns a pointer to the filter's value, nil when it does not narrow.
func (x *Filter[T, F]) Value(f *F) any {
	switch at := x.At(f).(type) {
	case **ID:
		return orNil(*at)
	case **Money:
		return orNil(*at)
	case **Date:
		return orNil(*at)
	case **string:
		return orNil(*at)
	default:
		panic(x.unsupported())
	}
}

func orNil[V any](p *V) any {
	if p == nil {
		return nil
	}
	return p
}

func (x *Filter[T, F]) unsupported() string {
	return fmt.Sprintf("crm: the filter %s is of a type that filters do not have", x.Name)
}

// Set reads the filter's value from its text.
func (x *Filter[T, F]) Set(f *F, text string) error {
	switch at := x.At(f).(type) {
	case **ID:
		return set(at, text, ParseID)
	case **Money:
		return set(at, text, ParseMoney)
	case **Date:
		return set(at, text, ParseDate)
	case **string:
		return set(at, text, x.parseText)
	default:
		panic(x.unsupported())
	}
}

func set[V any](at **V, text string, parse func(string) (V, error)) error {
	v, err := parse(text)
	if err == nil {
		*at = &v
	}
	return err
}

// parseText reads one of the values of an enumerated property, or any text, which is compared
// as it is stored. No stored text holds a NUL.
func (x *Filter[T, F]) parseText(text string) (string, error) {
	switch {
	case x.Enum != nil && !slices.Contains(x.Enum, text):
		return "", fmt.Errorf("must be one of %s", strings.Join(x.Enum, ", "))
	case strings.ContainsRune(text, 0):
		return "", fmt.Errorf("must not contain a NUL character")
	case !utf8.ValidString(text):
		return "", fmt.Errorf("must be valid UTF-8")
	}
	if x.Enum != nil {
		return text, nil
	}
	if normal, violation := x.rule.Check(text); violation == "" {
		text = normal
	}
	return text, nil
}
