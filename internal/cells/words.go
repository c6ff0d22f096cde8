package cells

import (
	"strings"
	"unicode"
)

// boolWords are what programs write for yes and no, and people in English, German, French,
// Spanish, Portuguese, Italian and Dutch.
var boolWords = map[string]bool{
	"t": true, "true": true, "y": true, "yes": true, "on": true, "1": true, "1.0": true, "x": true, "✓": true, "✔": true,
	"f": false, "false": false, "n": false, "no": false, "off": false, "0": false, "0.0": false,

	"j": true, "ja": true, "wahr": true, "nein": false, "falsch": false,
	"oui": true, "vrai": true, "non": false, "faux": false,
	"s": true, "sí": true, "si": true, "verdadero": true, "falso": false,
	"sim": true, "verdadeiro": true, "não": false, "nao": false,
	"sì": true, "vero": true,
	"waar": true, "nee": false, "onwaar": false,
}

// Bool returns what a cell says of yes and no.
func (r *Reader) Bool(cell string) (bool, error) {
	cell = clean(cell)
	v, ok := boolWords[strings.ToLower(cell)]
	if !ok {
		return false, rejected(cell, "must be true or false, yes or no, 1 or 0")
	}
	return v, nil
}

// months are the names and abbreviations of months in the same languages, in lower case and
// without points.
var months = monthNames(
	"january jan januar jänner janvier janv enero ene janeiro gennaio gen januari",
	"february feb februar feber février fevrier févr fevr fév fev febrero fevereiro febbraio februari",
	"march mar märz maerz mär mrz mars marzo março marco maart mrt",
	"april apr avril avr abril abr aprile",
	"may mai mayo maio maggio mag mei",
	"june jun juni juin junio junho giugno giu",
	"july jul juli juillet juil julio julho luglio lug",
	"august aug août aout aoû agosto ago augustus",
	"september sep sept septembre septiembre setiembre setembro set settembre sett",
	"october oct oktober okt octobre octubre outubro out ottobre ott",
	"november nov novembre noviembre novembro",
	"december dec dezember dez décembre decembre déc diciembre dic dezembro dicembre", //nolint:misspell // French without its accent
)

func monthNames(lists ...string) map[string]int {
	names := map[string]int{}
	for i, list := range lists {
		for name := range strings.FieldsSeq(list) {
			names[name] = i + 1
		}
	}
	return names
}

// maxMonth is more than the longest name of a month has, in bytes.
const maxMonth = 16

// month reads the name of a month that a text begins with, and a point that shows that it is
// an abbreviation, unless a point follows in the format.
func month(s string, point bool) (month int, rest string) {
	end := strings.IndexFunc(s, func(c rune) bool { return !unicode.IsLetter(c) })
	if end < 0 {
		end = len(s)
	}
	if end > maxMonth {
		return 0, s
	}
	month, rest = months[strings.ToLower(s[:end])], s[end:]
	if !point {
		rest = strings.TrimPrefix(rest, ".")
	}
	return month, rest
}
