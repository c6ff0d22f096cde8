package crm

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Filter declares what a list can be narrowed by.
type Filter[T, F any] struct {
	Name string // of the query parameter
	Doc  string
	// Property is what is compared. Of an enumerated one the filter takes only those values.
	Property string
	// At returns where a filter holds the value: a *OneOf[ID] or *OneOf[string], or a
	// **string, **Money, **Date or **Span that is nil when it does not narrow.
	At func(*F) any
	// Match reports whether a record passes a filter that is set. By default, the property must
	// have the filter's value, or one of its values.
	Match func(*T, *F) bool
	// NotBelow names the filter that is the other end of a range: this one's value must not be
	// below that one's.
	NotBelow string

	Enum     []string // nil: any value
	Nullable bool     // records without a value can be asked for, by NullWord

	Rule *TextRule // of the property
}

// MaxFilterValues is the most values of one filter.
const MaxFilterValues = 50

// NullWord is the value of a filter that records without a value have.
const NullWord = "null"

// A MalformedError is the error of a text that is not of the type that it should be of. The
// error of a text that reads, and is outside what is allowed, is another.
type MalformedError string

func (e MalformedError) Error() string { return string(e) }

// malformed turns the error of a parser that has no other kind of error.
func malformed[V any](parse func(string) (V, error)) func(string) (V, error) {
	return func(text string) (V, error) {
		v, err := parse(text)
		if err != nil {
			err = MalformedError(err.Error())
		}
		return v, err
	}
}

// OneOf narrows to records with any of several values. The zero OneOf does not narrow.
type OneOf[V comparable] struct {
	Values []V  // ascending, without duplicates
	Null   bool // records without a value, too
}

// Only narrows to one value.
func Only[V comparable](v V) OneOf[V] { return OneOf[V]{Values: []V{v}} }

// Narrows reports whether there are values.
func (o OneOf[V]) Narrows() bool { return o.Null || len(o.Values) > 0 }

// Single returns the only value; nil if there is none, or another.
func (o OneOf[V]) Single() *V {
	if o.Null || len(o.Values) != 1 {
		return nil
	}
	return &o.Values[0]
}

// Has reports whether a member with this value, or with none, passes.
func (o OneOf[V]) Has(v *V) bool {
	if v == nil {
		return o.Null
	}
	return slices.Contains(o.Values, *v)
}

// A Choice is a OneOf of any type.
type Choice struct {
	Values []any
	Null   bool
}

func choiceOf[V comparable](o *OneOf[V]) any {
	if !o.Narrows() {
		return nil
	}
	c := Choice{Values: make([]any, len(o.Values)), Null: o.Null}
	for i, v := range o.Values {
		c.Values[i] = v
	}
	return c
}

// complete completes a filter from the property that it compares.
func (x *Filter[T, F]) complete(enum []string, rule *TextRule, stored func(*T) any) {
	x.Enum, x.Rule = enum, rule
	x.Nullable = reflect.TypeOf(stored(new(T))).Elem().Kind() == reflect.Pointer
	if x.Match == nil {
		x.Match = func(t *T, f *F) bool { return matches(stored(t), x.At(f)) }
	}
}

// matches reports whether a stored member has the value of a filter, or one of its values.
func matches(stored, filter any) bool {
	switch value := filter.(type) {
	case *OneOf[ID]:
		return hasOneOf(stored, value)
	case *OneOf[string]:
		return hasOneOf(stored, value)
	case **string:
		return hasOneOf(stored, &OneOf[string]{Values: []string{**value}})
	default:
		panic(fmt.Sprintf("crm: a filter that is a %T needs a Match", filter))
	}
}

func hasOneOf[V comparable](stored any, of *OneOf[V]) bool {
	if optional, ok := stored.(**V); ok {
		return of.Has(*optional)
	}
	return of.Has(stored.(*V))
}

// TakesSeveral reports whether the filter takes several values, separated by commas.
func (x *Filter[T, F]) TakesSeveral() bool {
	switch x.At(new(F)).(type) {
	case *OneOf[ID], *OneOf[string]:
		return true
	}
	return false
}

