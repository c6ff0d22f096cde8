package crm

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// anyNumber of words.
const anyNumber = -1

// words returns the words of a text, at most so many: its runs of letters and digits,
// folded so that what looks alike is alike. They are taken apart (NFKD), lose their
// marks, go in lower case, and the letters that do not come apart are spelled out: Ł is
// l, ß is ss. Folding what is folded changes nothing.
func words(text string, most int) []string {
	var out []string
	rest := foldWords(text)
	for len(out) != most {
		rest = strings.TrimLeft(rest, " ")
		if rest == "" {
			break
		}
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		out = append(out, firstRunes(word, maxWordRunes))
	}
	return out
}

// firstRunes returns the beginning of a word.
func firstRunes(word string, most int) string {
	if len(word) <= most {
		return word
	}
	for i := range word {
		if most == 0 {
			return word[:i]
		}
		most--
	}
	return word
}

// foldWords folds a text, with blanks for what is between its words.
func foldWords(text string) string {
	folded := make([]byte, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			return foldUnicode(text)
		case 'A' <= c && c <= 'Z':
			folded[i] = c + ('a' - 'A')
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			folded[i] = c
		default:
			folded[i] = ' '
		}
	}
	return string(folded)
}

func foldUnicode(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFKD.String(text) {
		switch {
		// Marks; what is not seen, such as a soft hyphen; and the letters that stand
		// for an apostrophe, which few type as such.
		case unicode.In(r, unicode.M, unicode.Cf) || r == '\u02bb' || r == '\u02bc':
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			r = unicode.ToLower(r)
			if spelled := spellOut(r); spelled != "" {
				b.WriteString(spelled)
			} else {
				b.WriteRune(r)
			}
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// spellOut returns what is typed for a letter that has no parts; "" for all others.
func spellOut(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ħ':
		return "h"
	case 'ŧ':
		return "t"
	case 'ı':
		return "i"
	case 'ς':
		return "σ"
	}
	return ""
}
