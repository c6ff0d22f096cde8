package table_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"sixty/internal/transfer/table"
)

// most returns the most memory that was in use while it ran, beyond what was before.
func most(tb testing.TB, run func()) uint64 {
	tb.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // lest garbage be counted
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	before := stats.HeapAlloc
	peak := make(chan uint64, 1)
	end := make(chan struct{})
	go func() {
		var highest uint64
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			highest = max(highest, stats.HeapAlloc)
			select {
			case <-end:
				peak <- highest
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	run()
	close(end)
	return max(<-peak, before) - before
}

// 10 MB of random bytes are rejected, by row or as a whole, with a reason and in bounded
// memory, whatever the file is called. Not parallel: it measures what the process uses.
func TestRandomBytes(t *testing.T) {
	const size, limit = 10 << 20, 48 << 20
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, size)
	_, _ = random.Read(noise)
	// Behind the beginning of a good file they come further than as they are.
	beginnings := map[string]string{
		".csv": "a,b\n1,2\n", ".tsv": "a\tb\n1\t2\n", ".txt": "a;b\n", ".json": `[{"a":1},`, ".ndjson": "{\"a\":1}\n",
		".xlsx": "PK\x03\x04", ".zip": "PK\x03\x04", ".gz": "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
	}
	for extension, beginning := range beginnings {
		for name, content := range map[string][]byte{"noise": noise, "beginning": append([]byte(beginning), noise...)} {
			t.Run(extension+" "+name, func(t *testing.T) {
				source := file(t, "random"+extension, content)
				used := most(t, func() {
					r, err := table.Open(t.Context(), source, table.Options{})
					if err != nil {
						return
					}
					defer func() { _ = r.Close() }()
					good := 0
					for {
						rec, err := r.Read()
						if err != nil {
							break
						}
						if rec.Err == nil {
							good++
						}
					}
					// That of the beginning.
					if good > 1 {
						t.Errorf("%d rows were taken", good)
					}
				})
				if used > limit {
					t.Errorf("%d bytes of memory were used", used)
				}
			})
		}
	}
}

// repeated is a pattern over and over.
type repeated struct {
	text string // many times the pattern
	at   int
}

func newRepeated(pattern string) *repeated { return &repeated{text: strings.Repeat(pattern, 64<<10)} }

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// bomb returns a deflated text of that size: a pattern between a head and a tail.
func bomb(tb testing.TB, size int64, head, pattern, tail string) (packed []byte, sum uint32) {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		tb.Fatal(err)
	}
	check := crc32.NewIEEE()
	text := io.MultiReader(strings.NewReader(head), io.LimitReader(newRepeated(pattern), size), strings.NewReader(tail))
	if _, err := io.Copy(io.MultiWriter(w, check), text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes(), check.Sum32()
}

// What unpacks to far more than itself is not unpacked to its end.
func TestBombs(t *testing.T) {
	const size = 96 << 20
	t.Run("gzip", func(t *testing.T) {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err == nil {
			_, err = io.CopyN(w, newRepeated("\x00"), size)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Open(t.Context(), file(t, "a.csv.gz", b.Bytes()), table.Options{}); err == nil || !strings.Contains(err.Error(), "it is longer than") {
			t.Errorf("%v", err)
		}
	})
	for name, tt := range map[string]struct{ part, head, pattern, tail string }{
		"zip":          {"a.csv", "a,b\n", "x", "\n"},
		"sheet":        {"xl/worksheets/sheet1.xml", "<worksheet>", " ", "</worksheet>"},
		"styles":       {"xl/styles.xml", "<styleSheet><cellXfs>", " ", "</cellXfs></styleSheet>"},
		"shared texts": {"xl/sharedStrings.xml", "<sst>", "<si/>", "</sst>"}, // more than are taken
	} {
		t.Run(name, func(t *testing.T) {
			size := int64(size)
			if name == "shared texts" {
				size = 9 << 20 * int64(len(tt.pattern))
			}
			packed, sum := bomb(t, size, tt.head, tt.pattern, tt.tail)
			length := uint64(size) + uint64(len(tt.head)+len(tt.tail))
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			if name != "zip" {
				book := workbook(t, sheetRows(`<row>`+cells("a")+`</row>`))
				old, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range old.File {
					if f.Name != tt.part {
						if err := w.Copy(f); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			f, err := w.CreateRaw(&zip.FileHeader{Name: tt.part, Method: zip.Deflate, CRC32: sum, CompressedSize64: uint64(len(packed)), UncompressedSize64: length})
			if err == nil {
				_, err = f.Write(packed)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			used := most(t, func() { _, err = read(t, file(t, "a.zip", b.Bytes()), table.Options{}) })
			if err == nil {
				t.Errorf("%s of %d bytes was unpacked to %d", name, b.Len(), length)
			}
			if used > 128<<20 {
				t.Errorf("%d bytes of memory were used", used)
			}
		})
	}
}

// Many different texts take little memory: those beyond a bound are in a file.
func TestXLSX_ManyTexts(t *testing.T) {
	const n = 100_000
	var texts, rows strings.Builder
	texts.WriteString("<sst>")
	long := strings.Repeat("x", 200)
	rows.WriteString(`<row>` + cells("a") + `</row>`)
	for i := range n {
		fmt.Fprintf(&texts, "<si><t>%d%s</t></si>", i, long)
	}
	texts.WriteString("</sst>")
	for _, i := range []int{0, 1, n / 2, n - 1, 7} {
		fmt.Fprintf(&rows, `<row><c t="s"><v>%d</v></c></row>`, i)
	}
	source := file(t, "a.xlsx", workbook(t, sheetRows(rows.String()), part{"xl/sharedStrings.xml", texts.String()}))
	texts.Reset()
	var got content
	used := most(t, func() { got = mustRead(t, source, oneSheet) })
	if used > 32<<20 {
		t.Errorf("%d bytes of memory were used", used)
	}
	for k, i := range []int{0, 1, n / 2, n - 1, 7} {
		if want := fmt.Sprint(i) + long; got.rows[k].Fields[0] != want {
			t.Errorf("row %d: %.20q, want %.20q", k, got.rows[k].Fields[0], want)
		}
	}
}
