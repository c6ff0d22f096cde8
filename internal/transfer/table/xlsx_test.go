package table_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"sixty/internal/transfer/table"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

// sheetRows returns a sheet with those rows.
func sheetRows(rows string) string {
	return xmlHead + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`
}

// cells returns cells of text one behind the other.
func cells(texts ...string) string {
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, `<c t="inlineStr"><is><t>%s</t></is></c>`, text)
	}
	return b.String()
}

// workbook returns a workbook of that sheet; parts replace or join its own.
func workbook(tb testing.TB, sheet string, parts ...part) []byte {
	tb.Helper()
	const (
		main     = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
		office   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
		relation = `<Relationship Id="%s" Type="` + office + `/%s" Target="%s"/>`
	)
	all := []part{
		{"[Content_Types].xml", xmlHead + `<Types/>`},
		{"_rels/.rels", xmlHead + `<Relationships>` + fmt.Sprintf(relation, "r1", "officeDocument", "xl/workbook.xml") + `</Relationships>`},
		{"xl/workbook.xml", xmlHead + `<workbook xmlns="` + main + `" xmlns:r="` + office + `"><sheets>` +
			`<sheet name="Chart" sheetId="9" r:id="rId9"/><sheet name="Hidden" sheetId="2" state="hidden" r:id="rId2"/>` +
			`<sheet name="Deals" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", xmlHead + `<Relationships>` + fmt.Sprintf(relation, "rId1", "worksheet", "worksheets/sheet1.xml") +
			fmt.Sprintf(relation, "rId2", "worksheet", "/xl/worksheets/hidden.xml") + fmt.Sprintf(relation, "rId9", "chartsheet", "c.xml") +
			fmt.Sprintf(relation, "rId3", "styles", "styles.xml") + fmt.Sprintf(relation, "rId4", "sharedStrings", "sharedStrings.xml") +
			`</Relationships>`},
		{"xl/styles.xml", xmlHead + `<styleSheet/>`},
		{"xl/sharedStrings.xml", xmlHead + `<sst/>`},
		{"xl/worksheets/hidden.xml", sheetRows(`<row>` + cells("hidden") + `</row>`)},
		{"xl/worksheets/sheet1.xml", sheet},
	}
	for _, p := range parts {
		replaced := false
		for i := range all {
			if all[i].name == p.name {
				all[i], replaced = p, true
			}
		}
		if !replaced {
			all = append(all, p)
		}
	}
	return zipped(tb, all...)
}

// oneSheet has no other sheets, so that none is told of.
var oneSheet = table.Options{Sheet: "Deals"}

