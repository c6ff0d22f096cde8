package csvio_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sixty/internal/transfer/csvio"
)

func TestWriter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		separator byte
		lf        bool
		fields    []string
		want      string
	}{
		{name: "plain", separator: ',', fields: []string{"a", "b;c", "ä"}, want: "a,b;c,ä\r\n"},
		{name: "LF", separator: ',', lf: true, fields: []string{"a", "b"}, want: "a,b\n"},
		{name: "semicolon", separator: ';', fields: []string{"a,b", "c;d"}, want: "a,b;\"c;d\"\r\n"},
		{name: "quotes", separator: ',', fields: []string{`a"b`, `""`}, want: "\"a\"\"b\",\"\"\"\"\"\"\r\n"},
		{name: "line ends as they are", separator: ',', fields: []string{"a\nb", "c\r\nd", "e\rf"}, want: "\"a\nb\",\"c\r\nd\",\"e\rf\"\r\n"},
		{name: "space at an edge", separator: ',', fields: []string{" a", "b ", "c d", "\te"}, want: "\" a\",\"b \",c d,\"\te\"\r\n"},
		{name: "empty fields", separator: ',', fields: []string{"", ""}, want: ",\r\n"},
		{name: "one empty field is no blank line", separator: ',', fields: []string{""}, want: "\"\"\r\n"},
		{name: "broken bytes as they are", separator: ',', fields: []string{"M\xfcller"}, want: "M\xfcller\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			w := csvio.NewWriter(&out)
			w.Separator, w.CRLF = tt.separator, !tt.lf
			if err := w.Write(tt.fields); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("wrote %q, want %q", got, tt.want)
			}
		})
	}
}

// fullDisk takes no bytes.
type fullDisk struct{}

var errFull = errors.New("disk full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriter_Fails(t *testing.T) {
	t.Parallel()
	w := csvio.NewWriter(fullDisk{})
	if err := w.Write([]string{"a"}); err != nil {
		t.Errorf("a buffered Write: %v", err)
	}
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush: %v, want %v", err, errFull)
	}
	if err := w.Write([]string{"a"}); !errors.Is(err, errFull) {
		t.Errorf("Write after a failure: %v, want %v", err, errFull)
	}
}

// fieldGen draws fields with everything that means something in CSV.
func fieldGen() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab \",;\t|\n\r'äß€😀")), 0, 12, -1),
		rapid.Map(rapid.String(), func(s string) string { return strings.ReplaceAll(s, "\x00", "") }),
	)
}

// What the Writer writes, the Reader reads back.
func TestWriter_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 5).Draw(t, "columns")
		records := rapid.SliceOfN(rapid.SliceOfN(fieldGen(), columns, columns), 0, 8).Draw(t, "records")
		separator := rapid.SampledFrom([]byte(",;\t|")).Draw(t, "separator")
		var out strings.Builder
		w := csvio.NewWriter(&out)
		w.Separator = separator
		w.CRLF = rapid.Bool().Draw(t, "CRLF")
		header := strings.Split("abcde", "")[:columns]
		for _, fields := range append([][]string{header}, records...) {
			if err := w.Write(fields); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		reader, err := csvio.Open(strings.NewReader(out.String()), csvio.Options{Separator: separator, Encoding: csvio.UTF8})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range records {
			if strings.IndexFunc(strings.Join(want, ""), func(r rune) bool { return !unicode.IsSpace(r) && r != '\u200b' && r != '\ufeff' }) < 0 {
				continue // a blank row
			}
			rec, err := reader.Read()
			if err != nil || rec.Err != nil {
				t.Fatalf("record %d of %q: %v, %v", i, out.String(), err, rec.Err)
			}
			if diff := cmp.Diff(want, rec.Fields); diff != "" {
				t.Fatalf("record %d of %q (-want +got):\n%s", i, out.String(), diff)
			}
		}
		if rec, err := reader.Read(); err == nil {
			t.Fatalf("one record more: %+v", rec)
		}
	})
}
