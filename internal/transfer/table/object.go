package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"sixty/internal/transfer/csvio"
)

// member is one cell of an object: a value by its column's name.
type member struct{ name, value string }

// objects reads objects as cells.
type objectReader struct {
	members []member
}

// read returns the members of an object in order. A member that is an object itself is
// flattened ("owner.email"); what is deeper stays JSON. The members are valid until the
// next call.
func (o *objectReader) read(value []byte) ([]member, error) {
	o.members = o.members[:0]
	switch {
	case !utf8.Valid(value):
		return nil, fault(csvio.ErrEncoding, "is not valid UTF-8: %s", csvio.Quote(string(value)))
	case len(value) == 0 || value[0] != '{':
		return nil, fault(errObject, "is no object: %s", csvio.Quote(string(value)))
	}
	if err := o.object("", value); err != nil {
		return nil, err
	}
	return o.members, nil
}

// errObject is the kind of a record's fault: it is not the JSON of an object.
var errObject = errors.New("broken object")

// recordFault is a Record.Err: a kind to decide by and a text to show.
type recordFault struct {
	kind error
	text string
}

// Error implements error.
func (f *recordFault) Error() string { return f.text }

// Unwrap returns the kind, for errors.Is.
func (f *recordFault) Unwrap() error { return f.kind }

func fault(kind error, format string, args ...any) error {
	return &recordFault{kind, fmt.Sprintf(format, args...)}
}

// object adds the members of an object whose own name is prefix.
func (o *objectReader) object(prefix string, value []byte) error {
	d := json.NewDecoder(bytes.NewReader(value))
	broken := func(err error) error {
		return fault(errObject, "is broken JSON at byte %d: %v", d.InputOffset(), err)
	}
	if _, err := d.Token(); err != nil {
		return broken(err)
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return broken(err)
		}
		name, ok := token.(string)
		if !ok {
			return fault(errObject, "is broken JSON at byte %d", d.InputOffset())
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return broken(err)
		}
		if prefix != "" {
			name = prefix + "." + name
		}
		if raw[0] == '{' && prefix == "" {
			if err := o.object(name, raw); err != nil {
				return err
			}
			continue
		}
		text, err := cellText(raw)
		if err != nil {
			return fault(errors.Unwrap(err), "holds in %s %v", csvio.Quote(name), err)
		}
		if len(o.members) == csvio.MaxColumns {
			return fault(csvio.ErrFieldCount, "has more than %d members", csvio.MaxColumns)
		}
		o.members = append(o.members, member{name, text})
	}
	if _, err := d.Token(); err != nil {
		return broken(err)
	}
	if rest := bytes.TrimSpace(value[d.InputOffset():]); len(rest) > 0 {
		return fault(errObject, "has text behind its end: %s", csvio.Quote(string(rest)))
	}
	return nil
}

// listSeparator stands between the elements of a list in a cell.
const listSeparator = ";"

// cellText returns a value as a cell: a string's text, a number as it is written, a list
// of such joined, nothing for null. Everything else stays JSON.
func cellText(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case 'n':
		return "", nil
	case '"':
		return stringText(raw)
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return "", err
		}
		var texts []string
		for _, element := range elements {
			if element[0] == '{' || element[0] == '[' {
				return string(raw), nil
			}
			text, err := cellText(element)
			if err != nil {
				return "", err
			}
			if strings.Contains(text, listSeparator) {
				return string(raw), nil
			}
			if element[0] != 'n' {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, listSeparator), nil
	}
	return string(raw), nil
}

// stringText returns a string's text. Half a character, of which decoding would make
// U+FFFD, and NUL are faults.
func stringText(raw json.RawMessage) (string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", err
	}
	if strings.Contains(text, "\x00") {
		return "", fault(csvio.ErrNUL, "a NUL character")
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		lower := bytes.ToLower(raw)
		meant := strings.Count(string(raw), string(utf8.RuneError)) + bytes.Count(lower, []byte(`\ufffd`))
		if strings.Count(text, string(utf8.RuneError)) > meant {
			return "", fault(csvio.ErrEncoding, "half a character: %s", csvio.Quote(string(raw)))
		}
	}
	return text, nil
}