// Value returns the filter's value: a Choice, or a pointer to its only value. It is nil when it
// does not narrow.
func (x *Filter[T, F]) Value(f *F) any {
	switch at := x.At(f).(type) {
	case *OneOf[ID]:
		return choiceOf(at)
	case *OneOf[string]:
		return choiceOf(at)
	case **Money:
		return orNil(*at)
	case **Date:
		return orNil(*at)
	case **Span:
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
	case *OneOf[ID]:
		return setOneOf(at, text, x.Nullable, malformed(ParseID), CompareIDs)
	case *OneOf[string]:
		return setOneOf(at, text, x.Nullable, x.parseText, strings.Compare)
	case **Money:
		return set(at, text, ParseMoney)
	case **Date:
		return set(at, text, malformed(ParseDate))
	case **Span:
		return set(at, text, malformed(ParseSpan))
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

// setOneOf reads values that are separated by commas. A malformed one counts before all else
// that is wrong.
func setOneOf[V comparable](at *OneOf[V], text string, nullable bool, parse func(string) (V, error), compare func(a, b V) int) error {
	var all OneOf[V]
	var wrong error
	given := 0
	for part := range strings.SplitSeq(text, ",") {
		if given++; given > MaxFilterValues {
			wrong = cmp.Or[error](wrong, tooMany(text))
			break
		}
		switch v, err := parse(part); {
		case part == NullWord && nullable:
			all.Null = true
		case part == "":
			wrong = cmp.Or(wrong, fmt.Errorf("must not have an empty value: that at position %d of %d is empty", given, strings.Count(text, ",")+1))
		case err == nil:
			all.Values = append(all.Values, v)
		default:
			err = oneWrong(err, part, text, nullable)
			if errors.As(err, new(MalformedError)) {
				return err
			}
			wrong = cmp.Or(wrong, err)
		}
	}
	if wrong != nil {
		return wrong
	}
	slices.SortFunc(all.Values, compare)
	all.Values = slices.Compact(all.Values)
	*at = all
	return nil
}

func tooMany(text string) error {
	return fmt.Errorf("must have at most %d values, not %d", MaxFilterValues, strings.Count(text, ",")+1)
}

// oneWrong says which one of several values is wrong.
func oneWrong(err error, part, text string, nullable bool) error {
	message := err.Error()
	if nullable {
		message += ", or " + NullWord
	}
	if part != text {
		message += fmt.Sprintf(": %.80q is not", part)
	}
	if errors.As(err, new(MalformedError)) {
		return MalformedError(message)
	}
	return errors.New(message)
}

// parseText reads one of the values of an enumerated property, or any text, which is compared
// as it is stored. No stored text holds a NUL.
func (x *Filter[T, F]) parseText(text string) (string, error) {
	switch {
	case x.Enum != nil && !slices.Contains(x.Enum, text):
		return "", fmt.Errorf("must be one of %s", strings.Join(x.Enum, ", "))
	case strings.ContainsRune(text, 0):
		return "", MalformedError("must not contain a NUL character")
	case !utf8.ValidString(text):
		return "", MalformedError("must be valid UTF-8")
	}
	if x.Enum != nil {
		return text, nil
	}
	switch normal, violation := x.Rule.Check(text); {
	case violation != "":
		return "", errors.New(violation)
	case normal == "":
		return "", errors.New("must not be empty")
	default:
		return normal, nil
	}
}

// reversed reports whether the filter's value is below that of the other end of the range.
func (x *Filter[T, F]) reversed(all []Filter[T, F], f *F) bool {
	i := slices.IndexFunc(all, func(other Filter[T, F]) bool { return other.Name == x.NotBelow })
	if i < 0 {
		return false
	}
	switch low := all[i].Value(f).(type) {
	case *Money:
		high, set := x.Value(f).(*Money)
		return set && *high < *low
	case *Date:
		high, set := x.Value(f).(*Date)
		return set && *high < *low
	case *Span:
		high, set := x.Value(f).(*Span)
		return set && high.Last < low.First
	}
	return false
}

// CheckRange returns an error when the filter's value is below that of the other end of the
// range.
func (e *Entity[T, P, F]) CheckRange(x *Filter[T, F], f *F) error {
	if x.reversed(e.Filters, f) {
		return fmt.Errorf("must not be below %s", x.NotBelow)
	}
	return nil
}
