package table

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sixty/internal/transfer/csvio"
)

// xlsxReader reads the rows of a sheet. They are read from the archive as they come:
// excelize returns no types of cells unless it holds the whole sheet, and formatted text
// has lost digits and centuries.
type xlsxReader struct {
	*content
	facts  Facts
	book   *workbook
	texts  *sharedTexts
	part   string
	packed float64 // the archive's size for a byte of the sheet
	count  *counter
	x      *xmlReader

	header []string
	line   int // of the row
	told   int // the row of the header or the last record
	cells  []cell
	text   []byte // of the row's cells
	value  cellBuffer
	ended  error
	failed error // the row

	hidden bool // the row
	next   int  // the column behind the last cell

	blanks, damages, merges, hiddens, formulas csvio.Tally
	watch                                      csvio.Watch
	notes                                      []Note
}

// cell is a place in the row's text.
type cell struct{ column, from, to int }

func openXLSX(ctx context.Context, c *content, facts Facts, n named) (_ Reader, err error) {
	book, err := openWorkbook(ctx, c)
	if err != nil {
		return nil, err
	}
	chosen, err := book.find(n.sheet)
	if err != nil {
		return nil, err
	}
	facts.Sheet = chosen.name
	r := &xlsxReader{content: c, facts: facts, book: book, part: chosen.part, watch: csvio.Watch{Encoding: csvio.UTF8}}
	if n.sheet == "" && len(book.sheets) > 1 {
		r.notes = append(r.notes, Note{Text: fmt.Sprintf("of the workbook's sheets %s, %q is read: name another by --sheet", quotedNames(book.sheets), chosen.name)})
	}
	if book.texts != "" {
		part, err := book.open(book.texts, maxSpooled)
		if err != nil {
			return nil, err
		}
		r.texts, err = readSharedTexts(ctx, part, c)
		if err = errors.Join(err, part.Close()); err != nil {
			return nil, inPart(book.texts, err)
		}
	}
	source, err := book.open(chosen.part, maxSpooled) // which ends with the archive
	if err != nil {
		return nil, err
	}
	r.count = &counter{r: source}
	r.packed = float64(c.size) / max(1, float64(book.parts[chosen.part].UncompressedSize64))
	r.x = newXMLReader(r.count)
	err = r.readHeader(ctx)
	return r, err
}

func (r *xlsxReader) readHeader(ctx context.Context) error {
	for n := 0; ; n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := r.row()
		if errors.Is(err, io.EOF) {
			return csvio.ErrEmpty
		}
		if err != nil {
			return err
		}
		if r.failed != nil {
			return fmt.Errorf("%w in row %d %w", csvio.ErrHeader, r.line, r.failed)
		}
		if !r.isBlank() {
			break
		}
	}
	r.told = r.line
	text := string(r.text)
	for _, c := range r.cells {
		name := strings.TrimSpace(strings.TrimLeft(text[c.from:c.to], "\ufeff"))
		if name == "" {
			continue
		}
		if c.column >= csvio.MaxColumns {
			return fmt.Errorf("%w in row %d has %q in column %d, at most %d are taken", csvio.ErrHeader, r.line, name, c.column+1, csvio.MaxColumns)
		}
		for len(r.header) <= c.column {
			r.header = append(r.header, "")
		}
		r.header[c.column] = name
	}
	return nil
}

// isBlank reports whether the row shows nothing.
func (r *xlsxReader) isBlank() bool {
	for _, c := range r.cells {
		if !csvio.IsBlank(string(r.text[c.from:c.to])) {
			return false
		}
	}
	return true
}

// Header implements Reader.
func (r *xlsxReader) Header() []string { return r.header }

// Read implements Reader.
func (r *xlsxReader) Read() (Record, error) {
	for {
		if err := r.row(); err != nil {
			return Record{}, err
		}
		if r.failed == nil && r.isBlank() {
			continue // it counts if another row follows
		}
		r.blanks.AddRange(r.told+1, r.line)
		r.told = r.line
		if r.hidden {
			r.hiddens.Add(r.line)
		}
		return r.record(), nil
	}
}

// record returns the row that was read.
func (r *xlsxReader) record() Record {
	rec := Record{Line: r.line, Raw: string(r.text), Err: r.failed, Fields: make([]string, len(r.header))}
	for _, c := range r.cells {
		value := rec.Raw[c.from:c.to]
		switch {
		case c.column < len(r.header):
			rec.Fields[c.column] = value
		case rec.Err == nil && !csvio.IsBlank(value):
			rec.Err = fault(csvio.ErrFieldCount, "has a cell in column %s, the header ends with column %s; surplus is %s",
				columnName(c.column), columnName(len(r.header)-1), csvio.Quote(value))
		}
	}
	if rec.Err == nil && !csvio.IsASCII(r.text) {
		r.watch.Observe(rec.Line, rec.Fields)
	}
	return rec
}

// row reads the next row into cells, text and failed.
func (r *xlsxReader) row() error {
	if r.ended != nil {
		return r.ended
	}
	r.cells, r.text, r.next, r.failed = r.cells[:0], r.text[:0], 0, nil
	err := r.readRow()
	if errors.Is(err, io.EOF) {
		r.ended = io.EOF
	} else if err != nil {
		r.ended = inPart(r.part, err)
	}
	return r.ended
}

