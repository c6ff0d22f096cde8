package httpapi

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
)

// A kind is how the values of a parameter are read, written back in one canonical
// form, and documented.
type kind[V any] struct {
	parse  func(string) (V, error)
	append func([]byte, V) []byte
	schema *huma.Schema
}

func idKind() kind[crm.ID] {
	return kind[crm.ID]{
		parse:  func(s string) (crm.ID, error) { return legible(crm.ParseID(s)) },
		append: appendID,
		schema: idSchema(),
	}
}

func dateKind() kind[crm.Date] {
	return kind[crm.Date]{
		parse:  func(s string) (crm.Date, error) { return legible(crm.ParseDate(s)) },
		append: appendDate,
		schema: dateSchema(),
	}
}

func moneyKind() kind[crm.Money] {
	return kind[crm.Money]{
		parse:  func(s string) (crm.Money, error) { return legible(crm.ParseMoney(s)) },
		append: appendMoney,
		schema: moneySchema(),
	}
}

// textKind is free text. A NUL can be in no stored text and PostgreSQL takes none.
func textKind() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			switch {
			case strings.ContainsRune(s, 0):
				return "", unreadable("must not contain a NUL character")
			case strings.ToValidUTF8(s, "") != s:
				return "", unreadable("must be valid UTF-8")
			case len(s) > maxFilterText:
				return "", broken(fmt.Sprintf("must be at most %d bytes long", maxFilterText))
			}
			return s, nil
		},
		append: strconv.AppendQuote,
		schema: &huma.Schema{Type: huma.TypeString},
	}
}

// maxFilterText bounds a text to compare with, in bytes: more than any stored one has.
const maxFilterText = 1024

// enumKind is one of a few words.
func enumKind(words ...string) kind[string] {
	message := broken("must be one of " + strings.Join(words, ", "))
	return kind[string]{
		parse: func(s string) (string, error) {
			if !slices.Contains(words, s) {
				return "", message
			}
			return s, nil
		},
		append: strconv.AppendQuote,
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
		append: appendBool,
		schema: &huma.Schema{Type: huma.TypeBoolean, Default: false},
	}
}

// rangeKind is a whole number within bounds: 422 outside of them, 400 for what is
// no whole number.
func rangeKind(least, most, standard int) kind[int] {
	low, high := float64(least), float64(most)
	return kind[int]{
		parse: func(s string) (int, error) {
			n, err := strconv.Atoi(s)
			switch {
			case err != nil && !errors.Is(err, strconv.ErrRange):
				return 0, unreadable("must be a whole number")
			case err != nil || n < least || n > most:
				return 0, broken(fmt.Sprintf("must be between %d and %d", least, most))
			}
			return n, nil
		},
		append: appendInt[int],
		schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high, Default: standard},
	}
}

// legible marks the error of a domain type's reader as that of unreadable text.
func legible[V any](v V, err error) (V, error) {
	if err != nil {
		return v, unreadable(err.Error())
	}
	return v, nil
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// plain declares a parameter that is kept where at points to.
func plain[A, V any](name, doc string, k kind[V], at func(*A) *V) parameter[A] {
	return parameter[A]{
		name: name, doc: doc, schema: k.schema,
		read: func(dst *A, value string) error {
			v, err := k.parse(value)
			if err == nil {
				*at(dst) = v
			}
			return err
		},
	}
}

// narrow declares a parameter that narrows a list: a member of its filter, nil when
// it is not given.
func narrow[F, V any](name, doc string, k kind[V], at func(*F) **V) parameter[listArgs[F]] {
	return parameter[listArgs[F]]{
		name: name, doc: doc, schema: k.schema,
		read: func(dst *listArgs[F], value string) error {
			v, err := k.parse(value)
			if err == nil {
				*at(&dst.list.Filter) = &v
			}
			return err
		},
		scope: func(b []byte, src *listArgs[F]) []byte {
			v := *at(&src.list.Filter)
			if v == nil {
				return b
			}
			b = append(b, name...)
			b = k.append(append(b, '='), *v)
			return append(b, ';')
		},
	}
}

// reference is narrow for an id that is understood under its snake_case name too.
func reference[F any](name, doc string, at func(*F) **crm.ID) parameter[listArgs[F]] {
	p := narrow(name, doc, idKind(), at)
	p.alias = snake(name)
	return p
}
