package crm

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Text returns a text as it is stored and compared: composed (NFC), without white space and
// invisible characters at its ends. Inside they may have a meaning, as joiners have in emoji
// and in Persian.
func Text(s string) string {
	s = strings.TrimFunc(s, blank)
	if isASCII(s) {
		return s
	}
	return norm.NFC.String(s)
}

// blank reports whether a text shows nothing where it begins or ends with a character.
func blank(r rune) bool { return unicode.IsSpace(r) || invisible(r) }

// invisible reports whether a character shows nothing (Unicode's Default_Ignorable_Code_Point)
// or formats what is beside it (Cf).
func invisible(r rune) bool {
	return r >= utf8.RuneSelf &&
		unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// hidden returns what is wrong with a text that may not have invisible characters anywhere,
// white space and controls beyond ASCII included; "" if nothing is.
func hidden(s string) string {
	for _, r := range s {
		if r >= utf8.RuneSelf && (blank(r) || unicode.IsControl(r)) {
			return fmt.Sprintf("must not contain the invisible character %U", r)
		}
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
