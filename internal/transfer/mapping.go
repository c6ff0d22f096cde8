package transfer

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// pair is an item of a list "name=value,…".
type pair struct{ name, value string }

// parsePairs reads lists of pairs, which are CSV; a name may itself hold equals
// signs, a value cannot.
func parsePairs(flag string, lists []string) ([]pair, error) {
	var pairs []pair
	for _, list := range lists {
		r := csv.NewReader(strings.NewReader(list))
		r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
		for {
			items, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, usage(`%s %q cannot be read: an item that holds a comma is written in quotes as a whole, "a, b=c"`, flag, list)
			}
			for _, item := range items {
				if strings.TrimSpace(item) == "" {
					continue
				}
				i := strings.LastIndexByte(item, '=')
				p := pair{strings.TrimSpace(item[:max(i, 0)]), strings.TrimSpace(item[i+1:])}
				if p.name == "" || p.value == "" {
					return nil, usage("%s: %q must have something on either side of an equals sign", flag, item)
				}
				pairs = append(pairs, p)
			}
		}
	}
	return pairs, nil
}

// plainName is what names of columns and fields are compared by.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return '_'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(s)))
}

// binding is a column and a field that it feeds.
type binding[P any] struct {
	column int
	field  *field[P]
}

// mapping holds which columns feed which fields.
type mapping[P any] struct {
	bindings []binding[P]
	fed      map[string]int // columns by field
	left     []string       // columns that feed nothing
}

// newMapping maps the columns of a header: those that are named in pairs as it is
// said there, the others to the fields of their own names.
func newMapping[P any](header []string, pairs []pair, fields *fields[P]) (*mapping[P], error) {
	m := &mapping[P]{fed: map[string]int{}}
	named := map[int]bool{}
	for _, p := range pairs {
		column, err := findColumn(header, p.name)
		if err != nil {
			return nil, err
		}
		f := fields.named(p.value)
		if f == nil {
			return nil, usage("--map: there is no field %q; there are %s", p.value, strings.Join(fields.names(), ", "))
		}
		if other, ok := m.fed[f.name]; ok && other != column {
			return nil, usage("--map: %s would be fed by two columns, %q and %q", f.name, header[other], header[column])
		}
		named[column] = true
		m.fed[f.name] = column
	}
	if a, b := fields.clash(m.fed); a != "" {
		return nil, usage("--map: %s and %s say the same; map one of them", a, b)
	}
	for i, column := range header {
		if named[i] {
			continue
		}
		f := fields.named(column)
		if f == nil || !m.offer(f, i, fields) {
			if column != "" {
				m.left = append(m.left, column)
			}
		}
	}
	if len(m.fed) == 0 {
		return nil, usage("no column feeds a field; the columns are %s, the fields %s (see --map)",
			quoted(header), strings.Join(fields.names(), ", "))
	}
	for name, column := range m.fed {
		m.bindings = append(m.bindings, binding[P]{column, fields.named(name)})
	}
	// In a fixed order, in which ids come after the names that they overrule.
	slices.SortFunc(m.bindings, func(a, b binding[P]) int {
		return cmp.Or(cmp.Compare(a.field.rank, b.field.rank), cmp.Compare(a.column, b.column), cmp.Compare(a.field.name, b.field.name))
	})
	return m, nil
}

// feeds reports whether a column feeds a field.
func (m *mapping[P]) feeds(field string) bool {
	_, ok := m.fed[field]
	return ok
}

// offer feeds a field from a column of its name, unless it is fed already. An id is
// another system's number unless it is the key.
func (m *mapping[P]) offer(f *field[P], column int, fields *fields[P]) bool {
	if m.feeds(f.name) || f.name == string(crm.KeyID) && !fields.byID {
		return false
	}
	m.fed[f.name] = column
	if a, _ := fields.clash(m.fed); a != "" {
		delete(m.fed, f.name)
		return false
	}
	return true
}

