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
	"slices"
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
	case o.Encoding != Auto && o.Encoding != anyUTF16 && lookUp(string(o.Encoding)) == nil:
		return o, fmt.Errorf("csvio: unknown encoding %q", o.Encoding)
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
	// are as many as the header's: missing ones are empty, blank surplus ones
	// are cut. In a record with Err they are those that
	// could be read; where the quotes are broken, the record is too long or it
	// has more than MaxColumns fields, the last one is the rest of Raw, verbatim.
	Fields []string
	// Raw is the record as it stood in the file, in UTF-8, without its line
	// end; of a record that is too long, its beginning.
	Raw string
	// Err says why the record cannot be taken. Its text is a predicate ("holds
	// a NUL byte"), and errors.Is tells its kind:
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

	doubt        string // on the separator
	blank, short Tally
	watch        Watch
}

// Open recognises encoding and separator from the first 64 KiB and reads the
// header, which is the first record that is not blank. A first line "sep=;" is
// no record: it names the separator, unless opts do. It reads from where r
// stands, and never closes r.
//
// A source that can be rewound (a regular file) is read through once beforehand
// when the first 64 KiB leave its encoding open, so that an umlaut in the last
// row decides it as well as one in the first.
//
// Errors: ErrEmpty when there is no header, ErrHeader when it cannot be used,
// ErrBinary when the file is no text, otherwise the source's own or one about opts.
func Open(r io.Reader, opts Options) (*Reader, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	source := &countingReader{r: r}
	text, encoding, err := decode(r, source, opts.Encoding)
	if err != nil {
		return nil, err
	}
	c := &Reader{
		source:   source,
		text:     text,
		encoding: encoding,
		limit:    opts.MaxRecord,
		buf:      make([]byte, sniffSize),
		line:     1,
		watch:    Watch{Encoding: encoding, Assumed: opts.Encoding == Auto && encoding == Windows1252},
	}
	if err := c.checkText(); err != nil {
		return nil, err
	}
	separator := c.skipPreamble()
	if opts.Separator != 0 {
		separator = opts.Separator
	}
	if separator == 0 {
		separator = c.sniffSeparator()
	}
	c.split = newSplitter(separator)
	if err := c.readHeader(); err != nil {
		return nil, err
	}
	return c, nil
}

// checkText reports whether the beginning is text at all. A few control characters
// are found in notes that people wrote; in other files they are frequent.
func (r *Reader) checkText() error {
	for r.end-r.start < sniffSize && r.fill() {
	}
	b := r.buf[r.start:r.end]
	controls := 0
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\v' && c != '\f' && c != 0 {
			controls++
		}
	}
	const few = 64
	if controls > few && controls > len(b)/32 {
		return fmt.Errorf("%w: %d of its first %d bytes are control characters", ErrBinary, controls, len(b))
	}
	return nil
}

// Decode returns r in UTF-8 without its byte order mark, and its encoding, which is
// recognised as Open does unless it is named. Broken bytes stay broken.
func Decode(r io.Reader, named Encoding) (text io.Reader, encoding Encoding, err error) {
	return decode(r, &countingReader{}, named)
}

// decode is Decode through a reader that counts the bytes.
func decode(r io.Reader, source *countingReader, named Encoding) (io.Reader, Encoding, error) {
	prefix, encoding, err := recognise(r, named)
	if err != nil {
		return nil, Auto, fmt.Errorf("recognise the encoding: %w", err)
	}
	source.r = io.MultiReader(bytes.NewReader(prefix), r)
	if _, err := io.CopyN(io.Discard, source, int64(bomSize(prefix, encoding))); err != nil {
		return nil, Auto, fmt.Errorf("skip the byte order mark: %w", err)
	}
	return encoding.decode(source), encoding, nil
}

// skipPreamble consumes what stands before the header: a second byte order mark,
// which files have that were put together or saved twice, and a line that names
// the separator, which it returns.
func (r *Reader) skipPreamble() (separator byte) {
	mark := UTF8.bom()
	for bytes.HasPrefix(r.buf[r.start:r.end], mark) {
		r.start += len(mark)
	}
	separator, size := separatorLine(r.buf[r.start:r.end])
	r.start += size
	return separator
}

