package table

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Bounds of a workbook.
const (
	maxPart   = 64 << 20 // bytes of a part that is not a sheet or the texts
	maxSheets = 10_000
	maxStyles = 100_000
)

// sheet is a sheet of cells.
type sheet struct {
	name, part string
	hidden     bool
}

// workbook is an XLSX file.
type workbook struct {
	parts    map[string]*zip.File // by lower-case name
	sheets   []sheet
	date1904 bool
	formats  []numberFormat // by a cell's style
	texts    string         // the part of the shared texts, or ""
	styles   string
}

// openWorkbook reads what a workbook has, without its sheets and their texts.
func openWorkbook(ctx context.Context, c *content) (*workbook, error) {
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	archive, err := openArchive(c)
	if err != nil {
		return nil, err
	}
	w := &workbook{parts: map[string]*zip.File{}}
	for _, f := range archive.File {
		w.parts[partName(f.Name)] = f
	}
	main := "xl/workbook.xml"
	if w.parts["_rels/.rels"] != nil {
		err := w.relations(ctx, "_rels/.rels", func(_, kind, target string) {
			if kind == "officeDocument" {
				main = target
			}
		})
		if err != nil {
			return nil, err
		}
	}
	switch {
	case strings.HasSuffix(main, ".bin") || w.parts["xl/workbook.bin"] != nil:
		return nil, errors.New("it is a binary workbook (.xlsb): save it as .xlsx or .csv")
	case w.parts[main] == nil:
		return nil, errors.New("it is an archive, but no workbook (.xlsx)")
	}
	if err := w.readMain(ctx, main); err != nil {
		return nil, err
	}
	if len(w.sheets) == 0 {
		return nil, errors.New("the workbook has no sheet of cells")
	}
	err = w.readStyles(ctx)
	return w, err
}

// partName returns a part's name as it is compared.
func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "/"))
}

// each passes the tokens of a part to use.
func (w *workbook) each(ctx context.Context, part string, use func(xml.Token) error) error {
	r, err := w.open(part, maxPart)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read from
	x := newXMLReader(cancelled{ctx, r})
	for {
		token, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = use(token)
		}
		if err != nil {
			return inPart(part, err)
		}
	}
}

// inPart says in which part of the workbook a mistake is.
func inPart(part string, err error) error {
	return fmt.Errorf("the workbook's part %s cannot be read: %w", part, err)
}

// open opens a part, of which at most so many bytes can be read.
func (w *workbook) open(part string, most int64) (io.ReadCloser, error) {
	f := w.parts[part]
	if f == nil {
		return nil, fmt.Errorf("the workbook refers to its part %.100q, which it does not have", part)
	}
	r, err := f.Open()
	if err != nil {
		return nil, inPart(part, err)
	}
	return &boundedPart{ReadCloser: r, left: unpacked(int64(f.CompressedSize64), most)}, nil
}

// boundedPart fails where a part is larger than it may be.
type boundedPart struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedPart) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("it unpacks to more than is taken of what is so small")
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// relations passes the relations of a part to use: id, last word of the type, and target.
func (w *workbook) relations(ctx context.Context, part string, use func(id, kind, target string)) error {
	folder := path.Dir(path.Dir(part))
	return w.each(ctx, part, func(token xml.Token) error {
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" || attribute(e, "TargetMode") == "External" {
			return nil
		}
		target := strings.ReplaceAll(attribute(e, "Target"), `\`, "/")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(folder, target)
		}
		use(attribute(e, "Id"), path.Base(attribute(e, "Type")), partName(target))
		return nil
	})
}

// readMain reads the list of sheets and where the parts are.
func (w *workbook) readMain(ctx context.Context, main string) error {
	targets, kinds := map[string]string{}, map[string]string{} // by id
	related := path.Join(path.Dir(main), "_rels", path.Base(main)+".rels")
	if w.parts[related] != nil {
		err := w.relations(ctx, related, func(id, kind, target string) {
			targets[id], kinds[id] = target, kind
			switch kind {
			case "sharedStrings":
				w.texts = target
			case "styles":
				w.styles = target
			}
		})
		if err != nil {
			return err
		}
	}
	return w.each(ctx, main, func(token xml.Token) error {
		e, ok := token.(xml.StartElement)
		if !ok {
			return nil
		}
		switch e.Name.Local {
		case "workbookPr":
			on := attribute(e, "date1904")
			w.date1904 = on == "1" || on == "true"
		case "sheet":
			id := relationID(e)
			if kinds[id] != "worksheet" {
				return nil // a chart, or a macro
			}
			if len(w.sheets) == maxSheets {
				return fmt.Errorf("it has more than %d sheets", maxSheets)
			}
			state := attribute(e, "state")
			w.sheets = append(w.sheets, sheet{attribute(e, "name"), targets[id], state == "hidden" || state == "veryHidden"})
		}
		return nil
	})
}

// relationID returns the attribute r:id.
func relationID(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "id" && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

// readStyles reads the number formats of the cells' styles.
func (w *workbook) readStyles(ctx context.Context) error {
	if w.styles == "" {
		return nil
	}
	codes := map[string]string{} // by id
	inCells := false
	return w.each(ctx, w.styles, func(token xml.Token) error {
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "numFmt":
				if len(codes) < maxStyles {
					codes[attribute(e, "numFmtId")] = attribute(e, "formatCode")
				}
			case "cellXfs":
				inCells = true
			case "xf":
				if !inCells {
					return nil
				}
				if len(w.formats) == maxStyles {
					return fmt.Errorf("it has more than %d styles", maxStyles)
				}
				id := attribute(e, "numFmtId")
				if code, ok := codes[id]; ok {
					w.formats = append(w.formats, parseNumberFormat(code))
					return nil
				}
				number, _ := strconv.Atoi(id)
				w.formats = append(w.formats, builtInFormat(number))
			}
		case xml.EndElement:
			if e.Name.Local == "cellXfs" {
				inCells = false
			}
		}
		return nil
	})
}

// find returns the sheet of a name or a number; of "", the first that is not hidden.
func (w *workbook) find(name string) (sheet, error) {
	if name == "" {
		for _, s := range w.sheets {
			if !s.hidden {
				return s, nil
			}
		}
		return w.sheets[0], nil
	}
	for _, s := range w.sheets {
		if strings.EqualFold(s.name, strings.TrimSpace(name)) {
			return s, nil
		}
	}
	if number := sheetNumber(name); number > 0 && number <= len(w.sheets) {
		return w.sheets[number-1], nil
	}
	return sheet{}, fmt.Errorf("there is no sheet %q; there are %s", name, quotedNames(w.sheets))
}

// quotedNames names sheets in a message.
func quotedNames(sheets []sheet) string {
	var names []string
	for _, s := range sheets[:min(len(sheets), 20)] {
		names = append(names, strconv.Quote(s.name))
	}
	if len(sheets) > len(names) {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

// Sheets returns the names of a workbook's sheets, and none of a file of another format.
func Sheets(ctx context.Context, s Source) ([]string, error) {
	c, err := openContent(s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only read from
	stream := c.stream
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	format, _, err := c.recognise(ctx, s.Name, named{})
	if err != nil || format != XLSX {
		return nil, err
	}
	w, err := openWorkbook(ctx, c)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range w.sheets {
		names = append(names, s.name)
	}
	return names, nil
}
