package cells

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A number is a decimal number as it is written, its digits in order.
type number struct {
	negative bool
	digits   [maxDigits]byte
	count    int // of digits
	whole    int // digits before the decimal sign
	exponent int
	grouped  bool // its digits are in groups
}

// maxDigits bounds the numbers that are read: programs write 17 digits, and an amount has 14.
const maxDigits = 64

// maxExponent bounds the exponent: beyond it is no amount, and nothing but zeros.
const maxExponent = 1000

var errNotNumber = errors.New("must be a number")

// scaled returns the number times a power of ten as a whole one, rounded half away from
// zero; ok is false if it has more than 18 digits.
func (n *number) scaled(places int) (v int64, exact, ok bool) {
	point := n.whole + n.exponent + places // digits before it count
	exact = true
	for i := range max(point, n.count) {
		var d int64
		if i < n.count {
			d = int64(n.digits[i] - '0')
		}
		switch {
		case i < point && v >= 1e17:
			return 0, false, false
		case i < point:
			v = v*10 + d
		case d > 0:
			exact = false
			if i == point && d >= 5 {
				v++
			}
		}
	}
	if n.negative {
		v = -v
	}
	return v, exact, true
}

// A notation is what stands in a cell around the digits of a number.
type notation struct {
	negative bool
	percent  bool
	currency string // a code or sign before or after the number, as it is written
	second   string // beside another
	body     string // digits and the signs between them
	decimal  byte   // the sign before decimals that a stroke stood for; 0: none did
}

// cut takes apart a cell: signs, currencies, parentheses and a per cent sign may stand
// around a number in any order, each at most once; currencies twice.
func cut(cell string) (notation, error) {
	n := notation{body: cell}
	if cell != "" && isDigit(cell[0]) && isDigit(cell[len(cell)-1]) {
		return n, nil // most cells
	}
	signed, open, closed := false, false, false
	sign := func(negative bool) bool {
		again := signed
		signed, n.negative = true, n.negative || negative
		return again
	}
before:
	for n.body != "" && !isDigit(n.body[0]) {
		c, size := utf8.DecodeRuneInString(n.body)
		twice := false
		switch {
		case unicode.IsSpace(c):
		case minus(c):
			twice = sign(true)
		case c == '+':
			twice = sign(false)
		case c == '(':
			twice, open = open || sign(true), true
		case c == '%':
			twice, n.percent = n.percent, true
		case c == '.' || c == ',':
			break before
		default:
			if size = n.currencyBefore(); size == 0 {
				return n, errNotNumber
			}
		}
		if twice {
			return n, errNotNumber
		}
		n.body = n.body[size:]
	}
	n.cutEmptyDecimals()
	for n.body != "" && !isDigit(n.body[len(n.body)-1]) {
		c, size := utf8.DecodeLastRuneInString(n.body)
		twice := false
		switch {
		case unicode.IsSpace(c):
		case minus(c):
			twice = sign(true)
		case c == ')':
			twice, closed = closed, true
		case c == '%':
			twice, n.percent = n.percent, true
		case c == '.' || c == ',':
			if size = n.currencyAfter(); size == 0 {
				return n.finish(open, closed)
			}
		default:
			if size = n.currencyAfter(); size == 0 {
				return n, errNotNumber
			}
		}
		if twice {
			return n, errNotNumber
		}
		n.body = n.body[:len(n.body)-size]
		n.cutEmptyDecimals()
	}
	return n.finish(open, closed)
}

func (n notation) finish(open, closed bool) (notation, error) {
	if open != closed || n.body == "" {
		return n, errNotNumber
	}
	return n, nil
}

// cutEmptyDecimals removes the strokes that stand for decimals that are zero: 1000.- and
// 1000,--.
func (n *notation) cutEmptyDecimals() {
	for _, sign := range [...]string{".-", ",-", ".--", ",--", ".–", ",–", ".—", ",—"} {
		if rest, ok := strings.CutSuffix(n.body, sign); ok && rest != "" && isDigit(rest[len(rest)-1]) {
			n.body, n.decimal = rest, sign[0]
			return
		}
	}
}

