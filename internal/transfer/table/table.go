// Package table reads a file of any format (CSV, XLSX, JSON, NDJSON, each also
// compressed) as a header and records.
//
// Memory is bounded whatever a file holds: records are read one by one, and what must
// be read twice or from any place is kept in temporary files, which Close removes.
package table

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/transfer/csvio"
)

// The formats.
const (
	CSV    = "csv"
	XLSX   = "xlsx"
	JSON   = "json"
	NDJSON = "ndjson"
)

// Options name what is otherwise recognised.
type Options struct {
	Format    string // csv, xlsx, json or ndjson
	Encoding  string // of text, such as windows-1250
	Separator string // of fields: one character of ASCII, or tab
	Sheet     string // of a workbook: its name, or its number from 1
}

// Record is a row. Its Line is the row of a sheet, the line of a file, or the number of
// an object in an array.
type Record = csvio.Record

// Note is what the user must know of a file, although its rows can be taken.
type Note = csvio.Note

// Reader reads records. It is not safe for concurrent use, except that Close ends a
// Read that is under way.
type Reader interface {
	// Header returns the names of the columns. Several may have the same, or none.
	Header() []string
	// Read returns the next record that is not blank; io.EOF behind the last one.
	Read() (Record, error)
	// Offset returns how many bytes of the source have been taken, as far as that can
	// be said of its format. It is the source's size at the end.
	Offset() int64
	// Facts returns what is known of the file. The notes are complete at its end.
	Facts() Facts
	// Close closes the source and removes temporary files.
	Close() error
}

// Facts are what is known of a file.
type Facts struct {
	Format          string // csv, xlsx, json, ndjson
	Compression     string // gzip, zip or ""
	Encoding        string // of text
	EncodingAssumed bool   // it is neither named nor shown by the bytes
	Separator       string // of CSV
	Sheet           string // of a workbook
	Notes           []Note
}

// named are the options, parsed.
type named struct {
	format    string
	encoding  csvio.Encoding
	separator byte
	sheet     string
}

// Check returns what is wrong with the options.
func (o Options) Check() error {
	_, err := o.parse()
	return err
}

func (o Options) parse() (n named, err error) {
	n.format, n.sheet = strings.ToLower(strings.TrimSpace(o.Format)), o.Sheet
	if formats := []string{"", CSV, XLSX, JSON, NDJSON}; !slices.Contains(formats, n.format) {
		return n, fmt.Errorf("%q is not a format: %s are", o.Format, strings.Join(formats[1:], ", "))
	}
	if n.encoding, err = csvio.ParseEncoding(o.Encoding); err != nil {
		return n, err
	}
	n.separator, err = csvio.ParseSeparator(o.Separator)
	return n, err
}

// Open opens a source and reads its header. The context is that of Open alone. Errors:
// those of the source and of csvio.Open, and others that say why the file cannot be read.
func Open(ctx context.Context, s Source, o Options) (Reader, error) {
	n, err := o.parse()
	if err != nil {
		return nil, err
	}
	c, err := openContent(s)
	if err != nil {
		return nil, err
	}
	// A read that waits for a terminal or a pipe ends with the context.
	stream := c.stream
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	r, err := c.open(ctx, s.Name, n)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return r, nil
}

// open recognises the format and opens a reader of it.
func (c *content) open(ctx context.Context, name string, n named) (Reader, error) {
	format, compression, err := c.recognise(ctx, name, n)
	if err != nil {
		return nil, err
	}
	facts := Facts{Format: format, Compression: compression}
	if format != XLSX && n.sheet != "" {
		return nil, fmt.Errorf("there is no sheet %q: the file is %s", n.sheet, format)
	}
	switch format {
	case XLSX:
		return openXLSX(ctx, c, facts, n)
	case JSON, NDJSON:
		return openJSON(ctx, c, facts, n)
	}
	return openCSV(c, facts, n)
}

// recognise unpacks what is compressed and returns the format, by its first bytes, else
// by its name.
func (c *content) recognise(ctx context.Context, name string, n named) (format, compression string, err error) {
	if err := c.look(); err != nil {
		return "", "", err
	}
	for packs := 0; ; packs++ {
		inside, packed, err := c.unpack(ctx, name)
		if err != nil {
			return "", "", err
		}
		if packed == "" {
			break
		}
		if packs == maxPacks {
			return "", "", fmt.Errorf("it is compressed more than %d times", maxPacks)
		}
		name, compression = inside, packed
	}
	switch {
	case bytes.HasPrefix(c.prefix, []byte("PK")):
		format = XLSX
	case bytes.HasPrefix(c.prefix, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return "", "", fmt.Errorf("it is a workbook of the old format (.xls), or one with a password: save it as .xlsx without a password, or as .csv")
	}
	switch {
	case format == "" && n.format == XLSX:
		return "", "", fmt.Errorf("it is not a workbook (.xlsx)")
	case format == XLSX && n.format != "" && n.format != XLSX:
		return "", "", fmt.Errorf("it is a workbook (.xlsx), not %s", n.format)
	case n.format != "":
		return n.format, compression, nil
	case format != "":
		return format, compression, nil
	}
	return textFormat(c.prefix, name), compression, nil
}

var (
	// objects is how JSON begins, and CSV never does: its quotes would be broken.
	objects = regexp.MustCompile(`^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*(?:\[[\s\x00]*)?\{[\s\x00]*["}]`)
	array   = regexp.MustCompile(`^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*\[`)
	hasMore = regexp.MustCompile(`"hasMore"\s*:\s*true`)
	// dataList is how the answer of an API begins.
	dataList = regexp.MustCompile(`^\{[\s\x00]*"data"[\s\x00]*:[\s\x00]*\[`)
)

// textFormat returns the format of a text.
func textFormat(prefix []byte, name string) string {
	extension := strings.ToLower(filepath.Ext(name))
	switch extension {
	case ".ndjson", ".jsonl":
		return NDJSON
	case ".json":
	default:
		if !objects.Match(prefix) {
			return CSV
		}
	}
	if array.Match(prefix) || !linewise(prefix) {
		return JSON
	}
	return NDJSON
}

// separatorText returns a separator as Facts have it.
func separatorText(c byte) string { return string(rune(c)) }

// sheetNumber returns the number that a sheet is named by, or 0.
func sheetNumber(name string) int {
	number, err := strconv.Atoi(strings.TrimSpace(name))
	if err != nil || number < 1 {
		return 0
	}
	return number
}
