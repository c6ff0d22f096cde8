package crm

import "time"

// parseDateTime reads a date-time as RFC 3339 section 5.6 defines it. time.Parse accepts more (an
// hour of one digit, a comma before the fraction, offsets beyond 23:59) and less (t and z, a leap
// second). A leap second is the second after it.
func parseDateTime(s string) (time.Time, bool) {
	const layout = "0000-00-00T00:00:00"
	if len(s) <= len(layout) {
		return time.Time{}, false
	}
	for i := range len(layout) {
		switch want := layout[i]; {
		case want == '0' && isDigit(s[i]), want == s[i] && want != '0', want == 'T' && s[i] == 't':
		default:
			return time.Time{}, false
		}
	}
	year := 100*twoDigits(s) + twoDigits(s[2:])
	month, day, hour, minute, second := twoDigits(s[5:]), twoDigits(s[8:]), twoDigits(s[11:]), twoDigits(s[14:]), twoDigits(s[17:])
	nanoseconds, rest, ok := fraction(s[len(layout):])
	if !ok || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	offset, ok := zoneOffset(rest)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, min(second, 59), nanoseconds, time.FixedZone("", offset))
	if t.Day() != day || int(t.Month()) != month { // such as the 31st of April
		return time.Time{}, false
	}
	if second == 60 {
		utc := t.UTC()
		next := time.Date(utc.Year(), utc.Month(), utc.Day(), 24, 0, 0, 0, time.UTC)
		if utc.Hour() != 23 || utc.Minute() != 59 || next.Day() != 1 {
			return time.Time{}, false
		}
		t = t.Add(time.Second)
	}
	return t, true
}

// fraction reads the fraction of a second, if s begins with one.
func fraction(s string) (nanoseconds int, rest string, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	n := 1
	for place := int(time.Second) / 10; n < len(s) && isDigit(s[n]); n++ {
		nanoseconds += int(s[n]-'0') * place
		place /= 10
	}
	return nanoseconds, s[n:], n > 1
}

// zoneOffset reads the offset from UTC, in seconds.
func zoneOffset(s string) (seconds int, ok bool) {
	if s == "z" || s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' || !isDigit(s[1]) || !isDigit(s[2]) || !isDigit(s[4]) || !isDigit(s[5]) {
		return 0, false
	}
	hours, minutes := twoDigits(s[1:]), twoDigits(s[4:])
	if seconds = (60*hours + minutes) * 60; s[0] == '-' {
		seconds = -seconds
	}
	return seconds, hours <= 23 && minutes <= 59
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// twoDigits reads two digits that s is known to begin with.
func twoDigits(s string) int { return 10*int(s[0]-'0') + int(s[1]-'0') }
