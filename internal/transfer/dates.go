package transfer

import (
	"errors"
	"strings"
	"time"

	"sixty/internal/crm"
)

// dateFormat is how dates are written in a file, beside ISO 8601: a layout of
// package time; "" is none.
type dateFormat string

// tokens are the parts of a date format; of two that begin alike the longer first.
var tokens = []struct{ token, layout string }{
	{"YYYY", "2006"}, {"MM", "01"}, {"M", "1"}, {"DD", "02"}, {"D", "2"}, {"HH", "15"}, {"mm", "04"}, {"ss", "05"},
}

// signs may stand between the parts.
const signs = " /-.,:T"

// parseDateFormat reads a format such as M/D/YYYY or DD.MM.YYYY HH:mm. It must name
// a day; the time may be left out.
func parseDateFormat(format string) (dateFormat, error) {
	var layout strings.Builder
	seen := ""
next:
	for rest := format; rest != ""; {
		for _, t := range tokens {
			if !strings.HasPrefix(rest, t.token) {
				continue
			}
			if strings.Contains(seen, t.token[:1]) {
				return "", usage("--date-format %q names a part twice", format)
			}
			seen += t.token[:1]
			layout.WriteString(t.layout)
			rest = rest[len(t.token):]
			continue next
		}
		if strings.IndexByte(signs, rest[0]) < 0 {
			return "", usage("--date-format %q is not understood from %q on: its parts are YYYY, MM or M, DD or D, HH, mm and ss, and %q may stand between them", format, rest, signs)
		}
		layout.WriteByte(rest[0])
		rest = rest[1:]
	}
	for _, part := range []string{"Y", "M", "D"} {
		if format != "" && !strings.Contains(seen, part) {
			return "", usage("--date-format %q must have a year (YYYY), a month (MM or M) and a day (DD or D)", format)
		}
	}
	return dateFormat(layout.String()), nil
}

// isoLayouts are always understood, the time being UTC.
var isoLayouts = []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"}

// parse reads a date or a date-time.
func (f dateFormat) parse(cell string) (time.Time, error) {
	if f != "" {
		if t, err := time.Parse(string(f), cell); err == nil && t.Year() >= 1 {
			return t, nil
		}
	}
	for _, layout := range isoLayouts {
		if t, err := time.Parse(layout, cell); err == nil && t.Year() >= 1 {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339Nano, cell); err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
		return t, nil
	}
	if f != "" {
		return time.Time{}, errors.New("must be a date in the format given, or such as 2026-01-31")
	}
	return time.Time{}, errors.New("must be a date such as 2026-01-31 (for others see --date-format)")
}

// parseInstant reads an instant; a day begins at midnight UTC.
func (f dateFormat) parseInstant(cell string) (crm.Instant, error) {
	t, err := f.parse(cell)
	return crm.InstantOf(t), err
}

// parseMoment is parseInstant for members that clients may write as a day, too.
func (f dateFormat) parseMoment(cell string) (crm.Moment, error) {
	at, err := f.parseInstant(cell)
	return crm.Moment(at), err
}

// parseDate reads a day; of a date-time, the one that it is at its own place.
func (f dateFormat) parseDate(cell string) (crm.Date, error) {
	t, err := f.parse(cell)
	_, offset := t.Zone()
	return crm.DateOf(t.Add(time.Duration(offset) * time.Second)), err
}
