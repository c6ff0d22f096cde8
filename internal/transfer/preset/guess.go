package preset

import (
	"path"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// Guess returns the preset and the table that the header of a file belongs to; nil, nil if it
// belongs to none, or to tables of two presets alike. The name of the file decides between
// tables that know as many of its columns.
func Guess(header []string, fileName string) (*Preset, *Table) {
	var best *Preset
	var table *Table
	score := 0
	for _, p := range all() {
		t, s := p.best(header, fileName, "")
		switch {
		case t == nil || s < score:
		case s == score:
			best, table = nil, nil
		default:
			best, table, score = p, t, s
		}
	}
	return best, table
}

// Recognise returns the table of the preset that the header of a file belongs to, nil for none.
func (p *Preset) Recognise(header []string, fileName string) *Table {
	t, _ := p.best(header, fileName, "")
	return t
}

// Table is Recognise among the tables of a kind.
func (p *Preset) Table(kind string, header []string, fileName string) *Table {
	t, _ := p.best(header, fileName, kind)
	return t
}

// best returns the table that knows most columns of a header, and how well it fits: by the
// columns first, then by the name of the file.
func (p *Preset) best(header []string, fileName, kind string) (table *Table, score int) {
	for i := range p.Tables {
		t := &p.Tables[i]
		if kind != "" && t.Kind != kind || !t.fits(header) {
			continue
		}
		s := 2 * t.known(header)
		if t.names(fileName) {
			s++
		}
		if s > score {
			table, score = t, s
		}
	}
	return table, score
}

// fits reports whether a header has one of each column of the table's. Here names count as
// they are written, but for their case and white space: plain names would fit more files.
func (t *Table) fits(header []string) bool {
	has := map[string]bool{}
	for _, name := range header {
		has[crm.NameKey(name)] = true
	}
	for _, spellings := range t.Header {
		if !slices.ContainsFunc(spellings, func(name string) bool { return has[crm.NameKey(name)] }) {
			return false
		}
	}
	return true
}

// known counts the columns of a header that the table names.
func (t *Table) known(header []string) (n int) {
	names := map[string]bool{}
	for _, c := range t.Columns {
		names[PlainName(c.Name)] = true
	}
	for _, name := range t.Left {
		names[PlainName(name)] = true
	}
	for _, name := range header {
		if names[PlainName(name)] {
			n++
		}
	}
	return n
}

// names reports whether the table's files are named like this one.
func (t *Table) names(fileName string) bool {
	if i := strings.LastIndexAny(fileName, `/\`); i >= 0 {
		fileName = fileName[i+1:]
	}
	fileName = strings.ToLower(fileName)
	return slices.ContainsFunc(t.Files, func(pattern string) bool {
		ok, err := path.Match(pattern, fileName)
		return ok && err == nil
	})
}
