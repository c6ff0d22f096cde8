package csvio

import (
	"bufio"
	"io"
	"strings"
)

// Writer writes CSV as RFC 4180 has it, in UTF-8. Unlike encoding/csv's with
// UseCRLF it leaves line ends within fields as they are, because rejected rows
// are to be given back as they were. It is not safe for concurrent use.
type Writer struct {
	// Separator between fields; a comma unless changed before the first Write.
	Separator byte
	// CRLF ends records with CRLF, as the RFC asks; true unless changed
	// before the first Write, otherwise they end with LF.
	CRLF bool

	w    *bufio.Writer
	line []byte // the record that is written, kept for its memory
}

// NewWriter returns a Writer to w. It is buffered: call Flush at the end.
func NewWriter(w io.Writer) *Writer {
	return &Writer{Separator: ',', CRLF: true, w: bufio.NewWriter(w)}
}

// Write writes one record, with quotes around the fields that need them. Its
// error is the underlying writer's, and may concern an earlier record.
func (w *Writer) Write(fields []string) error {
	line := w.line[:0]
	for i, field := range fields {
		if i > 0 {
			line = append(line, w.Separator)
		}
		// Alone and empty, it would be a blank line.
		if len(fields) == 1 && field == "" || w.needsQuotes(field) {
			line = append(line, '"')
			line = append(line, strings.ReplaceAll(field, `"`, `""`)...)
			line = append(line, '"')
		} else {
			line = append(line, field...)
		}
	}
	if w.CRLF {
		line = append(line, '\r')
	}
	line = append(line, '\n')
	w.line = line
	_, err := w.w.Write(w.line)
	return err
}

// Flush writes what is buffered and returns the first error of any Write.
func (w *Writer) Flush() error { return w.w.Flush() }

// needsQuotes reports whether field would not be read back without quotes.
// Surrounding space is quoted too: some spreadsheets trim it.
func (w *Writer) needsQuotes(field string) bool {
	return strings.IndexByte(field, w.Separator) >= 0 ||
		strings.ContainsAny(field, "\"\r\n") ||
		strings.TrimSpace(field) != field ||
		strings.HasPrefix(field, "\ufeff") // at the file's beginning it would be a byte order mark
}
