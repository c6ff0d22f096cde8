// Package csvio reads the CSV files that CRMs really export, and writes the
// file of rejected rows.
//
// It replaces encoding/csv for the import of files of any origin:
//
//   - Memory is bounded whatever the file holds. A record over the limit is
//     rejected and skipped to its end without being held, so a line of 100 MB
//     costs no more than the limit.
//   - A broken record is a [Record] with an Err, never the end of the run:
//     reading goes on at the next record.
//   - A rejected record is available as it was, in the fields that could be
//     read and in [Record.Raw].
//   - LF, CRLF and a lone CR all end a line, mixed at will, and what stands in
//     quotes is kept byte for byte.
//   - Encoding and separator are recognised from the content.
//
// The syntax is that of RFC 4180 and is not read leniently: a quote where none
// may stand makes the record's error. What stands inside quotes is never taken
// for a record, not even when the quote turns out to be broken, because a piece
// of a note that happens to have the right number of fields would then be
// imported as a row.
package csvio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// DefaultMaxRecord is the longest record that is taken, in bytes of
	// UTF-8 and without its line end, unless Options say otherwise.
	DefaultMaxRecord = 1 << 20

	// MaxColumns is the largest number of columns that a header may have.
	MaxColumns = 1000

	// sniffSize is how many bytes Open looks at to recognise the encoding
	// and the separator, and the size at which the buffer starts.
	sniffSize = 64 << 10

	// maxEmptyReads is how often in a row a source may answer neither bytes
	// nor an error.
	maxEmptyReads = 100
)

// Options override what Open recognises and bound what it takes. The zero
// value is good for any file.
type Options struct {
	// Separator between fields, an ASCII byte; 0 recognises it.
	Separator byte
	// Encoding of the source; Auto recognises it.
	Encoding Encoding
	// MaxRecord is the longest record taken, in bytes of UTF-8 without the
	// line end; 0 means DefaultMaxRecord.
	MaxRecord int
}

// withDefaults fills in what was left out and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	if o.MaxRecord == 0 {
		o.MaxRecord = DefaultMaxRecord
	}
	switch {
	case o.MaxRecord < 0:
		return o, fmt.Errorf("csvio: MaxRecord %d is negative", o.MaxRecord)
	case o.Encoding > Windows1252:
		return o, fmt.Errorf("csvio: unknown encoding %d", o.Encoding)
	case o.Separator != 0 && !validSeparator(o.Separator):
		return o, fmt.Errorf("csvio: %q cannot separate fields", o.Separator)
	}
	return o, nil
}

// Record is one row of the file. Its strings stay valid after the next Read;
// they share the memory of Raw.
type Record struct {
	// Line is the physical line on which the record starts, from 1. Every
	// kind of line end counts, those within quotes too.
	Line int
	// Fields are the values, without quotes. In a record without Err they
	// are as many as the header's. In a record with Err they are those that
	// could be read; where the quotes are broken, the record is too long or it
	// has more than MaxColumns fields, the last one is the rest of Raw, verbatim.
	Fields []string
	// Raw is the record as it stood in the file, in UTF-8, without its line
	// end; of a record that is too long, its beginning.
	Raw string
	// Err says why the record cannot be taken. Its text is a predicate ("has
	// 5 fields, the header has 7"), and errors.Is tells its kind:
	// ErrFieldCount, ErrTooLong, ErrQuote, ErrNUL or ErrEncoding.
	Err error
}

// Reader reads records. It is not safe for concurrent use.
type Reader struct {
	source   *countingReader
	text     io.Reader // the source in UTF-8
	encoding Encoding
	header   []string
	limit    int // of a record, in bytes

	buf        []byte
	start, end int   // buf[start:end] is read from text and not yet consumed
	err        error // ended text; io.EOF at its end

	split   splitter
	line    int  // the line on which buf[start] stands
	afterCR bool // the byte before buf[start] was CR, so that an LF belongs to it
}

