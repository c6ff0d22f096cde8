package transfer

import (
	"fmt"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// facts returns how the files were read.
func (all *inputs[P]) facts() []FileFacts {
	files := make([]FileFacts, len(all.list))
	for i, in := range all.list {
		f := FileFacts{
			Name: in.source.Name, Format: in.facts.Format, Compression: in.facts.Compression, Encoding: in.facts.Encoding,
			EncodingAssumed: in.facts.EncodingAssumed, Separator: in.facts.Separator, Sheet: in.facts.Sheet,
			Preset: in.preset, Columns: []ColumnFacts{}, LeftOut: append([]string{}, in.mapping.leftOut...),
		}
		for _, b := range in.mapping.bindings {
			for _, name := range in.namesOf(&b) {
				f.Columns = append(f.Columns, ColumnFacts{name, b.field.name, b.format})
			}
		}
		files[i] = f
	}
	return files
}

// namesOf returns the names of the columns of a binding.
func (in *input[P]) namesOf(b *binding[P]) []string {
	names := make([]string, len(b.columns))
	for i, column := range b.columns {
		names[i] = in.header[column]
	}
	return names
}

// String returns the facts as one line.
func (f FileFacts) String() string {
	parts := []string{f.Format}
	for _, part := range []string{f.Compression, f.Encoding} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if f.EncodingAssumed {
		parts[len(parts)-1] += " (assumed; see --encoding)"
	}
	if f.Separator != "" {
		parts = append(parts, fmt.Sprintf("separator %q", f.Separator))
	}
	if f.Sheet != "" {
		parts = append(parts, fmt.Sprintf("sheet %q", f.Sheet))
	}
	if f.Preset != "" {
		parts = append(parts, "columns of "+f.Preset+" (see --from)")
	}
	return f.Name + ": " + strings.Join(parts, ", ")
}

// formats tells how cells are written, with the columns of each format.
func (f FileFacts) formats() string {
	var order []string
	columns := map[string][]string{}
	for _, c := range f.Columns {
		switch known := columns[c.Format]; {
		case c.Format == "" || slices.Contains(known, c.Column):
		case known == nil:
			order = append(order, c.Format)
			fallthrough
		default:
			columns[c.Format] = append(known, c.Column)
		}
	}
	for i, format := range order {
		order[i] = fmt.Sprintf("%s (%s)", format, quoted(columns[format]))
	}
	return strings.Join(order, ", ")
}

// tellBefore tells how the files will be read.
func (in *importer) tellBefore(keys []crm.Key, files []FileFacts) {
	for _, f := range files {
		in.say(f.String())
		if formats := f.formats(); formats != "" {
			in.say(fmt.Sprintf("%s: cells are read as %s", f.Name, formats))
		}
		if left := quoted(f.LeftOut); left != "" {
			in.say(fmt.Sprintf("%s: columns that are left out: %s", f.Name, left))
		}
	}
	in.say(fmt.Sprintf("%s are recognised by %s", in.opt.Kind, listed(keys, ", else ")))
}

// tellAfter tells what was decided row by row.
func (in *importer) tellAfter(report bulk.Report) {
	for _, n := range in.notices.all() {
		in.say(n.String())
	}
	if len(in.counted) > 0 {
		in.say("rows with amounts: " + in.counted.String())
	}
	for _, created := range report.Created {
		in.say(createdText(created, in.opt.DryRun))
	}
}

// createdText tells which records were created because rows refer to them.
func createdText(c bulk.CreatedReferences, dry bool) string {
	names := make([]string, 0, len(c.First)+1)
	for _, r := range c.First {
		name := fmt.Sprintf("%q", r.Name)
		switch {
		case r.ExternalID != "" && r.ExternalID == r.Name:
			name += " (only its id is known)"
		case r.ExternalID != "":
			name += " (id " + r.ExternalID + ")"
		case r.Outcome == "":
		case r.Guessed:
			name += " (" + string(r.Outcome) + ", guessed; see --stage-outcome)"
		default:
			name += " (" + string(r.Outcome) + ")"
		}
		names = append(names, name)
	}
	if int64(len(c.First)) < c.Count {
		names = append(names, "…")
	}
	did := "created"
	if dry {
		did = "to be created"
	}
	return fmt.Sprintf("%s %s: %d: %s", c.Kind, did, c.Count, strings.Join(names, ", "))
}

func (in *importer) say(message string) {
	if in.opt.Notice != nil {
		in.opt.Notice(message)
	}
}
