package auth

import (
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// commonText is the 10,000 most common passwords, one a line, folded, without those that fold
// onto an earlier one. They are the first of the list of passwords in
// github.com/trustelem/zxcvbn (MIT License, © 2018 Vincent Vanackere and Trustelem), which is
// Dropbox's zxcvbn's (MIT License, © 2012-2016 Dan Wheeler and Dropbox, Inc.). A test writes
// and checks the file.
//
//go:generate go test -run ^TestCommonPasswordsAreCurrent$ -update
//go:embed common.txt.gz
var commonText []byte

// commonPasswords is the number of passwords in commonText.
const commonPasswords = 10_000

// common returns the set of common passwords.
var common = sync.OnceValue(func() map[string]struct{} {
	r, err := gzip.NewReader(bytes.NewReader(commonText))
	if err != nil {
		panic(err) // never: it is embedded, and tested
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	set := make(map[string]struct{}, commonPasswords)
	for line := range strings.Lines(string(text)) {
		set[strings.TrimSuffix(line, "\n")] = struct{}{}
	}
	return set
})

// fold returns the form in which passwords are compared with the blocklist and with names.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

const (
	// longestAffix bounds the digits and signs around a common password that do not make
	// another one of it, unless they are a sequence or a pattern.
	longestAffix = 8
	// longestPattern is the length of a pattern that must not make a password by repetition,
	// however often.
	longestPattern = 4
	// minSequence is the length of the shortest sequence that is taken for one.
	minSequence = 3
	// shortestName bounds the parts of names that are looked for.
	shortestName = 4
)

// weakness returns what a password must not be, as the end of "must not be …"; "" if it may be
// used. about are texts about the person: names, addresses and the organisation's name. There
// are no rules of composition (NIST SP 800-63B section 3.1.1.2).
func weakness(password string, about ...string) string {
	folded := fold(password)
	switch {
	case repeats(folded):
		return "one character or a short pattern, repeated"
	case sequential(folded):
		return "a sequence such as abcdef, 123456 or qwerty"
	case isCommon(folded), isCommon(unsubstituted.Replace(folded)), isCommon(unsubstituted.Replace(core(folded))):
		return "one of the most common passwords, nor one with digits or signs added"
	case isAbout(folded, about):
		return "made of your name, your e-mail address or your organisation's name"
	}
	return ""
}

// unsubstituted undoes the usual substitutes for letters.
var unsubstituted = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// isCommon reports whether a password is a common one, one repeated, or one with digits or
// signs around it.
func isCommon(password string) bool {
	for _, text := range []string{password, core(password)} {
		if has(text) || has(text[:period(text)]) || has(core(text[:period(text)])) {
			return true
		}
	}
	return false
}

func has(password string) bool {
	_, ok := common()[password]
	return ok
}

// core returns a password without the digits and signs around it, or all of it if they are too
// many to be tried.
func core(password string) string {
	notLetter := func(r rune) bool { return !unicode.IsLetter(r) }
	end := strings.TrimLeftFunc(password, notLetter)
	text := strings.TrimRightFunc(end, notLetter)
	before, after := password[:len(password)-len(end)], end[len(text):]
	if text == "" || affixLen(before)+affixLen(after) > longestAffix {
		return password
	}
	return text
}

// affixLen returns the number of characters that must be guessed of the digits and signs on one
// side of a password.
func affixLen(affix string) int {
	if n := utf8.RuneCountInString(affix); n < minSequence || !sequential(affix) && !repeats(affix) && !has(affix) {
		return n
	}
	return 0
}

// period returns the length in bytes of the shortest beginning of a text that makes the text
// by repetition, the last of which may be cut short.
func period(text string) int {
	for p := 1; p < len(text); p++ {
		if utf8.RuneStart(text[p]) && text[p:] == text[:len(text)-p] {
			return p
		}
	}
	return len(text)
}

// repeats reports whether a password is a short pattern, or one that occurs three times.
func repeats(password string) bool {
	n, p := utf8.RuneCountInString(password), utf8.RuneCountInString(password[:period(password)])
	return p <= longestPattern || 3*p <= n
}

// rows are the rows and columns of a keyboard.
var rows = []string{
	"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm",
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol", "0p",
}

// sequential reports whether four of five characters follow from the one before.
func sequential(password string) bool {
	letters := []rune(password)
	breaks := 0
	for i := 1; i < len(letters); i++ {
		if !follows(letters[i-1], letters[i]) {
			breaks++
		}
	}
	return 5*breaks <= len(letters)-1
}

// follows reports whether a character is the same as another, the next or previous one of the
// alphabet or of the digits, or a neighbour on the keyboard.
func follows(a, b rune) bool {
	if d := b - a; d == 0 || (d == 1 || d == -1) && unicode.IsLetter(a) == unicode.IsLetter(b) {
		return true
	}
	for _, row := range rows {
		if strings.Contains(row, string([]rune{a, b})) || strings.Contains(row, string([]rune{b, a})) {
			return true
		}
	}
	return false
}

// isAbout reports whether the letters of a password are those of texts about a person, alone or
// repeated.
func isAbout(password string, about []string) bool {
	rest, found := lettersOf(password), false
	for _, name := range names(about) {
		if strings.Contains(rest, name) {
			// The gap keeps what is left on both sides from making another name.
			rest, found = strings.ReplaceAll(rest, name, " "), true
		}
	}
	return found && len(lettersOf(rest)) < shortestName-1
}

// names returns the letters of texts, and of their parts that are long enough, the longest
// first.
func names(about []string) []string {
	var all []string
	for _, text := range about {
		text = fold(text)
		local, _, _ := strings.Cut(text, "@")
		parts := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
		for _, part := range append(parts, lettersOf(text), lettersOf(local)) {
			if utf8.RuneCountInString(part) >= shortestName {
				all = append(all, part)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return all
}

// lettersOf returns the letters of a text.
func lettersOf(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, text)
}
