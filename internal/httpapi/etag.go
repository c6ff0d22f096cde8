package httpapi

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// An entity tag (RFC 9110 section 8.8.3) is strong, and says which bytes an answer has:
//
//	"7.9f86d081884c7d65-br"
//
// 7 is the version of the row that is answered; an answer that is not one thing with
// a version, such as a list, goes without it and its dot. The 16 digits are the
// beginning of the SHA-256 of the body, before it is encoded: what is joined to a thing
// changes without its row. The suffix is the encoding (section 8.8.3.3), and there is
// none where the body is sent as it is.
//
// If-Match of a write looks at the version alone, so that a tag of any representation
// of a thing will do for it, and nobody's change is lost either way.

// entityTag makes the tag of a representation; the encoding "" is none.
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

// encodedTag gives the tag of a representation as it is encoded, from that of the one
// that is not.
func encodedTag(tag, encoding string) string {
	if encoding == "" {
		return tag
	}
	return strings.TrimSuffix(tag, `"`) + "-" + encoding + `"`
}

// versionOf gives the row's version that a tag of ours names; false for any other tag.
func versionOf(tag string) (int64, bool) {
	version, hash, _ := strings.Cut(strings.Trim(tag, `"`), ".")
	hash, _, _ = strings.Cut(hash, "-")
	n, err := strconv.ParseInt(version, 10, 64)
	return n, err == nil && len(hash) == cache.HashLength
}

// tagsIn gives the members of If-Match or If-None-Match (RFC 9110 section 13.1): tags
// with their quotes, without the W/ of those that are weak, or one *, which stands for
// whatever there is. What cannot be read ends them as "".
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

// nextTag takes the first member off a list; "" when it cannot be read.
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

// names tells whether a list of tags has one that stands for a representation. If-Match
// compares strongly, which a weak tag never passes, and If-None-Match weakly (RFC 9110
// section 8.8.3.2). The tag of another encoding is that of other bytes: to answer that
// nothing has changed would let the client take those that it keeps for these.
func names(lines []string, tag string, strongly bool) bool {
	for t, weak := range tagsIn(lines) {
		if t == "*" || t == tag && (!strongly || !weak) {
			return true
		}
	}
	return false
}

// expectedBy gives what the preconditions of a request say of the thing that it changes.
func expectedBy(r *http.Request) (crm.VersionCondition, error) {
	match, matched, err := versionsIn(r.Header, "If-Match", true)
	if err != nil {
		return crm.VersionCondition{}, err
	}
	unlike, unmatched, err := versionsIn(r.Header, "If-None-Match", false)
	switch {
	case err != nil:
		return crm.VersionCondition{}, err
	case unmatched == anyTag: // nothing that is there will do
		return crm.VersionIn(), nil
	case matched == someTags:
		return crm.VersionIn(slices.DeleteFunc(match, func(v int64) bool { return slices.Contains(unlike, v) })...), nil
	case unmatched == someTags:
		return crm.VersionNotIn(unlike...), nil
	}
	return crm.VersionCondition{}, nil
}

// tagForm is what a header with entity tags has in it.
type tagForm byte

const (
	noTags   tagForm = iota // it was not sent
	anyTag                  // *
	someTags                // a list, of which perhaps none is ours
)

// versionsIn gives the row versions that the tags in a header name.
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
			return nil, form, unreadableTags(name)
		}
		if v, ours := versionOf(tag); ours && (!strongly || !weak) {
			versions = append(versions, v)
		}
		n++
	}
	if n == 0 {
		return nil, form, unreadableTags(name)
	}
	return versions, form, nil
}

func unreadableTags(header string) *problem {
	return malformed(header + ` must be * or a list of entity tags as they were sent, such as "3.9f86d081884c7d65".`)
}
