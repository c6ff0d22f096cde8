package table

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"sixty/internal/transfer/csvio"
)

// maxValue is the longest object that is taken.
const maxValue = csvio.DefaultMaxRecord

// errValueTooLong is the reason why a value is skipped.
var errValueTooLong = fmt.Errorf("is longer than %d bytes", maxValue)

// values splits a text into the values that are its records, without reading them:
// the lines of NDJSON, the elements of an array, or of the array "data" of an object.
type values struct {
	r     *bufio.Reader
	lines bool

	begun, ended bool
	envelope     bool // the array is a member of an object
	more         bool // which says that other pages follow
	line         int  // on which r stands, from 1
	number       int  // of the value
	value        []byte
}

func newValues(r io.Reader, lines bool) *values {
	return &values{r: bufio.NewReaderSize(r, 64<<10), lines: lines, line: 1}
}

// next returns the next value, which is valid until the one after, and where it is: the
// line of NDJSON, else the value's number. A fault is this value's alone, an error is
// that of all that follows; io.EOF at the end.
func (v *values) next() (value []byte, at int, fault, err error) {
	if v.lines {
		return v.nextLine()
	}
	if v.ended {
		return nil, 0, nil, io.EOF
	}
	if !v.begun {
		v.begun = true
		if err := v.begin(); err != nil {
			return nil, 0, nil, v.wrong(err)
		}
	}
	c, err := v.skipSpace()
	switch {
	case err != nil:
	case c == ']':
		v.ended = true
		if err = v.end(); err == nil {
			err = io.EOF
			return nil, 0, nil, err
		}
	case v.number > 0 && c != ',':
		err = fmt.Errorf("%q stands where a comma or the end of the list is expected", c)
	default:
		if v.number > 0 {
			if c, err = v.skipSpace(); err != nil {
				break
			}
		}
		v.number++
		fault, err = v.take(c, true)
	}
	if err != nil {
		return nil, 0, nil, v.wrong(err)
	}
	return v.value, v.number, fault, nil
}

// wrong says where the text is broken.
func (v *values) wrong(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("the file ends within the list")
	}
	return fmt.Errorf("line %d, behind %d objects: %w", v.line, v.number, err)
}

// nextLine is next for NDJSON.
func (v *values) nextLine() (value []byte, at int, fault, err error) {
	for {
		v.value = v.value[:0]
		at, fault = v.line, nil
		for {
			part, err := v.r.ReadSlice('\n')
			if len(v.value)+len(part) <= maxValue+1 {
				v.value = append(v.value, part...)
			} else {
				fault = errValueTooLong
			}
			if err == nil {
				v.line++
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				if errors.Is(err, io.EOF) && len(v.value) > 0 {
					break // the last line, without its end
				}
				return nil, 0, nil, err
			}
		}
		v.value = bytes.Trim(v.value, " \t\r\n")
		if len(v.value) > 0 || fault != nil {
			return v.value, at, fault, nil
		}
	}
}

// begin reads up to the first value.
func (v *values) begin() error {
	c, err := v.skipSpace()
	switch {
	case errors.Is(err, io.EOF):
		return csvio.ErrEmpty
	case err != nil || c == '[':
		return err
	case c != '{':
		return fmt.Errorf("%q stands where a list of objects is expected", c)
	}
	v.envelope = true
	for {
		name, err := v.member()
		if err != nil {
			return err
		}
		if name == "" {
			return errors.New(`the file is one object without a list "data": a list of objects is wanted, or one object a line`)
		}
		if c, err = v.skipSpace(); err != nil {
			return err
		}
		if name == `"data"` {
			if c != '[' {
				return fmt.Errorf(`"data" is no list: it begins with %q`, c)
			}
			return nil
		}
		if err := v.pass(name, c); err != nil {
			return err
		}
	}
}

// pass passes over a member beside the list, whose value begins with c.
func (v *values) pass(name string, c byte) error {
	_, err := v.take(c, name == `"pagination"`)
	if name == `"pagination"` {
		v.more = v.more || hasMore.Match(v.value)
	}
	return err
}

// end reads what stands behind the list.
func (v *values) end() error {
	for v.envelope {
		name, err := v.member()
		if err != nil {
			return err
		}
		if name == "" {
			break
		}
		c, err := v.skipSpace()
		if err != nil {
			return err
		}
		if err := v.pass(name, c); err != nil {
			return err
		}
	}
	c, err := v.skipSpace()
	if err == nil {
		return fmt.Errorf("%q stands behind the end", c)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// member reads the name of an object's next member, with its quotes, and the colon; ""
// at the object's end.
func (v *values) member() (string, error) {
	c, err := v.skipSpace()
	if err == nil && c == ',' {
		c, err = v.skipSpace()
	}
	switch {
	case err != nil:
		return "", err
	case c == '}':
		return "", nil
	case c != '"':
		return "", fmt.Errorf("%q stands where a member's name is expected", c)
	}
	if fault, err := v.take(c, true); err != nil || fault != nil {
		return "", errors.Join(err, fault)
	}
	name := string(v.value)
	if c, err = v.skipSpace(); err == nil && c != ':' {
		err = fmt.Errorf("%q stands where the colon behind %s is expected", c, csvio.Quote(name))
	}
	return name, err
}

// take reads the value that begins with c to its end, and keeps it up to the limit.
func (v *values) take(c byte, keep bool) (fault, err error) {
	if c == ',' || c == ':' {
		return nil, fmt.Errorf("%q stands where a value is expected", c)
	}
	v.value = v.value[:0]
	depth, quoted, escaped, scalar := 0, false, false, true
	for {
		switch {
		case quoted:
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				quoted = false
			}
		case c == '"':
			quoted, scalar = true, false
		case c == '{' || c == '[':
			depth++
			scalar = false
		case c == '}' || c == ']':
			depth--
		}
		if keep {
			if len(v.value) < maxValue {
				v.value = append(v.value, c)
			} else {
				fault = errValueTooLong
			}
		}
		if depth < 0 {
			return nil, fmt.Errorf("%q stands where a value is expected", c)
		}
		if depth == 0 && !quoted && !scalar {
			return fault, nil
		}
		if scalar {
			// A number or a word ends before what cannot be a part of it.
			next, err := v.r.Peek(1)
			if err != nil {
				return nil, err
			}
			if bytes.IndexByte([]byte(",]}: \t\r\n\""), next[0]) >= 0 {
				return fault, nil
			}
		}
		if c, err = v.byte(); err != nil {
			return nil, err
		}
	}
}

// byte returns the next byte.
func (v *values) byte() (byte, error) {
	c, err := v.r.ReadByte()
	if c == '\n' && err == nil {
		v.line++
	}
	return c, err
}

// skipSpace returns the next byte that is no white space.
func (v *values) skipSpace() (byte, error) {
	for {
		c, err := v.byte()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}
