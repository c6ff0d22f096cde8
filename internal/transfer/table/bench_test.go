package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"sixty/internal/transfer/csvio"
	"sixty/internal/transfer/table"
)

// BenchmarkRead reads the same rows from every format, and from CSV without this package.
func BenchmarkRead(b *testing.B) {
	const n = 50_000
	names := []string{"opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_value"}
	var csv, ndjson, rows strings.Builder
	csv.WriteString(strings.Join(names, ",") + "\n")
	rows.WriteString("<row>" + cells(names...) + "</row>")
	for i := range n {
		fmt.Fprintf(&csv, "1C1I%d,Moses Frase,GTX Plus Basic,Cancity,Won,2016-10-20,1054.25\n", i)
		fmt.Fprintf(&ndjson, `{"opportunity_id":"1C1I%d","sales_agent":"Moses Frase","product":"GTX Plus Basic","account":"Cancity","deal_stage":"Won","engage_date":"2016-10-20","close_value":1054.25}`+"\n", i)
		fmt.Fprintf(&rows, `<row r="%d">%s<c s="1"><v>42663</v></c><c><v>1054.25</v></c></row>`, i+2,
			cells(fmt.Sprint("1C1I", i), "Moses Frase", "GTX Plus Basic", "Cancity", "Won"))
	}
	json := "[" + strings.TrimSuffix(strings.ReplaceAll(ndjson.String(), "\n", ",\n"), ",\n") + "]"
	book := workbook(b, sheetRows(rows.String()), part{"xl/styles.xml", `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`})
	type reader interface {
		Read() (table.Record, error)
	}
	drain := func(b *testing.B, r reader) {
		b.Helper()
		for count := 0; ; count++ {
			rec, err := r.Read()
			if errors.Is(err, io.EOF) {
				if count != n {
					b.Fatalf("%d rows", count)
				}
				return
			}
			if err != nil || rec.Err != nil {
				b.Fatal(err, rec.Err)
			}
		}
	}
	told := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("csvio", func(b *testing.B) {
		source := file(b, "a.csv", []byte(csv.String()))
		b.ReportAllocs()
		for b.Loop() {
			f, err := os.Open(source.Name)
			if err != nil {
				b.Fatal(err)
			}
			r, err := csvio.Open(f, csvio.Options{})
			if err != nil {
				b.Fatal(err)
			}
			drain(b, r)
			_ = f.Close()
		}
		told(b)
	})
	for name, content := range map[string][]byte{
		"a.csv": []byte(csv.String()), "a.csv.gz": gzipped(b, []byte(csv.String())), "a.ndjson": []byte(ndjson.String()), "a.json": []byte(json), "a.xlsx": book,
	} {
		b.Run(name, func(b *testing.B) {
			source := file(b, name, bytes.Clone(content))
			b.ReportAllocs()
			for b.Loop() {
				r, err := table.Open(b.Context(), source, table.Options{})
				if err != nil {
					b.Fatal(err)
				}
				drain(b, r)
				_ = r.Close()
			}
			told(b)
		})
	}
}
