package transfer

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
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

// binding is a field and the columns that it is read from.
type binding[P any] struct {
	field   *field[P]
	columns []int        // none: it is constant
	feed    *preset.Feed // how a preset reads the columns; nil: there is one, which is read as it is
	guarded bool         // its texts may be guarded from spreadsheets
	reader  *cells.Reader
	format  string // how its cells are written, where that is to be told
}

// mapping holds which columns are read into which fields.
type mapping[P any] struct {
	bindings []binding[P]
	keys     []int           // the bindings of the fields by which rows are recognised
	fields   map[string]int  // the first column of each field; -1: it is constant
	layout   *preset.Binding // nil: none is known
	leftOut  []string        // columns that are read into no field
	twice    []string        // columns that are left out because their names occur twice
}

// newMapping maps the columns of a header: those that are named in pairs as it is said there,
// the others as a preset's table says or, without one, to the fields of their own names.
func newMapping[P any](header []string, pairs []pair, table *preset.Table, fields *fields[P]) (*mapping[P], error) {
	m := &mapping[P]{fields: map[string]int{}}
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
		if other, ok := m.fields[f.name]; ok && other != column {
			return nil, usage("--map: %s is mapped from two columns, %q and %q", f.name, header[other], header[column])
		} else if ok {
			continue
		}
		named[column] = true
		m.bind(f, nil, column)
	}
	if a, b := fields.clash(m.fields); a != "" {
		return nil, usage("--map: %s and %s say the same; map one of them", a, b)
	}
	if table != nil {
		m.mapByTable(header, named, table, fields)
	} else {
		m.mapByName(header, named, fields)
	}
	if len(m.fields) == 0 {
		return nil, usage("no column is mapped to a field; the first row names the columns %s, the fields are %s (see --map)",
			quoted(header), strings.Join(fields.names(), ", "))
	}
	// In a fixed order, in which ids come after the names that they overrule.
	slices.SortStableFunc(m.bindings, func(a, b binding[P]) int {
		return cmp.Or(
			cmp.Compare(a.field.rank, b.field.rank), cmp.Compare(m.fields[a.field.name], m.fields[b.field.name]),
			cmp.Compare(a.field.name, b.field.name),
		)
	})
	return m, nil
}

// bind reads columns into a field.
func (m *mapping[P]) bind(f *field[P], feed *preset.Feed, columns ...int) {
	m.fields[f.name] = -1
	if len(columns) > 0 {
		m.fields[f.name] = columns[0]
	}
	m.bindings = append(m.bindings, binding[P]{field: f, feed: feed, columns: columns})
}

// mapByName maps columns to the fields of their names. Of a name that occurs twice it is not
// known which one is meant.
func (m *mapping[P]) mapByName(header []string, named map[int]bool, fields *fields[P]) {
	for i, column := range header {
		f := fields.named(column)
		switch {
		case named[i] || column == "":
		case f != nil && occursTwice(header, i):
			m.twice = append(m.twice, column)
		case f == nil || !m.offer(f, i, fields):
			m.leftOut = append(m.leftOut, column)
		}
	}
}

// mapByTable maps columns as a preset's table says.
func (m *mapping[P]) mapByTable(header []string, named map[int]bool, table *preset.Table, fields *fields[P]) {
	m.layout = table.Bind(header, func(column int) bool { return named[column] })
	m.leftOut, m.twice = m.layout.Unread, m.layout.Twice
	mapped := maps.Clone(m.fields)
	for i := range m.layout.Feeds {
		feed := &m.layout.Feeds[i]
		f := fields.named(feed.Field)
		switch _, ok := mapped[f.name]; {
		case ok:
		case f.name == string(crm.KeyID) && !fields.byID:
			m.leftOut = append(m.leftOut, header[feed.Columns[0]])
		default:
			m.bind(f, feed, feed.Columns...)
		}
	}
}

// occursTwice reports whether another column has exactly the name of a column.
func occursTwice(header []string, column int) bool {
	for i, name := range header {
		if i != column && name == header[column] {
			return true
		}
	}
	return false
}

// maps reports whether something is read into a field.
func (m *mapping[P]) maps(field string) bool {
	_, ok := m.fields[field]
	return ok
}

// skips reports whether a record is none, such as one that was deleted in the other system.
func (m *mapping[P]) skips(record []string) bool { return m.layout != nil && m.layout.Skips(record) }

// cell returns what a record says of a field.
func (b *binding[P]) cell(record []string) string {
	var cell string
	if b.feed != nil {
		cell = b.feed.Cell(record)
	} else {
		cell = crm.Text(record[b.columns[0]])
	}
	if b.guarded {
		return unguard(cell)
	}
	return cell
}

// offer maps a column to a field of its name, unless one is mapped already. An id is another
// system's number unless it is the key.
func (m *mapping[P]) offer(f *field[P], column int, fields *fields[P]) bool {
	if m.maps(f.name) || f.name == string(crm.KeyID) && !fields.byID {
		return false
	}
	m.fields[f.name] = column
	if a, _ := fields.clash(m.fields); a != "" {
		delete(m.fields, f.name)
		return false
	}
	m.bind(f, nil, column)
	return true
}

