package adopt

import (
	"errors"
	"math/big"
	"regexp"
	"strings"
	"time"
	"unicode"

	"sixty/internal/crm"
)

func parseText(s string) (string, error) { return s, nil }

// parseEnumerated normalises one of a few values: its case, and what separates its words.
// crm checks which ones there are.
func parseEnumerated(s string) (string, error) {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return unicode.IsSpace(r) || r == '-' || r == '_'
	}), "_"), nil
}

// parseBool reads what databases and programs write for yes and no.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "t", "true", "y", "yes", "on", "1":
		return true, nil
	case "f", "false", "n", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

var errNotNumber = errors.New("must be a number")

// decimalPattern bounds the computation: an exponent could make a short text a number that
// fills the memory.
var decimalPattern = regexp.MustCompile(`^-?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,2})?$`)

// parseDecimal reads a number with a decimal point, exactly. A currency's sign or code
// around it and commas between its groups are ignored; a comma before one or two
// digits at the end is a decimal one if there is no point after it.
func parseDecimal(s string) (*big.Rat, error) {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Sc, r), unicode.IsSpace(r), r == '\'', r == '’', r == '_':
			return -1
		case r == '−':
			return '-'
		}
		return r
	}, strings.ToLower(s))
	if code := strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz"); len(s)-len(code) == 3 {
		s = code
	}
	if comma, point := strings.LastIndexByte(s, ','), strings.LastIndexByte(s, '.'); comma > point {
		if n := len(s) - comma - 1; n == 1 || n == 2 {
			s = strings.ReplaceAll(s[:comma], ".", "") + "." + s[comma+1:]
		}
	}
	s = strings.ReplaceAll(s, ",", "")
	if !decimalPattern.MatchString(s) {
		return nil, errNotNumber
	}
	v, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errNotNumber
	}
	return v, nil
}

// rounded returns a number as a whole one, half away from zero.
func rounded(v *big.Rat) *big.Int {
	half := big.NewRat(int64(v.Sign()), 2)
	sum := new(big.Rat).Add(v, half)
	return new(big.Int).Quo(sum.Num(), sum.Denom())
}

// parseMoney reads an amount; one of more than two places is rounded half up.
func parseMoney(s string) (crm.Money, error) {
	v, err := parseDecimal(s)
	if err != nil {
		return 0, err
	}
	v.Mul(v, big.NewRat(100, 1))
	minor := rounded(v)
	if !minor.IsInt64() || minor.Int64() > int64(crm.MaxMoney) || minor.Int64() < -int64(crm.MaxMoney) {
		return 0, errors.New("must be between 0.00 and " + crm.MaxMoney.String())
	}
	money := crm.Money(minor.Int64())
	if !v.IsInt() {
		return money, &inexact{"was rounded to " + money.String() + " (it is " + quoted(s) + ")"}
	}
	return money, nil
}

// parseWhole reads a whole number.
func parseWhole(s string) (int, error) {
	v, err := parseDecimal(s)
	if err != nil {
		return 0, err
	}
	return whole(v, s)
}

func whole(v *big.Rat, s string) (int, error) {
	n := rounded(v)
	if !n.IsInt64() || n.BitLen() > 31 {
		return 0, errors.New("must not be so great")
	}
	if !v.IsInt() {
		return int(n.Int64()), &inexact{"was rounded to " + n.String() + " (it is " + quoted(s) + ")"}
	}
	return int(n.Int64()), nil
}

// parsePercent reads a percentage. Without the sign, what is written with a point and
// is at most 1 is a fraction: 0.25 and 25% are the same, and 1.00 is all.
func parsePercent(s string) (int, error) {
	number, signed := strings.CutSuffix(s, "%")
	v, err := parseDecimal(number)
	if err != nil {
		return 0, err
	}
	if !signed && strings.Contains(number, ".") && v.Sign() >= 0 && v.Cmp(big.NewRat(1, 1)) <= 0 {
		v.Mul(v, big.NewRat(100, 1))
	}
	return whole(v, s)
}

// The forms in which instants are written. Without a zone they are in UTC.
var instantLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07", "2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05",
	"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly,
}

func parseInstant(s string) (crm.Instant, error) {
	for _, layout := range instantLayouts {
		t, err := time.Parse(layout, s)
		if err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
			return crm.InstantOf(t), nil
		}
	}
	return 0, errors.New("must be a point in time such as 2026-01-31T09:30:00Z")
}

func parseMoment(s string) (crm.Moment, error) {
	at, err := parseInstant(s)
	return crm.Moment(at), err
}

// parseDate reads a date, or the day in UTC of a point in time.
func parseDate(s string) (crm.Date, error) {
	at, err := parseInstant(s)
	if err != nil {
		return 0, errors.New("must be a date such as 2026-01-31")
	}
	return crm.DateOf(at.Time()), nil
}
