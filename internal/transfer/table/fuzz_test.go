package table_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"sixty/internal/transfer/table"
)

// readAny reads what may be any file, and checks what is so of every one.
func readAny(t *testing.T, name string, content []byte, o table.Options) {
	t.Helper()
	r, err := table.Open(t.Context(), file(t, name, content), o)
	if err != nil {
		return
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	line := 0
	for n := 0; ; n++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return
		}
		if rec.Err == nil && len(rec.Fields) != len(r.Header()) {
			t.Fatalf("row %d has %d cells, the header %d", rec.Line, len(rec.Fields), len(r.Header()))
		}
		if rec.Line <= line {
			t.Fatalf("row %d stands behind row %d", rec.Line, line)
		}
		line = rec.Line
	}
	if got := r.Offset(); got != int64(len(content)) {
		t.Fatalf("Offset = %d at the end of %d bytes", got, len(content))
	}
}

// FuzzTable reads a file of any format, by its bytes and a name.
func FuzzTable(f *testing.F) {
	book := workbook(f, sheetRows(`<row>`+cells("a")+`</row><row>`+cells("b")+`</row>`))
	for _, seed := range [][]byte{
		[]byte(asCSV), []byte(asJSON), []byte(asNDJSON), []byte(`{"data":` + asJSON + `}`), []byte("sep=;\na;b\n"), book,
		gzipped(f, []byte(asCSV)), gzipped(f, book), zipped(f, part{"a.csv", asCSV}), []byte("\xff\xfea\x00\n\x00b\x00"), []byte("a\n\xa3\xf3d\x9f\n"),
	} {
		for _, name := range []string{"a.csv", "a.json", "a.ndjson", "a"} {
			f.Add(seed, name, "", "")
		}
	}
	f.Add([]byte("a;b\n\xa3;1\n"), "a.csv", "windows-1250", ";")
	f.Add([]byte("a\tb\n\x93\x8c\t1\n"), "a.csv", "shift_jis", "tab")
	f.Fuzz(func(t *testing.T, content []byte, name, encoding, separator string) {
		name = "x" + strings.Map(func(r rune) rune {
			if r == '/' || r == 0 {
				return '_'
			}
			return r
		}, name)
		readAny(t, name[:min(len(name), 100)], content, table.Options{Encoding: encoding, Separator: separator})
	})
}

// FuzzJSON reads objects.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		asJSON, asNDJSON, `{"data":[{"a":{"b":[1,"x;y",null]}}],"x":{}}`, `[{"a":"\ud83d\ude00\u0000"},{"a":1,"a":2}]`, "{\"a\":\n{\"b\":1}\n", "[", "[{}]", `[{"":{"":1}}]`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, content []byte, lines bool) {
		format := table.JSON
		if lines {
			format = table.NDJSON
		}
		readAny(t, "a.json", content, table.Options{Format: format})
	})
}

// FuzzXLSX reads a workbook of those parts.
func FuzzXLSX(f *testing.F) {
	const styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$€-407]\ 0.00;yyyy&quot;x&quot;"/></numFmts><cellXfs><xf numFmtId="164"/><xf numFmtId="22"/><xf numFmtId="9"/></cellXfs></styleSheet>`
	f.Add(sheetRows(`<row r="1">`+cells("a", "b")+`</row><row r="3" hidden="1"><c r="A3" t="s"><v>0</v></c><c s="1"><v>46053.5</v></c></row>`),
		`<sst><si><t>x_x000D_</t></si><si><r><t>y</t></r><rPh><t>z</t></rPh></si></sst>`, styles)
	f.Add(sheetRows(`<row>`+cells("a")+`</row><row><c s="2"><v>0.30000000000000004</v></c></row><row><c t="b"><v>1</v></c></row><row><c t="e"><v>#N/A</v></c></row>`), "<sst/>", styles)
	f.Add(sheetRows(`<row><c t="s"><v>-1</v></c></row>`), "<sst><si/>", "<styleSheet>")
	f.Fuzz(func(t *testing.T, sheet, texts, styles string) {
		readAny(t, "a.xlsx", workbook(t, sheet, part{"xl/sharedStrings.xml", texts}, part{"xl/styles.xml", styles}), table.Options{})
	})
}
