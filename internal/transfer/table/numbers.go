package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// numberFormat is what a cell's number means, as far as its format tells.
type numberFormat struct {
	date, clock, elapsed bool
	percent              bool
	currency             string // a sign or a code
}

// builtInFormat returns a format that a workbook need not spell out.
func builtInFormat(id int) numberFormat {
	switch {
	case id == 9 || id == 10:
		return numberFormat{percent: true}
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return numberFormat{date: true}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return numberFormat{clock: true}
	case id == 22:
		return numberFormat{date: true, clock: true}
	case id == 46:
		return numberFormat{elapsed: true}
	}
	return numberFormat{}
}

// parseNumberFormat reads a format's code, of which the part for positive numbers counts.
func parseNumberFormat(code string) numberFormat {
	var f numberFormat
	month := false
	runes := []rune(code)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case ';':
			i = len(runes)
		case '"':
			from := i + 1
			for i++; i < len(runes) && runes[i] != '"'; i++ {
			}
			f.sign(string(runes[min(from, len(runes)):min(i, len(runes))]))
		case '\\', '_', '*':
			i++
			if r == '\\' && i < len(runes) {
				f.sign(string(runes[i]))
			}
		case '[':
			from := i + 1
			for i++; i < len(runes) && runes[i] != ']'; i++ {
			}
			f.bracket(string(runes[min(from, len(runes)):min(i, len(runes))]))
		case '%':
			f.percent = true
		case 'y', 'Y', 'd', 'D', 'b', 'B':
			f.date = true
		case 'h', 'H', 's', 'S':
			f.clock = true
		case 'm', 'M':
			month = true
		case 'e', 'E', 'g', 'G': // an exponent, an era, or "General"
			if i+1 < len(runes) && (runes[i+1] == '+' || runes[i+1] == '-') {
				i++
			}
			if strings.HasPrefix(strings.ToLower(string(runes[i:])), "general") {
				i += len("general") - 1
			}
		case 'A', 'a':
			if rest := strings.ToLower(string(runes[i:])); strings.HasPrefix(rest, "am/pm") {
				f.clock = true
				i += len("am/pm") - 1
			}
		default:
			f.sign(string(r))
		}
	}
	f.date = f.date || month && !f.clock && !f.elapsed
	if f.date || f.clock || f.elapsed {
		f.percent, f.currency = false, ""
	}
	return f
}

// sign notes a currency's sign.
func (f *numberFormat) sign(text string) {
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) == 1 && unicode.Is(unicode.Sc, runes[0]) {
		f.currency = text
	}
}

// bracket reads what stands in brackets: a currency, elapsed time; else a color, a
// condition, or a language.
func (f *numberFormat) bracket(text string) {
	if currency, ok := strings.CutPrefix(text, "$"); ok {
		currency, _, _ = strings.Cut(currency, "-")
		f.sign(currency)
		if len(currency) == 3 && strings.ToUpper(currency) == currency && strings.ToLower(currency) != currency {
			f.currency = currency + " "
		}
		return
	}
	if text != "" && strings.Trim(strings.ToLower(text), "hms") == "" {
		f.elapsed = true
	}
}

// text returns a stored number as a cell of CSV has it.
func (f numberFormat) text(stored string, date1904 bool) string {
	stored = strings.TrimSpace(stored)
	if f.date || f.clock || f.elapsed {
		if text, ok := f.timeText(stored, date1904); ok {
			return text
		}
	}
	text := plainNumber(stored)
	switch {
	case f.percent:
		if shifted, ok := timesHundred(text); ok {
			return shifted + "%"
		}
	case f.currency != "":
		if unsigned, negative := strings.CutPrefix(text, "-"); negative {
			return "-" + f.currency + unsigned
		}
		return f.currency + text
	}
	return text
}

// exactDigits is how many significant digits a spreadsheet keeps of a number.
const exactDigits = 15