func TestXLSX_Types(t *testing.T) {
	t.Parallel()
	styles := part{"xl/styles.xml", xmlHead + `<styleSheet><numFmts>` +
		`<numFmt numFmtId="164" formatCode="dd\.mm\.yyyy"/><numFmt numFmtId="165" formatCode="[$-409]m/d/yy\ h:mm\ AM/PM;@"/>` +
		`<numFmt numFmtId="166" formatCode="[h]:mm:ss"/><numFmt numFmtId="167" formatCode="#,##0.00\ [$€-407];[Red]\-#,##0.00\ [$€-407]"/>` +
		`<numFmt numFmtId="168" formatCode="_(&quot;$&quot;* #,##0.00_)"/><numFmt numFmtId="169" formatCode="[$USD]\ #,##0.00"/>` +
		`<numFmt numFmtId="170" formatCode="0.00E+00"/><numFmt numFmtId="171" formatCode="[Red][&gt;5]General&quot; days&quot;"/>` +
		`<numFmt numFmtId="172" formatCode="mmm\-yy"/></numFmts>` +
		`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>` +
		`<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="9"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/>` +
		`<xf numFmtId="167"/><xf numFmtId="168"/><xf numFmtId="169"/><xf numFmtId="170"/><xf numFmtId="171"/><xf numFmtId="172"/><xf numFmtId="20"/></cellXfs></styleSheet>`}
	shared := part{"xl/sharedStrings.xml", xmlHead + `<sst><si><t>shared</t></si><si><r><t>rich </t></r><r><rPr><b/></rPr><t xml:space="preserve">text </t></r>` +
		`<rPh sb="0" eb="1"><t>guide</t></rPh></si><si><t>a_x000D_` + "\n" + `b_x005F_x000D_ &amp; &lt;_x00e4__x1F_</t></si><si/></sst>`}
	number := func(style int, value string) string { return fmt.Sprintf(`<c s="%d"><v>%s</v></c>`, style, value) }
	for _, tt := range []struct{ name, cell, want string }{
		{"whole number", number(0, "42"), "42"},
		{"without a style", `<c><v>42</v></c>`, "42"},
		{"unknown style", number(99, "42"), "42"},
		{"decimals", number(0, "1234.5"), "1234.5"},
		{"binary arithmetic", number(0, "0.30000000000000004"), "0.3"},
		{"binary arithmetic, 16 digits", number(0, "0.7999999999999999"), "0.8"},
		{"many digits", number(0, "12345678901234.56"), "12345678901234.56"},
		{"exponent", number(10, "1.25E4"), "12500"},
		{"small", number(0, "1.0000000000000001E-5"), "0.00001"},
		{"negative", number(0, "-3.50"), "-3.5"},
		{"no number", number(0, "abc"), "abc"},
		{"percent", number(3, "0.5"), "50%"},
		{"percent of a part", number(3, "0.28500000000000003"), "28.5%"},
		{"percent over 100", number(3, "-12.5"), "-1250%"},
		{"percent 0", number(3, "0"), "0%"},
		{"date", number(1, "46053"), "2026-01-31"},
		{"date of a country", number(4, "46053"), "2026-01-31"},
		{"date with a time", number(1, "46053.5"), "2026-01-31T12:00:00"},
		{"month", number(12, "46053"), "2026-01-31"},
		{"instant", number(2, "46053.627835648149"), "2026-01-31T15:04:05"},
		{"instant of 15 digits", number(2, "46053.6278356481"), "2026-01-31T15:04:05"},
		{"instant at midnight", number(5, "46053"), "2026-01-31T00:00:00"},
		{"instant with microseconds", number(2, "46053.62783707"), "2026-01-31T15:04:05.122848"},
		{"clock", number(13, "0.5"), "12:00:00"},
		{"elapsed", number(6, "1.5"), "36:00:00"},
		{"1 January 1900", number(1, "1"), "1900-01-01"},
		{"28 February 1900", number(1, "59"), "1900-02-28"},
		{"29 February 1900", number(1, "60"), "1900-02-29"},
		{"1 March 1900", number(1, "61"), "1900-03-01"},
		{"last day", number(1, "2958465"), "9999-12-31"},
		{"no day", number(1, "2958466"), "2958466"},
		{"negative day", number(1, "-1"), "-1"},
		{"euro", number(7, "1234.5"), "€1234.5"},
		{"euro, negative", number(7, "-5"), "-€5"},
		{"dollar", number(8, "10"), "$10"},
		{"code", number(9, "10"), "USD 10"},
		{"literal text", number(11, "7"), "7"},
		{"true", `<c t="b"><v>1</v></c>`, "true"},
		{"false", `<c t="b"><v>0</v></c>`, "false"},
		{"error", `<c t="e"><v>#N/A</v></c>`, "#N/A"},
		{"formula", `<c><f>1+1</f><v>2</v></c>`, "2"},
		{"formula of a text", `<c t="str"><f>"a"&amp;"b"</f><v>ab</v></c>`, "ab"},
		{"formula of no text", `<c t="str"><f>""</f><v></v></c>`, ""},
		{"shared", `<c t="s"><v>0</v></c>`, "shared"},
		{"rich", `<c t="s"><v>1</v></c>`, "rich text "},
		{"escapes", `<c t="s"><v>2</v></c>`, "a\r\nb_x000D_ & <ä_x1F_"},
		{"no shared text", `<c t="s"><v>3</v></c>`, ""},
		{"inline", `<c t="inlineStr"><is><t>in</t></is></c>`, "in"},
		{"inline, rich", `<c t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c>`, "inline"},
		{"ISO date", `<c t="d"><v>2026-01-31T00:00:00</v></c>`, "2026-01-31T00:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			book := workbook(t, sheetRows(`<row>`+cells("v", "n")+`</row><row>`+tt.cell+cells("x")+`</row>`), styles, shared)
			got := mustRead(t, file(t, "a.xlsx", book), oneSheet)
			want := []row{{2, []string{tt.want, "x"}, ""}}
			if diff := cmp.Diff(want, got.rows); diff != "" || len(got.facts.Notes) > 0 {
				t.Errorf("rows (-want +got):\n%s%+v", diff, got.facts.Notes)
			}
		})
	}
	t.Run("1904", func(t *testing.T) {
		t.Parallel()
		main := part{"xl/workbook.xml", `<workbook xmlns:r="x"><workbookPr date1904="1"/><sheets><sheet name="Deals" r:id="rId1"/></sheets></workbook>`}
		book := workbook(t, sheetRows(`<row>`+cells("v")+`</row><row>`+number(1, "44591")+`</row><row>`+number(1, "0")+`</row>`), styles, main)
		got := mustRead(t, file(t, "a.xlsx", book), table.Options{})
		if diff := cmp.Diff([]row{{2, []string{"2026-01-31"}, ""}, {3, []string{"1904-01-01"}, ""}}, got.rows); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})
}