// Open recognises encoding and separator from the first 64 KiB and reads the
// header, which is the first record that is not a blank line. It reads from
// where r stands, and never closes r.
//
// A source that can be rewound (a regular file) is read through once beforehand
// when the first 64 KiB leave its encoding open, so that an umlaut in the last
// row decides it as well as one in the first.
//
// Errors: ErrEmpty when there is no header, ErrHeader when it cannot be used,
// otherwise the source's own or one about opts.
func Open(r io.Reader, opts Options) (*Reader, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	prefix, encoding, err := recognise(r, opts.Encoding)
	if err != nil {
		return nil, fmt.Errorf("csvio: recognise the encoding: %w", err)
	}
	source := &countingReader{r: io.MultiReader(bytes.NewReader(prefix), r)}
	if _, err := io.CopyN(io.Discard, source, int64(bomSize(prefix, encoding))); err != nil {
		return nil, fmt.Errorf("csvio: skip the byte order mark: %w", err)
	}
	c := &Reader{
		source:   source,
		text:     encoding.decode(source),
		encoding: encoding,
		limit:    opts.MaxRecord,
		buf:      make([]byte, sniffSize),
		line:     1,
	}
	separator := opts.Separator
	if separator == 0 {
		separator = c.sniffSeparator()
	}
	c.split = newSplitter(separator)
	if err := c.readHeader(); err != nil {
		return nil, err
	}
	return c, nil
}

// Header returns the column names, without surrounding space. Names are
// unique, save that several columns may have none.
func (r *Reader) Header() []string { return r.header }

// Encoding returns the encoding that was recognised or forced.
func (r *Reader) Encoding() Encoding { return r.encoding }

// Separator returns the separator that was recognised or forced.
func (r *Reader) Separator() byte { return r.split.separator }

// Offset returns how many bytes of the source have been taken, counted from
// where Open found it. It is ahead of the last record by what is buffered, and
// is the source's length at the end.
func (r *Reader) Offset() int64 { return r.source.n }

// Read returns the next record that is not a blank line. A record that cannot
// be taken carries its Err, and the following Read goes on behind it. The error
// is io.EOF at the end, or what the source failed with; it is then returned
// ever after.
func (r *Reader) Read() (Record, error) {
	if !r.skipLineEnds() {
		return Record{}, r.err
	}
	rec := Record{Line: r.line}
	r.split.reset()
	n, fits, err := r.scan()
	if err != nil {
		return Record{}, err
	}
	if !fits {
		return r.skipTooLong(rec.Line)
	}
	b := r.buf[r.start : r.start+n]
	r.split.finish(n)
	rec.Raw, rec.Fields = r.split.fields(b)
	rec.Err = r.check(b)
	r.consume(n)
	return rec, nil
}

// scan finds the end of the record that begins at r.start and returns its
// length, or fits = false if it is over the limit.
func (r *Reader) scan() (n int, fits bool, err error) {
	for {
		// One byte more than the limit: a record of just the limit is known
		// by the line end behind it. As the splitter never sees more, what is
		// too long does not depend on what happens to be buffered.
		b := r.buf[r.start:min(r.end, r.start+r.limit+1)]
		var ended bool
		if n, ended = r.split.step(b, n); ended {
			return n, true, nil
		}
		if n > r.limit {
			return n, false, nil
		}
		if !r.fill() {
			if errors.Is(r.err, io.EOF) {
				return n, true, nil
			}
			return n, true, r.err
		}
	}
}

// skipTooLong returns the record at r.start, of which limit+1 bytes are in the
// buffer, with the beginning that is kept, and skips the rest of it.
func (r *Reader) skipTooLong(line int) (Record, error) {
	rec := Record{Line: line}
	rec.Raw, rec.Fields = r.split.cutFields(r.buf[r.start : r.start+r.limit])
	r.consume(r.limit + 1)
	for {
		n, ended := r.split.step(r.buf[r.start:r.end], 0)
		r.consume(n)
		if ended {
			break
		}
		if !r.fill() {
			if !errors.Is(r.err, io.EOF) {
				return Record{}, r.err
			}
			break
		}
	}
	text := fmt.Sprintf("is longer than %d bytes", r.limit)
	if r.split.state == inQuotes {
		text += " and opens a quote that is never closed: nothing could be read behind it"
	}
	rec.Err = &fault{kind: ErrTooLong, text: text}
	return rec, nil
}

