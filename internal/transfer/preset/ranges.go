package preset

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// number is a whole number, with digits in groups or not; decimals are zero.
const number = `([0-9]{1,3}(?:[,.' ’][0-9]{3})+|[0-9]+)(?:\.0+)?`

// quantity is a number, a range of numbers, or "more than": 120, 51-200, 10,001+, >1000; a
// word such as "employees" may follow.
var quantity = regexp.MustCompile(`^(>|<)?\s*` + number + `(?:\s*(?:-|–|—|to|bis)\s*` + number + `)?\s*(\+)?(?:\s+\pL+)?$`)

// rangeOf returns what a number means, or a range of numbers, which is where it ends.
func rangeOf(ranges []Range, cell string) (string, bool) {
	if len(ranges) == 0 {
		return "", false
	}
	m := quantity.FindStringSubmatch(cell)
	if m == nil {
		return "", false
	}
	from, ok := wholeNumber(m[2])
	to := from
	if m[3] != "" {
		var known bool
		to, known = wholeNumber(m[3])
		ok = ok && known && from <= to
	}
	if !ok {
		return "", false
	}
	if m[1] == ">" || m[4] == "+" && m[3] == "" {
		to++
	}
	for _, r := range ranges {
		if to <= r.To {
			return r.Value, true
		}
	}
	return "", false
}

func wholeNumber(digits string) (int64, bool) {
	digits = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, digits)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n < maxNumber
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
