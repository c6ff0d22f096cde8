package transfer

import (
	"strings"
	"unicode"
)

// A text that a spreadsheet would run as a formula is written with an apostrophe in
// front, which is how spreadsheets mark text (OWASP, "CSV Injection"). So is a text
// that would be one without its own leading apostrophes, so that each guarded text
// comes from one text alone: unguard(guard(s)) is s, and unguard leaves alone
// whatever guard would not have written.

// guard returns a text that spreadsheets do not run.
func guard(s string) string {
	if isFormula(s) {
		return "'" + s
	}
	return s
}

// unguard returns the text that guard was called with.
func unguard(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && isFormula(rest) {
		return rest
	}
	return cell
}

// isFormula reports whether a text begins like a formula behind white space and apostrophes,
// in half or full width, or with a tab or a line end, which some programs drop together with
// what precedes them.
func isFormula(s string) bool {
	if s == "" || s[0] >= '0' && s[0] < 0x80 && s[0] != '=' && s[0] != '@' {
		return false // nearly every text, without looking further
	}
	for _, r := range s {
		switch {
		case r == '\t' || r == '\r' || r == '\n' || strings.ContainsRune("=+-@＝＋－＠", r):
			return true
		case r != '\'' && !unicode.IsSpace(r):
			return false
		}
	}
	return false
}
