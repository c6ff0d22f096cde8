package httpapi

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/server"
)

// A query declares the parameters that are parsed into an A, and documents them.
type query[A any] []parameter[A]

// A parameter is one query parameter.
type parameter[A any] struct {
	name     string
	alias    string // another name; "" for none
	doc      string
	schema   *huma.Schema
	required bool
	hidden   bool // of an older form, which the API document has in words alone
	// read parses a value that is not empty. The error's text is "must be …". An
	// unreadable one leads to a 400, any other to a 422.
	read func(dst *A, value string) error
	// scope appends the value in its canonical form, or nothing if it was not given; nil
	// for a parameter that is no filter.
	scope func(b []byte, src *A) []byte
}

// unreadable is the error of a value that is not of its parameter's kind.
type unreadable string

func (u unreadable) Error() string { return string(u) }

// invalid is the error of a value of the right kind that its parameter does not allow.
type invalid string

func (i invalid) Error() string { return string(i) }

// read parses the parameters of a query string, and returns all validation errors at once.
// A parameter with an empty value counts as not given; unknown ones are ignored.
func (q query[A]) read(raw string, dst *A) (errs []server.ValidationError, malformed bool) {
	if raw == "" && !q.requiresAny() {
		return nil, false
	}
	values, err := server.ParseQuery(raw)
	if err != nil {
		return []server.ValidationError{server.InQuery("?", "must be percent-encoded as application/x-www-form-urlencoded")}, true
	}
	for i := range q {
		p := &q[i]
		value, several := p.pick(values)
		switch {
		case several:
			errs, malformed = append(errs, server.InQuery(p.name, p.ambiguity())), true
		case value != "":
			if err := p.read(dst, value); err != nil {
				errs = append(errs, server.InQuery(p.name, err.Error()))
				var u unreadable
				malformed = malformed || errors.As(err, &u)
			}
		case p.required:
			errs, malformed = append(errs, server.InQuery(p.name, "must be given")), true
		}
	}
	return errs, malformed
}

func (q query[A]) requiresAny() bool {
	for i := range q {
		if q[i].required {
			return true
		}
	}
	return false
}

// pick returns the parameter's value under either name; several if there are different
// ones.
func (p *parameter[A]) pick(values url.Values) (value string, several bool) {
	for _, name := range [...]string{p.name, p.alias} {
		if name == "" {
			continue
		}
		for _, v := range values[name] {
			switch {
			case v == "" || v == value:
			case value == "":
				value = v
			default:
				return "", true
			}
		}
	}
	return value, false
}

func (p *parameter[A]) ambiguity() string {
	if p.alias != "" {
		return "must not be given twice with different values (" + p.alias + " is the same parameter)"
	}
	return "must not be given twice with different values"
}

// document returns the documentation of the parameters, of each under both names.
func (q query[A]) document() []*huma.Param {
	var all []*huma.Param
	for i := range q {
		p := &q[i]
		if p.hidden {
			continue
		}
		all = append(all, &huma.Param{Name: p.name, In: "query", Description: p.doc, Required: p.required, Schema: p.schema})
		if p.alias != "" {
			all = append(all, aliasParameter(p.alias, p.name, p.schema))
		}
	}
	return all
}

// aliasParameter documents another name of a parameter. Generators of Go clients would make
// one name of both.
func aliasParameter(alias, name string, schema *huma.Schema) *huma.Param {
	goName := "Deprecated" + strings.ToUpper(name[:1]) + name[1:]
	return &huma.Param{
		Name: alias, In: "query", Description: "The same as " + name + ".", Deprecated: true, Schema: schema,
		Extensions: map[string]any{"x-go-name": goName, "x-ogen-name": goName},
	}
}

// undocumented returns the names that document leaves out.
func (q query[A]) undocumented() []string {
	var names []string
	for i := range q {
		if q[i].hidden {
			names = append(names, q[i].name)
		}
	}
	return names
}

// without returns the query less the parameters of these names.
func (q query[A]) without(names ...string) query[A] {
	var rest query[A]
	for _, p := range q {
		if !slices.Contains(names, p.name) {
			rest = append(rest, p)
		}
	}
	return rest
}

// snake returns the snake_case form of a camelCase name: owner_id for ownerId.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