// findColumn finds a column by its name as it stands in the header or, if there is none, by
// its plain name. Of columns with the same name, "name#2" is the second one.
func findColumn(header []string, name string) (int, error) {
	var exact []int
	for i, column := range header {
		if column == name {
			exact = append(exact, i)
		}
	}
	if len(exact) == 0 {
		if base, number, ok := cutLast(name, "#"); ok {
			if n, err := strconv.Atoi(number); err == nil && n >= 1 {
				for i, column := range header {
					if column == base {
						exact = append(exact, i)
					}
				}
				if n <= len(exact) {
					return exact[n-1], nil
				}
			}
		}
		exact = nil
		for i, column := range header {
			if column != "" && preset.PlainName(column) == preset.PlainName(name) {
				exact = append(exact, i)
			}
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0], nil
	case len(exact) == 0:
		return 0, usage("--map: there is no column %q; there are %s", name, quoted(header))
	case header[exact[0]] == header[exact[1]]:
		return 0, usage("--map: there are %d columns %q; name one of them as %q", len(exact), header[exact[0]], header[exact[0]]+"#1")
	}
	return 0, usage("--map: %q fits two columns, %q and %q", name, header[exact[0]], header[exact[1]])
}

// cutLast cuts a text at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
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

// importing reads the options that are about rows, not about columns. The keys may still be
// open.
func (o Options) importing() (bulk.ImportOptions, error) {
	opt := bulk.ImportOptions{StageOutcomes: map[string]crm.Outcome{}, DryRun: o.DryRun, Lenient: o.Lenient}
	kind := importable[o.Kind]
	for _, key := range o.Keys {
		if !slices.Contains(kind.Keys, crm.Key(key)) {
			return opt, usage("--key: %s are recognised by %s, not by %q", o.Kind, listed(kind.Keys, " or "), key)
		}
		opt.Keys = append(opt.Keys, crm.Key(key))
	}
	for _, name := range o.CreateMissing {
		if !slices.Contains(bulk.DealRows.References, bulk.Reference(name)) { // which are all that there are
			return opt, usage("--create-missing: %s can be created, not %q", listed(bulk.DealRows.References, ", "), name)
		}
	}
	opt.CreateMissing = creatable(o.Kind, o.CreateMissing)
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

// creatable returns those references that rows of a kind have: one list fits all files.
func creatable(kind Kind, names []string) (references []bulk.Reference) {
	for _, name := range names {
		if slices.Contains(importable[kind].References, bulk.Reference(name)) {
			references = append(references, bulk.Reference(name))
		}
	}
	return references
}

// chooseKeys returns the keys by which the rows of all files are recognised, in their order: a
// row is found by the first of them that it has.
func chooseKeys[P any](kind Kind, stated []crm.Key, list []*input[P]) ([]crm.Key, error) {
	keys := stated
	if len(keys) == 0 {
		keys = importable[kind].Keys
	}
	var chosen []crm.Key
	for _, in := range list {
		m := in.mapping
		if m.maps(string(crm.KeyID)) && len(stated) > 0 && !slices.Contains(stated, crm.KeyID) {
			return nil, inFile(in.source, len(list), usage("--key %s: rows that have an id are recognised by it; map no column to it, or use --key id", listed(stated, ",")))
		}
		found := false
		for _, k := range keys {
			if m.mapsKey(k) {
				found = true
				if !slices.Contains(chosen, k) {
					chosen = append(chosen, k)
				}
			}
		}
		if !found {
			mapped := strings.Join(slices.Sorted(maps.Keys(m.fields)), ", ")
			if len(stated) == 0 { // an id is not mapped unless that is stated
				keys = slices.DeleteFunc(slices.Clone(keys), func(k crm.Key) bool { return k == crm.KeyID })
			}
			return nil, inFile(in.source, len(list), usage("no column is mapped to %s, by which %s are recognised; mapped are %s (see --map and --key)", listed(keys, " or "), kind, mapped))
		}
	}
	slices.SortFunc(chosen, func(a, b crm.Key) int { return cmp.Compare(slices.Index(keys, a), slices.Index(keys, b)) })
	for _, in := range list {
		for i := range in.mapping.bindings {
			if isKeyField(in.mapping.bindings[i].field.name, chosen) {
				in.mapping.keys = append(in.mapping.keys, i)
			}
		}
	}
	return chosen, nil
}

// keyFields are the fields that hold a key; people's names have parts.
func keyFields(key crm.Key) []string {
	switch key {
	case crm.KeyName:
		return []string{string(key), fieldFullName, fieldFirstName, fieldLastName}
	case bulk.KeyTitle:
		return []string{string(key), "due_date", "created_at", "company", "company_id", "contact", "contact_id", "deal", "deal_id"}
	}
	return []string{string(key)}
}

// mapsKey reports whether a column is mapped to a key.
func (m *mapping[P]) mapsKey(key crm.Key) bool {
	if key == bulk.KeyTitle {
		return m.maps(string(key))
	}
	return slices.ContainsFunc(keyFields(key), m.maps)
}

func isKeyField(field string, keys []crm.Key) bool {
	return slices.ContainsFunc(keys, func(k crm.Key) bool { return slices.Contains(keyFields(k), field) })
}

var importable = map[Kind]bulk.Importable{
	Companies: bulk.CompanyRows, Contacts: bulk.ContactRows, Deals: bulk.DealRows, Activities: bulk.ActivityRows,
	Tasks: bulk.TaskRows, Stages: bulk.StageRows, Owners: bulk.OwnerRows,
}

func listed[S ~string](values []S, separator string) string {
	return strings.Join(texts(values), separator)
}