func TestXLSX_Rows(t *testing.T) {
	t.Parallel()
	sheet := strings.Replace(sheetRows(
		`<row r="2"><c r="A2" s="0"/><c r="B2" t="inlineStr"><is><t> </t></is></c></row>`+
			`<row r="3">`+cells("name", "", "value", "name", " ")+`</row>`+
			`<row r="4"><c r="C4"><v>1</v></c></row>`+
			`<row r="6"><c r="A6"/></row>`+
			`<row r="9" hidden="1"><c r="A9" t="inlineStr"><is><t>x</t></is></c><c r="E9" t="inlineStr"><is><t> </t></is></c></row>`+
			`<row r="10"><c r="A10" t="inlineStr"><is><t>y</t></is></c><c r="F10" t="inlineStr"><is><t>z</t></is></c></row>`+
			`<row r="11"><c r="A11"><v>123456789012345678</v></c><c r="B11"><v>1.23457E+17</v></c><c r="C11"><v>123456789012345</v></c></row>`+
			`<row r="12"><c r="A12" t="s"><v>7</v></c><c r="C12"><f>A1</f></c></row>`+
			`<row r="13"><c r="A13" t="inlineStr"><is><t>MÃ¼ller</t></is></c></row>`+
			`<row r="2000"><c r="A2000"/></row>`),
		"</worksheet>", `<mergeCells count="1"><mergeCell ref="A4:A5"/></mergeCells></worksheet>`, 1)
	got := mustRead(t, file(t, "a.xlsx", workbook(t, sheet)), table.Options{})
	if diff := cmp.Diff([]string{"name", "", "value", "name"}, got.header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	want := []row{
		{4, []string{"", "", "1", ""}, ""},
		{9, []string{"x", "", "", ""}, ""},
		{10, []string{"y", "", "", ""}, `has a cell in column F, the header ends with column D; surplus is "z"`},
		{11, []string{"123456789012345678", "123457000000000000", "123456789012345", ""}, ""},
		{12, []string{"", "", "", ""}, `has in column A a cell that refers to the text "7", which the workbook does not have`},
		{13, []string{"MÃ¼ller", "", "", ""}, ""},
	}
	if diff := cmp.Diff(want, got.rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	notes := []table.Note{
		{Text: `of the workbook's sheets "Hidden", "Deals", "Deals" is read: name another by --sheet`},
		{Text: "blank rows are passed over", Count: 4, First: []int{5, 6, 7, 8}},
		{Text: "cells with numbers of more than 15 digits, of which a spreadsheet keeps 15: ids must be stored as text", Count: 2, First: []int{11, 11}},
		{Text: "merged cells: the first one of each has the value, the others are empty", Count: 1, First: []int{4}},
		{Text: "hidden rows, which are read like the others", Count: 1, First: []int{9}},
		{Text: "cells with formulas whose values the workbook does not hold: they are empty until a spreadsheet calculates and saves it", Count: 1, First: []int{12}},
		{
			Text: `rows with improbable text, such as "MÃ¼ller": probably the file has another encoding than UTF-8, ` +
				"or had been read in a wrong one before; name it by --encoding", Count: 1, First: []int{13},
		},
	}
	if diff := cmp.Diff(notes, got.facts.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestXLSX_Sheets(t *testing.T) {
	t.Parallel()
	source := file(t, "a.xlsx", workbook(t, sheetRows(`<row>`+cells("deal")+`</row>`)))
	for _, c := range [][2]string{{"", "deal"}, {"Deals", "deal"}, {" deals ", "deal"}, {"hidden", "hidden"}, {"1", "hidden"}, {"2", "deal"}} {
		if got := mustRead(t, source, table.Options{Sheet: c[0]}); got.header[0] != c[1] {
			t.Errorf("%q: %q", c[0], got.header)
		}
	}
	for _, name := range []string{"Chart", "3", "0", "-1"} {
		if _, err := read(t, source, table.Options{Sheet: name}); err == nil || !strings.Contains(err.Error(), `there are "Hidden", "Deals"`) {
			t.Errorf("%q: %v", name, err)
		}
	}
	names, err := table.Sheets(t.Context(), source)
	if diff := cmp.Diff([]string{"Hidden", "Deals"}, names); diff != "" || err != nil {
		t.Errorf("%v, sheets (-want +got):\n%s", err, diff)
	}
	if names, err := table.Sheets(t.Context(), file(t, "a.csv", []byte(asCSV))); names != nil || err != nil {
		t.Errorf("of CSV: %q, %v", names, err)
	}
}

func TestXLSX_Broken(t *testing.T) {
	t.Parallel()
	header := `<row r="1">` + cells("a", "b") + `</row>`
	for name, tt := range map[string]struct {
		book []byte
		want string
	}{
		"cut XML":         {workbook(t, strings.TrimSuffix(sheetRows(header), "</worksheet>")), "sheet1.xml cannot be read: unexpected EOF"},
		"broken XML":      {workbook(t, sheetRows(header+"<row><")), "is broken XML"},
		"an entity":       {workbook(t, `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`+sheetRows(`<row><c t="inlineStr"><is><t>&e;</t></is></c></row>`)), "invalid character entity &e;"},
		"elements":        {workbook(t, sheetRows(header+`<x><row></x></row>`)), "it is broken XML: </x> closes what was not opened"},
		"depth":           {workbook(t, sheetRows(strings.Repeat("<x>", 200))), "elements within more than 100 others"},
		"a long token":    {workbook(t, sheetRows(`<row><c t="str"><v>`+strings.Repeat("x", 5<<20))), "a part of more than 4194304 bytes"},
		"order of rows":   {workbook(t, sheetRows(header+`<row r="3">`+cells("x")+`</row><row r="2">`+cells("x")+`</row>`)), "row 2 stands behind row 3"},
		"order of cells":  {workbook(t, sheetRows(header+`<row r="2"><c r="B2"><v>1</v></c><c r="B2"><v>2</v></c></row>`)), `the cell "B2" stands behind column B`},
		"no cell":         {workbook(t, sheetRows(header+`<row r="2"><c r="XFE2"><v>1</v></c></row>`)), `"XFE2" is not a cell`},
		"too wide":        {workbook(t, sheetRows(`<row><c r="ALM1"><v>1</v></c></row>`)), "has \"1\" in column 1001, at most 1000 are taken"},
		"no rows":         {workbook(t, sheetRows("")), "the file is empty"},
		"no sheet's part": {workbook(t, "", part{"xl/workbook.xml", `<workbook xmlns:r="x"><sheets><sheet name="S" r:id="rId9"/></sheets></workbook>`}), "has no sheet of cells"},
		"no sheets":       {workbook(t, "", part{"xl/workbook.xml", "<x/>"}), "the workbook has no sheet of cells"},
		"no workbook":     {zipped(t, part{"[Content_Types].xml", "<x/>"}, part{"word/document.xml", "<x/>"}), "it is an archive, but no workbook"},
		"binary":          {zipped(t, part{"[Content_Types].xml", "<x/>"}, part{"xl/workbook.bin", "x"}), "a binary workbook (.xlsb)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, file(t, "a.xlsx", tt.book), table.Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// What excelize writes as an export does is read back exactly.
func TestXLSX_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.Rune(), 0, 20, -1).Draw(t, "text")
		text = strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r == 0xFFFD {
				return 'x'
			}
			return r
		}, text)
		cents := rapid.Int64Range(-99_999_999_999_999, 99_999_999_999_999).Draw(t, "cents")
		// The digits of a sheet's numbers are fine enough for milliseconds.
		instant := time.UnixMilli(rapid.Int64Range(-2_203_891_200_000, 253_402_300_799_999).Draw(t, "instant")).UTC()
		day := time.Unix(rapid.Int64Range(-25_508, 2_932_896).Draw(t, "day")*86400, 0).UTC()

		f := excelize.NewFile()
		w, err := f.NewStreamWriter("Sheet1")
		if err != nil {
			t.Fatal(err)
		}
		style := func(code string) int {
			id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &code})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		err = w.SetRow("A1", []any{"text", "money", "instant", "day", "whole", "yes"})
		if err == nil {
			err = w.SetRow("A2", []any{
				text, excelize.Cell{StyleID: style("0.00"), Value: float64(cents) / 100},
				excelize.Cell{StyleID: style("yyyy-mm-dd hh:mm:ss"), Value: instant}, excelize.Cell{StyleID: style("yyyy-mm-dd"), Value: day}, 7, true,
			})
		}
		if err == nil {
			err = w.Flush()
		}
		var out bytes.Buffer
		if err == nil {
			err = f.Write(&out)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Open(t.Context(), stream("a.xlsx", out.Bytes()), table.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		rec, err := r.Read()
		if err != nil || rec.Err != nil {
			t.Fatal(err, rec.Err)
		}
		money := fmt.Sprintf("%d.%02d", abs(cents)/100, abs(cents)%100)
		money = strings.TrimSuffix(strings.TrimRight(money, "0"), ".")
		if cents < 0 {
			money = "-" + money
		}
		want := []string{text, money, instant.Format("2006-01-02T15:04:05.999999"), day.Format("2006-01-02"), "7", "true"}
		if diff := cmp.Diff(want, rec.Fields); diff != "" {
			t.Fatalf("cells (-want +got):\n%s", diff)
		}
	})
}

func abs(n int64) int64 { return max(n, -n) }