// Header returns the column names as they are, without surrounding space. Several
// columns may have the same, or none.
func (r *Reader) Header() []string { return r.header }

// Encoding returns the encoding that was recognised or forced.
func (r *Reader) Encoding() Encoding { return r.encoding }

// Assumed reports whether the encoding is neither forced nor shown by the bytes.
func (r *Reader) Assumed() bool { return r.watch.Assumed }

// Separator returns the separator that was recognised or forced.
func (r *Reader) Separator() byte { return r.split.separator }

// Offset returns how many bytes of the source have been taken, counted from
// where Open found it. It is ahead of the last record by what is buffered, and
// is the source's length at the end.
func (r *Reader) Offset() int64 { return r.source.n }

// Read returns the next record that is not blank. A record that cannot be taken
// carries its Err, and the following Read goes on behind it. One with fewer fields
// than the header is filled with empty ones, and surplus fields that are blank are
// cut. The error is io.EOF at the end, or what the source failed with; it is then
// returned ever after.
func (r *Reader) Read() (Record, error) {
	for {
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
		rec.Raw, rec.Fields = r.split.fields(b, len(r.header))
		ascii := IsASCII(b)
		if rec.Err = r.check(b, ascii, rec.Fields); rec.Err == nil {
			if allBlank(rec.Fields) {
				r.blank.Add(rec.Line)
				r.consume(n)
				continue
			}
			if r.header != nil {
				rec.Fields, rec.Err = r.fit(rec.Line, rec.Fields)
			}
			if !ascii {
				r.watch.Observe(rec.Line, rec.Fields)
			}
		}
		r.consume(n)
		return rec, nil
	}
}

// fit returns the fields of a record of the right form as many as the header's.
func (r *Reader) fit(line int, fields []string) ([]string, error) {
	width := len(r.header)
	switch {
	case len(fields) < width:
		r.short.Add(line)
		return fields[:width], nil // there is room, and empty
	case len(fields) == width:
		return fields, nil
	}
	for _, surplus := range fields[width:] {
		text := surplus
		if len(fields) > MaxColumns { // what is beyond any header stays together
			text = strings.Trim(surplus, string(r.split.separator))
		}
		if !IsBlank(text) {
			return fields, &fault{kind: ErrFieldCount, text: fmt.Sprintf("has %s, the header has %d; surplus is %s",
				plural(r.split.count, "field"), width, Quote(surplus))}
		}
	}
	return fields[:width], nil
}

// allBlank reports whether no field shows anything.
func allBlank(fields []string) bool {
	for _, f := range fields {
		if !IsBlank(f) {
			return false
		}
	}
	return true
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
func (r *Reader) check(b []byte, ascii bool, fields []string) error {
	switch {
	case r.split.fault != nil:
		return r.split.fault
	case bytes.IndexByte(b, 0) >= 0:
		return &fault{kind: ErrNUL, text: "holds a NUL byte"}
	case !ascii && !utf8.Valid(b):
		broken := func(f string) bool { return !utf8.ValidString(f) }
		text := "is not valid " + string(r.encoding)
		if i := slices.IndexFunc(fields, broken); i >= 0 {
			text += ": " + Quote(fields[i])
		}
		if r.watch.Assumed {
			text += " (that encoding is assumed: name another by --encoding)"
		}
		return &fault{kind: ErrEncoding, text: text}
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
	case errors.Is(rec.Err, ErrNUL):
		return fmt.Errorf("%w on line %d %w: this is probably no text, or UTF-16 (--encoding)", ErrHeader, rec.Line, rec.Err)
	case rec.Err != nil:
		return fmt.Errorf("%w on line %d %w", ErrHeader, rec.Line, rec.Err)
	case len(rec.Fields) > MaxColumns:
		return fmt.Errorf("%w on line %d has %d columns, at most %d are taken", ErrHeader, rec.Line, r.split.count, MaxColumns)
	}
	for i, name := range rec.Fields {
		rec.Fields[i] = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(name), "\ufeff"))
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
