package csvio_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/csvio"
)

func TestOpen_Header(t *testing.T) {
	t.Parallel()
	columns := func(n int) string {
		return "c" + strings.Repeat(",c", n-1)
	}
	tests := []struct {
		name    string
		in      string
		opts    csvio.Options
		want    []string
		wantErr string
		kind    error
	}{
		{name: "trimmed", in: " a ,\"\u00a0b\t\",c d\n", want: []string{"a", "b", "c d"}},
		{name: "quoted over lines", in: "\"a\nb\",c\n", want: []string{"a\nb", "c"}},
		{name: "behind blank lines", in: "\r\n\n\ra,b", want: []string{"a", "b"}},
		{name: "columns without a name", in: "a,, ,b,\n", want: []string{"a", "", "", "b", ""}},
		{name: "case tells names apart", in: "a,A\n", want: []string{"a", "A"}},
		{name: "empty", in: "", wantErr: csvio.ErrEmpty.Error(), kind: csvio.ErrEmpty},
		{name: "blank lines only", in: "\n\r\n\r", wantErr: csvio.ErrEmpty.Error(), kind: csvio.ErrEmpty},
		{name: "byte order mark only", in: "\xef\xbb\xbf", wantErr: csvio.ErrEmpty.Error(), kind: csvio.ErrEmpty},
		{name: "a name twice", in: "a,E-Mail,b, E-Mail\n", want: []string{"a", "E-Mail", "b", "E-Mail"}},
		{name: "behind blank rows", in: ",,\n \t,\na,b\n", want: []string{"a", "b"}},
		{name: "two byte order marks", in: "\xef\xbb\xbf\xef\xbb\xbf\"a\",b\n", want: []string{"a", "b"}},
		{name: "marks in cells", in: "\"\ufeffa\",\ufeff b\n", want: []string{"a", "b"}},
		{name: "a separator's line", in: "sep=;\r\na,b;c\r\n", want: []string{"a,b", "c"}},
		{name: "a separator's line in quotes", in: "\xef\xbb\xbf\"SEP=\t\"\na,b\tc\n", want: []string{"a,b", "c"}},
		{name: "a separator's line that is overruled", in: "sep=;\na,b;c\n", opts: csvio.Options{Separator: ','}, want: []string{"a", "b;c"}},
		{name: "a separator's line alone", in: "sep=;", wantErr: csvio.ErrEmpty.Error(), kind: csvio.ErrEmpty},
		{name: "no separator's line", in: "sep=,x\n", want: []string{"sep=", "x"}},
		{
			name: "NUL", in: "a,b\x00\n", kind: csvio.ErrNUL,
			wantErr: "the header on line 1 holds a NUL byte: this is probably no text, or UTF-16 (--encoding)",
		},
		{
			name: "a mark that contradicts", in: "\xef\xbb\xbfa\n", opts: csvio.Options{Encoding: csvio.Windows1252}, kind: csvio.ErrEncoding,
			wantErr: "recognise the encoding: the file begins with the byte order mark of UTF-8, but Windows-1252 was named",
		},
		{
			name: "too many columns", in: columns(csvio.MaxColumns+5) + "\n", kind: csvio.ErrHeader,
			wantErr: "the header on line 1 has 1005 columns, at most 1000 are taken",
		},
		{
			name: "too long", in: "a,b,c,d,e\n", opts: csvio.Options{MaxRecord: 5}, kind: csvio.ErrTooLong,
			wantErr: "the header on line 1 is longer than 5 bytes",
		},
		{
			name: "broken quotes", in: "\na,\"b\"c\n", kind: csvio.ErrHeader,
			wantErr: "the header on line 2 has text behind a closing quote",
		},
		{
			name: "broken encoding", in: "a,\xff\n", opts: csvio.Options{Encoding: csvio.UTF8}, kind: csvio.ErrEncoding,
			wantErr: `the header on line 1 is not valid UTF-8: "\xff"`,
		},
		{name: "negative limit", opts: csvio.Options{MaxRecord: -1}, wantErr: "csvio: MaxRecord -1 is negative"},
		{name: "impossible encoding", opts: csvio.Options{Encoding: "x"}, wantErr: `csvio: unknown encoding "x"`},
		{name: "a quote as separator", opts: csvio.Options{Separator: '"'}, wantErr: `csvio: '"' cannot separate fields`},
		{name: "half a character as separator", opts: csvio.Options{Separator: 0xA7}, wantErr: `csvio: '§' cannot separate fields`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reader, err := csvio.Open(strings.NewReader(tt.in), tt.opts)
			if tt.wantErr != "" {
				if err == nil || err.Error() != tt.wantErr {
					t.Fatalf("Open: %v, want %q", err, tt.wantErr)
				}
				if tt.kind != nil && !errors.Is(err, tt.kind) {
					t.Errorf("Open: %q is not of kind %q", err, tt.kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, reader.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOpen_MostColumns(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range csvio.MaxColumns {
		names = append(names, "c"+string(rune(0x4E00+i)))
	}
	line := strings.Join(names, ",") + "\n"
	header, records := readAll(t, strings.NewReader(line+line), csvio.Options{})
	if diff := cmp.Diff(names, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]row{{Line: 2, Fields: names}}, rows(records)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestOpen_Separator(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		in     string
		forced byte
		want   byte
	}{
		{name: "comma", in: "a,b\n", want: ','},
		{name: "semicolon", in: "a;b\n1,5;2,5\n", want: ';'},
		{name: "tab", in: "a\tb\n", want: '\t'},
		{name: "pipe", in: "a|b\n", want: '|'},
		{name: "one column", in: "a\n1;2\n", want: ','},
		{name: "the most frequent", in: "a, or b;c;d\n", want: ';'},
		{name: "a tie with the comma", in: "a;b,c\n", want: ','},
		{name: "a tie of headers", in: "Name,City;Size\nA;1\nB;2\n", want: ';'},
		{name: "a tie of rows", in: "Name, Vorname;Ort\r\nMeyer, Eva;Bonn\r\nSchulz, Jan;Ulm\r\n", want: ';'},
		{name: "a tie of rows with decimals", in: "name;value (1,0)\nA;1,5\nB;2,5\n", want: ';'},
		{name: "a header of many commas", in: "Name (last, first, middle);City\nA;B\nC;D\n", want: ';'},
		{name: "ragged rows", in: "a,b,c\n1\n1,2\n1,2;3\n", want: ','},
		{name: "quotes", in: "a,b;c\n\"x\";\"y,z\"\n", want: ';'},
		{name: "a tie without it", in: "a\tb;c\n", want: ';'},
		{name: "outside quotes", in: "\"a,,,\"\",,\";b\n", want: ';'},
		{name: "a header of several lines", in: "\"a\n,,\";b\n", want: ';'},
		{name: "behind blank lines", in: "\r\n\na;b\n1,2,3\n", want: ';'},
		{name: "without a line end", in: "a;b", want: ';'},
		{name: "forced", in: "a,b,c:d\n", forced: ':', want: ':'},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, source := range map[string]io.Reader{
				"at once":      strings.NewReader(tt.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.in)),
			} {
				reader, err := csvio.Open(source, csvio.Options{Separator: tt.forced})
				if err != nil {
					t.Fatal(err)
				}
				if got := reader.Separator(); got != tt.want {
					t.Errorf("%s: Separator = %q, want %q", name, got, tt.want)
				}
			}
		})
	}
}

func TestOpen_SourceFails(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk on fire")
	for name, in := range map[string]string{
		"at once":           "",
		"within the prefix": "a,b\n1,2\n",
		"behind the prefix": strings.Repeat("\n", sniffed),
		"within the header": strings.Repeat("\n", sniffed) + "a,b",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := io.MultiReader(strings.NewReader(in), iotest.ErrReader(errDisk))
			if _, err := csvio.Open(source, csvio.Options{}); !errors.Is(err, errDisk) {
				t.Errorf("Open: %v, want %v", err, errDisk)
			}
		})
	}
}
