package table_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sixty/internal/transfer/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file returns the source of a file of that name.
func file(tb testing.TB, name string, content []byte) table.Source {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	source, err := table.File(path)
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

// stream returns the source of a pipe with that content.
func stream(name string, content []byte) table.Source {
	return table.Source{Name: name, Size: -1, Once: true, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// row is a Record as a test states it.
type row struct {
	Line   int
	Fields []string
	Err    string
}

// content is a file that was read to its end.
type content struct {
	header []string
	rows   []row
	facts  table.Facts
}

// read reads a source to its end, and checks what is so of every file.
func read(tb testing.TB, s table.Source, o table.Options) (c content, err error) {
	tb.Helper()
	r, err := table.Open(tb.Context(), s, o)
	if err != nil {
		return c, err
	}
	defer func() {
		if err := r.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	}()
	c.header = r.Header()
	last := r.Offset()
	for {
		rec, err := r.Read()
		if offset := r.Offset(); offset < last || s.Size >= 0 && offset > s.Size {
			tb.Errorf("Offset = %d of %d, before it was %d", offset, s.Size, last)
		} else {
			last = offset
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		told := row{Line: rec.Line, Fields: rec.Fields}
		if rec.Err != nil {
			told.Err = rec.Err.Error()
		} else if len(rec.Fields) != len(c.header) {
			tb.Errorf("row %d has %d cells, the header %d", rec.Line, len(rec.Fields), len(c.header))
		}
		c.rows = append(c.rows, told)
	}
	if s.Size >= 0 && last != s.Size {
		tb.Errorf("Offset = %d at the end of %d bytes", last, s.Size)
	}
	c.facts = r.Facts()
	return c, nil
}

// mustRead is read of what can be read.
func mustRead(tb testing.TB, s table.Source, o table.Options) content {
	tb.Helper()
	c, err := read(tb, s, o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func gzipped(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// part is a file of an archive.
type part struct{ name, text string }

func zipped(tb testing.TB, parts ...part) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		f, err := w.Create(p.name)
		if err == nil {
			_, err = io.WriteString(f, p.text)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

const (
	asCSV    = "name,value,note\nÄnne,1.50,\"a;b\"\n,2,\n"
	asJSON   = "[{\"name\":\"Änne\",\"value\":1.50,\"note\":\"a;b\"},\n{\"name\":null,\"value\":2}]\n"
	asNDJSON = "{\"name\":\"Änne\",\"value\":1.50,\"note\":\"a;b\"}\n{\"name\":null,\"value\":2}\n"
)

// The same table is read from every format, packed or not, from a file or a pipe.
func TestFormats(t *testing.T) {
	t.Parallel()
	book := workbook(t, sheetRows(`<row r="1">`+cells("name", "value", "note")+`</row>`+
		`<row r="2"><c r="A2" t="inlineStr"><is><t>Änne</t></is></c><c r="B2" t="str"><v>1.50</v></c><c r="C2" t="inlineStr"><is><t>a;b</t></is></c></row>`+
		`<row r="3"><c r="B3"><v>2</v></c></row>`))
	for _, tt := range []struct {
		name                string
		content             []byte
		opts                table.Options
		format, compression string
		first               int // the line of the first row
	}{
		{"a.csv", []byte(asCSV), table.Options{}, "csv", "", 2},
		{"a.tsv", []byte(strings.ReplaceAll(asCSV, ",", "\t")), table.Options{}, "csv", "", 2},
		{"noext", []byte(asCSV), table.Options{}, "csv", "", 2},
		{"a.csv.gz", gzipped(t, []byte(asCSV)), table.Options{}, "csv", "gzip", 2},
		{"a.zip", zipped(t, part{"__MACOSX/x", ""}, part{"dir/", ""}, part{"dir/a.csv", asCSV}), table.Options{}, "csv", "zip", 2},
		{"a.zip.gz", gzipped(t, zipped(t, part{"a.csv", asCSV})), table.Options{}, "csv", "zip", 2},
		{"a.xlsx", book, oneSheet, "xlsx", "", 2},
		{"a.csv", book, oneSheet, "xlsx", "", 2},
		{"a.zip", zipped(t, part{"a.xlsx", string(book)}), oneSheet, "xlsx", "zip", 2},
		{"a.json", []byte(asJSON), table.Options{}, "json", "", 1},
		{"noext", []byte(asJSON), table.Options{}, "json", "", 1},
		{"a.json", []byte(`{"data":` + asJSON + `,"error":null,"pagination":{"hasMore":false}}`), table.Options{}, "json", "", 1},
		{"a.json", []byte(`{"error":null,"data":` + asJSON + `}`), table.Options{Format: "json"}, "json", "", 1},
		{"a.json.gz", gzipped(t, []byte(asJSON)), table.Options{}, "json", "gzip", 1},
		{"a.ndjson", []byte(asNDJSON), table.Options{}, "ndjson", "", 1},
		{"a.jsonl", []byte("\xef\xbb\xbf" + asNDJSON), table.Options{}, "ndjson", "", 1},
		{"a.json", []byte(asNDJSON), table.Options{}, "ndjson", "", 1},
		{"noext", []byte(asNDJSON), table.Options{}, "ndjson", "", 1},
		{"a.txt", []byte(asNDJSON), table.Options{Format: "ndjson"}, "ndjson", "", 1},
	} {
		t.Run(tt.name+" "+tt.format+" "+tt.compression, func(t *testing.T) {
			t.Parallel()
			value := "1.50"
			want := []row{{tt.first, []string{"Änne", value, "a;b"}, ""}, {tt.first + 1, []string{"", "2", ""}, ""}}
			for kind, source := range map[string]table.Source{"file": file(t, tt.name, tt.content), "pipe": stream(tt.name, tt.content)} {
				got := mustRead(t, source, tt.opts)
				if diff := cmp.Diff([]string{"name", "value", "note"}, got.header); diff != "" {
					t.Errorf("%s: header (-want +got):\n%s", kind, diff)
				}
				if diff := cmp.Diff(want, got.rows); diff != "" {
					t.Errorf("%s: rows (-want +got):\n%s", kind, diff)
				}
				if got.facts.Format != tt.format || got.facts.Compression != tt.compression || len(got.facts.Notes) > 0 {
					t.Errorf("%s: %+v", kind, got.facts)
				}
			}
		})
	}
}

func TestOpen_Errors(t *testing.T) {
	t.Parallel()
	book := workbook(t, sheetRows(`<row r="1">`+cells("name")+`</row>`))
	packed := gzipped(t, gzipped(t, gzipped(t, []byte(asCSV))))
	entries := func(n int) []part {
		parts := make([]part, n)
		for i := range parts {
			parts[i].name = fmt.Sprintf("a file of a long enough name to be one of many %d.csv", i)
		}
		return parts
	}
	for _, tt := range []struct {
		name    string
		content []byte
		opts    table.Options
		want    string
	}{
		{"a.csv", nil, table.Options{}, "the file is empty"},
		{"a.json", nil, table.Options{}, "the file is empty"},
		{"a.json", []byte("[]"), table.Options{}, "the file is empty"},
		{"a.ndjson", []byte("\n"), table.Options{}, "the file is empty"},
		{"a.csv", []byte(asCSV), table.Options{Format: "xls"}, `"xls" is not a format: csv, xlsx, json, ndjson are`},
		{"a.csv", []byte(asCSV), table.Options{Encoding: "klingon"}, `there is no encoding "klingon"`},
		{"a.csv", []byte(asCSV), table.Options{Separator: "::"}, `"::" cannot separate fields`},
		{"a.csv", []byte(asCSV), table.Options{Separator: "§"}, `"§" cannot separate fields`},
		{"a.csv", []byte(asCSV), table.Options{Sheet: "Deals"}, `there is no sheet "Deals": the file is csv`},
		{"a.csv", []byte(asCSV), table.Options{Format: "xlsx"}, "it is not a workbook"},
		{"a.xlsx", book, table.Options{Format: "csv"}, "it is a workbook (.xlsx), not csv"},
		{"a.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xxx"), table.Options{}, "old format (.xls), or one with a password"},
		{"a.ods", zipped(t, part{"mimetype", ""}, part{"content.xml", ""}), table.Options{}, "OpenDocument"},
		{"a.zip", zipped(t, part{"a.csv", asCSV}, part{"b.csv", asCSV}), table.Options{}, `the archive holds 2 files ("a.csv", "b.csv"): one is wanted`},
		{"a.zip", zipped(t), table.Options{}, "the archive holds no file: one is wanted"},
		{"a.zip", zipped(t, entries(10_001)...), table.Options{}, "the archive holds 10001 files, at most 10000 are taken"},
		{"a.zip", zipped(t, entries(50_000)...), table.Options{}, "its list of files is longer than 4194304 bytes"},
		{"a.zip", []byte("PK\x03\x04xxx"), table.Options{}, "the archive is damaged"},
		{"a.gz", []byte("\x1f\x8bxxxxxxxxxxxx"), table.Options{}, "damaged"},
		{"a.gz", packed[:len(packed)-9], table.Options{}, "it cannot be unpacked"},
		{"a.gz", packed, table.Options{}, "it is compressed more than 2 times"},
		{"a.csv", []byte("a,b\x00\n1,2\n"), table.Options{}, "holds a NUL byte: this is probably no text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, file(t, tt.name, tt.content), tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// Options decide what the bytes leave open.
func TestOptions(t *testing.T) {
	t.Parallel()
	polish := []byte("name;value\n\xa3\xf3d\x9f;1\n")
	got := mustRead(t, file(t, "a.csv", polish), table.Options{})
	if f := got.facts; f.Encoding != "Windows-1252" || !f.EncodingAssumed || f.Separator != ";" || len(f.Notes) != 2 {
		t.Errorf("assumed: %+v", f)
	}
	got = mustRead(t, file(t, "a.csv", polish), table.Options{Encoding: "windows-1250", Separator: ";"})
	if f := got.facts; f.Encoding != "windows-1250" || f.EncodingAssumed || len(f.Notes) > 0 || got.rows[0].Fields[0] != "Łódź" {
		t.Errorf("named: %+v, %+v", f, got.rows)
	}
	got = mustRead(t, file(t, "a.csv", []byte("a,b\tc\n1,2\t3\n")), table.Options{Separator: "tab"})
	if diff := cmp.Diff([]string{"a,b", "c"}, got.header); diff != "" || got.facts.Separator != "\t" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	got = mustRead(t, file(t, "a.json", []byte("[{\"n\":\"M\xfcller\"}]")), table.Options{})
	if f := got.facts; !f.EncodingAssumed || len(f.Notes) != 1 || got.rows[0].Fields[0] != "Müller" {
		t.Errorf("JSON: %+v, %+v", f, got.rows)
	}
}

// temporaries returns the temporary files that there are.
func temporaries(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "sixty-import-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Temporary files are removed by Close and when Open fails. It is not parallel, since it
// sets where they are.
func TestTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	packed := gzipped(t, []byte(asCSV))
	r, err := table.Open(t.Context(), file(t, "a.csv.gz", packed), table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := temporaries(t, dir); len(got) != 1 {
		t.Errorf("temporary files while it is read: %q", got)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, broken := range [][]byte{packed[:len(packed)-9], gzipped(t, nil)} {
		if _, err := table.Open(t.Context(), file(t, "a.csv.gz", broken), table.Options{}); err == nil {
			t.Error("a broken file was opened")
		}
	}
	if got := temporaries(t, dir); len(got) > 0 {
		t.Errorf("temporary files that stayed: %q", got)
	}
}

func TestSpool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source, err := table.Spool(t.Context(), "standard input", strings.NewReader(asJSON), dir)
	if err != nil {
		t.Fatal(err)
	}
	if source.Once || source.Size != int64(len(asJSON)) {
		t.Errorf("%+v", source)
	}
	for range 2 {
		if got := mustRead(t, source, table.Options{}); len(got.rows) != 2 {
			t.Errorf("%+v", got)
		}
	}
	names := temporaries(t, dir)
	if len(names) != 1 {
		t.Fatalf("temporary files: %q", names)
	}
	if info, err := os.Stat(names[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := source.Remove(); err != nil {
		t.Error(err)
	}

	gone := errors.New("gone")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := table.Spool(ended, "x", strings.NewReader("x"), dir); !errors.Is(err, gone) {
		t.Errorf("cancelled: %v", err)
	}
	full := failing{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}}
	if _, err := table.Spool(t.Context(), "x", full, dir); err == nil || !strings.Contains(err.Error(), "the disk of "+dir+" is full") {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := table.Spool(t.Context(), "x", io.MultiReader(strings.NewReader("x"), failing{gone}), dir); !errors.Is(err, gone) {
		t.Errorf("a source that fails: %v", err)
	}
	if names := temporaries(t, dir); len(names) > 0 {
		t.Errorf("temporary files that stayed: %q", names)
	}
	if err := file(t, "a.csv", nil).Remove(); err != nil {
		t.Errorf("a file of the user's: %v", err)
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A folder, and what is not there, are no sources.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing.csv")} {
		if _, err := table.File(path); err == nil {
			t.Errorf("%s is a source", path)
		}
	}
}

// Open ends with its context, wherever it waits.
func TestOpen_Cancelled(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for _, begun := range []string{"", "\x1f\x8b\x08", "[{", "PK\x03\x04"} {
		r, w := io.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		source := table.Source{Name: "x", Size: -1, Once: true, Open: func() (io.ReadCloser, error) { return r, nil }}
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = io.WriteString(w, begun) // what is left when Open ends is not taken
			cancel(gone)
		}()
		if _, err := table.Open(ctx, source, table.Options{}); !errors.Is(err, gone) {
			t.Errorf("%q: %v", begun, err)
		}
		<-written
	}
}
