package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"sixty/internal/crm"
)

// Media returns the media type of a format.
func (f Format) Media() string {
	switch f {
	case JSON:
		return "application/json"
	case CSV:
		return "text/csv; charset=utf-8"
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "text/html; charset=utf-8"
}

// Write writes the report.
func (r *Report) Write(w io.Writer, f Format) error {
	switch f {
	case JSON:
		return r.writeJSON(w)
	case CSV:
		return r.writeCSV(w)
	case XLSX:
		return r.writeXLSX(w)
	case HTML:
		return r.writeHTML(w)
	}
	return fmt.Errorf("there is no format %q", f)
}

// writeJSON writes each section as an array of objects, with the members' names of the dashboard.
func (r *Report) writeJSON(w io.Writer) error {
	var b bytes.Buffer
	member := func(name string, v any) error {
		text, err := json.Marshal(v)
		if err == nil {
			fmt.Fprintf(&b, "%q:%s", name, text)
		}
		return err
	}
	b.WriteByte('{')
	for _, m := range []struct {
		name  string
		value any
	}{
		{"report", r.Kind}, {"organisation", r.Organisation}, {"from", r.Period.From}, {"to", r.Period.To}, {"owner_id", r.OwnerID}, {"own", r.Own}, {"created_at", r.Now},
	} {
		if err := member(m.name, m.value); err != nil {
			return err
		}
		b.WriteByte(',')
	}
	for i, s := range r.Sections {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:[", s.Name)
		for j, row := range s.Rows {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('{')
			for k, v := range row {
				if k > 0 {
					b.WriteByte(',')
				}
				if err := member(s.Columns[k].Name, v); err != nil {
					return err
				}
			}
			b.WriteByte('}')
		}
		b.WriteByte(']')
	}
	b.WriteString("}\n")
	_, err := w.Write(b.Bytes())
	return err
}

// writeCSV writes a line for each number of the report, so that all lines have the same columns:
// the section, its row, the name of the column, and the value.
func (r *Report) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true // RFC 4180
	if err := c.Write([]string{"section", "row", "column", "value"}); err != nil {
		return err
	}
	for _, s := range r.Sections {
		for i, row := range s.Rows {
			for k, v := range row {
				text := plain(v)
				if _, ok := v.(string); ok {
					text = guard(text)
				}
				if err := c.Write([]string{s.Name, fmt.Sprint(i + 1), s.Columns[k].Name, text}); err != nil {
					return err
				}
			}
		}
	}
	c.Flush()
	return c.Error()
}

// guard marks a text that a spreadsheet would run as a formula as text (OWASP, "CSV Injection").
func guard(s string) string {
	rest := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\'' })
	first, _ := utf8.DecodeRuneInString(rest)
	if rest != "" && strings.ContainsRune("=+-@＝＋－＠", first) || strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") {
		return "'" + s
	}
	return s
}

// plain returns a value as programs read it.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case interface{ AppendText([]byte) ([]byte, error) }:
		text, _ := v.AppendText(nil)
		return string(text)
	}
	return fmt.Sprint(v)
}

// The number formats of workbooks.
const (
	wholeFormat   = 3  // #,##0
	amountFormat  = 4  // #,##0.00
	percentFormat = 10 // 0.00%
)

// writeXLSX writes a sheet for each section.
func (r *Report) writeXLSX(w io.Writer) error {
	book := excelize.NewFile()
	defer func() { _ = book.Close() }() // its temporary files, of which there are none
	styles := map[int]int{}
	for _, format := range []int{0, wholeFormat, amountFormat, percentFormat} {
		style := &excelize.Style{NumFmt: format}
		if format == 0 {
			style.Font = &excelize.Font{Bold: true}
		}
		id, err := book.NewStyle(style)
		if err != nil {
			return err
		}
		styles[format] = id
	}
	for i, s := range r.Sections {
		if i == 0 {
			if err := book.SetSheetName("Sheet1", s.Title); err != nil {
				return err
			}
		} else if _, err := book.NewSheet(s.Title); err != nil {
			return err
		}
		if err := writeSheet(book, s, styles); err != nil {
			return err
		}
	}
	_, err := book.WriteTo(w)
	return err
}

func writeSheet(book *excelize.File, s Section, styles map[int]int) error {
	set := func(column, row int, v any, style int) error {
		cell, err := excelize.CoordinatesToCellName(column, row)
		if err != nil {
			return err
		}
		if err := book.SetCellValue(s.Title, cell, v); err != nil || style == 0 {
			return err
		}
		return book.SetCellStyle(s.Title, cell, cell, style)
	}
	for k, c := range s.Columns {
		if err := set(k+1, 1, c.Title, styles[0]); err != nil {
			return err
		}
	}
	for i, row := range s.Rows {
		for k, v := range row {
			value, format := cellOf(v)
			style := 0
			if format != 0 {
				style = styles[format]
			}
			if err := set(k+1, i+2, value, style); err != nil {
				return err
			}
		}
	}
	const width = 18
	last, err := excelize.ColumnNumberToName(len(s.Columns))
	if err != nil {
		return err
	}
	return book.SetColWidth(s.Title, "A", last, width)
}

// The units of the domain's numbers.
const (
	minorUnits = 100
	ratioUnits = 10_000
	dayUnits   = 100
)

// cellOf returns a value as a cell has it, and its number format.
func cellOf(v any) (any, int) {
	switch v := v.(type) {
	case int64:
		return v, wholeFormat
	case crm.Money:
		return float64(v) / minorUnits, amountFormat
	case crm.Days:
		return float64(v) / dayUnits, amountFormat
	case crm.Ratio:
		return float64(v) / ratioUnits, percentFormat
	case crm.Month:
		return v.String(), 0
	}
	return v, 0
}
