package cells

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DateFormat is how dates are written: M/D/YYYY h:mm A.
type DateFormat struct {
	name  string
	parts []part
	iso   bool // is ISO 8601 in one of its forms, which parts do not describe
	clock bool // has a time of day
}

// String returns the format as it was parsed.
func (f DateFormat) String() string { return f.name }

// A part is a token or a sign between two.
type part struct {
	token   token
	literal rune // of a sign
	point   bool // of a month's name: a point follows in the format
}

type token int

const (
	sign token = iota
	year
	shortYear
	monthName
	monthTwo
	monthAny
	dayTwo
	dayAny
	hourTwo
	hourAny
	halfTwo // of the hours before or after noon
	halfAny
	minuteTwo
	secondTwo
	decimals // of a second
	noon     // before or after it
	offset
	serial // a spreadsheet's number of a day
)

// tokens are the names of the parts; of two that begin alike the longer first.
var tokens = []struct {
	name  string
	token token
	says  string // what it says of the date: no two parts of a format say the same
}{
	{"YYYY", year, "Y"}, {"YY", shortYear, "Y"}, {"MMMM", monthName, "M"}, {"MMM", monthName, "M"}, {"MM", monthTwo, "M"}, {"M", monthAny, "M"},
	{"DD", dayTwo, "D"}, {"D", dayAny, "D"}, {"HH", hourTwo, "h"}, {"H", hourAny, "h"}, {"hh", halfTwo, "h"}, {"h", halfAny, "h"},
	{"mm", minuteTwo, "m"}, {"ss", secondTwo, "s"}, {"A", noon, "A"}, {"a", noon, "A"}, {"Z", offset, "Z"},
}

// signs may stand between the parts.
const signsBetween = " /-.,:T"

// maxFormat bounds a format, in bytes.
const maxFormat = 80

// serialName is the format of days as spreadsheets count them.
const serialName = "SERIAL"

// ParseDateFormat reads a format such as M/D/YYYY, DD.MM.YYYY HH:mm or D [de] MMMM [de] YYYY;
// text in brackets stands as it is. SERIAL is a spreadsheet's number of a day.
func ParseDateFormat(format string) (DateFormat, error) {
	f := DateFormat{name: format}
	if format == serialName {
		f.parts, f.clock = []part{{token: serial}}, true
		return f, nil
	}
	if format == "" || len(format) > maxFormat {
		return f, fmt.Errorf("a date format is between 1 and %d bytes long", maxFormat)
	}
	said := ""
	for rest := format; rest != ""; {
		after, says, err := f.parsePart(rest)
		if err != nil {
			return DateFormat{}, fmt.Errorf("the date format %q %w", format, err)
		}
		if says != "" && strings.Contains(said, says) {
			return DateFormat{}, fmt.Errorf("the date format %q names a part twice", format)
		}
		said += says
		rest = after
	}
	if err := f.check(said); err != nil {
		return DateFormat{}, fmt.Errorf("the date format %q %w", format, err)
	}
	f.clock = strings.Contains(said, "h")
	return f, nil
}

// parsePart adds the part that a format begins with.
func (f *DateFormat) parsePart(format string) (rest, says string, err error) {
	if format[0] == 'S' {
		rest = strings.TrimLeft(format, "S")
		f.parts = append(f.parts, part{token: decimals})
		return rest, "S", nil
	}
	for _, t := range tokens {
		if rest, ok := strings.CutPrefix(format, t.name); ok {
			f.parts = append(f.parts, part{token: t.token, point: strings.HasPrefix(rest, ".")})
			return rest, t.says, nil
		}
	}
	text, rest := format[:1], format[1:]
	if inside, ok := strings.CutPrefix(format, "["); ok {
		var closed bool
		if text, rest, closed = strings.Cut(inside, "]"); !closed || text == "" {
			return "", "", fmt.Errorf("has a bracket that is not closed, or is empty")
		}
	} else if !strings.Contains(signsBetween, text) {
		return "", "", fmt.Errorf("is not understood from %q on: its parts are YYYY or YY, MMMM, MMM, MM or M, DD or D, HH or H, hh or h with A, mm, ss, S and Z, "+
			"and %q or text in brackets may stand between them", format, signsBetween)
	}
	for _, c := range text {
		f.parts = append(f.parts, part{literal: c})
	}
	return rest, "", nil
}