func (r *xlsxReader) readRow() error {
	var kind, style, reference string
	inValue, hasValue, formula := false, false, false
	for {
		token, err := r.x.next()
		if err != nil {
			return err
		}
		r.value.take(token)
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "row":
				number, err := strconv.Atoi(attribute(t, "r"))
				if err != nil || number < 1 {
					number = r.line + 1
				}
				if number <= r.line && r.header != nil {
					return fmt.Errorf("row %d stands behind row %d", number, r.line)
				}
				r.line, r.hidden = number, attribute(t, "hidden") == "1" || attribute(t, "hidden") == "true"
			case "c":
				kind, style, reference = attribute(t, "t"), attribute(t, "s"), attribute(t, "r")
				hasValue, formula = false, false
				r.value.reset()
			case "f":
				formula = true
			case "v":
				inValue, hasValue = true, true
			case "mergeCell":
				r.merge(attribute(t, "ref"))
			}
		case xml.CharData:
			if inValue {
				r.value.add(t)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "v":
				inValue = false
			case "c":
				if formula && !hasValue {
					r.formulas.Add(r.line)
				}
				if err := r.cell(kind, style, reference); err != nil {
					return err
				}
			case "row":
				return nil
			}
		}
	}
}

// cell adds the cell whose value was read.
func (r *xlsxReader) cell(kind, style, reference string) error {
	column := r.next
	if reference != "" {
		var ok bool
		if column, ok = columnNumber(reference); !ok {
			return fmt.Errorf("%.20q is not a cell", reference)
		}
	}
	if column < r.next {
		return fmt.Errorf("the cell %.20q stands behind column %s", reference, columnName(r.next-1))
	}
	r.next = column + 1
	value, err := r.valueText(kind, style)
	if err != nil && r.failed == nil {
		r.failed = fault(errObject, "has in column %s a cell that %v", columnName(column), err)
	}
	if r.value.long || len(r.text)+len(value) > maxValue {
		r.failed, value = fault(csvio.ErrTooLong, "is longer than %d bytes", maxValue), nil
	}
	if len(value) == 0 {
		return nil
	}
	from := len(r.text)
	r.text = append(r.text, value...)
	r.cells = append(r.cells, cell{column, from, len(r.text)})
	r.text = append(r.text, '\t')
	return nil
}

// valueText returns the text of a cell's value by its type.
func (r *xlsxReader) valueText(kind, style string) ([]byte, error) {
	value := r.value.bytes
	switch kind {
	case "s":
		return r.texts.at(string(value))
	case "b":
		switch string(value) {
		case "1":
			return []byte("true"), nil
		case "0":
			return []byte("false"), nil
		}
	case "", "n":
		if len(value) == 0 {
			return nil, nil
		}
		var format numberFormat
		if i, err := strconv.Atoi(cmp.Or(style, "0")); err == nil && i >= 0 && i < len(r.book.formats) {
			format = r.book.formats[i]
		}
		text := format.text(string(value), r.book.date1904)
		if damaged(text) {
			r.damages.Add(r.line)
		}
		return []byte(text), nil
	}
	return value, nil // inlineStr, str (of a formula), e (#N/A), d (ISO 8601)
}

// merge counts a range of merged cells below the header.
func (r *xlsxReader) merge(reference string) {
	first, _, _ := strings.Cut(reference, ":")
	row, err := strconv.Atoi(strings.TrimLeftFunc(first, unicode.IsLetter))
	if err == nil {
		r.merges.Add(row)
	}
}

// Offset implements Reader.
func (r *xlsxReader) Offset() int64 {
	if errors.Is(r.ended, io.EOF) {
		return r.offset(r.size)
	}
	return r.offset(min(r.size, int64(float64(r.count.n)*r.packed)))
}

// Facts implements Reader.
func (r *xlsxReader) Facts() Facts {
	facts := r.facts
	notes := r.blanks.Note(append([]Note(nil), r.notes...), csvio.NoteBlank)
	notes = r.damages.Note(notes, "cells with numbers of more than 15 digits, of which a spreadsheet keeps 15: ids must be stored as text")
	notes = r.merges.Note(notes, "merged cells: the first one of each has the value, the others are empty")
	notes = r.hiddens.Note(notes, "hidden rows, which are read like the others")
	notes = r.formulas.Note(notes, "cells with formulas whose values the workbook does not hold: they are empty until a spreadsheet calculates and saves it")
	facts.Notes = r.watch.Note(notes)
	return facts
}

// maxSheetColumn is the last column of a sheet, XFD.
const maxSheetColumn = 16384

// columnNumber returns the column of a cell such as B7, from 0.
func columnNumber(reference string) (int, bool) {
	n := 0
	for _, c := range []byte(reference) {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c < 'A' || c > 'Z' {
			break
		}
		if n = 26*n + int(c-'A') + 1; n > maxSheetColumn {
			return 0, false
		}
	}
	return n - 1, n > 0
}

// columnName returns the letters of a column, from 0.
func columnName(column int) string {
	name := ""
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}
