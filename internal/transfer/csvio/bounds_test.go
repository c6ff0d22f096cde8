package csvio_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"sixty/internal/transfer/csvio"
)

// repeated is a source of n bytes that are made up as they are read.
type repeated struct {
	pattern string
	n, at   int
}

// newRepeated returns n bytes of pattern, over and over.
func newRepeated(pattern string, n int) *repeated {
	return &repeated{pattern: strings.Repeat(pattern, 1+4096/len(pattern)), n: n}
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.at == r.n {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n-r.at)], r.pattern[r.at%len(r.pattern):])
	r.at += n
	return n, nil
}

// Not parallel, and so alone: it measures what the process allocates.
func TestRead_MemoryIsBounded(t *testing.T) {
	const mega = 1 << 20
	tests := []struct {
		name    string
		opts    csvio.Options
		size    int
		opening string
		pattern string
		closing string
		kind    error // of the one huge record; nil if there is none
	}{
		{name: "a line", size: 100 * mega, pattern: "x", closing: "\n", kind: csvio.ErrTooLong},
		{name: "a quoted field", size: 100 * mega, opening: "\"", pattern: "x, \"\"\r\n", closing: "\"\n", kind: csvio.ErrTooLong},
		{name: "separators", size: 8 * mega, pattern: ",", closing: "\n", kind: csvio.ErrTooLong},
		{name: "quoted fields", size: 8 * mega, pattern: "\"a\",", closing: "b\n", kind: csvio.ErrTooLong},
		{name: "broken quotes", size: 8 * mega, pattern: "x\"", closing: "\n", kind: csvio.ErrTooLong},
		{name: "NULs", size: 8 * mega, pattern: "\x00", closing: "\n", kind: csvio.ErrTooLong},
		{name: "blank lines", size: 8 * mega, pattern: "\r\n"},
		{name: "Windows-1252", size: 8 * mega, opts: csvio.Options{Encoding: csvio.Windows1252}, pattern: "\xfc", closing: "\n", kind: csvio.ErrTooLong},
		{name: "a smaller limit", size: 8 * mega, opts: csvio.Options{MaxRecord: 1000}, pattern: "x", closing: "\n", kind: csvio.ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source := io.MultiReader(
				strings.NewReader("a,b\n1,2\n"+tt.opening),
				newRepeated(tt.pattern, tt.size/len(tt.pattern)*len(tt.pattern)),
				strings.NewReader(tt.closing+"3,4\n"),
			)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, records := readAll(t, source, tt.opts)
			runtime.ReadMemStats(&after)

			var kinds []error
			for _, rec := range records {
				kinds = append(kinds, rec.Err)
			}
			switch {
			case tt.kind == nil && len(records) != 2, tt.kind != nil && len(records) != 3:
				t.Errorf("%d records: %v", len(records), kinds)
			case tt.kind != nil && !errors.Is(records[1].Err, tt.kind):
				t.Errorf("the huge record: %v, want kind %q", records[1].Err, tt.kind)
			case records[len(records)-1].Err != nil || records[len(records)-1].Fields[0] != "3":
				t.Errorf("the record behind it: %+v", records[len(records)-1])
			}
			// The buffer doubles up to the limit, and the beginning is copied
			// once; besides, there is what Open looks at.
			limit := tt.opts.MaxRecord
			if limit == 0 {
				limit = csvio.DefaultMaxRecord
			}
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(3*limit+mega/2); got > most {
				t.Errorf("%d bytes allocated over %d, want at most %d", got, tt.size, most)
			}
		})
	}
}

// What a record costs: its text, and the slice of its fields.
func TestRead_Allocations(t *testing.T) {
	const n = 1000
	reader, err := csvio.Open(strings.NewReader("a,b,c\n"+strings.Repeat("1,\"2\",3\n", n+10)), csvio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := testing.AllocsPerRun(n, func() {
		if rec, err := reader.Read(); err != nil || rec.Err != nil {
			t.Fatal(err, rec.Err)
		}
	})
	if got > 2 {
		t.Errorf("%v allocations per record, want at most 2", got)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, bb := range []struct{ name, line string }{
		{"simple", "1C1I7A6R,Moses Frase,GTX Plus Basic,Cancity,Won,2016-10-20,2017-03-01,1054\n"},
		{"quoted", "\"1C1I7A6R\",\"Moses Frase\",\"GTX \"\"Plus\"\" Basic\",\"Cancity\",\"Won\",\"2016-10-20\",\"2017-03-01\",\"1,054\"\n"},
		{"Windows-1252", "1C1I7A6R,Moses Fr\xe4se,GTX Plus Basic,Cancity,Won,2016-10-20,2017-03-01,1054\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.line)))
			b.ReportAllocs()
			header := "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
			source := io.MultiReader(strings.NewReader(header), newRepeated(bb.line, b.N*len(bb.line)))
			reader, err := csvio.Open(source, csvio.Options{})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for {
				rec, err := reader.Read()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || rec.Err != nil {
					b.Fatal(err, rec.Err)
				}
				n++
			}
			if n != b.N {
				b.Fatalf("%d records, want %d", n, b.N)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