func minus(c rune) bool { return c == '-' || c == '−' || c == '–' || c == '﹣' || c == '－' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// groupSign returns the ASCII sign for one that may stand between groups of digits or before
// decimals; 0 for any other.
func groupSign(c rune) byte {
	switch {
	case c == '.' || c == ',' || c == '_' || c == '\'':
		return byte(c)
	case c == '’' || c == '‘' || c == 'ʼ':
		return '\''
	case unicode.IsSpace(c):
		return ' '
	}
	return 0
}

// parse reads the body with a decimal sign. All other signs between digits separate groups.
func (n *notation) parse(decimal byte) (v number, ok bool) {
	v.negative = n.negative
	body := n.body
	if n.decimal != 0 && (n.decimal != decimal && n.separated() || strings.IndexByte(body, n.decimal) >= 0) {
		return v, false
	}
	if i := strings.IndexAny(body, "eE"); i >= 0 {
		if v.exponent, ok = parseExponent(body[i+1:]); !ok {
			return v, false
		}
		body = body[:i]
	}
	var g grouping
	decimals := -1 // digits after the decimal sign; -1 before it
	for _, c := range body {
		switch sign := groupSign(c); {
		case c >= '0' && c <= '9':
			if v.count == maxDigits {
				return v, false
			}
			v.digits[v.count] = byte(c)
			v.count++
			g.run++
			if decimals >= 0 {
				decimals++
			}
		case sign == 0 || decimals >= 0:
			return v, false
		case sign == decimal:
			v.whole, decimals = v.count, 0
			if !g.complete() {
				return v, false
			}
		default:
			if len(body) < len(n.body) || v.digits[0] == '0' || !g.next(sign) {
				return v, false // a number with an exponent or in front of zeros has no groups
			}
		}
	}
	if decimals < 0 {
		v.whole = v.count
		if !g.complete() {
			return v, false
		}
	}
	v.grouped = g.sign != 0
	return v, v.count > 0
}

// A grouping checks how digits are grouped: after the first group by threes or, as in India,
// by twos and at last three, with the same sign each time.
type grouping struct {
	sign             byte // 0: there are no groups
	first            int  // digits of the first group
	run              int  // digits of the group that is read
	notTwo, notThree bool // a group between the first and the last is not of so many digits
}

// next ends a group; ok is false if it cannot be one.
func (g *grouping) next(sign byte) (ok bool) {
	if g.sign == 0 {
		g.sign, g.first = sign, g.run
		ok = g.run >= 1 && g.run <= 3
	} else {
		g.notTwo, g.notThree = g.notTwo || g.run != 2, g.notThree || g.run != 3
		ok = sign == g.sign
	}
	g.run = 0
	return ok
}

// complete reports whether the digits before the decimal sign are grouped, if at all, as
// they should be.
func (g *grouping) complete() bool {
	return g.sign == 0 || g.run == 3 && (!g.notThree || !g.notTwo && g.first <= 2 && g.sign == ',')
}

func parseExponent(s string) (int, bool) {
	negative := false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	if s == "" || !digits(s) {
		return 0, false
	}
	e := 0
	for i := range len(s) {
		e = min(e*10+int(s[i]-'0'), maxExponent)
	}
	if negative {
		e = -e
	}
	return e, true
}

// The decimal signs that a number can have.
type signs int

const (
	pointOnly signs = 1 << iota
	commaOnly
	noNumber signs = 0
	either   signs = pointOnly | commaOnly
)

// separated reports whether the body has a sign that may be before decimals.
func (n *notation) separated() bool {
	return strings.IndexByte(n.body, ',') >= 0 || strings.IndexByte(n.body, '.') >= 0
}

// readings returns which decimal signs a number can be read with, and how. A number without
// points and commas is read with either alike.
func (n *notation) readings() (point, comma number, which signs) {
	var ok bool
	if point, ok = n.parse('.'); ok {
		which |= pointOnly
	}
	if !n.separated() {
		if ok {
			which = either
		}
		return point, point, which
	}
	if comma, ok = n.parse(','); ok {
		which |= commaOnly
	}
	return point, comma, which
}

// number reads the body, with the decimal sign that the column has or, if it has none, with
// the only one that fits.
func (r *Reader) number(cell string, n *notation) (number, error) {
	if r.decimal != 0 {
		v, ok := n.parse(r.decimal)
		if !ok {
			return v, r.misplaced(cell, n)
		}
		return v, nil
	}
	point, comma, which := n.readings()
	switch {
	case which == pointOnly || which == either && point == comma:
		return point, nil
	case which == commaOnly:
		return comma, nil
	case which == either:
		return point, rejected(cell, "must be unambiguous: may be %s or %s, and no other cell shows what its decimal sign is%s", point.text(), comma.text(), r.options.see("decimal"))
	}
	return point, rejected(cell, "%w", errNotNumber)
}

// misplaced returns why a number cannot be read with the column's decimal sign.
func (r *Reader) misplaced(cell string, n *notation) error {
	other, name := byte(','), "point"
	if r.decimal == ',' {
		other, name = '.', "comma"
	}
	if _, ok := n.parse(other); ok {
		return rejected(cell, "must be a number with a decimal %s", name)
	}
	return rejected(cell, "%w", errNotNumber)
}

// text returns the number in plain digits, for messages.
func (n *number) text() string {
	var b strings.Builder
	if n.negative {
		b.WriteByte('-')
	}
	b.Write(n.digits[:n.whole])
	if n.whole == 0 {
		b.WriteByte('0')
	}
	if n.whole < n.count {
		b.WriteByte('.')
		b.Write(n.digits[n.whole:n.count])
	}
	return b.String()
}

// maxPlain is how many digits before the point a plain number has at most: an amount has
// twelve.
const maxPlain = 12

// plainNumber returns the digits before and after the point of a number that most programs
// write so, and that can be read in one way only: -1250.50. It is there for speed alone.
func plainNumber(cell string) (negative bool, whole, decimals string, ok bool) {
	whole, negative = strings.CutPrefix(cell, "-")
	i := 0
	for i < len(whole) && isDigit(whole[i]) {
		i++
	}
	if i == 0 || i > maxPlain {
		return false, "", "", false
	}
	if i == len(whole) {
		return negative, whole, "", true
	}
	if whole[i] != '.' || len(whole) == i+1 || len(whole) > i+3 || !isDigit(whole[i+1]) || !isDigit(whole[len(whole)-1]) {
		return false, "", "", false
	}
	return negative, whole[:i], whole[i+1:], true
}

// plainMoney reads an amount without signs of currencies and groups.
func plainMoney(cell string, decimal byte) (minor int64, ok bool) {
	negative, whole, decimals, ok := plainNumber(cell)
	if !ok || decimal == ',' && decimals != "" {
		return 0, false
	}
	for i := range len(whole) + 2 {
		d := byte('0')
		if i < len(whole) {
			d = whole[i]
		} else if j := i - len(whole); j < len(decimals) {
			d = decimals[j]
		}
		minor = minor*10 + int64(d-'0')
	}
	if negative {
		minor = -minor
	}
	return minor, true
}
