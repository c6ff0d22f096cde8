package csvio_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sixty/internal/transfer/csvio"
)

// wellFormed draws a file that both readers take: quotes where they must be and
// elsewhere at random, blank lines, LF and CRLF mixed. Fields have no CR, of
// which encoding/csv drops the one before LF.
func wellFormed(t *rapid.T, separator string) string {
	columns := rapid.IntRange(1, 4).Draw(t, "columns")
	field := rapid.StringOfN(rapid.RuneFrom([]rune("ab \",;\n'äß€😀")), 0, 8, -1)
	lineEnd := rapid.SampledFrom([]string{"\n", "\r\n", "\n\n", "\r\n\n"})
	var b strings.Builder
	b.WriteString(strings.Join(strings.Split("wxyz", "")[:columns], separator))
	for range rapid.IntRange(0, 8).Draw(t, "records") {
		b.WriteString(lineEnd.Draw(t, "line end"))
		for i := range columns {
			if i > 0 {
				b.WriteString(separator)
			}
			f := field.Draw(t, "field")
			if f == "" && columns == 1 || strings.ContainsAny(f, separator+"\"\n") || rapid.Bool().Draw(t, "quoted") {
				f = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
			}
			b.WriteString(f)
		}
	}
	if rapid.Bool().Draw(t, "ended") {
		b.WriteString(lineEnd.Draw(t, "line end"))
	}
	return b.String()
}

func TestRead_AgreesWithEncodingCSV(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		separator := rapid.SampledFrom([]string{",", ";"}).Draw(t, "separator")
		in := wellFormed(t, separator)
		peer := csv.NewReader(strings.NewReader(in))
		peer.Comma = rune(separator[0])
		reader, err := csvio.Open(strings.NewReader(in), csvio.Options{Separator: separator[0]})
		if err != nil {
			t.Fatal(err)
		}
		header, err := peer.Read()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(header, reader.Header()); diff != "" {
			t.Fatalf("header of %q (-encoding/csv +csvio):\n%s", in, diff)
		}
		for {
			want, wantErr := peer.Read()
			for wantErr == nil && strings.TrimSpace(strings.Join(want, "")) == "" {
				want, wantErr = peer.Read() // csvio passes over blank rows
			}
			got, err := reader.Read()
			if !errors.Is(err, wantErr) || got.Err != nil {
				t.Fatalf("%q: %v and %v, encoding/csv: %v", in, err, got.Err, wantErr)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(want, got.Fields); diff != "" {
				t.Fatalf("fields of %q (-encoding/csv +csvio):\n%s", in, diff)
			}
			if line, _ := peer.FieldPos(0); line != got.Line {
				t.Fatalf("%q: %q on line %d, encoding/csv: %d", in, want, got.Line, line)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "a", "a,b\n1,2\n", "a;b\r\"1\n\"\";\";2\r\n", "a\n\"", "a\n\"b\"c\n1\n", "a,b\n1\n1,2,3\n",
		"\xef\xbb\xbfa\nx", "\xff\xfea\x00\n\x00\x3d\xd8", "\x00a\x00\n\x00b", "a\n\xfc\n\x81\n", "a\n\x00\n", "a\nä\nö\n\xff\n",
		"a\n123456789\n1\n", "a\n\"123456789\n\r\n1\n", "a\n12345€\n", strings.Repeat(",", 1100) + "\n",
		"a\n" + strings.Repeat(",", 1100) + "\n",
	} {
		f.Add([]byte(seed), byte(0), uint16(8))
		f.Add([]byte(seed), byte(';'), uint16(2000))
	}
	f.Fuzz(func(t *testing.T, data []byte, separator byte, limit uint16) {
		opts := csvio.Options{Separator: separator, MaxRecord: int(limit)}
		if limit == 0 {
			limit = 1
			opts.MaxRecord = 1
		}
		reader, err := csvio.Open(bytes.NewReader(data), opts)
		// What comes out does not depend on how the bytes come in.
		slow, slowErr := csvio.Open(iotest.OneByteReader(bytes.NewReader(data)), opts)
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("Open: %v, byte by byte: %v", err, slowErr)
		}
		if err != nil {
			return
		}
		line := 1
		for n := 0; ; n++ {
			// Every record has a byte of its own, besides the line end.
			if n > len(data) {
				t.Fatalf("%d records of %d bytes", n, len(data))
			}
			rec, err := reader.Read()
			slowRec, slowErr := slow.Read()
			if diff := cmp.Diff(rows([]csvio.Record{rec}), rows([]csvio.Record{slowRec})); diff != "" || rec.Raw != slowRec.Raw || !errors.Is(slowErr, err) {
				t.Fatalf("record %d, %v (-at once +byte by byte, %v):\n%s", n, err, slowErr, diff)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			checkRecord(t, reader, rec, int(limit))
			if rec.Line <= line-1 || n > 0 && rec.Line <= line {
				t.Fatalf("record %d on line %d, behind line %d", n, rec.Line, line)
			}
			line = rec.Line
		}
		if got := reader.Offset(); got != int64(len(data)) {
			t.Fatalf("Offset = %d at the end of %d bytes", got, len(data))
		}
	})
}

// checkRecord holds rec to what Record promises of any file.
func checkRecord(tb testing.TB, r *csvio.Reader, rec csvio.Record, limit int) {
	tb.Helper()
	switch {
	case rec.Raw == "" && !errors.Is(rec.Err, csvio.ErrTooLong):
		tb.Fatalf("an empty record on line %d", rec.Line)
	case len(rec.Raw) > limit:
		tb.Fatalf("a record of %d bytes, the limit is %d", len(rec.Raw), limit)
	case len(rec.Fields) > csvio.MaxColumns+1:
		tb.Fatalf("%d fields kept", len(rec.Fields))
	case rec.Err != nil:
		return
	case len(rec.Fields) != len(r.Header()):
		tb.Fatalf("%d fields, the header has %d", len(rec.Fields), len(r.Header()))
	}
	for _, f := range rec.Fields {
		if !utf8.ValidString(f) || strings.Contains(f, "\x00") || !strings.Contains(rec.Raw, strings.ReplaceAll(f, `"`, `""`)) && !strings.Contains(rec.Raw, f) {
			tb.Fatalf("field %q of %q", f, rec.Raw)
		}
	}
}
