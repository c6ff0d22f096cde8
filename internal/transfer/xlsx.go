package transfer

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"sixty/internal/crm"
)

// maxSheetRows is how many rows a sheet can have, its header among them.
const maxSheetRows = excelize.TotalRows

// xlsxEncoder writes a workbook. Its sheets are written to temporary files, so that
// memory stays bounded, and put into the archive at the end.
type xlsxEncoder struct {
	w     io.Writer
	limit int // of a sheet's rows

	file   *excelize.File
	sheet  *excelize.StreamWriter
	sheets int // of the table
	rows   int // of the sheet
	cells  []any
	// replaced counts the texts with characters that a workbook cannot hold.
	replaced int

	header, money, date, instant int // styles
}

func newXLSXEncoder(w io.Writer, limit int) *xlsxEncoder {
	return &xlsxEncoder{w: w, limit: limit}
}

func (e *xlsxEncoder) begin() error {
	e.file = excelize.NewFile()
	// By itself excelize would build the whole archive in memory.
	e.file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(e.w) })
	for _, s := range []struct {
		id    *int
		style excelize.Style
	}{
		{&e.header, excelize.Style{Font: &excelize.Font{Bold: true}}},
		{&e.money, excelize.Style{CustomNumFmt: new("0.00")}},
		{&e.date, excelize.Style{CustomNumFmt: new("yyyy-mm-dd")}},
		{&e.instant, excelize.Style{CustomNumFmt: new("yyyy-mm-dd hh:mm:ss")}},
	} {
		var err error
		if *s.id, err = e.file.NewStyle(&s.style); err != nil {
			return err
		}
	}
	return nil
}

func (e *xlsxEncoder) table(t *exportTable) error {
	e.sheets = 0
	return e.nextSheet(t)
}

// nextSheet begins a sheet of a table, with the header.
func (e *xlsxEncoder) nextSheet(t *exportTable) error {
	first := e.sheet == nil
	if err := e.flush(); err != nil {
		return err
	}
	name := string(t.kind)
	if e.sheets++; e.sheets > 1 {
		name = fmt.Sprintf("%s %d", name, e.sheets)
	}
	var err error
	if first {
		err = e.file.SetSheetName(e.file.GetSheetName(0), name)
	} else {
		_, err = e.file.NewSheet(name)
	}
	if err != nil {
		return err
	}
	if e.sheet, err = e.file.NewStreamWriter(name); err != nil {
		return err
	}
	if err := e.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	e.cells = e.cells[:0]
	for i := range t.columns {
		if err := e.sheet.SetColWidth(i+1, i+1, t.columns[i].width()); err != nil {
			return err
		}
		e.cells = append(e.cells, excelize.Cell{StyleID: e.header, Value: t.columns[i].name})
	}
	e.rows = 0
	return e.write()
}

// width returns how many characters of a column are shown: all of a number or a time, and of
// the header.
func (c *column) width() float64 {
	width := 24 // of texts
	switch c.cell.(type) {
	case *crm.ID, **crm.ID:
		width = 10
	case *bool, *int, **int:
		width = 6
	case *crm.Date, **crm.Date:
		width = 11
	case *crm.Money, **crm.Money:
		width = 14
	case *crm.Instant, **crm.Instant:
		width = 19
	}
	return float64(max(width, len(c.name)+2))
}

func (e *xlsxEncoder) row(t *exportTable) error {
	if e.rows == e.limit {
		if err := e.nextSheet(t); err != nil {
			return err
		}
	}
	e.cells = e.cells[:0]
	for i := range t.columns {
		e.cells = append(e.cells, e.cell(t.columns[i].value()))
	}
	return e.write()
}

// write writes the cells as the sheet's next row.
func (e *xlsxEncoder) write() error {
	e.rows++
	at, err := excelize.CoordinatesToCellName(1, e.rows)
	if err != nil {
		return err
	}
	return e.sheet.SetRow(at, e.cells)
}

// cell returns a value as excelize takes it. Texts are never formulas there.
func (e *xlsxEncoder) cell(value any) any {
	switch v := value.(type) {
	case crm.Money:
		// A sheet knows no other numbers than these, whose 15 digits hold every amount.
		return excelize.Cell{StyleID: e.money, Value: float64(v) / 100}
	case crm.Date:
		return e.time(e.date, v.Time(), v)
	case crm.Instant:
		return e.time(e.instant, v.Time(), v)
	case crm.ID:
		return v.String()
	case string:
		if strings.ContainsFunc(v, isNotXML) {
			e.replaced++
		}
	}
	return value
}

// isNotXML reports whether no XML document can hold a character, instead of which excelize
// writes U+FFFD.
func isNotXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
}

// Sheets count days from dayZero on. firstDay is the first one that they count right: they
// take 1900 for a leap year.
var (
	dayZero  = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	firstDay = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)
)

// time returns a time as days, to the millisecond: more does not fit into the 15 digits that
// workbooks hold.
func (e *xlsxEncoder) time(style int, t time.Time, value fmt.Stringer) any {
	if t.Before(firstDay) {
		return value.String()
	}
	const day = int64(24 * time.Hour / time.Millisecond)
	at := t.Round(time.Millisecond).UnixMilli() - dayZero.UnixMilli()
	return excelize.Cell{StyleID: style, Value: float64(at/day) + float64(at%day)/float64(day)}
}

// flush ends the sheet.
func (e *xlsxEncoder) flush() error {
	if e.sheet == nil {
		return nil
	}
	return e.sheet.Flush()
}

func (e *xlsxEncoder) end() error {
	if err := e.flush(); err != nil {
		return err
	}
	return e.file.Write(io.Discard) // to the archive that SetZipWriter named
}

func (e *xlsxEncoder) notice() string {
	if e.replaced == 0 {
		return ""
	}
	return fmt.Sprintf("%d texts hold control characters, which a workbook cannot: each is replaced by U+FFFD (csv and json keep them)", e.replaced)
}

func (e *xlsxEncoder) discard() {
	if e.file != nil {
		_ = e.file.Close() // removes the temporary files
	}
}
