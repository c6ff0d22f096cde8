package crm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ID identifies a record: a UUID, of version 7 when created here (RFC 9562), so that newer
// records have greater ids.
type ID = uuid.UUID

// NewID returns a new ID of version 7. The ids of one process ascend.
func NewID() ID { return uuid.Must(uuid.NewV7()) }

// CompareIDs orders ids as both engines do: by their bytes.
func CompareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// ParseID reads the 36 character form of a UUID and nothing else.
func ParseID(s string) (ID, error) {
	if len(s) != 36 {
		return ID{}, errors.New("must be a UUID")
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return ID{}, errors.New("must be a UUID")
	}
	return id, nil
}

// Instant is a point in time in microseconds since 1970-01-01T00:00:00Z, which is
// what both engines keep exactly. On the wire it is RFC 3339 in UTC with six
// digits of fraction.
type Instant int64

const instantLayout = "2006-01-02T15:04:05.000000Z"

// The range of instants and dates that every engine and format can hold.
const (
	minYear = 1
	maxYear = 9999
)

// InstantOf rounds t down to the microsecond.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMicro()) }

// Time returns the instant as a time.Time in UTC.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }

const oneDay Instant = secondsPerDay * 1e6

// Midnight returns the midnight, UTC, with which the instant's day begins.
func (i Instant) Midnight() Instant { return i - ((i%oneDay)+oneDay)%oneDay }

// NextMidnight returns the midnight, UTC, with which the instant's day ends.
func (i Instant) NextMidnight() Instant { return i.Midnight() + oneDay }

// AppendText appends the wire form.
func (i Instant) AppendText(b []byte) ([]byte, error) {
	return i.Time().AppendFormat(b, instantLayout), nil
}

// String returns the wire form.
func (i Instant) String() string { return i.Time().Format(instantLayout) }

// MarshalJSON writes the wire form.
func (i Instant) MarshalJSON() ([]byte, error) {
	return i.Time().AppendFormat(make([]byte, 0, 32), `"`+instantLayout+`"`), nil
}

// UnmarshalJSON reads what ParseInstant reads.
func (i *Instant) UnmarshalJSON(b []byte) error {
	return unmarshalText(b, i, ParseInstant)
}

// ParseInstant reads an RFC 3339 date-time with any offset.
func ParseInstant(s string) (Instant, error) {
	t, ok := parseDateTime(s)
	if !ok || t.UTC().Year() < minYear || t.UTC().Year() > maxYear {
		return 0, errors.New("must be a date-time such as 2026-01-31T09:30:00Z")
	}
	return InstantOf(t), nil
}

// Date is a calendar day, counted in days since 1970-01-01; YYYY-MM-DD on the wire.
type Date int32

const secondsPerDay = 24 * 60 * 60

// DateOf returns the day of t in UTC.
func DateOf(t time.Time) Date {
	return Date(math.Floor(float64(t.Unix()) / secondsPerDay))
}

// Time returns midnight of the day in UTC.
func (d Date) Time() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// Instant returns midnight of the day in UTC.
func (d Date) Instant() Instant { return Instant(int64(d) * secondsPerDay * 1e6) }

// AppendText appends YYYY-MM-DD.
func (d Date) AppendText(b []byte) ([]byte, error) {
	return d.Time().AppendFormat(b, time.DateOnly), nil
}

// String returns YYYY-MM-DD.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// MarshalJSON writes "YYYY-MM-DD".
func (d Date) MarshalJSON() ([]byte, error) {
	return d.Time().AppendFormat(make([]byte, 0, 12), `"`+time.DateOnly+`"`), nil
}

// UnmarshalJSON reads what ParseDate reads.
func (d *Date) UnmarshalJSON(b []byte) error { return unmarshalText(b, d, ParseDate) }

// ParseDate reads YYYY-MM-DD; a day that the calendar lacks is an error.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < minYear {
		return 0, errors.New("must be a date such as 2026-01-31")
	}
	return DateOf(t), nil
}

// Moment is an Instant that a client may also write as a day, which means the
// midnight, UTC, that it begins with.
type Moment Instant

