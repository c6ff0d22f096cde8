package csvio

import (
	"errors"
	"strconv"
)

// Errors of Open: the file as a whole cannot be read.
var (
	// ErrEmpty: the file has no bytes, or none but line ends.
	ErrEmpty = errors.New("the file is empty: it has no header")
	// ErrBinary: the file is no text.
	ErrBinary = errors.New("the file is probably no text")
	// ErrHeader: the first record is broken or has more than MaxColumns.
	// The error says which.
	ErrHeader = errors.New("the header")
)

// Kinds of Record.Err: this record cannot be taken, the others can.
var (
	// ErrFieldCount: the record has text in more fields than the header.
	ErrFieldCount = errors.New("wrong number of fields")
	// ErrTooLong: the record is longer than Options.MaxRecord.
	ErrTooLong = errors.New("too long")
	// ErrQuote: a quote inside a field without quotes, text behind a closing
	// quote, or a quote that is still open where the file ends.
	ErrQuote = errors.New("broken quotes")
	// ErrNUL: the record holds a NUL character.
	ErrNUL = errors.New("NUL byte")
	// ErrEncoding: the record holds bytes that its encoding cannot have.
	ErrEncoding = errors.New("broken encoding")
)

// fault is a Record.Err: a kind to decide by and a text to show.
type fault struct {
	kind error
	text string
}

// Error implements error.
func (f *fault) Error() string { return f.text }

// Unwrap returns the kind, for errors.Is.
func (f *fault) Unwrap() error { return f.kind }

// plural writes a number with its noun.
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
