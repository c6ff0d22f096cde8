package httpapi

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"sixty/internal/server"
)

// A query declares the parameters that an operation reads into an A. The same
// declaration documents them.
type query[A any] []parameter[A]

// A parameter is one query parameter.
type parameter[A any] struct {
	name   string
	alias  string // another name that it is understood under; "" for none
	doc    string
	schema *huma.Schema
	needed bool // leaving it out is an error
	// read reads a value that is not empty. The error's text is "must be …"; an
	// unreadable one makes the answer a 400, any other a 422.
	read func(dst *A, value string) error
	// scope appends the value in its one canonical form, and nothing when it was not
	// given; nil for a parameter that does not narrow a list.
	scope func(b []byte, src *A) []byte
}

// unreadable says that a value is not of its parameter's kind at all.
type unreadable string

func (u unreadable) Error() string { return string(u) }

// broken says that a value reads, but is not one that its parameter takes.
type broken string

func (b broken) Error() string { return string(b) }

// read reads the parameters of a query string, all flaws at once. A parameter with
// an empty value counts as not given; unknown ones are ignored.
func (q query[A]) read(raw string, dst *A) (flaws []server.ValidationError, malformed bool) {
	if raw == "" && !q.needsAny() {
		return nil, false
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return []server.ValidationError{server.InQuery("?", "must be percent-encoded as application/x-www-form-urlencoded")}, true
	}
	for i := range q {
		p := &q[i]
		value, several := p.pick(values)
		switch {
		case several:
			flaws, malformed = append(flaws, server.InQuery(p.name, p.ambiguity())), true
		case value != "":
			if err := p.read(dst, value); err != nil {
				flaws = append(flaws, server.InQuery(p.name, err.Error()))
				var u unreadable
				malformed = malformed || errors.As(err, &u)
			}
		case p.needed:
			flaws, malformed = append(flaws, server.InQuery(p.name, "must be given")), true
		}
	}
	return flaws, malformed
}

func (q query[A]) needsAny() bool {
	for i := range q {
		if q[i].needed {
			return true
		}
	}
	return false
}

// pick gives the parameter's value under either name; several when there are
// different ones.
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

// document describes the parameters, each under its names.
func (q query[A]) document() []*huma.Param {
	var all []*huma.Param
	for i := range q {
		p := &q[i]
		all = append(all, &huma.Param{Name: p.name, In: "query", Description: p.doc, Required: p.needed, Schema: p.schema})
		if p.alias != "" {
			all = append(all, &huma.Param{Name: p.alias, In: "query", Description: "The same as " + p.name + ".", Schema: p.schema})
		}
	}
	return all
}

// without gives the query less the parameters of these names, whose values come from
// the path instead.
func (q query[A]) without(names ...string) query[A] {
	var rest query[A]
	for _, p := range q {
		if !slices.Contains(names, p.name) {
			rest = append(rest, p)
		}
	}
	return rest
}

// snake gives the other spelling of a camelCase name: owner_id for ownerId.
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