// ParseMoment reads what ParseInstant or ParseDate reads.
func ParseMoment(s string) (Moment, error) {
	if d, err := ParseDate(s); err == nil {
		return Moment(d.Instant()), nil
	}
	at, err := ParseInstant(s)
	if err != nil {
		return 0, errors.New("must be a date-time such as 2026-01-31T09:30:00Z, or a date such as 2026-01-31")
	}
	return Moment(at), nil
}

// UnmarshalJSON reads what ParseMoment reads.
func (m *Moment) UnmarshalJSON(b []byte) error { return unmarshalText(b, m, ParseMoment) }

// Money is an exact amount in minor units: hundredths of the currency it stands
// beside. On the wire it is a JSON number with two places.
type Money int64

// MaxMoney is the greatest amount accepted: sums over 90,000 of them still fit.
const MaxMoney Money = 1e14 - 1

// AppendText appends the amount with two places, such as -12.05.
func (m Money) AppendText(b []byte) ([]byte, error) {
	u := uint64(m)
	if m < 0 {
		b = append(b, '-')
		u = -u
	}
	b = strconv.AppendUint(b, u/100, 10)
	c := u % 100
	return append(b, '.', byte('0'+c/10), byte('0'+c%10)), nil
}

// String returns the amount with two places.
func (m Money) String() string {
	b, _ := m.AppendText(make([]byte, 0, 24))
	return string(b)
}

// MarshalJSON writes a JSON number with two places.
func (m Money) MarshalJSON() ([]byte, error) { return m.AppendText(make([]byte, 0, 24)) }

// UnmarshalJSON reads a JSON number (not a string) exactly.
func (m *Money) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] == '"' {
		return errors.New("must be a number")
	}
	v, err := ParseMoney(string(b))
	if err != nil {
		return err
	}
	*m = v
	return nil
}

// maxExponent bounds the exponent of an amount: beyond it is no other amount, as long as
// an amount is shorter.
const maxExponent = 1 << 20

// ParseMoney reads a decimal number exactly: at most two places that are not zero,
// at most MaxMoney either way. An exponent is understood, as JSON allows it.
func ParseMoney(s string) (Money, error) {
	const notNumber = MalformedError("must be a number")
	body, negative := strings.CutPrefix(s, "-")
	mantissa, exponent := body, 0
	if i := strings.IndexAny(body, "eE"); i >= 0 {
		e, err := strconv.Atoi(body[i+1:])
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, notNumber
		}
		// Beyond that, all numbers are too large, or have too many places.
		mantissa, exponent = body[:i], max(-maxExponent, min(e, maxExponent))
	}
	whole, fraction, dotted := strings.Cut(mantissa, ".")
	if whole == "" || (dotted && fraction == "") {
		return 0, notNumber
	}
	// The digits d stand for d × 10^-places; minor units shift that by two.
	digits := whole + fraction
	places := len(fraction) - exponent - 2
	var v uint64
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, notNumber
		}
	}
	for places > 0 && digits != "" {
		if digits[len(digits)-1] != '0' {
			return 0, errors.New("must have at most two decimal places")
		}
		digits, places = digits[:len(digits)-1], places-1
	}
	digits = strings.TrimLeft(digits, "0")
	if digits != "" && places < 0 {
		digits += strings.Repeat("0", min(-places, 32))
	}
	if len(digits) > 18 {
		return 0, fmt.Errorf("must be between -%s and %s", MaxMoney, MaxMoney)
	}
	if digits != "" {
		v, _ = strconv.ParseUint(digits, 10, 64)
	}
	if v > uint64(MaxMoney) {
		return 0, fmt.Errorf("must be between -%s and %s", MaxMoney, MaxMoney)
	}
	if negative {
		return -Money(v), nil
	}
	return Money(v), nil
}

// unmarshalText reads a JSON string with parse; null leaves dst as it is.
func unmarshalText[T any](b []byte, dst *T, parse func(string) (T, error)) error {
	if string(b) == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return errors.New("must be a string")
	}
	v, err := parse(s)
	if err != nil {
		return err
	}
	*dst = v
	return nil
}
