package transfer

import (
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
)

// reason returns why a row of the batch was rejected, with the cells that are wrong.
func (b *batch[P]) reason(i int, result bulk.RowResult) string {
	if len(result.Wrong) == 0 {
		return result.Reason
	}
	reasons := make([]string, len(result.Wrong))
	for n, wrong := range result.Wrong {
		shown := b.shown(i, wrong)
		reasons[n] = strings.TrimSpace(shown.Field + " " + shown.Message)
	}
	return strings.Join(reasons, "; ")
}

// shown returns what is wrong with a member of a row, with its cell. The rules of records do
// not show values; those of cells and references do.
func (b *batch[P]) shown(i int, wrong crm.FieldError) crm.FieldError {
	if strings.Contains(wrong.Message, `"`) {
		return wrong
	}
	for n := range b.mapping.bindings {
		binding := &b.mapping.bindings[n]
		if binding.field.name != wrong.Field && !isNamePart(binding.field.name, wrong.Field) {
			continue
		}
		if cell := binding.cell(b.records[i].Fields); cell != "" {
			wrong.Message += " (it is " + cells.Quoted(cell) + ")" + nullHint(cell)
		}
		break
	}
	return wrong
}

// isNamePart reports whether a member is part of a person's name that is read from one field.
func isNamePart(field, member string) bool {
	return field == fieldFullName && (member == fieldFirstName || member == fieldLastName)
}
