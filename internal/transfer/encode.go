package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"sixty/internal/transfer/csvio"
)

type csvEncoder struct {
	w      *csvio.Writer
	raw    bool // texts are not guarded
	fields []string
}

func newCSVEncoder(w io.Writer, raw bool) *csvEncoder {
	return &csvEncoder{w: csvio.NewWriter(w), raw: raw}
}

func (e *csvEncoder) begin() error { return nil }

func (e *csvEncoder) table(t *exportTable) error { return e.w.Write(t.names()) }

func (e *csvEncoder) row(t *exportTable) error {
	e.fields = e.fields[:0]
	for i := range t.columns {
		value := t.columns[i].value()
		text := cellText(value)
		if _, isText := value.(string); isText && !e.raw { // nothing else can be a formula
			text = guard(text)
		}
		e.fields = append(e.fields, text)
	}
	return e.w.Write(e.fields)
}

func (e *csvEncoder) end() error     { return e.w.Flush() }
func (e *csvEncoder) notice() string { return "" }
func (e *csvEncoder) discard()       {}

// jsonEncoder writes records as the API does, the members of their types in order, or the
// columns that are chosen.
type jsonEncoder struct {
	w     *bufio.Writer
	array bool
	begun bool // a record was written
	text  bytes.Buffer
	enc   *json.Encoder // to text
}

func newJSONEncoder(w io.Writer, array bool) *jsonEncoder {
	e := &jsonEncoder{w: bufio.NewWriter(w), array: array}
	e.enc = newJSONText(&e.text)
	return e
}

// newJSONText returns an encoder that leaves characters as they are.
func newJSONText(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// textJSON returns a text as a JSON string.
func textJSON(text string) ([]byte, error) {
	var b bytes.Buffer
	err := newJSONText(&b).Encode(text)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (e *jsonEncoder) begin() error {
	if e.array {
		return e.w.WriteByte('[')
	}
	return nil
}

func (e *jsonEncoder) table(*exportTable) error { return nil }

func (e *jsonEncoder) row(t *exportTable) error {
	e.text.Reset()
	if err := e.object(t); err != nil {
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

// object puts the object of the row into text, with a line end.
func (e *jsonEncoder) object(t *exportTable) error {
	if t.record != nil {
		return e.enc.Encode(t.record)
	}
	for i, c := range t.columns {
		if i == 0 {
			e.text.WriteByte('{')
		} else {
			e.text.WriteByte(',')
		}
		e.text.WriteString(`"` + c.name + `":`)
		if err := e.enc.Encode(c.member); err != nil {
			return err
		}
		e.text.Truncate(e.text.Len() - 1) // the line end
	}
	_, err := e.text.WriteString("}\n")
	return err
}

func (e *jsonEncoder) end() error {
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

func (e *jsonEncoder) notice() string { return "" }
func (e *jsonEncoder) discard()       {}
