package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encodedWith encodes a body as a client might: as a stream of unknown length.
func encodedWith(t *testing.T, encoding string, body io.Reader) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case encodingBrotli:
		w = brotli.NewWriter(&out)
	case encodingZstd:
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	case encodingGzip:
		w = gzip.NewWriter(&out)
	default:
		t.Fatalf("%s is no encoding", encoding)
	}
	if _, err := io.Copy(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zeros is an endless reader of zeros.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// receive reads an encoded body as an operation does.
func receive(t *testing.T, a *Server, coding string, body []byte) (string, error) {
	t.Helper()
	var text []byte
	var err error
	h := a.limitBody(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { text, err = ReadJSON(r) }))
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header["Content-Encoding"] = []string{coding}
	h.ServeHTTP(httptest.NewRecorder(), r)
	return string(text), err
}

func TestEncodedBodies(t *testing.T) {
	t.Parallel()
	const text = `{"name":"x"}`
	a := newServer(t, nil)
	largest := `{"name":"` + strings.Repeat("x", maxBody-11) + `"}`
	for _, encoding := range []string{encodingBrotli, encodingZstd, encodingGzip} {
		good := encodedWith(t, encoding, strings.NewReader(text))
		for name, test := range map[string]struct {
			coding string
			body   []byte
			want   int // 0: it arrives
		}{
			"OK":        {encoding, good, 0},
			"AnyCase":   {" " + strings.ToUpper(encoding) + "\t", good, 0},
			"Largest":   {encoding, encodedWith(t, encoding, strings.NewReader(largest)), 0},
			"TooLarge":  {encoding, encodedWith(t, encoding, strings.NewReader(largest+" ")), 413},
			"Bomb":      {encoding, encodedWith(t, encoding, io.LimitReader(zeros{}, 32<<20)), 413},
			"LongAsIs":  {encoding, bytes.Repeat([]byte("x"), maxBody+1), 413},
			"Truncated": {encoding, good[:len(good)-3], 400},
			"Trailing":  {encoding, append(bytes.Clone(good), "more"...), 400},
			"NotSo":     {encoding, []byte(text), 400},
			"Nothing":   {encoding, nil, 400},
			"NotJSON":   {encoding, encodedWith(t, encoding, strings.NewReader("name=x")), 400},
			"Twice":     {encoding + ", " + encoding, good, 415},
			"Unknown":   {"deflate", good, 415},
		} {
			t.Run(encoding+name, func(t *testing.T) {
				t.Parallel()
				got, err := receive(t, a, test.coding, test.body)
				switch {
				case test.want == 0 && (err != nil || got != text && got != largest):
					t.Errorf("%d bytes arrive, %v", len(got), err)
				case test.want != 0 && (err == nil || ProblemOf(err).Status != test.want):
					t.Errorf("got %v, want a %d", err, test.want)
				case test.want == 415 && ProblemOf(err).Header != "Accept-Encoding: br, zstd, gzip":
					t.Errorf("it is sent with %q", ProblemOf(err).Header)
				}
			})
		}
	}
	for _, coding := range []string{"identity", "Identity", ""} {
		if got, err := receive(t, a, coding, []byte(text)); got != text || err != nil {
			t.Errorf("%q: %q, %v", coding, got, err)
		}
	}
	if got, err := receive(t, a, "x-gzip", encodedWith(t, encodingGzip, strings.NewReader(text))); got != text || err != nil {
		t.Errorf("x-gzip: %q, %v", got, err)
	}
}

// A decompression bomb is rejected early: little more is allocated than a body may have.
func TestDecompressionBombs(t *testing.T) { //nolint:paralleltest // counts the process's allocations
	d, err := newDecompressor()
	if err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []string{encodingBrotli, encodingZstd, encodingGzip} {
		bomb := encodedWith(t, encoding, io.LimitReader(zeros{}, 32<<20))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := d.decode(t.Context(), encoding, bomb, maxBody)
		runtime.ReadMemStats(&after)
		if err == nil || ProblemOf(err).Status != 413 {
			t.Errorf("%s: %v", encoding, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8*maxBody {
			t.Errorf("%s: %d bytes are allocated for a bomb of %d", encoding, n, len(bomb))
		}
	}
}

// A request that is cancelled does not wait for a decoder.
func TestDecodingIsCancelled(t *testing.T) {
	t.Parallel()
	d, err := newDecompressor()
	if err != nil {
		t.Fatal(err)
	}
	for range cap(d.slots) {
		d.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.decode(ctx, encodingGzip, nil, maxBody); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
