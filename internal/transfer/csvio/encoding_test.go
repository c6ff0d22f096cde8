package csvio_test

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/csvio"
)

// sniffed is how much of a source Open looks at; a test holds it to that.
const sniffed = 64 << 10

// inUTF16 returns s in UTF-16.
func inUTF16(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

func inUTF16LE(s string) string { return inUTF16(binary.LittleEndian, s) }
func inUTF16BE(s string) string { return inUTF16(binary.BigEndian, s) }

// onlyReader hides everything of a reader but Read, as a pipe does.
type onlyReader struct{ io.Reader }

func TestEncoding(t *testing.T) {
	t.Parallel()
	const (
		german  = "Größe;Straße\nübel;Äußerst\n"
		russian = "Имя;Город\nИван;Москва\n"
		chinese = "公司,城市\n北京字节科技,上海\n深圳腾讯计算机,1️⃣\n"
		mixed   = "a,b\n😀,\"€\nx\"\n"
	)
	tests := []struct {
		name     string
		in       string
		encoding csvio.Encoding
		text     string // what it reads as
	}{
		{"ASCII", "a,b\n1,2\n", csvio.UTF8, "a,b\n1,2\n"},
		{"UTF-8", german, csvio.UTF8, german},
		{"UTF-8 with BOM", "\xef\xbb\xbf" + german, csvio.UTF8, german},
		{"UTF-8 with BOM before a quote", "\xef\xbb\xbf\"a\",b\n", csvio.UTF8, "a,b\n"},
		{"UTF-16LE with BOM", "\xff\xfe" + inUTF16LE(german), csvio.UTF16LE, german},
		{"UTF-16BE with BOM", "\xfe\xff" + inUTF16BE(german), csvio.UTF16BE, german},
		{"UTF-16LE", inUTF16LE(german), csvio.UTF16LE, german},
		{"UTF-16BE", inUTF16BE(german), csvio.UTF16BE, german},
		{"UTF-16LE, Cyrillic", inUTF16LE(russian), csvio.UTF16LE, russian},
		{"UTF-16BE, Cyrillic", inUTF16BE(russian), csvio.UTF16BE, russian},
		{"UTF-16LE, Chinese", inUTF16LE(chinese), csvio.UTF16LE, chinese},
		{"UTF-16BE, Chinese", inUTF16BE(chinese), csvio.UTF16BE, chinese},
		{"UTF-16LE, surrogates", inUTF16LE(mixed), csvio.UTF16LE, mixed},
		{"UTF-16BE, surrogates", inUTF16BE(mixed), csvio.UTF16BE, mixed},
		{"UTF-16LE, one letter", inUTF16LE("a"), csvio.UTF16LE, "a"},
		{"Latin-1", "Gr\xf6\xdfe;Stra\xdfe\n\xfcbel;\xc4u\xdferst\n", csvio.Windows1252, german},
		{"Windows-1252", "a;b\n5 \x80;\x84x\x93\n", csvio.Windows1252, "a;b\n5 €;„x“\n"},
		{"a rune cut at the end of the file", "a\nStra\xc3", csvio.Windows1252, "a\nStraÃ"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantHeader, want := readAll(t, strings.NewReader(tt.text), csvio.Options{Encoding: csvio.UTF8})
			forced := csvio.Options{Encoding: tt.encoding}
			for name, reading := range map[string]struct {
				source io.Reader
				opts   csvio.Options
			}{
				"at once":      {source: strings.NewReader(tt.in)},
				"byte by byte": {source: iotest.OneByteReader(strings.NewReader(tt.in))},
				"forced":       {source: strings.NewReader(tt.in), opts: forced},
			} {
				reader, err := csvio.Open(reading.source, reading.opts)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got := reader.Encoding(); got != tt.encoding {
					t.Fatalf("%s: Encoding = %v, want %v", name, got, tt.encoding)
				}
				if diff := cmp.Diff(wantHeader, reader.Header()); diff != "" {
					t.Errorf("%s: header (-want +got):\n%s", name, diff)
				}
				for i := range want {
					rec, err := reader.Read()
					if err != nil || rec.Err != nil {
						t.Fatalf("%s: record %d: %v, %v", name, i, err, rec.Err)
					}
					if diff := cmp.Diff(want[i].Fields, rec.Fields); diff != "" {
						t.Errorf("%s: fields (-want +got):\n%s", name, diff)
					}
				}
				if rec, err := reader.Read(); !errors.Is(err, io.EOF) {
					t.Errorf("%s: at the end: %+v, %v", name, rec, err)
				}
				if got := reader.Offset(); got != int64(len(tt.in)) {
					t.Errorf("%s: Offset = %d at the end, want %d", name, got, len(tt.in))
				}
			}
		})
	}
}

