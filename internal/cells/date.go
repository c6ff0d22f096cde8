package cells

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sixty/internal/crm"
)

// iso is ISO 8601 as programs write it, PostgreSQL and Salesforce among them: a day, and
// behind it a time in hours and minutes, with seconds, a fraction and an offset or without.
var iso = &DateFormat{name: "ISO 8601", iso: true}

func parseISO(cell string) (m moment, ok bool) {
	rest := cell
	if m.year, rest, ok = number4(rest); !ok {
		return m, false
	}
	if m.month, rest, ok = after(rest, '-'); !ok {
		return m, false
	}
	if m.day, rest, ok = after(rest, '-'); !ok {
		return m, false
	}
	if rest == "" {
		return m, m.valid()
	}
	m.clock = true
	if m.hour, rest, ok = after(rest, 'T'); !ok {
		if m.hour, rest, ok = after(rest, ' '); !ok {
			return m, false
		}
	}
	if m.minute, rest, ok = after(rest, ':'); !ok {
		return m, false
	}
	if second, behind, timed := after(rest, ':'); timed {
		m.second, rest = second, behind
		if rest != "" && (rest[0] == '.' || rest[0] == ',') {
			if m.nano, rest, ok = fraction(rest[1:]); !ok {
				return m, false
			}
		}
	}
	if rest != "" {
		m.hasOffset = true
		if m.offset, rest, ok = parseOffset(strings.TrimPrefix(rest, " ")); !ok {
			return m, false
		}
	}
	return m, rest == "" && m.valid()
}

// after reads two digits behind a sign.
func after(s string, sign byte) (n int, rest string, ok bool) {
	if s == "" || s[0] != sign {
		return 0, s, false
	}
	return number2(s[1:])
}

// parseOffset reads an offset from UTC in seconds: Z, UTC, GMT, +01, +0100, +01:00 or, as
// PostgreSQL writes those of old, +00:53:28.
func parseOffset(s string) (seconds int, rest string, ok bool) {
	for _, word := range [...]string{"Z", "UTC", "GMT"} {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) {
			return 0, s[len(word):], true
		}
	}
	negative := strings.HasPrefix(s, "-")
	if s == "" || s[0] != '+' && !negative {
		return 0, s, false
	}
	hours, rest, ok := number2(s[1:])
	if !ok {
		return 0, s, false
	}
	var minutes, small int
	colon := strings.HasPrefix(rest, ":")
	if m, behind, ok := number2(strings.TrimPrefix(rest, ":")); ok {
		minutes, rest = m, behind
		if n, behind, ok := after(rest, ':'); ok && colon {
			small, rest = n, behind
		}
	} else if colon {
		return 0, s, false
	}
	seconds = hours*3600 + minutes*60 + small
	if negative {
		seconds = -seconds
	}
	return seconds, rest, hours <= 15 && minutes < 60 && small < 60
}

// The days that spreadsheets count: from 1900-01-01, which is 1, to 9999-12-31. They count
// 1900-02-29, which never was, as 60.
const (
	serialMarch1900 = 61
	serialLast      = 2958465
	maxSerial       = 32 // bytes: programs write 17 digits and two signs
)

// parseSerial reads a spreadsheet's number of a day, whose decimals are the time of day.
func parseSerial(cell string) (m moment, ok bool) {
	if cell == "" || strings.Trim(cell, "0123456789.,") != "" || len(cell) > maxSerial {
		return m, false
	}
	v, err := strconv.ParseFloat(strings.Replace(cell, ",", ".", 1), 64)
	if err != nil || v < 1 || v >= serialLast+1 || v >= serialMarch1900-1 && v < serialMarch1900 {
		return m, false
	}
	day, part := math.Modf(v)
	if day < serialMarch1900 {
		day++
	}
	// The decimals are exact to a millisecond at best.
	t := time.Date(1899, 12, 30+int(day), 0, 0, 0, 0, time.UTC).Add(time.Duration(math.Round(part*86_400_000)) * time.Millisecond)
	m = moment{year: t.Year(), day: t.Day(), month: int(t.Month()), hour: t.Hour(), minute: t.Minute(), second: t.Second(), nano: t.Nanosecond()}
	m.clock = strings.ContainsAny(cell, ".,")
	return m, m.valid()
}

