package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"sixty/internal/transfer/csvio"
)

// member is one cell of an object: a value by its column's name.
type member struct{ name, value string }

// maxNames is how many names of members are kept, so that equal ones are one text.
const maxNames = 2 * csvio.MaxColumns

// objectReader reads objects as cells.
type objectReader struct {
	members []member
	names   map[string]string
	name    []byte
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
	case !json.Valid(value):
		var syntax *json.SyntaxError
		if err := json.Unmarshal(value, &struct{}{}); errors.As(err, &syntax) {
			return nil, fault(errObject, "is broken JSON at byte %d: %v", syntax.Offset, syntax)
		}
		return nil, fault(errObject, "is broken JSON")
	}
	if err := o.object(nil, value); err != nil {
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

// object adds the members of an object, which is valid, and whose own name is prefix.
func (o *objectReader) object(prefix, value []byte) error {
	p := parts{value, 1}
	for p.next() != '}' {
		name, err := o.memberName(prefix, p.take())
		if err != nil {
			return err
		}
		raw := p.take()
		if raw[0] == '{' && prefix == nil {
			if err := o.object([]byte(name), raw); err != nil {
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
	return nil
}

// memberName returns the name of a member of the object whose own name is prefix.
func (o *objectReader) memberName(prefix, raw []byte) (string, error) {
	o.name = o.name[:0]
	if prefix != nil {
		o.name = append(append(o.name, prefix...), '.')
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		o.name = append(o.name, raw[1:len(raw)-1]...)
	} else {
		name, err := stringText(raw)
		if err != nil {
			return "", fault(errors.Unwrap(err), "holds in the name of a member %v", err)
		}
		o.name = append(o.name, name...)
	}
	if known, ok := o.names[string(o.name)]; ok {
		return known, nil
	}
	name := string(o.name)
	if len(o.names) < maxNames {
		if o.names == nil {
			o.names = map[string]string{}
		}
		o.names[name] = name
	}
	return name, nil
}

// parts are the parts of an object or a list, which is valid, from a place in it.
type parts struct {
	b  []byte
	at int
}

// next returns the first byte of the next part, or the closing bracket.
func (p *parts) next() byte {
	for bytes.IndexByte([]byte(" \t\r\n,:"), p.b[p.at]) >= 0 {
		p.at++
	}
	return p.b[p.at]
}

// take returns the next part.
func (p *parts) take() []byte {
	depth, first := 0, p.next()
	from := p.at
	for {
		switch p.b[p.at] {
		case '"':
			for p.at++; p.b[p.at] != '"'; p.at++ {
				if p.b[p.at] == '\\' {
					p.at++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		p.at++
		if depth == 0 && (first == '"' || first == '{' || first == '[' || bytes.IndexByte([]byte(",]} \t\r\n"), p.b[p.at]) >= 0) {
			return p.b[from:p.at]
		}
	}
}

// listSeparator stands between the elements of a list in a cell.
const listSeparator = ";"

// cellText returns a value as a cell: a string's text, a number as it is written, a list
// of such joined, nothing for null. Everything else stays JSON.
func cellText(raw []byte) (string, error) {
	switch raw[0] {
	case 'n':
		return "", nil
	case '"':
		return stringText(raw)
	case '[':
		var texts []string
		for p := (parts{raw, 1}); p.next() != ']'; {
			element := p.take()
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
func stringText(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fault(errObject, "%v", err)
	}
	if strings.Contains(text, "\x00") {
		return "", fault(csvio.ErrNUL, "a NUL character")
	}
	if loneSurrogate(raw) {
		return "", fault(csvio.ErrEncoding, "half a character: %s", csvio.Quote(string(raw)))
	}
	return text, nil
}

// loneSurrogate reports whether a string, which is valid, has an escape of half a
// character.
func loneSurrogate(raw []byte) bool {
	unit := func(i int) rune {
		if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
			return 0
		}
		u, _ := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
		return rune(u)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		u := unit(i)
		switch {
		case u == 0:
			i++
		case !utf16.IsSurrogate(u):
			i += 5
		case utf16.DecodeRune(u, unit(i+6)) == utf8.RuneError:
			return true
		default:
			i += 11
		}
	}
	return false
}
