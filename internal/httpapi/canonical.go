package httpapi

import (
	"net/url"
	"slices"
	"strings"
)

// known are the names of the parameters that an operation reads.
type known []string

// canonical gives a query in the one form that stands for all that mean the same: the
// parameters that are known and not empty, in the order of their names, escaped alike.
// What cannot be read is given as it is: the operation will say so.
func (k known) canonical(raw string) string {
	if raw == "" || k.isCanonical(raw) {
		return raw
	}
	var room [16]string
	pairs := room[:0]
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(pair, "%+;") {
			var err error
			if name, err = url.QueryUnescape(name); err != nil {
				return raw
			}
			if value, err = url.QueryUnescape(value); err != nil || strings.Contains(pair, ";") {
				return raw
			}
		}
		if value != "" && slices.Contains(k, name) {
			pairs = append(pairs, name+"="+url.QueryEscape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(slices.Compact(pairs), "&")
}

// isCanonical tells whether a query is in that form already, as one is that a program
// has put together with the names in order.
func (k known) isCanonical(raw string) bool {
	before := ""
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || pair <= before || !slices.Contains(k, name) {
			return false
		}
		for i := range len(value) {
			if c := value[i]; !isUnreserved(c) {
				return false
			}
		}
		before = pair
	}
	return true
}

// isUnreserved tells what stands in a query as it is (RFC 3986 section 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}