// check returns what is wrong with what the parts of a format say together.
func (f *DateFormat) check(said string) error {
	for _, part := range "YMD" {
		if !strings.ContainsRune(said, part) {
			return fmt.Errorf("must have a year (YYYY or YY), a month (MMMM, MMM, MM or M) and a day (DD or D)")
		}
	}
	for _, p := range []struct{ part, needs string }{{"m", "h"}, {"s", "m"}, {"S", "s"}, {"A", "h"}, {"Z", "h"}} {
		if strings.Contains(said, p.part) && !strings.Contains(said, p.needs) {
			return fmt.Errorf("has a part of the time without the greater one")
		}
	}
	open := false // the part before takes as many digits as there are
	word := false // or as many letters
	for _, p := range f.parts {
		half := p.token == halfTwo || p.token == halfAny
		if half != strings.Contains(said, "A") && (half || p.token == hourTwo || p.token == hourAny) {
			return fmt.Errorf("must have hh or h with A (AM or PM), or HH or H without")
		}
		if open && p.token.numeric() {
			return fmt.Errorf("must have a sign behind a part of one or two digits")
		}
		if word && (p.token == noon || p.token == offset || unicode.IsLetter(p.literal)) {
			return fmt.Errorf("must have a sign behind a month's name")
		}
		word = p.token == monthName
		open = p.token == monthAny || p.token == dayAny || p.token == hourAny || p.token == halfAny || p.token == decimals
	}
	return nil
}

func (t token) numeric() bool {
	return t != sign && t != monthName && t != noon && t != offset
}

// A moment is a date as it is written.
type moment struct {
	year, month, day     int
	hour, minute, second int
	nano                 int
	offset               int // in seconds
	hasOffset            bool
	clock                bool // has a time of day
	short                bool // the year has two digits
}

// pivot is the first of the two-digit years that are in the 20th century (POSIX, strptime).
const pivot = 69

// parse reads a cell; ok is false if it is not in the format.
func (f *DateFormat) parse(cell string) (m moment, ok bool) {
	if f.iso {
		return parseISO(cell)
	}
	m.clock = f.clock
	rest := cell
	afternoon, twelve := false, false
	for i := range f.parts {
		p := &f.parts[i]
		switch p.token {
		case sign:
			rest, ok = p.skip(rest)
		case year:
			m.year, rest, ok = number4(rest)
		case shortYear:
			m.year, rest, ok = number2(rest)
			m.short = true
			if m.year += 2000; m.year >= 2000+pivot {
				m.year -= 100
			}
		case monthName:
			m.month, rest = month(rest, p.point)
			ok = m.month > 0
		case monthTwo:
			m.month, rest, ok = number2(rest)
		case monthAny:
			m.month, rest, ok = number12(rest)
		case dayTwo:
			m.day, rest, ok = number2(rest)
		case dayAny:
			m.day, rest, ok = number12(rest)
		case hourTwo:
			m.hour, rest, ok = number2(rest)
		case hourAny:
			m.hour, rest, ok = number12(rest)
		case halfTwo:
			m.hour, rest, ok = number2(rest)
			twelve = true
		case halfAny:
			m.hour, rest, ok = number12(rest)
			twelve = true
		case minuteTwo:
			m.minute, rest, ok = number2(rest)
		case secondTwo:
			m.second, rest, ok = number2(rest)
		case decimals:
			m.nano, rest, ok = fraction(rest)
		case noon:
			afternoon, rest, ok = half(rest)
		case offset:
			m.offset, rest, ok = parseOffset(rest)
			m.hasOffset = true
		case serial:
			return parseSerial(cell)
		}
		if !ok {
			return m, false
		}
	}
	if twelve {
		if m.hour < 1 || m.hour > 12 {
			return m, false
		}
		m.hour %= 12
		if afternoon {
			m.hour += 12
		}
	}
	return m, rest == "" && m.valid()
}

// skip removes a sign. A space stands for any number of spaces of any kind.
func (p *part) skip(s string) (rest string, ok bool) {
	if p.literal == ' ' {
		rest = strings.TrimLeftFunc(s, unicode.IsSpace)
		return rest, len(rest) < len(s)
	}
	c, size := utf8.DecodeRuneInString(s)
	return s[size:], size > 0 && unicode.ToLower(c) == unicode.ToLower(p.literal)
}

// number2 reads two digits.
func number2(s string) (n int, rest string, ok bool) {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return 0, s, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), s[2:], true
}

// number12 reads one or two digits.
func number12(s string) (n int, rest string, ok bool) {
	if n, rest, ok = number2(s); ok || s == "" || !isDigit(s[0]) {
		return n, rest, ok
	}
	return int(s[0] - '0'), s[1:], true
}

// number4 reads four digits.
func number4(s string) (n int, rest string, ok bool) {
	high, rest, ok := number2(s)
	if !ok {
		return 0, s, false
	}
	low, rest, ok := number2(rest)
	return high*100 + low, rest, ok
}

// fraction reads the decimals of a second, in nanoseconds. Of further digits it keeps only
// whether they are zero.
func fraction(s string) (nano int, rest string, ok bool) {
	unit := 100_000_000
	for s != "" && isDigit(s[0]) {
		nano += int(s[0]-'0') * unit
		if unit == 0 && s[0] != '0' {
			nano |= 1
		}
		unit /= 10
		s, ok = s[1:], true
	}
	return nano, s, ok
}

// half reads AM or PM, also with points.
func half(s string) (afternoon bool, rest string, ok bool) {
	for _, word := range [...]string{"am", "pm", "a.m.", "p.m."} {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) {
			return word[0] == 'p', s[len(word):], true
		}
	}
	return false, s, false
}
