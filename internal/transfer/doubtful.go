package transfer

import (
	"slices"
	"strings"

	"sixty/internal/cells"
)

// nullTexts are texts by which other programs say that there is nothing, or that a formula
// failed. They are text here, unless --null names them.
var nullTexts = []string{"N/A", "#N/A", "NULL", "(null)", "(blank)", "-", "--", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "NaN"}

// totalNames are what sums below a table are called.
var totalNames = []string{
	"Total", "Totals", "Grand Total", "Subtotal", "Sum", "Summe", "Gesamt", "Gesamtsumme", "Zwischensumme",
	"Somme", "Total général", "Totale", "Totaal", "Suma", "Razem", "Celkem", "Итого",
}

// longestNull is the length of the longest of the nullTexts, in bytes.
const longestNull = len("(blank)")

// nullText returns the text for none that a cell is; "" if it is not one.
func nullText(cell string) string {
	if len(cell) > longestNull {
		return ""
	}
	if i := indexFold(nullTexts, cell); i >= 0 {
		return nullTexts[i]
	}
	return ""
}

// nullHint completes the reason against a cell that perhaps says nothing.
func nullHint(cell string) string {
	if null := nullText(cell); null != "" {
		return "; --null \"" + null + "\" reads it as empty"
	}
	return ""
}

// notice notes what is doubtful about a cell that was read.
func (f *fields[P]) notice(field *field[P], cell string) {
	if field.kind != cells.Text {
		return
	}
	if null := nullText(cell); null != "" {
		f.nulls = append(f.nulls, field.name)
	}
	switch field.name {
	case "name", fieldFullName, fieldFirstName:
		f.total = indexFold(totalNames, strings.TrimRight(cell, ": ")) >= 0
	}
}

func indexFold(list []string, text string) int {
	return slices.IndexFunc(list, func(s string) bool { return strings.EqualFold(s, text) })
}