// check returns what is wrong with the record b, which has been split.
func (r *Reader) check(b []byte) error {
	switch {
	case r.split.fault != nil:
		return r.split.fault
	case bytes.IndexByte(b, 0) >= 0:
		return &fault{kind: ErrNUL, text: "holds a NUL byte"}
	case !utf8.Valid(b):
		return &fault{kind: ErrEncoding, text: "is not valid " + r.encoding.String()}
	case r.header != nil && r.split.count != len(r.header):
		return &fault{kind: ErrFieldCount, text: fmt.Sprintf("has %s, the header has %d", plural(r.split.count, "field"), len(r.header))}
	}
	return nil
}

// skipLineEnds consumes line ends, which are the one behind the last record and
// any blank lines, and reports whether something else follows.
func (r *Reader) skipLineEnds() bool {
	for {
		for ; r.start < r.end; r.start++ {
			switch r.buf[r.start] {
			case '\r':
				r.line++
				r.afterCR = true
			case '\n':
				if !r.afterCR {
					r.line++
				}
				r.afterCR = false
			default:
				return true
			}
		}
		if !r.fill() {
			return false
		}
	}
}

// consume moves n bytes of a record out of the buffer and counts their lines.
func (r *Reader) consume(n int) {
	b := r.buf[r.start : r.start+n]
	r.start += n
	// Only quotes keep a record together over several lines.
	if !r.split.quoted || bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\r') < 0 {
		r.afterCR = r.afterCR && n == 0
		return
	}
	for _, c := range b {
		if c == '\r' || c == '\n' && !r.afterCR {
			r.line++
		}
		r.afterCR = c == '\r'
	}
}

// fill reads more text behind buf[start:end], making room for it as long as the
// limit asks for it, and reports whether it got some; if not, r.err says why.
func (r *Reader) fill() bool {
	if r.err != nil {
		return false
	}
	if r.end == len(r.buf) {
		to := r.buf
		if most := max(sniffSize, r.limit+1); r.end-r.start > len(r.buf)/2 && len(r.buf) < most {
			size := 2 * len(r.buf)
			if size+sniffSize > most {
				size = most // rather than once more for the little that is missing
			}
			to = make([]byte, size)
		}
		r.end = copy(to, r.buf[r.start:r.end])
		r.start, r.buf = 0, to
	}
	for range maxEmptyReads {
		n, err := r.text.Read(r.buf[r.end:])
		r.end += n
		r.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	r.err = io.ErrNoProgress
	return false
}

// readHeader reads the first record and checks that it can name the columns.
func (r *Reader) readHeader() error {
	rec, err := r.Read()
	switch {
	case errors.Is(err, io.EOF):
		return ErrEmpty
	case err != nil:
		return fmt.Errorf("csvio: read the header: %w", err)
	case rec.Err != nil:
		return fmt.Errorf("%w on line %d %w", ErrHeader, rec.Line, rec.Err)
	case len(rec.Fields) > MaxColumns:
		return fmt.Errorf("%w on line %d has %d columns, at most %d are taken", ErrHeader, rec.Line, r.split.count, MaxColumns)
	}
	seen := make(map[string]int, len(rec.Fields))
	for i, name := range rec.Fields {
		name = strings.TrimSpace(name)
		rec.Fields[i] = name
		// Spreadsheets leave columns without a name at the right edge.
		if first, ok := seen[name]; ok && name != "" {
			return fmt.Errorf("%w on line %d names two columns %q, columns %d and %d", ErrHeader, rec.Line, name, first+1, i+1)
		}
		seen[name] = i
	}
	r.header = rec.Fields
	return nil
}

// countingReader counts the bytes that are read through it.
type countingReader struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