// plainNumber returns a stored number without an exponent, and without the digits that
// binary arithmetic leaves behind (0.1+0.2 is stored as 0.30000000000000004). Whole
// numbers stay as they are.
func plainNumber(stored string) string {
	if strings.Trim(strings.TrimPrefix(stored, "-"), "0123456789") == "" {
		return stored
	}
	number, err := strconv.ParseFloat(stored, 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) || number != 0 && (math.Abs(number) >= 1e21 || math.Abs(number) < 1e-9) {
		return stored
	}
	text := strconv.FormatFloat(number, 'f', -1, 64)
	if significant(text) > exactDigits {
		rounded, err := strconv.ParseFloat(strconv.FormatFloat(number, 'e', exactDigits-1, 64), 64)
		shorter := strconv.FormatFloat(rounded, 'f', -1, 64)
		// Digits that were meant to be there do not round to so few.
		if err == nil && significant(shorter)+3 <= significant(text) {
			return shorter
		}
	}
	return text
}

// significant returns how many significant digits a plain number has.
func significant(number string) int {
	digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(number, "-"), ".", ""), "0")
	if !strings.Contains(number, ".") {
		digits = strings.TrimRight(digits, "0")
	}
	return len(digits)
}

// damaged reports whether a number has more digits than a spreadsheet keeps: the last
// ones of an id are then zeros.
func damaged(number string) bool {
	digits := strings.TrimPrefix(number, "-")
	return len(digits) > exactDigits && strings.Trim(digits, "0123456789") == ""
}

// timesHundred moves a plain number's point two places.
func timesHundred(number string) (string, bool) {
	unsigned, negative := strings.CutPrefix(number, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	if strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	for len(fraction) < 2 {
		fraction += "0"
	}
	whole = strings.TrimLeft(whole+fraction[:2], "0")
	if whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction[2:], "0"); fraction != "" {
		whole += "." + fraction
	}
	if negative {
		whole = "-" + whole
	}
	return whole, true
}

const (
	dayMicroseconds = 24 * 60 * 60 * 1_000_000
	lastDay         = 2958465 // 9999-12-31
	february29      = 60      // of 1900, a day that was not
)

// timeText returns a serial number of days as ISO 8601.
func (f numberFormat) timeText(stored string, date1904 bool) (string, bool) {
	serial, err := strconv.ParseFloat(stored, 64)
	if err != nil || serial < 0 || serial >= lastDay+1 {
		return "", false
	}
	days := math.Floor(serial)
	microseconds := int64(math.Round((serial - days) * dayMicroseconds))
	if whole := (microseconds + 500) / 1000 * 1000; abs(microseconds-whole) <= roundedOff(days) {
		microseconds = whole // what was meant before its digits were cut
	}
	clock := time.Duration(microseconds) * time.Microsecond
	if f.elapsed {
		clock += time.Duration(days) * 24 * time.Hour
		return fmt.Sprintf("%d:%02d:%02d", int(clock.Hours()), int(clock.Minutes())%60, int(clock.Seconds())%60), true
	}
	if days == 0 && !f.date {
		return time.Time{}.Add(clock).Format("15:04:05.999999"), true
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case date1904:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days == february29:
		return "1900-02-29", true
	case days < february29:
		first = first.AddDate(0, 0, 1)
	}
	at := first.AddDate(0, 0, int(days)).Add(clock)
	if !f.clock && microseconds == 0 {
		return at.Format("2006-01-02"), true
	}
	return at.Format("2006-01-02T15:04:05.999999"), true
}

// roundedOff returns how many microseconds the last digit is that a spreadsheet keeps of
// so many days and a fraction.
func roundedOff(days float64) int64 {
	whole := len(strconv.Itoa(int(days)))
	return int64(math.Ceil(dayMicroseconds * math.Pow10(whole-exactDigits)))
}

func abs(n int64) int64 { return max(n, -n) }