// valid reports whether the calendar and the clock have the moment.
func (m moment) valid() bool {
	if m.year < 1 || m.year > 9999 || m.month < 1 || m.month > 12 || m.day < 1 || m.hour > 23 || m.minute > 59 || m.second > 59 {
		return false
	}
	return m.day <= 28 || m.day <= time.Date(m.year, time.Month(m.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// date returns the day that is written. It is not the day in UTC: a person who reads the cell
// sees that day, and programs that keep days as instants write the midnight of their place.
func (m *moment) date() crm.Date {
	return crm.DateOf(time.Date(m.year, time.Month(m.month), m.day, 0, 0, 0, 0, time.UTC))
}

// wall returns the moment as if its place were UTC.
func (m *moment) wall() time.Time {
	return time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.nano, time.UTC)
}

// The ways in which a place has a time of day when its clocks change.
type clockChange int

const (
	noChange    clockChange = iota
	passedOver              // clocks were put forward over it
	passedTwice             // clocks were put back to it
)

// at returns the instant. A time without an offset is one of the place. A day without a time
// begins at midnight UTC, as it does in requests: so the day that is shown is the one that
// was written. Of a time that a place had twice the first is meant.
func (m *moment) at(place *time.Location) (time.Time, clockChange) {
	wall := m.wall()
	if m.hasOffset {
		return wall.Add(-time.Duration(m.offset) * time.Second), noChange
	}
	if !m.clock || place == nil || place == time.UTC {
		return wall, noChange
	}
	local := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.nano, place)
	if _, offset := local.Zone(); !local.Add(time.Duration(offset) * time.Second).Equal(wall) {
		return local, passedOver
	}
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		_, before := start.Add(-time.Second).Zone()
		if other := wall.Add(-time.Duration(before) * time.Second); other.Before(start) {
			return other, passedTwice
		}
	}
	if !end.IsZero() {
		_, behind := end.Zone()
		if other := wall.Add(-time.Duration(behind) * time.Second); !other.Before(end) {
			return local, passedTwice
		}
	}
	return local, noChange
}

// moments reads a cell in each of the column's formats. If they disagree, second is another
// reading than m; count is how many formats read it.
func (r *Reader) moments(cell string) (m, second moment, agree bool, count int) {
	agree = true
	for _, f := range r.formats {
		read, ok := f.parse(cell)
		switch {
		case !ok:
			continue
		case count == 0:
			m = read
		case read != m && agree:
			second, agree = read, false
		}
		count++
	}
	return m, second, agree, count
}

// moment reads a cell of a column of dates.
func (r *Reader) moment(cell string) (moment, error) {
	m, second, agree, count := r.moments(cell)
	switch {
	case count == 0 && (strings.HasSuffix(cell, " BC") || strings.HasSuffix(cell, "infinity")):
		return m, rejected(cell, "must be a day from 0001-01-01 to 9999-12-31")
	case count == 0:
		return m, rejected(cell, "must be %s", r.expects)
	case !agree:
		return m, rejected(cell, "must be unambiguous: may be %s or %s, and no other cell shows the order of day and month%s", m.date(), second.date(), r.options.see("date-format"))
	}
	return m, nil
}

// Date returns a day. Of a time it is the day that is written.
func (r *Reader) Date(cell string) (crm.Date, error) {
	m, err := r.moment(clean(cell))
	if err != nil {
		return 0, err
	}
	return m.date(), nil
}

// Instant returns an instant to the microsecond; of a day, its midnight in UTC.
func (r *Reader) Instant(cell string) (crm.Instant, error) {
	cell = clean(cell)
	m, err := r.moment(cell)
	if err != nil {
		return 0, err
	}
	t, change := m.at(r.options.Location)
	if change == passedOver {
		return 0, rejected(cell, "must be a time that there was: clocks in %s were put forward over it", r.options.Location)
	}
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return 0, rejected(cell, "must be a day from 0001-01-01 to 9999-12-31")
	}
	return crm.InstantOf(t), nil
}
