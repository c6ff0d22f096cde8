package csvio

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// improbable returns the first word of s that is probably text of another
// encoding, and "" if there is none. It looks for what a wrong encoding leaves
// in nearly every text and people hardly ever write: control characters, signs
// within words (£ódŸ is Łódź), and UTF-8 that was read as Windows-1252 (MÃ¼ller).
func improbable(s string) string {
	if strings.IndexFunc(s, suspicious) < 0 {
		return ""
	}
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == ',' || r == ';' }) {
		if strings.IndexFunc(word, suspicious) >= 0 && improbableWord([]rune(word)) {
			return word
		}
	}
	return ""
}

// What improbable text has in it.
const (
	signs   = "¢£¤¥¦§¨©¬®¯±¶¸¹²³¼½¾¿" // within a word
	prefix  = "£¥¯³¹¾"                // before a word
	capital = "ŸŒŠŽ¯£¥"               // behind a small letter
	leads   = "ÂÃÄÅÎÏÐÑØÙ"            // first bytes of UTF-8, as Windows-1252
)

// suspicious reports whether r may be a part of improbable text: it is a control
// character, a sign or a capital letter. That is quick to tell of most characters.
func suspicious(r rune) bool {
	return r >= 0x80 && r < 'ß' || r == 'â' || r == 'Œ' || r == 'Š' || r == 'Ÿ' || r == 'Ž' || r == utf8.RuneError
}

func improbableWord(word []rune) bool {
	at := func(i int) rune {
		if i < 0 || i >= len(word) {
			return 0
		}
		return word[i]
	}
	for i, r := range word {
		if r < 0x80 {
			continue
		}
		before, behind := at(i-1), at(i+1)
		switch {
		case r <= 0x9F, r == utf8.RuneError: // control characters, and what a conversion lost
			return true
		case strings.ContainsRune(signs, r) && unicode.IsLetter(before) && unicode.IsLetter(behind):
			return true
		case strings.ContainsRune(prefix, r) && before == 0 && unicode.IsLower(behind) && letters(word[i+1:]) >= 3:
			return true // an amount has no word behind its sign
		case strings.ContainsRune(capital, r) && unicode.IsLower(before):
			return true
		case readTwice(r, behind, at(i+2)):
			return true
		}
	}
	return false
}

// letters returns how many letters word begins with.
func letters(word []rune) int {
	for i, r := range word {
		if !unicode.IsLetter(r) {
			return i
		}
	}
	return len(word)
}

// readTwice reports whether a, b and c begin with a character of UTF-8 that was
// read as Windows-1252. Of the bytes that begin one, those are looked at that are
// frequent in scripts of Europe and that no text has before such a sign.
func readTwice(a, b, c rune) bool {
	if a == 'â' {
		return b == '€' || b == '‚' || b == '„' || b == '†'
	}
	if !strings.ContainsRune(leads, a) {
		return false
	}
	second, ok := charmap.Windows1252.EncodeRune(b)
	if !ok || second < 0x80 || second > 0xBF {
		return false
	}
	// A word may end before a quotation mark, a dash or an ordinal sign.
	if strings.ContainsRune("…‘’“”–—«»ªº´·°™", b) {
		return unicode.IsLetter(c)
	}
	return true
}
