package preset

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"sixty/internal/cells"
	"sixty/internal/crm"
)

// The bounds of a preset.
const (
	maxBytes    = 256 << 10
	maxProblems = 20
)

// maxNumber is the end of the last range.
const maxNumber = math.MaxInt64

// Load reads a preset. The error names all that is wrong with it, with the lines.
func Load(r io.Reader) (*Preset, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxBytes:
		return nil, fmt.Errorf("a preset must not be longer than %d bytes", maxBytes)
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var document, more yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("the preset is empty")
	} else if err != nil {
		return nil, fmt.Errorf("the preset is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("a preset must be a single YAML document")
	}
	l := &loader{}
	p := l.preset(&document)
	if len(l.problems) > 0 {
		return nil, fmt.Errorf("preset %s: %s", p.Name, strings.Join(l.problems, "; "))
	}
	return p, nil
}

// loader reads the nodes of a document and notes what is wrong with them.
type loader struct{ problems []string }

func (l *loader) fail(n *yaml.Node, format string, args ...any) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, fmt.Sprintf("line %d: ", n.Line)+fmt.Sprintf(format, args...))
	}
}

// shape reports whether a node is of a kind, and written plainly.
func (l *loader) shape(n *yaml.Node, kind yaml.Kind, what string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0:
		l.fail(n, "anchors, aliases and tags are not understood")
	case n.Kind != kind:
		l.fail(n, "must be %s", what)
	default:
		return true
	}
	return false
}

// each calls a function with the members of a mapping, in their order.
func (l *loader) each(n *yaml.Node, do func(key *yaml.Node, value *yaml.Node)) {
	if !l.shape(n, yaml.MappingNode, "a mapping") {
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if !l.shape(key, yaml.ScalarNode, "a name") {
			continue
		}
		if seen[key.Value] {
			l.fail(key, "%s is there twice", key.Value)
			continue
		}
		seen[key.Value] = true
		do(key, n.Content[i+1])
	}
}

// members reads a mapping with the members that are known.
func (l *loader) members(n *yaml.Node, known map[string]func(*yaml.Node)) {
	l.each(n, func(key, value *yaml.Node) {
		if read := known[key.Value]; read != nil {
			read(value)
		} else {
			l.fail(key, "there is no member %q; there are %s", key.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	})
}

// items calls a function with the items of a list; one item alone needs no list.
func (l *loader) items(n *yaml.Node, do func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		do(n)
		return
	}
	if !l.shape(n, yaml.SequenceNode, "a list") {
		return
	}
	for _, item := range n.Content {
		do(item)
	}
}

// text reads a text that may be empty.
func (l *loader) text(n *yaml.Node) string {
	if !l.shape(n, yaml.ScalarNode, "a text") {
		return ""
	}
	if n.Tag == "!!null" {
		l.fail(n, "must be a text; a text that looks like nothing is written in quotes")
		return ""
	}
	return n.Value
}

// name reads a text that is not empty.
func (l *loader) name(n *yaml.Node) string {
	text := l.text(n)
	if PlainName(text) == "" && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		l.fail(n, "must have a letter or a digit")
	}
	return text
}

// list reads texts.
func (l *loader) list(n *yaml.Node) (texts []string) {
	l.items(n, func(n *yaml.Node) { texts = append(texts, l.text(n)) })
	return texts
}

// names reads names of which no two have the same plain name.
func (l *loader) names(n *yaml.Node) []string { return l.distinct(n, PlainName) }

// distinct reads names of which no two are the same when they are folded.
func (l *loader) distinct(n *yaml.Node, fold func(string) string) (names []string) {
	seen := map[string]bool{}
	l.items(n, func(n *yaml.Node) {
		name := l.name(n)
		if folded := fold(name); folded != "" && seen[folded] {
			l.fail(n, "%q is there twice", name)
		} else {
			seen[folded] = true
		}
		names = append(names, name)
	})
	return names
}

// oneOf reads one of a few values.
func (l *loader) oneOf(n *yaml.Node, what string, values []string) string {
	text := l.text(n)
	if text != "" && !slices.Contains(values, text) {
		l.fail(n, "there is no %s %q; there are %s", what, text, strings.Join(values, ", "))
	}
	return text
}

// yes reads true or false.
func (l *loader) yes(n *yaml.Node) bool {
	return l.oneOf(n, "value", []string{"true", "false"}) == "true"
}

func (l *loader) preset(document *yaml.Node) *Preset {
	p := &Preset{}
	if len(document.Content) != 1 {
		l.fail(document, "must be a mapping")
		return p
	}
	var null []string
	var dates []cells.DateFormat
	var zone *time.Location
	l.members(document.Content[0], map[string]func(*yaml.Node){
		"name":      func(n *yaml.Node) { p.Name = l.name(n) },
		"null":      func(n *yaml.Node) { null = l.list(n) },
		"dates":     func(n *yaml.Node) { dates = l.dates(n) },
		"time_zone": func(n *yaml.Node) { zone = l.zone(n) },
		"tables": func(n *yaml.Node) {
			l.items(n, func(n *yaml.Node) { p.Tables = append(p.Tables, l.table(n)) })
		},
	})
	if p.Name == "" {
		l.fail(document.Content[0], "name is missing")
	}
	if len(p.Tables) == 0 {
		l.fail(document.Content[0], "tables are missing")
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		t.Null = append(t.Null, null...)
		if len(t.DateFormats) == 0 {
			t.DateFormats = dates
		}
		if t.Location == nil {
			t.Location = zone
		}
	}
	return p
}

