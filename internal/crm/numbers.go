package crm

import (
	"strconv"
	"time"
)

// Ratio is a fraction in ten-thousandths; on the wire a JSON number with four places.
type Ratio int64

const ratioUnit = 10_000

// AppendText appends the fraction with four places, such as 0.6315.
func (r Ratio) AppendText(b []byte) ([]byte, error) { return appendPlaces(b, int64(r), 4), nil }

// MarshalJSON writes a JSON number with four places.
func (r Ratio) MarshalJSON() ([]byte, error) { return r.AppendText(make([]byte, 0, 8)) }

// Days is a time in hundredths of a day; on the wire a JSON number with two places.
type Days int64

const dayUnit = 100

// AppendText appends the days with two places, such as 47.25.
func (d Days) AppendText(b []byte) ([]byte, error) { return appendPlaces(b, int64(d), 2), nil }

// MarshalJSON writes a JSON number with two places.
func (d Days) MarshalJSON() ([]byte, error) { return d.AppendText(make([]byte, 0, 16)) }

// Month is a calendar month, kept as its first day; YYYY-MM on the wire.
type Month Date

const monthLayout = "2006-01"

// MonthOf returns the month that a day is in.
func MonthOf(d Date) Month {
	year, month, _ := d.Time().Date()
	return Month(DateOf(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)))
}

// AppendText appends YYYY-MM.
func (m Month) AppendText(b []byte) ([]byte, error) {
	return Date(m).Time().AppendFormat(b, monthLayout), nil
}

// String returns YYYY-MM.
func (m Month) String() string { return Date(m).Time().Format(monthLayout) }

// MarshalJSON writes "YYYY-MM".
func (m Month) MarshalJSON() ([]byte, error) {
	return Date(m).Time().AppendFormat(make([]byte, 0, 10), `"`+monthLayout+`"`), nil
}

// appendPlaces appends n ÷ 10^places.
func appendPlaces(b []byte, n int64, places int) []byte {
	u := uint64(n)
	if n < 0 {
		b = append(b, '-')
		u = -u
	}
	unit := uint64(1)
	for range places {
		unit *= 10
	}
	b = strconv.AppendUint(b, u/unit, 10)
	b = append(b, '.')
	for rest := u % unit; unit > 1; {
		unit /= 10
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// quotient divides by a positive number and rounds half up.
func quotient(n, by int64) int64 {
	q, rest := n/by, n%by
	if rest < 0 { // Go rounds towards zero
		q, rest = q-1, rest+by
	}
	if rest >= by-rest {
		q++
	}
	return q
}
