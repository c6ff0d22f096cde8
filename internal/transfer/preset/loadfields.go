package preset

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fieldLoader reads what a table says of the fields of its kind.
type fieldLoader struct {
	*loader
	kind string
}

// field reads the name of a field.
func (f fieldLoader) field(n *yaml.Node) string {
	name := f.text(n)
	if _, ok := kinds[f.kind][name]; name != "" && !ok {
		f.fail(n, "%s have no field %q; they have %s", f.kind, name, strings.Join(Fields(f.kind), ", "))
	}
	return name
}

// key reads the name of a field by which rows are recognised. People have a name in parts.
func (f fieldLoader) key(n *yaml.Node) string {
	if n.Value == "name" && slices.Contains(Fields(f.kind), "full_name") {
		return f.text(n)
	}
	return f.field(n)
}

// texts reads a text for each field.
func (f fieldLoader) texts(n *yaml.Node, read func(*yaml.Node) string) map[string]string {
	texts := map[string]string{}
	f.each(n, func(key, value *yaml.Node) { texts[f.field(key)] = read(value) })
	return texts
}

// constants reads a value for each field.
func (f fieldLoader) constants(n *yaml.Node) map[string]string {
	texts := map[string]string{}
	f.each(n, func(key, value *yaml.Node) {
		field := f.field(key)
		texts[field] = f.value(value, field)
	})
	return texts
}

// value reads what a cell of a field means; "" is nothing.
func (f fieldLoader) value(n *yaml.Node, field string) string {
	if enum := kinds[f.kind][field]; enum != nil {
		return f.oneOf(n, field, enum)
	}
	return f.text(n)
}

func (f fieldLoader) values(n *yaml.Node) map[string]map[string]string {
	all := map[string]map[string]string{}
	f.each(n, func(key, value *yaml.Node) {
		field := f.field(key)
		values := map[string]string{}
		f.each(value, func(cell, meaning *yaml.Node) {
			plain := PlainName(f.name(cell))
			if _, ok := values[plain]; ok {
				f.fail(cell, "%q is there twice", cell.Value)
			}
			values[plain] = f.value(meaning, field)
		})
		all[field] = values
	})
	return all
}

// moreThan is the name of the range without an end.
const moreThan = "more"

func (f fieldLoader) ranges(n *yaml.Node) map[string][]Range {
	all := map[string][]Range{}
	f.each(n, func(key, value *yaml.Node) {
		field, last := f.field(key), int64(-1)
		f.each(value, func(to, meaning *yaml.Node) {
			r := Range{To: maxNumber, Value: f.value(meaning, field)}
			if to.Value != moreThan {
				number, err := strconv.ParseInt(to.Value, 10, 64)
				if err != nil || number < 0 || number == maxNumber {
					f.fail(to, "must be a whole number or %s, not %q", moreThan, to.Value)
				}
				r.To = number
			}
			if r.To <= last {
				f.fail(to, "ranges must ascend: %s is not above %d", to.Value, last)
			}
			last = r.To
			all[field] = append(all[field], r)
		})
	})
	return all
}

// columns reads the columns of each field: a name, or a mapping with conditions; without any,
// the column has the name of the field.
func (f fieldLoader) columns(n *yaml.Node) (columns []Column) {
	f.each(n, func(key, value *yaml.Node) {
		field := f.field(key)
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			columns = append(columns, Column{Name: field, Field: field})
			return
		}
		seen := map[string]bool{}
		f.items(value, func(n *yaml.Node) {
			c := Column{Field: field}
			if n.Kind != yaml.MappingNode {
				c.Name = f.name(n)
			} else {
				f.members(n, map[string]func(*yaml.Node){
					"column": func(n *yaml.Node) { c.Name = f.name(n) },
					"when":   func(n *yaml.Node) { when := f.condition(n, nil); c.When = &when },
					"micros": func(n *yaml.Node) { c.Micros = f.yes(n) },
					"host":   func(n *yaml.Node) { c.Host = f.yes(n) },
				})
				if c.Name == "" {
					f.fail(n, "column is missing")
				}
			}
			if plain := PlainName(c.Name); plain != "" && seen[plain] {
				f.fail(n, "%q is there twice", c.Name)
			} else {
				seen[plain] = true
			}
			columns = append(columns, c)
		})
	})
	return columns
}