// A few NULs in a file of single bytes are broken records, not UTF-16.
func TestEncoding_NULsAreNotUTF16(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"a,b\n1,\x00\n",
		"a,b\n1,\x00\x00\x00\x00\n",
		"a\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\n",
		"a,b\n" + strings.Repeat("\x00,a long enough row\n", 20),
	} {
		reader, err := csvio.Open(strings.NewReader(in), csvio.Options{})
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		rec, err := reader.Read()
		if reader.Encoding() != csvio.UTF8 || err != nil || rec.Err == nil {
			t.Errorf("%q: %v, record %+v, %v", in, reader.Encoding(), rec, err)
		}
	}
}

// Text that grows as it is decoded, over many buffers of the decoder.
func TestEncoding_LongUTF16(t *testing.T) {
	t.Parallel()
	const n = 5000
	in := "公司,城市\n" + strings.Repeat("北京字节科技😀,上海\n", n)
	for name, source := range map[string]string{"LE": inUTF16LE(in), "BE": inUTF16BE(in)} {
		_, records := readAll(t, strings.NewReader(source), csvio.Options{})
		if len(records) != n {
			t.Fatalf("%s: %d records, want %d", name, len(records), n)
		}
		for i, rec := range records {
			if rec.Err != nil || rec.Raw != "北京字节科技😀,上海" {
				t.Fatalf("%s: record %d: %q, %v", name, i, rec.Raw, rec.Err)
			}
		}
	}
}