func (l *loader) zone(n *yaml.Node) *time.Location {
	zone, err := cells.ParseLocation(l.name(n))
	if err != nil {
		l.fail(n, "%s", err)
	}
	return zone
}

// dates reads formats of dates.
func (l *loader) dates(n *yaml.Node) (formats []cells.DateFormat) {
	l.items(n, func(n *yaml.Node) {
		format, err := cells.ParseDateFormat(l.text(n))
		if err != nil {
			l.fail(n, "%s", err)
		}
		formats = append(formats, format)
	})
	return formats
}

// table reads a table. Its fields can be checked only when its kind is known, wherever that
// stands.
func (l *loader) table(n *yaml.Node) Table {
	t := Table{}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "kind" {
				t.Kind = l.oneOf(n.Content[i+1], "kind", slices.Sorted(maps.Keys(kinds)))
			}
		}
	}
	fields := kinds[t.Kind]
	if fields == nil {
		if t.Kind == "" {
			l.fail(n, "the kind of the table is missing")
		}
		return t
	}
	f := fieldLoader{l, t.Kind}
	l.members(n, map[string]func(*yaml.Node){
		"kind": func(*yaml.Node) {},
		"header": func(n *yaml.Node) {
			l.items(n, func(n *yaml.Node) { t.Header = append(t.Header, l.distinct(n, crm.NameKey)) })
		},
		"files":    func(n *yaml.Node) { t.Files = l.patterns(n) },
		"columns":  func(n *yaml.Node) { t.Columns = f.columns(n) },
		"left":     func(n *yaml.Node) { t.Left = l.names(n) },
		"join":     func(n *yaml.Node) { t.Join = f.texts(n, l.text) },
		"key":      func(n *yaml.Node) { l.items(n, func(n *yaml.Node) { t.Key = append(t.Key, f.key(n)) }) },
		"values":   func(n *yaml.Node) { t.Values = f.values(n) },
		"ranges":   func(n *yaml.Node) { t.Ranges = f.ranges(n) },
		"constant": func(n *yaml.Node) { t.Constant = f.constants(n) },
		"skip":     func(n *yaml.Node) { l.items(n, func(n *yaml.Node) { t.Skip = append(t.Skip, l.condition(n, nil)) }) },
		"outcomes": func(n *yaml.Node) { l.items(n, func(n *yaml.Node) { t.Outcomes = append(t.Outcomes, l.outcome(n)) }) },
		"create_missing": func(n *yaml.Node) {
			l.items(n, func(n *yaml.Node) { t.CreateMissing = append(t.CreateMissing, l.oneOf(n, "reference", references)) })
		},
		"null":      func(n *yaml.Node) { t.Null = l.list(n) },
		"dates":     func(n *yaml.Node) { t.DateFormats = l.dates(n) },
		"time_zone": func(n *yaml.Node) { t.Location = l.zone(n) },
		"fractions": func(n *yaml.Node) { l.items(n, func(n *yaml.Node) { t.Fractions = append(t.Fractions, f.field(n)) }) },
	})
	l.check(n, &t)
	return t
}

// check checks what several members of a table say together.
func (l *loader) check(n *yaml.Node, t *Table) {
	if len(t.Header) == 0 {
		l.fail(n, "header is missing: the columns by which a file is recognised")
	}
	if len(t.Columns) == 0 {
		l.fail(n, "columns are missing")
	}
	fed, read := map[string]bool{}, map[string]bool{}
	for _, c := range t.Columns {
		fed[c.Field], read[PlainName(c.Name)] = true, true
	}
	for _, name := range t.Left {
		if read[PlainName(name)] {
			l.fail(n, "%q is both read and left", name)
		}
	}
	for _, key := range t.Key {
		named := key == "name" && (fed["full_name"] || fed["last_name"])
		if !fed[key] && !named {
			l.fail(n, "no column is read into the key %s", key)
		}
	}
	for field := range t.Join {
		if !fed[field] {
			l.fail(n, "no column is read into %s, which is to be joined", field)
		}
	}
}

// patterns reads patterns of file names.
func (l *loader) patterns(n *yaml.Node) (patterns []string) {
	l.items(n, func(n *yaml.Node) {
		pattern := strings.ToLower(l.name(n))
		if _, err := path.Match(pattern, ""); err != nil {
			l.fail(n, "%q is no pattern of file names", pattern)
		}
		patterns = append(patterns, pattern)
	})
	return patterns
}

// condition reads a condition, with members of what it is a part of.
func (l *loader) condition(n *yaml.Node, further map[string]func(*yaml.Node)) Condition {
	var c Condition
	members := map[string]func(*yaml.Node){
		"column": func(n *yaml.Node) { c.Columns = l.names(n) },
		"is":     func(n *yaml.Node) { c.Is = l.names(n) },
		"prefix": func(n *yaml.Node) { c.Prefix = l.name(n) },
	}
	maps.Copy(members, further)
	l.members(n, members)
	if further == nil && len(c.Columns) == 0 {
		l.fail(n, "column is missing")
	}
	if len(c.Is) > 0 && c.Prefix != "" {
		l.fail(n, "is and prefix exclude each other")
	}
	return c
}

func (l *loader) outcome(n *yaml.Node) Outcome {
	var o Outcome
	o.Condition = l.condition(n, map[string]func(*yaml.Node){
		"outcome": func(n *yaml.Node) { o.Outcome = l.oneOf(n, "outcome", outcomes) },
	})
	if o.Outcome == "" {
		l.fail(n, "outcome is missing")
	}
	return o
}
