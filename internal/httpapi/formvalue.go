package httpapi

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// Bodies may have the values of HTML forms, which are strings: a number as a decimal string,
// and an empty string for what was not filled in.

// decimalPattern is what a form's number must look like. JSON's own numbers may have exponents.
var decimalPattern = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,2})?$`)

// decimal returns the digits of a decimal string, else the error with the text.
func decimal(text string, err error) ([]byte, error) {
	if !decimalPattern.MatchString(text) {
		return nil, not(err, text)
	}
	return []byte(text), nil
}

// isNoValue reports whether an empty string is no value of a member: it is none of a number, an
// id, a date, an instant, or a text that must have a format.
func (b *bodyReader[P]) isNoValue(name string, field any) bool {
	switch field.(type) {
	case *crm.Field[string]:
		return b.formatted[name]
	case *crm.Field[[]string], *crm.Field[bool]:
		return false
	}
	return true
}

// not adds the text that was sent to an error about it.
func not(err error, text string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w, not %s", err, shown(text))
}

// shown returns a text for a message: quoted, with what is invisible escaped, and of bounded
// length.
func shown(text string) string {
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}
