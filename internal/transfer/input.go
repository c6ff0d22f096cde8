package transfer

import (
	"context"
	"errors"
	"slices"

	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
	"sixty/internal/transfer/table"
)

// input is a source whose columns are mapped.
type input[P any] struct {
	source  Source
	preset  string        // the name of the layout's preset
	table   *preset.Table // the layout of the source; nil: none is known
	mapping *mapping[P]
	header  []string
	facts   table.Facts

	options table.Options
	reader  table.Reader // nil: closed
}

// open opens the source at its beginning. Its columns must still be those that were mapped.
func (in *input[P]) open(ctx context.Context) (err error) {
	if in.reader, err = table.Open(ctx, in.source, in.options); err != nil {
		return err
	}
	if in.mapping != nil && !slices.Equal(in.reader.Header(), in.header) {
		return errors.Join(errChanged, in.close())
	}
	return nil
}

// close closes the source if it is open.
func (in *input[P]) close() error {
	if in.reader == nil {
		return nil
	}
	err := in.reader.Close()
	in.reader = nil
	return err
}

// spool copies sources that can be opened but once, such as standard input, to temporary
// files: an import reads each source twice. The caller calls remove.
func spool(ctx context.Context, sources []Source) (spooled []Source, remove func(), err error) {
	spooled = slices.Clone(sources)
	var temporary []Source
	remove = func() {
		for _, s := range temporary {
			_ = s.Remove()
		}
	}
	for i, s := range sources {
		if !s.Once {
			continue
		}
		if slices.ContainsFunc(sources[:i], func(other Source) bool { return other.Name == s.Name }) {
			return nil, remove, usage("%s is named twice and can be read only once", s.Name)
		}
		stream, err := s.Open()
		if err != nil {
			return nil, remove, err
		}
		// A read that waits for a terminal or a pipe ends with the import.
		stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
		spooled[i], err = table.Spool(ctx, s.Name, stream, "")
		if stop() {
			err = errors.Join(err, stream.Close())
		} else {
			err = context.Cause(ctx)
		}
		temporary = append(temporary, spooled[i])
		if err != nil {
			return nil, remove, err
		}
	}
	return spooled, remove, nil
}

// inputs are all the sources of a run.
type inputs[P any] struct {
	list  []*input[P]
	keys  []crm.Key
	total int64
}

// prepareAll maps the columns of every source before any is read to its end, so that a mistake
// does not show halfway.
func prepareAll[P any](ctx context.Context, opt Options, read *reading, sources []Source, fields *fields[P]) (*inputs[P], error) {
	if len(sources) == 0 {
		return nil, usage("there is no file to import")
	}
	pairs, err := parsePairs("--map", opt.Maps)
	if err != nil {
		return nil, err
	}
	all := &inputs[P]{}
	for _, source := range sources {
		in := &input[P]{source: source, options: opt.tableOptions()}
		all.list = append(all.list, in)
		if err := in.prepare(ctx, opt, read, pairs, fields); err != nil {
			return nil, inFile(source, len(sources), err)
		}
		if source.Size < 0 || all.total < 0 {
			all.total = -1
		} else {
			all.total += source.Size
		}
	}
	var keys []crm.Key
	for _, name := range all.list[0].statedKeys(opt) {
		keys = append(keys, crm.Key(name))
	}
	all.keys, err = chooseKeys(opt.Kind, keys, all.list)
	return all, err
}

// statedKeys returns the keys that the options name, else those of the file's layout.
func (in *input[P]) statedKeys(opt Options) []string {
	if len(opt.Keys) == 0 && in.table != nil {
		return in.table.Key
	}
	return opt.Keys
}

// prepare reads the header and maps the columns.
func (in *input[P]) prepare(ctx context.Context, opt Options, read *reading, pairs []pair, fields *fields[P]) error {
	if err := in.open(ctx); err != nil {
		return err
	}
	if err := in.chooseSheet(ctx, opt.Kind); err != nil {
		return errors.Join(err, in.close())
	}
	in.header = slices.Clone(in.reader.Header())
	if err := in.close(); err != nil {
		return err
	}
	in.preset, in.table = read.table(opt.Kind, in.header, in.source.Name)
	fields.byID = slices.Contains(in.statedKeys(opt), string(crm.KeyID))
	var err error
	in.mapping, err = newMapping(in.header, pairs, in.table, fields)
	return err
}

// chooseSheet opens the sheet of a workbook that is called like the kind, unless the options
// name one.
func (in *input[P]) chooseSheet(ctx context.Context, kind Kind) error {
	if in.options.Sheet != "" || in.reader.Facts().Format != table.XLSX {
		return nil
	}
	sheets, err := table.Sheets(ctx, in.source)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sheets, func(sheet string) bool { return preset.PlainName(sheet) == preset.PlainName(string(kind)) })
	if i < 0 {
		return nil
	}
	in.options.Sheet = sheets[i]
	return errors.Join(in.close(), in.open(ctx))
}

// inFile says which of several files a mistake in the use is about.
func inFile(source Source, files int, err error) error {
	var wrong *UsageError
	if files > 1 && errors.As(err, &wrong) {
		return usage("%s: %s", source.Name, wrong.Message)
	}
	return err
}

// sameHeader checks that rejected rows of all files can stand in one.
func (all *inputs[P]) sameHeader() error {
	first := all.list[0]
	for _, in := range all.list[1:] {
		if !slices.Equal(in.header, first.header) {
			return usage("--errors: %s and %s have different columns, so that their rejected rows cannot stand in one file; import them one at a time",
				first.source.Name, in.source.Name)
		}
	}
	return nil
}
