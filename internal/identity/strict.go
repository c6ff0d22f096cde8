package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds the depth of the provider's JSON.
const maxNesting = 16

// decode decodes JSON from outside into a struct, if no other reader could understand it
// differently: encoding/json alone matches names in any letter case, takes the last of several
// members, and replaces what is not Unicode.
func decode(text []byte, into any) error {
	t := reflect.TypeOf(into).Elem()
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("json")
	}
	if err := checkJSON(text, names...); err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// checkJSON rejects a text that is not one JSON object in UTF-8 (RFC 7493, I-JSON), nested no
// deeper than maxNesting, each of whose objects has a name only once. A name of the outermost
// object may not differ from one of these names in letter case alone.
func checkJSON(text []byte, names ...string) error {
	if !utf8.Valid(text) || loneSurrogate(text) {
		return errors.New("JSON: invalid Unicode")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // whose range is for others to check
	// Of each open object the names so far, and of each open array nil.
	var open []map[string]bool
	name := false // a name comes next, or the end of an object
	for {
		token, err := d.Token()
		switch {
		case err != nil && len(open) > 0, err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("JSON: %w", err)
		case err != nil:
			return errors.New("JSON: empty")
		case len(open) == 0 && token != json.Delim('{'):
			return errors.New("JSON: not an object")
		}
		switch value := token.(type) {
		case json.Delim:
			switch value {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			if len(open) > maxNesting {
				return errors.New("JSON: nested too deeply")
			}
			if len(open) == 0 {
				if _, err := d.Token(); !errors.Is(err, io.EOF) {
					return errors.New("JSON: more after the object")
				}
				return nil
			}
			name = open[len(open)-1] != nil
		case string:
			within := open[len(open)-1]
			if !name {
				name = within != nil
				continue
			}
			if within[value] {
				return fmt.Errorf("JSON: the name %.100q occurs twice", value)
			}
			within[value] = true
			if len(open) == 1 {
				for _, known := range names {
					if value != known && strings.EqualFold(value, known) {
						return fmt.Errorf("JSON: the name %.100q is not %q", value, known)
					}
				}
			}
			name = false
		default:
			name = open[len(open)-1] != nil
		}
	}
}

// loneSurrogate reports whether a text has an escape of half a surrogate pair, which is no
// character. A backslash occurs in strings only.
func loneSurrogate(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || i+1 == len(text) {
			return false
		}
		unit, ok := escaped(text[i:])
		switch {
		case !ok:
			text = text[i+2:]
			continue
		case unit < 0xD800 || unit > 0xDFFF:
		default:
			low, ok := escaped(text[i+6:])
			if unit >= 0xDC00 || !ok || low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 6
		}
		text = text[i+6:]
	}
}

// escaped returns the code unit of an escape \uXXXX that a text begins with.
func escaped(text []byte) (uint64, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return unit, err == nil
}
