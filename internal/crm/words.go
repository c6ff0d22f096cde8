package crm

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A token is a word as it stands in a text: a run of letters and digits, folded. A run of
// Chinese, Japanese or Korean characters is a word of its own.
type token struct {
	text   []byte
	joined bool // only hyphens separate it from the token before
}

// A splitter takes texts apart, with memory that it uses again: what it returns is valid until
// the next text.
type splitter struct {
	folded, whole []byte
	tokens        []token
}

// split returns the first tokens of a text.
func (s *splitter) split(text string, most int) []token {
	s.folded, s.tokens = appendFolded(s.folded[:0], text), s.tokens[:0]
	joined := false
	for i := 0; i < len(s.folded) && len(s.tokens) < most; {
		switch s.folded[i] {
		case ' ':
			joined = false
			i++
			continue
		case '-':
			i++
			continue
		}
		n := wordEnd(s.folded[i:])
		s.tokens = append(s.tokens, token{firstRunes(s.folded[i:i+n], maxWordRunes), joined})
		i += n
		joined = i < len(s.folded) && s.folded[i] == '-'
	}
	return s.tokens
}

// words calls visit with the words that a text is found by: its tokens, and then those that
// hyphens join, written as one.
func (s *splitter) words(text string, visit func(word []byte)) {
	all := s.split(text, allText)
	for i := range all {
		visit(all[i].text)
	}
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].joined {
			end++
		}
		if end > i+1 {
			s.whole = s.whole[:0]
			for _, t := range all[i:end] {
				s.whole = append(s.whole, t.text...)
			}
			visit(firstRunes(s.whole, maxWordRunes))
		}
		i = end
	}
}

// allText is every token of a text.
const allText = int(^uint(0) >> 1)

// wordEnd returns the length of the word that a folded text begins with.
func wordEnd(folded []byte) int {
	first, _ := utf8.DecodeRune(folded)
	cjk := isCJK(first)
	for i := 0; i < len(folded); {
		r, n := rune(folded[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(folded[i:])
		}
		if r == ' ' || r == '-' || isCJK(r) != cjk {
			return i
		}
		i += n
	}
	return len(folded)
}

// isCJK reports whether words are written with a character without blanks between them.
func isCJK(r rune) bool {
	return r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r == 'ー')
}

// joinedWord returns tokens written as one word.
func joinedWord(parts []string) string { return firstRunes(strings.Join(parts, ""), maxWordRunes) }

// digitsOf returns the digits of a phone number as one word. A trunk zero in parentheses is
// not dialled with the country's code, and is left out.
func digitsOf(phone string) string {
	return firstRunes(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, norm.NFKD.String(strings.ReplaceAll(phone, trunkZero, ""))), maxWordRunes)
}

const trunkZero = "(0)"

// isPhone reports whether a text is nothing but a phone number.
func isPhone(text string) bool {
	return len(text) >= minPhoneDigits && strings.Trim(text, "0123456789+-()./ ") == "" && len(digitsOf(text)) >= minPhoneDigits
}

// allDigits reports whether a word is a number.
func allDigits(word string) bool {
	return strings.IndexFunc(word, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

// findsInside reports whether a word that is typed is also found within words: if it has three
// characters, or two that are Chinese, Japanese or Korean.
func findsInside(word string) bool {
	first, _ := utf8.DecodeRuneInString(word)
	need := 3
	if isCJK(first) {
		need = 2
	}
	if !startsCharacter(first) {
		return false
	}
	for _, r := range word {
		if startsCharacter(r) {
			need--
		}
	}
	return need <= 0
}

// startsCharacter reports whether a character of a word begins here: folded, a Korean syllable
// is its letters (jamo), of which the second and the third continue it.
func startsCharacter(r rune) bool { return r < 0x1160 || r > 0x11ff && r < 0xd7b0 || r > 0xd7ff }

// insides calls each with the ends of a word that can be searched for: those that findsInside.
func insides(word string, each func(end string)) {
	for i, r := range word {
		if i > 0 && startsCharacter(r) && findsInside(word[i:]) {
			each(word[i:])
		}
	}
}

// firstRunes returns the beginning of a word.
func firstRunes[T string | []byte](word T, most int) T {
	if len(word) <= most {
		return word
	}
	for i := range string(word) {
		if most == 0 {
			return word[:i]
		}
		most--
	}
	return word
}

// appendFolded folds a text so that what looks alike is alike. Characters are taken apart (NFKD),
// lose their marks, go in lower case, and the letters that do not come apart are spelled out: Ł
// is l, ß is ss. Apostrophes are left out, hyphens stay, and there are blanks for everything
// else that is between words. Folding what is folded changes nothing.
func appendFolded(to []byte, text string) []byte {
	folded := to
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			return appendFoldedUnicode(to, text)
		case 'A' <= c && c <= 'Z':
			folded = append(folded, c+('a'-'A'))
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-':
			folded = append(folded, c)
		case c == '\'' || c == '`':
		default:
			folded = append(folded, ' ')
		}
	}
	return folded
}

func appendFoldedUnicode(to []byte, text string) []byte {
	for _, r := range norm.NFKD.String(strings.ReplaceAll(text, "\u00b4", "'")) { // an accent alone, typed for an apostrophe
		switch {
		// Marks, and what is not seen, such as a soft hyphen.
		case unicode.In(r, unicode.M, unicode.Cf) || isApostrophe(r):
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			r = unicode.ToLower(r)
			if spelled := spellOut(r); spelled != "" {
				to = append(to, spelled...)
			} else {
				to = utf8.AppendRune(to, r)
			}
		case r == '-' || r == '\u2010' || r == '\u2011':
			to = append(to, '-')
		default:
			to = append(to, ' ')
		}
	}
	return to
}

// isApostrophe reports whether a character is an apostrophe, or a letter that stands for one.
func isApostrophe(r rune) bool {
	switch r {
	case '\'', '`', '\u2018', '\u2019', '\u02bb', '\u02bc':
		return true
	}
	return false
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
