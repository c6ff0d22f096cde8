// Package cells reads the cells of files and databases that other programs wrote: texts,
// amounts, numbers, percentages, yes and no, days and instants.
//
// Each type has one rule. What a cell alone leaves open (is 1,250 a thousand or one and a
// quarter, is 4/12/2026 in April or in December) is decided for a column as a whole, by a
// Survey of all its cells, and never cell by cell. What stays open is rejected.
package cells

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Options say how cells are written, as far as that is known.
type Options struct {
	Dates    []DateFormat   // in order; none: ISO 8601 or a usual format
	Location *time.Location // of times without an offset; nil: UTC
	Decimal  byte           // '.' or ','; 0: as the column shows
	Null     []string       // cells that say nothing, compared without case
	Fraction bool           // percentages are written as 0 to 1
	// Flagless is true where a user cannot name formats, so that messages name no flags.
	Flagless bool
}

// Type is what the cells of a column are.
type Type int

// The types of cells.
const (
	Text Type = iota
	Enum
	Money
	Whole
	Percent
	Bool
	Date
	Instant
)

// Inexact is an error beside a value that can be used, though the cell says something else.
type Inexact struct{ Message string }

// Error returns the message.
func (e *Inexact) Error() string { return e.Message }

// Reader reads the cells of one column. It can be used concurrently.
type Reader struct {
	options  Options
	decimal  byte // of amounts and numbers; 0: as each cell shows
	fraction bool // percentages are 0 to 1
	// Dates are read as one of the formats. The reading counts if all formats that read a
	// cell have it in common.
	formats []*DateFormat
	expects string // completes "must be", for a date in none of the formats
}

// NewReader returns the reader of a column of which nothing is known but the options.
func NewReader(t Type, o Options) *Reader { return NewSurvey(t, o).Reader() }

// Empty reports whether a cell says nothing.
func (r *Reader) Empty(cell string) bool { return r.options.empty(clean(cell)) }

func (o *Options) empty(cell string) bool {
	if cell == "" {
		return true
	}
	for _, null := range o.Null {
		if strings.EqualFold(cell, null) {
			return true
		}
	}
	return false
}

// Text returns the cell.
func (r *Reader) Text(cell string) (string, error) { return clean(cell), nil }

// Enum returns one of a few values by the spelling of its name: in lower case, its words
// separated by underscores. Which ones there are is checked by the record's own rules.
func (r *Reader) Enum(cell string) (string, error) {
	cell = clean(cell)
	var b strings.Builder
	open, lower := false, false // a word was begun; the last letter was in lower case
	for _, c := range cell {
		switch {
		case unicode.IsSpace(c) || c == '-' || c == '_':
			open = false
			continue
		case b.Len() > 0 && (!open || lower && unicode.IsUpper(c)):
			b.WriteByte('_')
		}
		open, lower = true, unicode.IsLower(c)
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String(), nil
}

// DamagedID reports whether a cell was a long number before a spreadsheet kept only its
// first digits: 1.23457E+17.
func DamagedID(cell string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(clean(cell)), "E+")
	if !ok || len(exponent) < 2 || len(exponent) > 3 || !digits(exponent) {
		return false
	}
	decimals, ok := "", false
	for _, sign := range []string{".", ","} {
		if _, after, found := strings.Cut(mantissa, sign); found {
			mantissa, decimals, ok = mantissa[:len(mantissa)-len(after)-1], after, true
		}
	}
	return len(mantissa) == 1 && digits(mantissa) && digits(decimals) && (!ok || decimals != "")
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// clean returns a cell without what shows nothing at its ends. Most cells have nothing of
// that kind.
func clean(cell string) string {
	if cell == "" || plain(cell[0]) && plain(cell[len(cell)-1]) && ascii(cell) {
		return cell
	}
	return crm.Text(cell)
}

func plain(c byte) bool { return c > ' ' && c < utf8.RuneSelf }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// rejected returns an error that shows the cell.
func rejected(cell, format string, args ...any) error {
	return fmt.Errorf(format+" (it is %q)", append(args, shortened(cell))...)
}

func inexact(cell, format string, args ...any) error {
	return &Inexact{rejected(cell, format, args...).Error()}
}

// see returns the end of a message that refers to a flag.
func (o *Options) see(flag string) string {
	if o.Flagless {
		return ""
	}
	return " (see --" + flag + ")"
}

// maxShown is how much of a cell a message repeats, in bytes.
const maxShown = 40

// Quoted returns a cell in quotes, shortened, as messages show it.
func Quoted(cell string) string { return strconv.Quote(shortened(cell)) }

func shortened(cell string) string {
	if len(cell) <= maxShown {
		return cell
	}
	n := maxShown
	for n > maxShown-utf8.UTFMax && !utf8.RuneStart(cell[n]) {
		n--
	}
	return cell[:n] + "…"
}