// findColumn finds a column by its name as it stands in the header or, if there is
// none, by its plain name.
func findColumn(header []string, name string) (int, error) {
	if i := slices.Index(header, name); i >= 0 {
		return i, nil
	}
	found := -1
	for i, column := range header {
		if column == "" || plainName(column) != plainName(name) {
			continue
		}
		if found >= 0 {
			return 0, usage("--map: %q fits two columns, %q and %q", name, header[found], column)
		}
		found = i
	}
	if found < 0 {
		return 0, usage("--map: there is no column %q; there are %s", name, quoted(header))
	}
	return found, nil
}

// quoted lists columns.
func quoted(names []string) string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if name != "" {
			out = append(out, fmt.Sprintf("%q", name))
		}
	}
	return strings.Join(out, ", ")
}

// importing reads the options that are about rows, not about columns. The key may
// still be open.
func (o Options) importing() (bulk.ImportOptions, error) {
	opt := bulk.ImportOptions{StageOutcomes: map[string]crm.Outcome{}, DryRun: o.DryRun}
	kind := importable[o.Kind]
	if o.Key != "" && !slices.Contains(kind.Keys, crm.Key(o.Key)) {
		return opt, usage("--key: %s are recognised by %s, not by %q", o.Kind, listed(kind.Keys, " or "), o.Key)
	}
	for _, name := range o.CreateMissing {
		switch reference := bulk.Reference(name); {
		case slices.Contains(kind.References, reference):
			opt.CreateMissing = append(opt.CreateMissing, reference)
		case !slices.Contains(bulk.DealRows.References, reference): // which are all that there are
			return opt, usage("--create-missing: %s can be made, not %q", listed(bulk.DealRows.References, ", "), name)
		}
		// References that rows of this kind do not have are ignored: one list fits all files.
	}
	pairs, err := parsePairs("--stage-outcome", o.StageOutcomes)
	if err != nil {
		return opt, err
	}
	if len(pairs) > 0 && o.Kind != Deals {
		return opt, usage("--stage-outcome: only deals have stages")
	}
	for _, p := range pairs {
		switch outcome := crm.Outcome(strings.ToLower(p.value)); outcome {
		case crm.OutcomeOpen, crm.OutcomeWon, crm.OutcomeLost:
			opt.StageOutcomes[p.name] = outcome
		default:
			return opt, usage("--stage-outcome: %q must be open, won or lost, not %q", p.name, p.value)
		}
	}
	return opt, nil
}

// chooseKey settles by which field rows are recognised.
func chooseKey[P any](kind Kind, key crm.Key, m *mapping[P]) (crm.Key, error) {
	if m.feeds(string(crm.KeyID)) && key != "" && key != crm.KeyID {
		return "", usage("--key %s: rows that have an id are recognised by it; map no column to it, or use --key id", key)
	}
	for _, k := range importable[kind].Keys {
		if (key == "" || key == k) && m.feedsKey(k) {
			return k, nil
		}
	}
	fed := strings.Join(slices.Sorted(maps.Keys(m.fed)), ", ")
	if key == "" {
		keys := slices.DeleteFunc(slices.Clone(importable[kind].Keys), func(k crm.Key) bool { return k == crm.KeyID }) // which no column feeds by default
		return "", usage("no column feeds %s, by which %s are recognised; fed are %s (see --map)", listed(keys, " or "), kind, fed)
	}
	return "", usage("--key %s: no column feeds it; fed are %s (see --map)", key, fed)
}

// feedsKey reports whether rows have a key's value; people's names have parts.
func (m *mapping[P]) feedsKey(key crm.Key) bool {
	names := []string{string(key)}
	if key == crm.KeyName {
		names = append(names, fieldFullName, fieldFirstName, fieldLastName)
	}
	return slices.ContainsFunc(names, m.feeds)
}

var importable = map[Kind]bulk.Importable{
	Companies: bulk.CompanyRows, Contacts: bulk.ContactRows, Deals: bulk.DealRows, Activities: bulk.ActivityRows, Owners: bulk.OwnerRows,
}

func listed[S ~string](values []S, separator string) string {
	return strings.Join(texts(values), separator)
}
