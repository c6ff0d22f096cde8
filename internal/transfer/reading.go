package transfer

import (
	"io"
	"strings"

	"sixty/internal/cells"
	"sixty/internal/transfer/preset"
	"sixty/internal/transfer/table"
)

// reading is how the options say that files are read.
type reading struct {
	cells   cells.Options
	columns map[string][]cells.DateFormat // by the plain name of a column
	preset  *preset.Preset                // nil: guessed for each file, unless plain
	plain   bool                          // no preset
}

// noPreset is the name that turns presets off.
const noPreset = "none"

// reading reads the options that are about cells and layouts.
func (o Options) reading() (*reading, error) {
	r := &reading{columns: map[string][]cells.DateFormat{}, plain: o.From == noPreset}
	var err error
	if r.preset, err = o.preset(); err != nil {
		return nil, err
	}
	if err := o.tableOptions().Check(); err != nil {
		return nil, usage("%v", err)
	}
	for _, text := range o.DateFormats {
		column, format, named := cutLast(text, "=")
		if !named {
			column, format = "", text
		}
		parsed, err := cells.ParseDateFormat(format)
		if err != nil {
			return nil, usage("--date-format %s", err)
		}
		if !named {
			r.cells.Dates = append(r.cells.Dates, parsed)
		} else {
			r.columns[preset.PlainName(column)] = append(r.columns[preset.PlainName(column)], parsed)
		}
	}
	if o.TimeZone != "" {
		if r.cells.Location, err = cells.ParseLocation(o.TimeZone); err != nil {
			return nil, usage("--time-zone %v", err)
		}
	}
	switch o.Decimal {
	case "", ".", ",":
		if o.Decimal != "" {
			r.cells.Decimal = o.Decimal[0]
		}
	default:
		return nil, usage("--decimal must be a point or a comma, not %q", o.Decimal)
	}
	r.cells.Null = o.Null
	return r, nil
}

// Presets lists the systems whose files are known.
func Presets() []string { return preset.Names() }

// ReadPreset reads a preset of the caller's own, for Options.Preset. See docs/presets.md.
func ReadPreset(r io.Reader) (*preset.Preset, error) { return preset.Load(r) }

// preset returns the preset that the options name; nil if they name none.
func (o Options) preset() (*preset.Preset, error) {
	switch {
	case o.Preset != nil:
		if o.From != "" {
			return nil, usage("--from and --preset exclude each other")
		}
		return o.Preset, nil
	case o.From == "" || o.From == noPreset:
		return nil, nil
	}
	p, err := preset.Named(o.From)
	if err != nil {
		return nil, usage("--from must be one of %s or none, not %q", strings.Join(preset.Names(), ", "), o.From)
	}
	return p, nil
}

func (o Options) tableOptions() table.Options {
	return table.Options{Encoding: o.Encoding, Separator: o.Separator, Sheet: o.Sheet}
}

// table returns the layout of a file and its preset: one of the preset that is named, or of
// the one that its header belongs to. nil: none.
func (r *reading) table(kind Kind, header []string, name string) (string, *preset.Table) {
	if r.plain {
		return "", nil
	}
	p := r.preset
	if p == nil {
		if p, _ = preset.Guess(header, name); p == nil {
			return "", nil
		}
	}
	if t := p.Table(string(kind), header, name); t != nil {
		return p.Name, t
	}
	return "", nil
}

// options returns how the cells of a field are written.
func (r *reading) options(layout *preset.Table, field string, columns []string) cells.Options {
	o := r.cells
	if layout != nil {
		o.Null = append(o.Null[:len(o.Null):len(o.Null)], layout.Null...)
		o.Fraction = layout.IsFraction(field)
		if len(o.Dates) == 0 {
			o.Dates = layout.DateFormats
		}
		if o.Location == nil {
			o.Location = layout.Location
		}
	}
	for _, column := range columns {
		if own := r.columns[preset.PlainName(column)]; own != nil {
			o.Dates = own
		}
	}
	return o
}
