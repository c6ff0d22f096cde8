package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
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
	// check checks the value against those of other parameters, once all are read; nil for
	// nothing to check. An error leads to a 422.
	check func(src *A) error
}

// unreadable is the error of a value that is not of its parameter's kind.
type unreadable string

func (u unreadable) Error() string { return string(u) }

// invalid is the error of a value of the right kind that its parameter does not allow.
type invalid string

func (i invalid) Error() string { return string(i) }

// read parses the parameters of a query string, and returns all validation errors at once.
// A parameter with an empty value counts as not given; unknown ones are ignored: see unknown.
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
		err := p.readFrom(values, dst)
		if err != nil {
			errs = append(errs, server.InQuery(p.name, err.Error()))
			malformed = malformed || errors.As(err, new(unreadable))
		}
	}
	for i := range q {
		p := &q[i]
		if p.check == nil {
			continue
		}
		if err := p.check(dst); err != nil {
			errs = append(errs, server.InQuery(p.name, err.Error()))
		}
	}
	return errs, malformed
}

// readFrom parses the parameter's value, under either name. Values that are spelled differently
// must be equal once they are read.
func (p *parameter[A]) readFrom(values url.Values, dst *A) error {
	given := p.pick(values)
	switch {
	case len(given) == 0 && p.required:
		return unreadable("must be given")
	case len(given) == 0:
		return nil
	case len(given) > 1:
		first := new(A)
		err := p.read(first, given[0])
		for _, value := range given[1:] {
			other := new(A)
			if err != nil || p.read(other, value) != nil || !reflect.DeepEqual(first, other) {
				return unreadable(p.ambiguity())
			}
		}
	}
	return p.read(dst, given[0])
}

func (q query[A]) requiresAny() bool {
	for i := range q {
		if q[i].required {
			return true
		}
	}
	return false
}

// pick returns the different texts that the parameter is given as, under either name.
func (p *parameter[A]) pick(values url.Values) (given []string) {
	for _, name := range [...]string{p.name, p.alias} {
		if name == "" {
			continue
		}
		for _, v := range values[name] {
			if v != "" && !slices.Contains(given, v) {
				given = append(given, v)
			}
		}
	}
	return given
}

// names returns the names of the parameters.
func (q query[A]) names() (names []string) {
	for i := range q {
		if names = append(names, q[i].name); q[i].alias != "" {
			names = append(names, q[i].alias)
		}
	}
	return names
}

// documented returns the names of the parameters, without other forms.
func (q query[A]) documented() (names []string) {
	for i := range q {
		if !q[i].hidden {
			names = append(names, q[i].name)
		}
	}
	return names
}

// maxUnknown is the most unknown parameters that a problem names.
const maxUnknown = 10

// unknown returns an error for each parameter of a query string that the query does not have,
// nor others that may occur.
func (q query[A]) unknown(raw string, others []string) (errs []server.ValidationError) {
	names := q.names()
	var told []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || value == "" || slices.Contains(names, name) || slices.Contains(others, name) ||
			server.IgnoredParameter(name) || slices.Contains(told, name) || len(told) == maxUnknown {
			continue
		}
		message := "is not a parameter of this list"
		if told = append(told, name); len(told) == 1 {
			message += "; there are " + strings.Join(q.documented(), ", ")
		}
		errs = append(errs, server.InQuery(cmp.Or(fmt.Sprintf("%.64s", name), `""`), message))
	}
	return errs
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
		var explode *bool
		if p.schema.Type == huma.TypeArray { // separated by commas
			explode = new(bool)
		}
		all = append(all, &huma.Param{Name: p.name, In: "query", Description: p.doc, Required: p.required, Schema: p.schema, Explode: explode})
		if p.alias != "" {
			alias := aliasParameter(p.alias, p.name, p.schema)
			alias.Explode = explode
			all = append(all, alias)
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
