package server

import (
	"net/url"
	"slices"
	"strings"
)

// CanonicalQuery returns the one form of all query strings that mean the same: the
// parameters of the given names that are not empty, sorted, and escaped alike. A query
// that cannot be parsed is returned as it is, for the operation to reject.
func CanonicalQuery(names []string, raw string) string { return canonicalQuery(names, false, raw) }

// IgnoredParameter reports whether a query parameter is ignored by operations that reject those
// they do not know: those of caches, and of links in messages and advertisements.
func IgnoredParameter(name string) bool {
	return name == "_" || name == "t" || name == "select" || strings.HasPrefix(name, "utm_")
}

// canonicalQuery is CanonicalQuery. With only, other parameters are for the operation to reject.
func canonicalQuery(names []string, only bool, raw string) string {
	if raw == "" || isCanonical(names, raw) {
		return raw
	}
	var room [16]string
	pairs := room[:0]
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(pair, "%+") {
			var err error
			if name, err = url.QueryUnescape(name); err != nil {
				return raw
			}
			if value, err = url.QueryUnescape(value); err != nil {
				return raw
			}
		}
		switch {
		case value == "":
		case slices.Contains(names, name):
			pairs = append(pairs, name+"="+url.QueryEscape(value))
		case only && !IgnoredParameter(name):
			return raw
		}
	}
	slices.Sort(pairs)
	return strings.Join(slices.Compact(pairs), "&")
}

// ParseQuery parses a query string (application/x-www-form-urlencoded). Unlike url.ParseQuery it
// takes a semicolon for a character, as RFC 3986 section 3.4 and WHATWG URL section 5.1 do.
func ParseQuery(raw string) (url.Values, error) {
	return url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
}

// isCanonical reports whether a query has that form already, as those of programs that
// sort their parameters do.
func isCanonical(names []string, raw string) bool {
	before := ""
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || pair <= before || !slices.Contains(names, name) {
			return false
		}
		for i := range len(value) {
			if !isUnreserved(value[i]) {
				return false
			}
		}
		before = pair
	}
	return true
}

// isUnreserved reports whether a byte needs no escape in a query (RFC 3986 section 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}