func TestEncoding_BrokenUTF16(t *testing.T) {
	t.Parallel()
	le := func(units ...uint16) string {
		var b []byte
		for _, u := range units {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	for name, broken := range map[string]string{
		"lone high surrogate":                  le(0xD83D, 'x'),
		"lone low surrogate":                   le(0xDE00, 'x'),
		"surrogates the wrong way round":       le(0xDE00, 0xD83D),
		"high surrogate before a line end":     le('x', 0xD83D),
		"two high surrogates before a low one": le(0xD83D, 0xD83D, 0xDE00),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := inUTF16LE("a\n1\n") + broken + inUTF16LE("\n2\n")
			_, records := readAll(t, strings.NewReader(in), csvio.Options{Encoding: csvio.UTF16LE})
			var errs []string
			for _, r := range rows(records) {
				text, _, _ := strings.Cut(r.Err, ":")
				errs = append(errs, text)
			}
			if diff := cmp.Diff([]string{"", "is not valid UTF-16LE", ""}, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("half a unit at the end", func(t *testing.T) {
		t.Parallel()
		for _, end := range []string{"1", "1\x00\x3d", "1\x00\x3d\xd8", "1\x00\x3d\xd8\x00"} {
			_, records := readAll(t, strings.NewReader(inUTF16LE("a\n")+end), csvio.Options{Encoding: csvio.UTF16LE})
			if len(records) != 1 || records[0].Err == nil || !strings.HasPrefix(records[0].Err.Error(), "is not valid UTF-16LE: ") {
				t.Errorf("%q: records %+v", end, rows(records))
			}
		}
	})
}

func TestEncoding_BrokenWindows1252(t *testing.T) {
	t.Parallel()
	_, records := readAll(t, strings.NewReader("a\nM\xfcller\nM\x81ller\n"), csvio.Options{})
	want := []row{{2, []string{"Müller"}, ""}, {3, []string{"M\x81ller"}, `is not valid Windows-1252: "M\x81ller" (that encoding is assumed: name another by --encoding)`}}
	if diff := cmp.Diff(want, rows(records)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Where the first 64 KiB are ASCII, what follows decides in a file and makes a
// broken record in a pipe.
func TestEncoding_BehindThePrefix(t *testing.T) {
	t.Parallel()
	ascii := "a,b\n" + strings.Repeat("1,2\n", sniffed/4)
	const latin = "M\xfcller,x\n"
	path := filepath.Join(t.TempDir(), "latin.csv")
	if err := os.WriteFile(path, []byte(ascii+latin), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	tests := []struct {
		name     string
		source   io.Reader
		encoding csvio.Encoding
		want     row
	}{
		{"file", file, csvio.Windows1252, row{Fields: []string{"Müller", "x"}}},
		{"memory", strings.NewReader(ascii + latin), csvio.Windows1252, row{Fields: []string{"Müller", "x"}}},
		{"file in UTF-8", strings.NewReader(ascii + "Müller,x\n"), csvio.UTF8, row{Fields: []string{"Müller", "x"}}},
		{"pipe", onlyReader{strings.NewReader(ascii + latin)}, csvio.UTF8, row{Fields: []string{"M\xfcller", "x"}, Err: `is not valid UTF-8: "M\xfcller"`}},
		{"pipe in UTF-8", onlyReader{strings.NewReader(ascii + "Müller,x\n")}, csvio.UTF8, row{Fields: []string{"Müller", "x"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reader, err := csvio.Open(tt.source, csvio.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := reader.Encoding(); got != tt.encoding {
				t.Errorf("Encoding = %v, want %v", got, tt.encoding)
			}
			var last csvio.Record
			n := 0
			for {
				rec, err := reader.Read()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				last = rec
				n++
			}
			tt.want.Line = sniffed/4 + 2
			if diff := cmp.Diff(tt.want, rows([]csvio.Record{last})[0]); diff != "" {
				t.Errorf("last record (-want +got):\n%s", diff)
			}
			if n != sniffed/4+1 {
				t.Errorf("%d records, want %d", n, sniffed/4+1)
			}
		})
	}
}

// A multi-byte character across the prefix's end is not broken, at whatever
// byte it is cut.
func TestEncoding_RuneAcrossThePrefix(t *testing.T) {
	t.Parallel()
	for shift := range 4 {
		in := "a\n" + strings.Repeat("x", sniffed-2-shift) + "😀\n"
		for name, source := range map[string]io.Reader{
			"file": strings.NewReader(in),
			"pipe": onlyReader{strings.NewReader(in)},
		} {
			reader, err := csvio.Open(source, csvio.Options{})
			if err != nil {
				t.Fatal(err)
			}
			rec, err := reader.Read()
			if reader.Encoding() != csvio.UTF8 || err != nil || rec.Err != nil || !strings.HasSuffix(rec.Fields[0], "x😀") {
				t.Errorf("%s, cut by %d: %v, %v, %v", name, shift, reader.Encoding(), err, rec.Err)
			}
		}
	}
}

// Open reads from where a file stands, and not from its beginning.
func TestOpen_FromPosition(t *testing.T) {
	t.Parallel()
	source := strings.NewReader("skipped" + "a,b\n" + strings.Repeat("1,2\n", sniffed) + "\xe4,\xf6\n")
	if _, err := source.Seek(int64(len("skipped")), io.SeekStart); err != nil {
		t.Fatal(err)
	}
	header, records := readAll(t, source, csvio.Options{})
	if diff := cmp.Diff([]string{"a", "b"}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if n := len(records); n != sniffed+1 || records[n-1].Fields[1] != "ö" {
		t.Errorf("%d records, the last is %+v", n, records[n-1])
	}
}

func TestParseEncoding(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "", "UTF-8": "UTF-8", "utf8": "UTF-8", "utf-16": "UTF-16", "UTF-16BE": "UTF-16BE", "latin1": "Windows-1252",
		"iso-8859-1": "Windows-1252", "CP1252": "Windows-1252", "Windows-1250": "windows-1250", "cp1250": "cp1250", "win1251": "windows-1251",
		"ISO-8859-2": "iso-8859-2", "latin2": "latin2", "latin-2": "latin2", "iso8859_15": "iso8859-15", "koi8-r": "koi8-r", "KOI8-U": "koi8-u",
		"macintosh": "macintosh", "mac roman": "macintosh", "IBM850": "ibm850", "cp437": "cp437", "437": "437", "cp852": "cp852", "cp858": "ibm00858",
		"shift_jis": "shift_jis", "sjis": "sjis", "GBK": "gbk", "gb18030": "gb18030", "big5": "big5", "euc-kr": "euc-kr", "euc-jp": "euc-jp",
	} {
		got, err := csvio.ParseEncoding(name)
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"klingon", "windows-9999", "hz-gb-2312", "iso-2022-kr", "win", "cp"} {
		if got, err := csvio.ParseEncoding(name); err == nil {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// Text comes out as it went in, and what an encoding does not have is a broken record.
func TestEncoding_Named(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want, broken string }{
		{"windows-1250", "\xa3\xf3d\x9f \x8crodmie\x9ccie", "Łódź Środmieście", "\x81"},
		{"windows-1251", "\xcc\xee\xf1\xea\xe2\xe0", "Москва", "\x98"},
		{"windows-1253", "\xc1\xe8\xde\xed\xe1", "Αθήνα", "\xd2"},
		{"windows-1255", "\xf9\xec\xe5\xed", "שלום", "\xd9"},
		{"iso-8859-2", "\xa3\xf3d\xbc", "Łódź", ""},
		{"koi8-r", "\xed\xcf\xd3\xcb\xd7\xc1", "Москва", ""},
		{"macintosh", "M\x9fller", "Müller", ""},
		{"ibm850", "M\x81ller", "Müller", ""},
		{"cp437", "M\x81ller", "Müller", ""},
		{"cp858", "5 \xd5", "5 €", ""},
		{"shift_jis", "\x93\x8c\x8b\x9e", "東京", "\x93\x20"},
		{"gbk", "\xb1\xb1\xbe\xa9", "北京", "\xff"},
		{"big5", "\xa5\x5f\xa8\xca", "北京", "\xff"},
		{"euc-kr", "\xbc\xad\xbf\xef", "서울", "\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			encoding, err := csvio.ParseEncoding(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			in := "name;n\n" + tt.in + ";1\n"
			if tt.broken != "" {
				in += "x" + tt.broken + "y;2\n"
			}
			_, records := readAll(t, strings.NewReader(in), csvio.Options{Encoding: encoding})
			if records[0].Err != nil || records[0].Fields[0] != tt.want {
				t.Errorf("%q, %v", records[0].Fields, records[0].Err)
			}
			if tt.broken != "" && !errors.Is(records[1].Err, csvio.ErrEncoding) {
				t.Errorf("%q, %v", records[1].Fields, records[1].Err)
			}
		})
	}
}
