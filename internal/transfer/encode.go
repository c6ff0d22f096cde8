package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"sixty/internal/bulk"
	"sixty/internal/transfer/csvio"
)

type csvEncoder[T any] struct {
	columns *columns[T]
	w       *csvio.Writer
	fields  []string
}

func newCSVEncoder[T any](w io.Writer, c *columns[T]) *csvEncoder[T] {
	return &csvEncoder[T]{columns: c, w: csvio.NewWriter(w), fields: make([]string, len(c.names))}
}

func (e *csvEncoder[T]) begin() error { return e.w.Write(e.columns.names) }

func (e *csvEncoder[T]) row(r *bulk.ExportRow[T]) error {
	e.columns.row = *r
	for i, cell := range e.columns.cells {
		e.fields[i] = cellText(valueOf(cell))
	}
	return e.w.Write(e.fields)
}

func (e *csvEncoder[T]) end() error { return e.w.Flush() }
func (e *csvEncoder[T]) discard()   {}

// jsonEncoder writes records as the API does: the members of their types, in order.
type jsonEncoder[T any] struct {
	w     *bufio.Writer
	array bool
	begun bool // a record was written
	text  bytes.Buffer
	enc   *json.Encoder // to text
}

func newJSONEncoder[T any](w io.Writer, array bool) *jsonEncoder[T] {
	e := &jsonEncoder[T]{w: bufio.NewWriter(w), array: array}
	e.enc = json.NewEncoder(&e.text)
	e.enc.SetEscapeHTML(false)
	return e
}

func (e *jsonEncoder[T]) begin() error {
	if e.array {
		return e.w.WriteByte('[')
	}
	return nil
}

func (e *jsonEncoder[T]) row(r *bulk.ExportRow[T]) error {
	e.text.Reset()
	if err := e.enc.Encode(&r.Record); err != nil { // with a line end
		return err
	}
	text := e.text.Bytes()
	if e.array {
		text = bytes.TrimSuffix(text, []byte("\n"))
		separator := ",\n"
		if !e.begun {
			separator = "\n"
		}
		if _, err := e.w.WriteString(separator); err != nil {
			return err
		}
	}
	e.begun = true
	_, err := e.w.Write(text)
	return err
}

func (e *jsonEncoder[T]) end() error {
	if e.array {
		end := "]\n"
		if e.begun {
			end = "\n]\n"
		}
		if _, err := e.w.WriteString(end); err != nil {
			return err
		}
	}
	return e.w.Flush()
}

func (e *jsonEncoder[T]) discard() {}
