package server

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

const browserAccepts = "gzip, deflate, br, zstd"

// acceptHeaders are values of Accept-Encoding with what is chosen by them.
var acceptHeaders = []struct {
	name  string
	lines []string
	want  string
}{
	{"None", nil, ""},
	{"Empty", []string{""}, ""},
	{"Browser", []string{browserAccepts}, "br"},
	{"BrowserWithoutTLS", []string{"gzip, deflate"}, "gzip"},
	{"Curl", []string{"deflate, gzip, br, zstd"}, "br"},
	{"Go", []string{"gzip"}, "gzip"},
	{"SeveralLines", []string{"gzip", "zstd;q=0.9", "br;q=0.8"}, "gzip"},
	{"AnyCase", []string{"GZip;Q=0.5, ZSTD;q=0.4"}, "gzip"},
	{"OldName", []string{"x-gzip"}, "gzip"},
	{"Weights", []string{"br;q=0.1, gzip;q=0.9, zstd;q=0.5"}, "gzip"},
	{"EqualWeights", []string{"gzip;q=0.5, zstd;q=0.500"}, "zstd"},
	{"ThreePlaces", []string{"gzip;q=0.123, zstd;q=0.124"}, "zstd"},
	{"One", []string{"gzip;q=1.000, br;q=0.999"}, "gzip"},
	{"Spaces", []string{"\tgzip ;\tq=0.5 ,, , "}, "gzip"},
	{"Anything", []string{"*"}, "br"},
	{"AnythingElse", []string{"br;q=0, *;q=0.5"}, "zstd"},
	{"AnythingLess", []string{"gzip, *;q=0.5"}, "gzip"},
	{"Refused", []string{"br;q=0, gzip;q=0.0, zstd;q=0.000"}, ""},
	{"NothingElse", []string{"*;q=0"}, ""},
	{"NothingAtAll", []string{"identity;q=0, *;q=0"}, ""},
	{"NotAsItIs", []string{"identity;q=0"}, ""},
	{"NotAsItIsButGzip", []string{"identity;q=0, gzip;q=0.001"}, "gzip"},
	{"RatherAsItIs", []string{"identity, br;q=0.5"}, ""},
	{"AlikeAsItIs", []string{"identity, gzip"}, "gzip"},
	{"LastCounts", []string{"br, gzip, br;q=0"}, "gzip"},
	{"Unknown", []string{"compress, deflate, dcb"}, ""},
	{"Nonsense", []string{"br;;q=1, gzip;q, zstd;q=;, \"br\", br gzip, ;q=1, =, \x00\xff"}, ""},
	{"BadWeights", []string{"br;q=1.1, gzip;q=2, zstd;q=-1"}, ""},
	{"BadNumbers", []string{"br;q=0.1234, gzip;q=.5, zstd;q=0,5, br;q=1e0, gzip;q= 1, zstd;q=0x1"}, ""},
	{"NotAWeight", []string{"br;level=5, gzip;q=0.2"}, "gzip"},
	{"Long", []string{strings.Repeat("x;q=0.1,", 10_000) + "gzip"}, "gzip"},
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for _, test := range acceptHeaders {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := negotiate(test.lines); got != test.want {
				t.Errorf("%.80q: got %q, want %q", test.lines, got, test.want)
			}
		})
	}
}

func TestNegotiateAllocatesNothing(t *testing.T) { //nolint:paralleltest // counts the process's allocations
	for _, line := range []string{browserAccepts, "br;q=1.0, gzip;q=0.8, *;q=0.1", "GZIP, x-gzip, identity;q=0"} {
		lines := []string{line}
		if n := testing.AllocsPerRun(100, func() { negotiate(lines) }); n != 0 {
			t.Errorf("%q: %v allocations", line, n)
		}
	}
}

// FuzzAcceptEncoding holds what is chosen to what the header says: one of ours, that it
// names (or has a * for), or nothing.
func FuzzAcceptEncoding(f *testing.F) {
	for _, seed := range acceptHeaders {
		if line := strings.Join(seed.lines, ","); len(line) < 1000 { // long ones only slow it down
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := negotiate([]string{line})
		if got == "" {
			return
		}
		if !slices.Contains(strings.Split(encodingsKnown, ", "), got) {
			t.Fatalf("%q is answered with %q", line, got)
		}
		if !strings.Contains(strings.ToLower(line), got) && !strings.Contains(line, "*") {
			t.Errorf("%q is answered with %s, of which it says nothing", line, got)
		}
		if got != negotiate([]string{"", line, " , "}) || got != negotiate([]string{line + ", deflate"}) {
			t.Errorf("%q is answered otherwise when it is written otherwise", line)
		}
		if refused := negotiate([]string{line, "br;q=0,zstd;q=0,gzip;q=0"}); refused != "" {
			t.Errorf("%q with everything refused is answered with %s", line, refused)
		}
	})
}

// decoded undoes an encoding with its library, and without the bounds of requests.
func decoded(encoding string, b []byte) ([]byte, error) {
	var r io.Reader = bytes.NewReader(b)
	switch encoding {
	case "":
		return b, nil
	case encodingBrotli:
		r = brotli.NewReader(r)
	case encodingZstd:
		z, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	case encodingGzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = z
	}
	return io.ReadAll(r)
}

// What is compressed is the same when it is decoded, also from encoders used before, and
// by several at once.
func TestCompressKeepsEveryByte(t *testing.T) {
	t.Parallel()
	c, err := newCompressor()
	if err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []string{encodingBrotli, encodingZstd, encodingGzip} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				part := rapid.SliceOf(rapid.Byte()).Draw(t, "part")
				body := bytes.Repeat(part, rapid.SampledFrom([]int{0, 1, 2, 300}).Draw(t, "times"))
				body = append(body, rapid.SliceOf(rapid.Byte()).Draw(t, "tail")...)
				got, err := decoded(encoding, c.compress(encoding, body))
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%d bytes become %d, %v", len(body), len(got), err)
				}
			})
		})
	}
}

// A page of a list is compressed for what it costs: to less than a quarter.
func TestCompressIsWorthIt(t *testing.T) {
	t.Parallel()
	c, err := newCompressor()
	if err != nil {
		t.Fatal(err)
	}
	body := dealsJSON(50)
	for _, encoding := range []string{encodingBrotli, encodingZstd, encodingGzip} {
		if n := len(c.compress(encoding, body)); n > len(body)/4 {
			t.Errorf("%s makes %d bytes of %d", encoding, n, len(body))
		}
	}
}
