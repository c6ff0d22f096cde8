package csvio_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/csvio"
)

// row is a Record in a form that a table can state.
type row struct {
	Line   int
	Fields []string
	Err    string
}

// readAll opens r and returns its header and every record.
func readAll(tb testing.TB, r io.Reader, opts csvio.Options) (header []string, records []csvio.Record) {
	tb.Helper()
	reader, err := csvio.Open(r, opts)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	for {
		rec, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return reader.Header(), records
		}
		if err != nil {
			tb.Fatalf("Read: %v", err)
		}
		records = append(records, rec)
	}
}

// rows returns the records as a table states them.
func rows(records []csvio.Record) []row {
	var all []row
	for _, rec := range records {
		r := row{Line: rec.Line, Fields: rec.Fields}
		if rec.Err != nil {
			r.Err = rec.Err.Error()
		}
		all = append(all, r)
	}
	return all
}

func TestRead(t *testing.T) {
	t.Parallel()
	const (
		bare   = "has a quote inside a field that is not quoted"
		behind = "has text behind a closing quote"
		open   = "opens a quote that is never closed"
	)
	tests := []struct {
		name  string
		in    string
		limit int
		want  []row
	}{
		{name: "header only", in: "a,b"},
		{name: "header only, with a line end", in: "a,b\r\n"},
		{name: "no line end at the end", in: "a,b\n1,2", want: []row{{2, []string{"1", "2"}, ""}}},
		{name: "empty fields", in: "a,b\n,1\n1,\n", want: []row{{2, []string{"", "1"}, ""}, {3, []string{"1", ""}, ""}}},
		{name: "blank rows", in: "a,b\n,\n \t,\"\"\n\u00a0\n,,,,\n1,2\n", want: []row{{6, []string{"1", "2"}, ""}}},
		{name: "surplus empty fields", in: "a,b\n1,2,\n1,2,, ,\"\"\n", want: []row{{2, []string{"1", "2"}, ""}, {3, []string{"1", "2"}, ""}}},
		{name: "space is kept", in: "a,b\n 1 ,\t2\n", want: []row{{2, []string{" 1 ", "\t2"}, ""}}},
		{name: "quotes", in: "a,b\n\"1\",\"\"\n", want: []row{{2, []string{"1", ""}, ""}}},
		{name: "doubled quotes", in: "a,b\n\"\"\"x\"\"\",\"\"\"\"\n", want: []row{{2, []string{`"x"`, `"`}, ""}}},
		{name: "separators in quotes", in: "a,b\n\"1,2\",\",\"\n", want: []row{{2, []string{"1,2", ","}, ""}}},
		{name: "quotes at the end of the file", in: "a,b\n1,\"2\"", want: []row{{2, []string{"1", "2"}, ""}}},
		{
			name: "line ends in quotes are kept and counted",
			in:   "a,b\n\"1\n2\r\n3\r4\",x\n5,6\n",
			want: []row{{2, []string{"1\n2\r\n3\r4", "x"}, ""}, {6, []string{"5", "6"}, ""}},
		},
		{
			name: "every line end, mixed",
			in:   "a\r1\n2\r\n3\r4\n",
			want: []row{{2, []string{"1"}, ""}, {3, []string{"2"}, ""}, {4, []string{"3"}, ""}, {5, []string{"4"}, ""}},
		},
		{
			name: "blank lines are skipped and counted",
			in:   "\n\r\na\n\n1\r\r2\r\n\r\n3\n\n",
			want: []row{{5, []string{"1"}, ""}, {7, []string{"2"}, ""}, {9, []string{"3"}, ""}},
		},
		{
			name: "ragged rows",
			in:   "a,b\n1\n1,2,3\n1,2\n",
			want: []row{
				{2, []string{"1", ""}, ""},
				{3, []string{"1", "2", "3"}, `has 3 fields, the header has 2; surplus is "3"`},
				{4, []string{"1", "2"}, ""},
			},
		},
		{
			name: "more fields than any header may have",
			in:   "a,b\n" + strings.Repeat("\"x\",", csvio.MaxColumns) + "\"y\",z\n1,2\n",
			want: []row{
				{2, append(strings.Split(strings.Repeat("x", csvio.MaxColumns), ""), "\"y\",z"), `has 1002 fields, the header has 2; surplus is "x"`},
				{3, []string{"1", "2"}, ""},
			},
		},
		{
			name: "a bare quote",
			in:   "a,b,c\n1,24\" screen,\"x\"\n1,2,3\n",
			want: []row{{2, []string{"1", "24\" screen,\"x\""}, bare}, {3, []string{"1", "2", "3"}, ""}},
		},
		{
			name: "text behind a closing quote",
			in:   "a,b,c\n\"1\",\"2\"x,3\r\n1,2,3\n",
			want: []row{{2, []string{"1", "\"2\"x,3"}, behind}, {3, []string{"1", "2", "3"}, ""}},
		},
		{
			name: "text behind a closing quote some lines on",
			in:   "a,b\n1,\"2\n3,\"4\"\n5,6\n",
			want: []row{{2, []string{"1", "\"2\n3,\"4\""}, behind}, {4, []string{"5", "6"}, ""}},
		},
		{
			name: "a quote that is never closed",
			in:   "a,b\n1,2\n3,\"4\n5,6\n",
			want: []row{{2, []string{"1", "2"}, ""}, {3, []string{"3", "\"4\n5,6\n"}, open}},
		},
		{name: "nothing but a quote", in: "a\n\"", want: []row{{2, []string{"\""}, open}}},
		{
			name: "NUL",
			in:   "a,b\n1,\x002\n3,4\n",
			want: []row{{2, []string{"1", "\x002"}, "holds a NUL byte"}, {3, []string{"3", "4"}, ""}},
		},
		{
			name: "broken UTF-8 among much that is not",
			in:   "a,b\nä,ö\nü,\xfc\nÄ,Ö\n",
			want: []row{
				{2, []string{"ä", "ö"}, ""},
				{3, []string{"ü", "\xfc"}, `is not valid UTF-8: "\xfc"`},
				{4, []string{"Ä", "Ö"}, ""},
			},
		},
		{
			name: "just within the limit", limit: 8,
			in:   "a,b\n1234,678\r\n\"\",45678\n1234,678",
			want: []row{{2, []string{"1234", "678"}, ""}, {3, []string{"", "45678"}, ""}, {4, []string{"1234", "678"}, ""}},
		},
		{
			name: "over the limit", limit: 8,
			in: "a,b\n1234,6789\r\n1,2\n1234,6789",
			want: []row{
				{2, []string{"1234", "678"}, "is longer than 8 bytes"},
				{3, []string{"1", "2"}, ""},
				{4, []string{"1234", "678"}, "is longer than 8 bytes"},
			},
		},
		{
			name: "over the limit, in quotes with line ends", limit: 8,
			in: "a,b\n1,\"2\"\"\n\r\n\r34567890\n\",x\n3,4\n",
			want: []row{
				{2, []string{"1", "\"2\"\"\n\r"}, "is longer than 8 bytes"},
				{7, []string{"3", "4"}, ""},
			},
		},
		{
			name: "over the limit at a separator", limit: 8,
			in:   "a,b\n12345678,90\n3,4\n",
			want: []row{{2, []string{"12345678"}, "is longer than 8 bytes"}, {3, []string{"3", "4"}, ""}},
		},
		{
			name: "over the limit within a character", limit: 8,
			in:   "a,b\n1ä,67€,90\n3,4\n",
			want: []row{{2, []string{"1ä", "67"}, "is longer than 8 bytes"}, {3, []string{"3", "4"}, ""}},
		},
		{
			name: "over the limit, then broken quotes", limit: 8,
			in:   "a,b\n1,\"2345678\n90\"x\"\n3,4\n",
			want: []row{{2, []string{"1", "\"23456"}, "is longer than 8 bytes"}, {4, []string{"3", "4"}, ""}},
		},
		{
			name: "over the limit in a quote that is never closed", limit: 8,
			in: "a,b\n1,\"2345678\n3,4\n",
			want: []row{
				{2, []string{"1", "\"23456"}, "is longer than 8 bytes and opens a quote that is never closed: nothing could be read behind it"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts := csvio.Options{Separator: ',', MaxRecord: tt.limit}
			// How the source hands out its bytes must not matter.
			for name, source := range map[string]io.Reader{
				"at once":       strings.NewReader(tt.in),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(tt.in)),
				"EOF with data": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				_, records := readAll(t, source, opts)
				if diff := cmp.Diff(tt.want, rows(records)); diff != "" {
					t.Errorf("%s: records (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestRead_Raw(t *testing.T) {
	t.Parallel()
	const in = "a;b\r\n 1;\"2\"\"\n3\"\r\nx\n\"y\"z;\r\n"
	_, records := readAll(t, strings.NewReader(in), csvio.Options{})
	var raw []string
	for _, rec := range records {
		raw = append(raw, rec.Raw)
	}
	if diff := cmp.Diff([]string{" 1;\"2\"\"\n3\"", "x", "\"y\"z;"}, raw); diff != "" {
		t.Errorf("Raw (-want +got):\n%s", diff)
	}
}

func TestRead_ErrKinds(t *testing.T) {
	t.Parallel()
	in := "a,ä\n1,2,3\n\"1\"x,2\n1,\x00\n1,\xff\n1,\"" + strings.Repeat("2", 100) + "\"\n1,\"2"
	_, records := readAll(t, strings.NewReader(in), csvio.Options{Encoding: csvio.UTF8, MaxRecord: 100})
	want := []error{csvio.ErrFieldCount, csvio.ErrQuote, csvio.ErrNUL, csvio.ErrEncoding, csvio.ErrTooLong, csvio.ErrQuote}
	if len(records) != len(want) {
		t.Fatalf("%d records, want %d", len(records), len(want))
	}
	for i, rec := range records {
		if !errors.Is(rec.Err, want[i]) {
			t.Errorf("record on line %d: %v, want kind %q", rec.Line, rec.Err, want[i])
		}
	}
}

func TestRead_RecordsStayValid(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	in.WriteString("n,\"doubled\"\n")
	const n = 20_000 // several buffers full
	for i := range n {
		fmt.Fprintf(&in, "%d,\"\"\"%d\"\"\"\n", i, i)
	}
	_, records := readAll(t, strings.NewReader(in.String()), csvio.Options{})
	if len(records) != n {
		t.Fatalf("%d records, want %d", len(records), n)
	}
	for i, rec := range records {
		want := row{Line: i + 2, Fields: []string{fmt.Sprint(i), fmt.Sprintf("%q", fmt.Sprint(i))}}
		if diff := cmp.Diff(want, rows(records[i : i+1])[0]); diff != "" || rec.Err != nil {
			t.Fatalf("record %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestRead_SourceFails(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk on fire")
	for name, in := range map[string]string{
		"between records":    "a,b\n1,2\n",
		"within a record":    "a,b\n1,2\n3,",
		"within a long one":  "a,b\n1,2\n3," + strings.Repeat("x", sniffed),
		"within quotes":      "a,b\n1,2\n3,\"",
		"behind blank lines": "a,b\n1,2\n\n\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Open looks at 64 KiB; the failure shall come later.
			in := strings.Repeat("\n", sniffed) + in
			source := io.MultiReader(strings.NewReader(in), iotest.ErrReader(errDisk))
			reader, err := csvio.Open(source, csvio.Options{Separator: ',', MaxRecord: 100})
			if err != nil {
				t.Fatal(err)
			}
			if rec, err := reader.Read(); err != nil || rec.Err != nil {
				t.Fatalf("first record: %v, %v", err, rec.Err)
			}
			for range 2 {
				if rec, err := reader.Read(); !errors.Is(err, errDisk) {
					t.Fatalf("Read = %+v, %v, want %v", rec, err, errDisk)
				}
			}
		})
	}
}

// stuck is a source that answers nothing, without an error.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestRead_NoProgress(t *testing.T) {
	t.Parallel()
	in := strings.Repeat("\n", sniffed) + "a\n1\n"
	reader, err := csvio.Open(io.MultiReader(strings.NewReader(in), stuck{}), csvio.Options{Separator: ','})
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := reader.Read(); err != nil || rec.Fields[0] != "1" {
		t.Fatalf("first record: %+v, %v", rec, err)
	}
	if _, err := reader.Read(); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("Read: %v, want %v", err, io.ErrNoProgress)
	}
}

func TestReader_Offset(t *testing.T) {
	t.Parallel()
	for _, bom := range []string{"", "\xef\xbb\xbf"} {
		in := bom + "a,b\n" + strings.Repeat("1,2\n", 100_000)
		reader, err := csvio.Open(strings.NewReader(in), csvio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		last := reader.Offset()
		if last == 0 || last >= int64(len(in)) {
			t.Errorf("after the header: Offset = %d of %d", last, len(in))
		}
		for {
			_, err := reader.Read()
			if reader.Offset() < last {
				t.Fatalf("Offset went back from %d to %d", last, reader.Offset())
			}
			last = reader.Offset()
			if err != nil {
				break
			}
		}
		if last != int64(len(in)) {
			t.Errorf("at the end: Offset = %d, want %d", last, len(in))
		}
	}
}
