package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sixty/internal/crm"
	"sixty/internal/transfer/table"
)

// input is a source whose columns are mapped. It stays open only if its source can
// be opened but once.
type input[P any] struct {
	source  Source
	mapping *mapping[P]
	reader  table.Reader
	closer  io.Closer
}

// open opens the source at its beginning, unless it is.
func (in *input[P]) open(ctx context.Context) error {
	if in.closer != nil {
		return nil
	}
	if in.reader != nil && in.source.Once {
		return fmt.Errorf("%s cannot be read twice", in.source.Name)
	}
	reader, err := table.Open(ctx, in.source, table.Options{})
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", in.source.Name, err)
	}
	in.reader, in.closer = reader, reader
	return nil
}

// close closes the source if it is open.
func (in *input[P]) close() error {
	if in.closer == nil {
		return nil
	}
	err := in.closer.Close()
	in.closer = nil
	return err
}

// inputs are all the sources of a run.
type inputs[P any] struct {
	list  []*input[P]
	key   crm.Key
	total int64
}

// prepareAll maps the columns of every source before any is imported, so that a
// mistake does not show halfway. The caller closes what it returns, also with an
// error.
func prepareAll[P any](ctx context.Context, opt Options, sources []Source, fields *fields[P]) (*inputs[P], error) {
	all := &inputs[P]{key: crm.Key(opt.Key)}
	if len(sources) == 0 {
		return all, usage("there is no file to import")
	}
	pairs, err := parsePairs("--map", opt.Maps)
	if err != nil {
		return all, err
	}
	for i, source := range sources {
		if source.Once && slices.ContainsFunc(sources[:i], func(s Source) bool { return s.Name == source.Name }) {
			return all, usage("%s is named twice and can be read only once", source.Name)
		}
		in := &input[P]{source: source}
		all.list = append(all.list, in)
		err := in.open(ctx)
		if err == nil {
			in.mapping, err = newMapping(in.reader.Header(), pairs, fields)
		}
		if err == nil {
			all.key, err = chooseKey(opt.Kind, all.key, in.mapping)
		}
		if err != nil {
			return all, inFile(source, len(sources), err)
		}
		if !source.Once {
			if err := in.close(); err != nil {
				return all, err
			}
		}
		if source.Size < 0 || all.total < 0 {
			all.total = -1
		} else {
			all.total += source.Size
		}
	}
	return all, nil
}

// inFile says which of several files a mistake in the use is about.
func inFile(source Source, files int, err error) error {
	var wrong *UsageError
	if files > 1 && errors.As(err, &wrong) {
		return usage("%s: %s", source.Name, wrong.Message)
	}
	return err
}

// notices reports how the columns are read.
func (all *inputs[P]) notices(kind Kind, tell func(string)) {
	if tell == nil {
		return
	}
	tell(fmt.Sprintf("%s are recognised by %s", kind, all.key))
	told := map[string]bool{}
	for _, in := range all.list {
		if left := quoted(in.mapping.left); left != "" && !told[left] {
			told[left] = true
			tell("columns that are left: " + left)
		}
	}
}

// sameHeader checks that rejected rows of all files can stand in one.
func (all *inputs[P]) sameHeader() error {
	first := all.list[0]
	for _, in := range all.list[1:] {
		if !slices.Equal(in.reader.Header(), first.reader.Header()) {
			return usage("--errors: %s and %s have different columns, so that their rejected rows cannot stand in one file; import them one at a time",
				first.source.Name, in.source.Name)
		}
	}
	return nil
}

func (all *inputs[P]) close() {
	for _, in := range all.list {
		_ = in.close() // only read from
	}
}
