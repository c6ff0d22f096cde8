package transfer

import (
	"archive/zip"
	"fmt"
	"io"
	"time"

	"github.com/xuri/excelize/v2"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// maxSheetRows is how many rows a sheet can have, its header among them.
const maxSheetRows = excelize.TotalRows

// xlsxEncoder writes a workbook. Its sheets are written to temporary files, so that
// memory stays bounded, and put into the archive at the end.
type xlsxEncoder[T any] struct {
	columns *columns[T]
	w       io.Writer
	name    string // of the sheets
	limit   int    // of a sheet's rows

	file   *excelize.File
	sheet  *excelize.StreamWriter
	sheets int
	rows   int // of the sheet
	cells  []any

	header, money, date, instant int // styles
}

func newXLSXEncoder[T any](w io.Writer, c *columns[T], name string, limit int) *xlsxEncoder[T] {
	return &xlsxEncoder[T]{columns: c, w: w, name: name, limit: limit, cells: make([]any, len(c.names))}
}

func (e *xlsxEncoder[T]) begin() error {
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
	return e.nextSheet()
}

// nextSheet begins a sheet, with the header.
func (e *xlsxEncoder[T]) nextSheet() error {
	if e.sheet != nil {
		if err := e.sheet.Flush(); err != nil {
			return err
		}
	}
	name := e.name
	var err error
	if e.sheets++; e.sheets == 1 {
		err = e.file.SetSheetName(e.file.GetSheetName(0), name)
	} else {
		name = fmt.Sprintf("%s %d", e.name, e.sheets)
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
	for i, name := range e.columns.names {
		e.cells[i] = excelize.Cell{StyleID: e.header, Value: name}
	}
	e.rows = 0
	return e.write()
}

func (e *xlsxEncoder[T]) row(r *bulk.ExportRow[T]) error {
	if e.rows == e.limit {
		if err := e.nextSheet(); err != nil {
			return err
		}
	}
	e.columns.row = *r
	for i, cell := range e.columns.cells {
		e.cells[i] = e.cell(valueOf(cell))
	}
	return e.write()
}

// write writes the cells as the sheet's next row.
func (e *xlsxEncoder[T]) write() error {
	e.rows++
	at, err := excelize.CoordinatesToCellName(1, e.rows)
	if err != nil {
		return err
	}
	return e.sheet.SetRow(at, e.cells)
}

// cell returns a value as excelize takes it. Texts are never formulas there.
func (e *xlsxEncoder[T]) cell(value any) any {
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
	}
	return value
}

// firstDay is the first one that sheets count right: they take 1900 for a leap year.
var firstDay = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)

func (e *xlsxEncoder[T]) time(style int, t time.Time, value fmt.Stringer) any {
	if t.Before(firstDay) {
		return value.String()
	}
	return excelize.Cell{StyleID: style, Value: t}
}

func (e *xlsxEncoder[T]) end() error {
	if err := e.sheet.Flush(); err != nil {
		return err
	}
	return e.file.Write(io.Discard) // to the archive that SetZipWriter named
}

func (e *xlsxEncoder[T]) discard() {
	if e.file != nil {
		_ = e.file.Close() // removes the temporary files
	}
}
