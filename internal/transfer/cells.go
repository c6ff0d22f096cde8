package transfer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"sixty/internal/crm"
)

func parseText(cell string) (string, error) { return cell, nil }

// parseEnumerated reads one of a few values, which are all in lower case.
func parseEnumerated(cell string) (string, error) { return strings.ToLower(cell), nil }

// parseBool reads what programs write for yes and no.
func parseBool(cell string) (bool, error) {
	switch strings.ToLower(cell) {
	case "true", "yes", "1":
		return true, nil
	case "false", "no", "0":
		return false, nil
	}
	return false, errors.New("must be true or false, yes or no, 1 or 0")
}

// parseWhole reads a whole number; a per cent sign and decimals that are all zero
// may follow it.
func parseWhole(cell string) (int, error) {
	s := strings.TrimSpace(strings.TrimSuffix(cell, "%"))
	if whole, decimals, ok := strings.Cut(s, "."); ok && decimals != "" && strings.Trim(decimals, "0") == "" {
		s = whole
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, errors.New("must be a whole number")
	}
	return n, nil
}

var errNotNumber = errors.New("must be a number")

// parseMoney reads an amount as people and programs write it: with a currency sign
// or not, with digits in groups of three or not, with a decimal point or a decimal
// comma. What could be read in two ways is refused.
func parseMoney(cell string) (crm.Money, error) {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Sc, r):
			return -1
		case unicode.IsSpace(r): // the no-break spaces, which separate groups, are such
			return ' '
		case r == '’':
			return '\''
		case r == '−':
			return '-'
		}
		return r
	}, cell)
	s = strings.TrimSpace(s)
	sign := ""
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = "-", strings.TrimSpace(rest)
	}
	if strings.ContainsAny(s, "eE") {
		return crm.ParseMoney(sign + s)
	}
	whole, decimals, err := splitDecimals(s)
	if err != nil {
		return 0, err
	}
	if whole, err = ungroup(whole); err != nil {
		return 0, err
	}
	if decimals != "" {
		decimals = "." + decimals
	}
	return crm.ParseMoney(sign + whole + decimals)
}

// splitDecimals finds the decimal sign: a point or comma that is the last sign, and
// the only one of its kind, and is not one before a group of three.
func splitDecimals(s string) (whole, decimals string, err error) {
	i := strings.LastIndexAny(s, ".,")
	if i < 0 || strings.Count(s, s[i:i+1]) > 1 {
		return s, "", nil
	}
	whole, decimals = s[:i], s[i+1:]
	if strings.ContainsAny(whole, "., '") || len(decimals) != 3 || len(whole) > 3 || strings.HasPrefix(whole, "0") || whole == "" {
		if decimals == "" || strings.Trim(decimals, "0123456789") != "" {
			return "", "", errNotNumber
		}
		if whole == "" {
			whole = "0"
		}
		return whole, decimals, nil
	}
	if s[i] == ',' {
		return s, "", nil // a group: no amount has three decimals
	}
	return "", "", fmt.Errorf("must be unambiguous: %s may be %s%s or, rounded, %s.%s; write it with two decimals", s, whole, decimals, whole, decimals[:2])
}

// ungroup takes out the signs between groups of three digits, which must all be the
// same.
func ungroup(s string) (string, error) {
	i := strings.IndexAny(s, "., '")
	if i < 0 {
		return s, nil
	}
	groups := strings.Split(s, s[i:i+1])
	for n, group := range groups {
		if n == 0 && (group == "" || len(group) > 3) || n > 0 && len(group) != 3 || strings.Trim(group, "0123456789") != "" {
			return "", errNotNumber
		}
	}
	return strings.Join(groups, ""), nil
}
