package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"sixty/internal/transfer/csvio"
)

// linewise reports whether a text that begins with an object has one on each line,
// rather than a list "data" in it.
func linewise(prefix []byte) bool {
	text := bytes.Trim(bytes.ReplaceAll(prefix, []byte{0}, nil), "\xef\xbb\xbf\xff\xfe \t\r\n")
	line, _, ended := bytes.Cut(text, []byte("\n"))
	whole := ended || len(prefix) < prefixSize
	return !dataList.Match(line) && (!whole || bytes.HasSuffix(bytes.TrimSpace(line), []byte("}")))
}

// jsonReader reads objects as rows. Their columns are the members of all of them, which
// a first reading finds.
type jsonReader struct {
	*content
	facts   Facts
	header  []string
	columns map[string]int
	counter *counter
	values  *values
	object  objectReader
	seen    []int // by column: the object that had it last
	objects int
	blank   csvio.Tally
	watch   csvio.Watch
	ended   error
}

func openJSON(ctx context.Context, c *content, facts Facts, n named) (Reader, error) {
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	r := &jsonReader{content: c, facts: facts, columns: map[string]int{}}
	if err := r.begin(n.encoding); err != nil {
		return nil, err
	}
	if err := r.findColumns(ctx); err != nil {
		return nil, err
	}
	if len(r.header) == 0 {
		return nil, csvio.ErrEmpty
	}
	r.seen = make([]int, len(r.header))
	err := r.begin(r.watch.Encoding)
	return r, err
}

// begin starts at the file's beginning.
func (r *jsonReader) begin(encoding csvio.Encoding) error {
	file, err := r.reader()
	if err != nil {
		return err
	}
	assumed := r.watch.Assumed
	text, found, err := csvio.Decode(file, encoding)
	if err != nil {
		return err
	}
	if encoding == csvio.Auto {
		assumed = found == csvio.Windows1252
	}
	r.watch = csvio.Watch{Encoding: found, Assumed: assumed}
	r.facts.Encoding, r.facts.EncodingAssumed = string(found), assumed
	r.counter = &counter{r: text}
	r.values = newValues(r.counter, r.facts.Format == NDJSON)
	return nil
}

// findColumns reads all objects for the names of their members.
func (r *jsonReader) findColumns(ctx context.Context) error {
	for n := 0; ; n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		value, _, broken, err := r.values.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if broken != nil {
			continue
		}
		members, err := r.object.read(value)
		if err != nil {
			if r.facts.Format == JSON && errors.Is(err, errObject) {
				return r.values.wrong(fmt.Errorf("object %d %w", r.values.number, err))
			}
			continue // it will be rejected
		}
		for _, m := range members {
			if _, ok := r.columns[m.name]; ok {
				continue
			}
			if len(r.header) == csvio.MaxColumns {
				return fmt.Errorf("the objects have more than %d different members", csvio.MaxColumns)
			}
			r.columns[m.name] = len(r.header)
			r.header = append(r.header, m.name)
		}
	}
}

// Header implements Reader.
func (r *jsonReader) Header() []string { return r.header }

// Read implements Reader.
func (r *jsonReader) Read() (Record, error) {
	for r.ended == nil {
		value, at, broken, err := r.values.next()
		if err != nil {
			r.ended = err
			break
		}
		r.objects++
		rec := Record{Line: at, Raw: string(value)}
		if broken != nil {
			rec.Err = fault(csvio.ErrTooLong, "%v", broken)
			return rec, nil
		}
		var blank bool
		rec.Fields, blank, rec.Err = r.row(value)
		if rec.Err == nil && blank {
			r.blank.Add(at)
			continue
		}
		if !csvio.IsASCII(value) && rec.Err == nil {
			r.watch.Observe(at, rec.Fields)
		}
		return rec, nil
	}
	return Record{}, r.ended
}

// row returns an object's cells.
func (r *jsonReader) row(value []byte) (fields []string, blank bool, err error) {
	members, err := r.object.read(value)
	if err != nil {
		return nil, false, err
	}
	fields, blank = make([]string, len(r.header)), true
	for _, m := range members {
		column, ok := r.columns[m.name]
		if !ok {
			return nil, false, errors.New("has the new member " + csvio.Quote(m.name) + ": the file was changed while it was read")
		}
		if r.seen[column] == r.objects {
			return nil, false, fault(errObject, "has the member %s twice", csvio.Quote(m.name))
		}
		r.seen[column] = r.objects
		fields[column] = m.value
		blank = blank && csvio.IsBlank(m.value)
	}
	return fields, blank, nil
}

// Offset implements Reader.
func (r *jsonReader) Offset() int64 {
	if errors.Is(r.ended, io.EOF) {
		return r.offset(r.size)
	}
	return r.offset(min(r.counter.n, r.size)) // as long as text is longer than its UTF-8
}

// Facts implements Reader.
func (r *jsonReader) Facts() Facts {
	facts := r.facts
	var notes []Note
	if r.values.more {
		notes = append(notes, Note{Text: "the file is one page of a list (hasMore): those that follow are not in it"})
	}
	facts.Notes = r.watch.Note(r.blank.Note(notes, csvio.NoteBlank))
	return facts
}

// counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
