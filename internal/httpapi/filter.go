package httpapi

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
)

// filtersOf declares the filters of a list: those of the entity, and a search if it has
// searched properties.
func filtersOf[T, P, F any](e *crm.Entity[T, P, F]) []parameter[listArgs[F]] {
	var all []parameter[listArgs[F]]
	if slices.ContainsFunc(e.Properties, func(p crm.Property[T, P]) bool { return p.Searched }) {
		all = append(all, searchWithin[F]())
	}
	for i := range e.Filters {
		x := &e.Filters[i]
		p := filterParameter(x)
		if x.NotBelow != "" {
			p.check = func(src *listArgs[F]) error { return e.CheckRange(x, &src.list.Filter) }
		}
		all = append(all, p)
	}
	return all
}

// filterParameter declares the parameter of a filter. An id has a snake_case
// name too.
func filterParameter[T, F any](x *crm.Filter[T, F]) parameter[listArgs[F]] {
	p := parameter[listArgs[F]]{
		name: x.Name, doc: x.Doc,
		scope: func(b []byte, src *listArgs[F]) []byte { return appendFilter(b, x.Name, x.Value(&src.list.Filter)) },
		read: func(dst *listArgs[F], value string) error {
			err := x.Set(&dst.list.Filter, value)
			var malformed crm.MalformedError
			switch {
			case err == nil:
				return nil
			case errors.As(err, &malformed):
				return unreadable(malformed)
			default:
				return invalid(err.Error())
			}
		},
	}
	switch x.At(new(F)).(type) {
	case *crm.OneOf[crm.ID]:
		p.alias = snake(x.Name)
		severalOf(&p, idSchema(), x.Nullable)
	case *crm.OneOf[string]:
		of := ref(filteredEnum[T](cmp.Or(x.Property, x.Name)))
		if x.Nullable {
			of = &huma.Schema{Type: huma.TypeString, Enum: append(anys(x.Enum), crm.NullWord)}
		}
		severalOf(&p, of, x.Nullable)
	case **crm.Money:
		p.schema = moneySchema()
	case **crm.Date:
		p.schema = dateSchema()
	case **crm.Span:
		p.schema = &huma.Schema{Type: huma.TypeString, Pattern: dayOrTime, Examples: []any{"2026-01-31"}}
	case **string:
		p.schema = &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(x.Rule.Max), Format: x.Rule.Format, Pattern: x.Rule.Pattern}
	}
	return p
}

// dayOrTime matches a date, or a date-time.
const dayOrTime = `^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$`

// severalOf documents a parameter that takes several values, separated by commas.
func severalOf[A any](p *parameter[A], of *huma.Schema, nullable bool) {
	p.doc += " Several values are separated by commas."
	if nullable {
		p.doc += " The value null is for those without one."
		if of.Enum == nil {
			of = &huma.Schema{Type: huma.TypeString, Pattern: `^(null|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$`}
		}
	}
	p.schema = &huma.Schema{Type: huma.TypeArray, Items: of, MinItems: new(1), MaxItems: new(crm.MaxFilterValues)}
}

// appendFilter appends the value of a filter in its canonical form, nothing if there is none.
func appendFilter(b []byte, name string, value any) []byte {
	if value == nil {
		return b
	}
	b = append(append(b, name...), '=')
	if several, ok := value.(crm.Choice); ok {
		for i, v := range several.Values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendFilterValue(b, v)
		}
		if several.Null {
			b = append(b, ",null"...)
		}
	} else {
		b = appendFilterValue(b, value)
	}
	return append(b, ';')
}

func appendFilterValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case crm.ID:
		return appendID(b, v)
	case string:
		return strconv.AppendQuote(b, v)
	case *string:
		return strconv.AppendQuote(b, *v)
	case *crm.Money:
		return appendMoney(b, *v)
	case *crm.Date:
		return appendDate(b, *v)
	case *crm.Span:
		b, _ = v.AppendText(b)
		return b
	}
	return b
}
