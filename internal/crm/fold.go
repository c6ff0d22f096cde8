package crm

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// NameKey folds a name to what it is sorted and found by: as Text, in lower case, with inner
// space reduced to single blanks. Compared byte by byte it orders alike on every engine.
func NameKey(name string) string {
	if isPlain(name) {
		return name
	}
	return norm.NFC.String(strings.ToLower(cleanSpace(Text(name))))
}

// isPlain reports whether folding would change nothing, which is so for most keys.
func isPlain(s string) bool {
	blank := true // at the start, and after a blank, another blank is not plain
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 || c < ' ' || 'A' <= c && c <= 'Z' || c == ' ' && blank {
			return false
		}
		blank = c == ' '
	}
	return s == "" || !blank
}

// cleanSpace trims a text and makes every run of white space one blank.
func cleanSpace(s string) string { return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ") }

// fullName joins the parts of a name; "" when there are none.
func fullName(first, last *string) string {
	switch {
	case first != nil && last != nil:
		return *first + " " + *last
	case first != nil:
		return *first
	case last != nil:
		return *last
	}
	return ""
}

// fullName returns the full name of a person, who needs one if they have no e-mail address.
func (r *Rules) fullName(first, last, email *string) string {
	name := fullName(first, last)
	if name == "" && email == nil && len(r.Bad) == 0 {
		r.Add("first_name", "must be there when there is neither a last_name nor an email")
	}
	return name
}

// SplitName splits a full name into the first word and the rest, which is how
// files that know only one column for it are understood.
func SplitName(full string) (first, last Field[string]) {
	a, b, found := strings.Cut(cleanSpace(Text(full)), " ")
	first, last = Of(a), Null[string]()
	if found {
		last = Of(b)
	}
	return first, last
}
