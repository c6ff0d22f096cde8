package server

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// An entity tag (RFC 9110 section 8.8.3) is strong, and identifies the bytes of a response:
//
//	"7.9f86d081884c7d65-br"
//
// 7 is the version of the record; a response that is not one versioned record, such as a
// list, goes without it and its dot. The 16 digits are the beginning of the SHA-256 of the
// body, before it is encoded: what is joined to a record changes without it. The suffix is
// the encoding (section 8.8.3.3); there is none if the body is not encoded.
//
// If-Match of a write compares the version alone, so that the tag of any representation
// of a record will do, and no concurrent change is lost.

// entityTag returns the tag of a representation; the encoding "" is none.
func entityTag(version int64, hash, encoding string) string {
	var room [64]byte
	b := append(room[:0], '"')
	if version != 0 {
		b = append(strconv.AppendInt(b, version, 10), '.')
	}
	b = append(b, hash...)
	if encoding != "" {
		b = append(append(b, '-'), encoding...)
	}
	return string(append(b, '"'))
}

// encodedTag returns the tag of an encoded representation, from that of the unencoded one.
func encodedTag(tag, encoding string) string {
	if encoding == "" {
		return tag
	}
	return strings.TrimSuffix(tag, `"`) + "-" + encoding + `"`
}

// versionOf returns the record's version in a tag of ours; false for any other tag.
func versionOf(tag string) (int64, bool) {
	version, hash, _ := strings.Cut(strings.Trim(tag, `"`), ".")
	hash, _, _ = strings.Cut(hash, "-")
	n, err := strconv.ParseInt(version, 10, 64)
	return n, err == nil && len(hash) == cache.HashLength
}

// tagsIn returns the members of If-Match or If-None-Match (RFC 9110 section 13.1): tags
// with their quotes, without the W/ of weak ones, or one *, which matches anything that
// exists. A malformed member ends the sequence as "".
func tagsIn(lines []string) iter.Seq2[string, bool] {
	return func(yield func(tag string, weak bool) bool) {
		for _, line := range lines {
			for {
				// Members of a list may be empty (section 5.6.1).
				if line = strings.TrimLeft(line, ", \t"); line == "" {
					break
				}
				tag, weak, rest := nextTag(line)
				if !yield(tag, weak) || tag == "" {
					return
				}
				line = rest
			}
		}
	}
}

// nextTag splits off the first member of a list; "" if it is malformed.
func nextTag(list string) (tag string, weak bool, rest string) {
	end := 1 // of a *
	if list[0] != '*' {
		list, weak = strings.CutPrefix(list, "W/")
		if !strings.HasPrefix(list, `"`) {
			return "", weak, ""
		}
		if end = strings.IndexByte(list[1:], '"') + 2; end < 2 {
			return "", weak, ""
		}
	}
	tag, rest = list[:end], strings.TrimLeft(list[end:], " \t")
	if rest != "" && rest[0] != ',' {
		return "", weak, ""
	}
	return tag, weak, rest
}

// matchesTag reports whether a list of tags has one that matches. If-Match compares
// strongly, which a weak tag never passes, and If-None-Match weakly (RFC 9110 section
// 8.8.3.2). The tag of another encoding does not match: it stands for other bytes.
func matchesTag(lines []string, tag string, strongly bool) bool {
	for t, weak := range tagsIn(lines) {
		if t == "*" || t == tag && (!strongly || !weak) {
			return true
		}
	}
	return false
}

// expectedVersion returns the condition that a request's preconditions set on the version
// of the record that it changes.
func expectedVersion(r *http.Request) (crm.VersionCondition, error) {
	match, matched, err := versionsIn(r.Header, "If-Match", true)
	if err != nil {
		return crm.VersionCondition{}, err
	}
	noneOf, unmatched, err := versionsIn(r.Header, "If-None-Match", false)
	if err != nil {
		return crm.VersionCondition{}, err
	}
	var expected crm.VersionCondition
	switch {
	case matched == someTags:
		expected = crm.VersionIn(slices.DeleteFunc(match, func(v int64) bool { return slices.Contains(noneOf, v) })...)
	case unmatched == someTags:
		expected = crm.VersionNotIn(noneOf...)
	}
	switch {
	case unmatched == anyTag:
		expected = expected.New()
	case matched == anyTag:
		expected = expected.Existing()
	}
	return expected, nil
}

// tagForm is the form of a header with entity tags.
type tagForm byte

const (
	noTags   tagForm = iota // it was not sent
	anyTag                  // *
	someTags                // a list, perhaps without any of ours
)

// versionsIn returns the versions in a header's tags.
func versionsIn(h http.Header, name string, strongly bool) ([]int64, tagForm, error) {
	lines, sent := h[name]
	if !sent {
		return nil, noTags, nil
	}
	var versions []int64
	n, form := 0, someTags
	for tag, weak := range tagsIn(lines) {
		if tag == "*" {
			form = anyTag
		}
		if tag == "" || form == anyTag && n > 0 {
			return nil, form, malformedTags(name)
		}
		if v, ours := versionOf(tag); ours && (!strongly || !weak) {
			versions = append(versions, v)
		}
		n++
	}
	if n == 0 {
		return nil, form, malformedTags(name)
	}
	return versions, form, nil
}

func malformedTags(header string) *Problem {
	return BadRequest(header + ` must be * or a list of entity tags as they were sent, such as "3.9f86d081884c7d65".`)
}
