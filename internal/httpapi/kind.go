package httpapi

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
)

// A kind parses the values of a parameter, and documents them.
type kind[V any] struct {
	parse  func(string) (V, error)
	schema *huma.Schema
}

func idKind() kind[crm.ID] { return parsed(crm.ParseID, idSchema()) }

func dateKind() kind[crm.Date] { return parsed(crm.ParseDate, dateSchema()) }

// parsed is a kind with a domain type's parser, of which every error is unreadable.
func parsed[V any](parse func(string) (V, error), schema *huma.Schema) kind[V] {
	return kind[V]{schema: schema, parse: func(s string) (V, error) {
		v, err := parse(s)
		if err != nil {
			return v, unreadable(err.Error())
		}
		return v, nil
	}}
}

// enumKind is one of a few values.
func enumKind(words ...string) kind[string] {
	message := invalid("must be one of " + strings.Join(words, ", "))
	return kind[string]{
		parse: func(s string) (string, error) {
			if !slices.Contains(words, s) {
				return "", message
			}
			return s, nil
		},
		schema: &huma.Schema{Type: huma.TypeString, Enum: anys(words)},
	}
}

func boolKind() kind[bool] {
	return kind[bool]{
		parse: func(s string) (bool, error) {
			switch s {
			case "true", "1":
				return true, nil
			case "false", "0":
				return false, nil
			}
			return false, unreadable("must be true or false")
		},
		schema: &huma.Schema{Type: huma.TypeBoolean, Default: false},
	}
}

// rangeKind is a whole number within bounds: 422 if it is outside of them, 400 if it is
// not a whole number.
func rangeKind(least, most, standard int) kind[int] {
	low, high := float64(least), float64(most)
	return kind[int]{
		parse: func(s string) (int, error) {
			n, err := strconv.Atoi(s)
			switch {
			case err != nil && !errors.Is(err, strconv.ErrRange):
				return 0, unreadable("must be a whole number")
			case err != nil || n < least || n > most:
				return 0, invalid(fmt.Sprintf("must be between %d and %d", least, most))
			}
			return n, nil
		},
		schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high, Default: standard},
	}
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// setting declares a parameter whose value set stores.
func setting[A, V any](name, doc string, k kind[V], set func(*A, V)) parameter[A] {
	return parameter[A]{
		name: name, doc: doc, schema: k.schema,
		read: func(dst *A, value string) error {
			v, err := k.parse(value)
			if err == nil {
				set(dst, v)
			}
			return err
		},
	}
}

// plain declares a parameter whose value is stored where at points to.
func plain[A, V any](name, doc string, k kind[V], at func(*A) *V) parameter[A] {
	return setting(name, doc, k, func(dst *A, v V) { *at(dst) = v })
}

// optional declares a parameter whose value is nil if it is not given.
func optional[A, V any](name, doc string, k kind[V], at func(*A) **V) parameter[A] {
	return setting(name, doc, k, func(dst *A, v V) { *at(dst) = &v })
}

// filteredEnum returns the name of the enumeration of a record's member.
func filteredEnum[T any](member string) string {
	t := reflect.TypeFor[T]()
	return enumName(t, fieldByJSON(t, member))
}
