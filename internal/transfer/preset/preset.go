// Package preset holds the layouts of the files that other systems export, as data.
//
// A preset is a YAML file. It names a system and lists its tables: for each the kind of its
// records, the columns by which a file of it is recognised, and the columns that feed each
// field:
//
//	name: acme
//	null: [n/a]                      # cells that say nothing, in all tables
//	tables:
//	  - kind: deals
//	    header: [[Record ID, Datensatz-ID], Deal Name]
//	    key: [external_id]
//	    columns:
//	      external_id: [Record ID, Datensatz-ID]
//	      name: Deal Name
//	      closed_at: [Won time, Lost time]
//	      deal_id: {column: WhatId, when: {column: WhatId, prefix: "006"}}
//	    left: [Weighted value]
//	    values: {status: {Open: active}}
//	    skip: [{column: Deleted, is: [1, true]}]
//
// docs/presets.md describes all members. Names of columns and values are compared by their
// plain names. What a preset says is checked when it is loaded: unknown members, fields that
// the kind does not have, values that a field does not take, and columns that are named twice
// are errors that name the line.
package preset

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sixty/internal/cells"
)

// Preset is the layout of the files of a system.
type Preset struct {
	Name   string
	Tables []Table
}

// Table is the layout of a file.
type Table struct {
	Kind string // companies, contacts, owners, deals, activities, tasks or stages
	// Header holds the columns that a file of the table has, each with its spellings; one of
	// each is there.
	Header [][]string
	// Files are patterns of file names. They decide between tables that a header fits alike.
	Files []string
	// Columns are read into fields. Several may be read into one field: the first cell that
	// says something counts, or all are joined (Join).
	Columns []Column
	// Left are columns that are known and left out on purpose.
	Left []string
	// Join is what stands between the cells of a field that are joined.
	Join map[string]string
	// Key holds the fields by which rows are recognised, in order.
	Key []string
	// Values are what cells of a field mean, by their plain names; "" says nothing.
	Values map[string]map[string]string
	// Ranges are what numbers and ranges of numbers mean, such as 120 and 51-200.
	Ranges map[string][]Range
	// Constant holds what fields are where their cells are empty.
	Constant map[string]string
	// Skip are conditions on which a row is passed over, such as one that was deleted.
	Skip []Condition
	// Outcomes tell what it means for a deal to stand in its stage: the first that holds counts.
	Outcomes []Outcome
	// CreateMissing are the references that are created when they are missing.
	CreateMissing []string
	Null          []string // cells that say nothing
	DateFormats   []cells.DateFormat
	Location      *time.Location // of instants without an offset; nil: it is not known
	Fractions     []string       // fields whose percentages are written as 0 to 1
}

// Column is read into a field.
type Column struct {
	Name   string
	Field  string
	When   *Condition // on which it is read; nil: always
	Micros bool       // an amount in millionths
	Host   bool       // a web address of which the host is read
}

// Condition holds on a row if the first of its columns that the file has is one of the values
// in Is, or begins with Prefix, or, with neither, is not empty. It holds always without
// columns, and never if the file has none of them.
type Condition struct {
	Columns []string
	Is      []string
	Prefix  string
}

// Outcome says what the stage of a row is.
type Outcome struct {
	Condition
	Outcome string // open, won or lost
}

// Range says what numbers up to To mean; the last of a list has no To.
type Range struct {
	To    int64 // maxNumber: no limit
	Value string
}

// PlainName returns what names of columns and values are compared by: their letters and
// digits, so that "First Name", first_name and FirstName are one.
func PlainName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(s))
}

//go:embed *.yaml
var files embed.FS

// builtIn loads the presets of the program, once.
var builtIn = sync.OnceValues(func() ([]*Preset, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	presets := make([]*Preset, 0, len(names))
	for _, name := range names {
		f, err := files.Open(name)
		if err != nil {
			return nil, err
		}
		p, err := Load(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if want := strings.TrimSuffix(name, path.Ext(name)); p.Name != want {
			return nil, fmt.Errorf("%s holds the preset %s", name, p.Name)
		}
		presets = append(presets, p)
	}
	return presets, nil
})

// all returns the presets of the program, in the order of their names.
func all() []*Preset {
	presets, err := builtIn()
	if err != nil {
		panic("preset: " + err.Error()) // a mistake in an embedded file, which tests find
	}
	return presets
}

// Names lists the presets of the program.
func Names() []string {
	var names []string
	for _, p := range all() {
		names = append(names, p.Name)
	}
	return names
}

// Named returns a preset of the program.
func Named(name string) (*Preset, error) {
	for _, p := range all() {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no preset %q; there are %s", name, strings.Join(Names(), ", "))
}

// Place returns the place of a table in its preset.
func (p *Preset) Place(t *Table) int {
	for i := range p.Tables {
		if &p.Tables[i] == t {
			return i
		}
	}
	return -1
}

// IsFraction reports whether percentages of a field are written as 0 to 1.
func (t *Table) IsFraction(field string) bool { return slices.Contains(t.Fractions, field) }
