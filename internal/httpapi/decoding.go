package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the largest window, in bytes, that a content encoded with zstd may ask
// for (RFC 9659). It is no memory of its own: a whole body is decoded in place.
const zstdWindow = 8 << 20

// decompressor takes the encodings off the bodies of requests. Some decoders take
// memory for as much as a body claims to need (brotli up to 16 MiB), so that no more
// are at work than there are processors. That holds nobody up: they wait for nothing.
type decompressor struct {
	zstd  *zstd.Decoder // keeps its own memory
	slots chan struct{}
}

func newDecompressor() (*decompressor, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(zstdWindow), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return nil, err
	}
	return &decompressor{zstd: z, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// decode gives a body without its encoding: a problem if it has none of ours, is broken,
// or is longer than a body may be.
func (d *decompressor) decode(ctx context.Context, coding string, body []byte) ([]byte, error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var plain []byte
	var err error
	switch coding = strings.ToLower(strings.Trim(coding, " \t")); coding {
	case "", identity:
		plain = body
	case encodingBrotli:
		plain, err = readBounded(brotli.NewReader(bytes.NewReader(body)))
	case encodingZstd:
		plain, err = d.zstd.DecodeAll(body, make([]byte, 0, maxBody))
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return nil, tooLarge()
		}
	case encodingGzip, "x-gzip": // RFC 9110 section 8.4.1.3
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			plain, err = readBounded(z)
		}
	default:
		return nil, &problem{
			status: http.StatusUnsupportedMediaType,
			detail: "The body's Content-Encoding must be one of " + encodingsKnown + ".",
			header: "Accept-Encoding: " + encodingsKnown, // RFC 9110 section 15.5.16
		}
	}
	switch {
	case len(plain) > maxBody:
		return nil, tooLarge()
	case err != nil:
		return nil, malformed(fmt.Sprintf("The body is not valid %s.", coding))
	}
	return plain, nil
}

// readBounded reads to the end, or to one byte more than a body may have.
func readBounded(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, maxBody+1))
}

// encodedBody is the body of a request that says how it is encoded. It is decoded when
// somebody begins to read it, and all at once: a decoder never waits for a client.
type encodedBody struct {
	io.ReadCloser // as it comes in, bounded
	ctx           context.Context
	with          *decompressor
	coding        string

	begun bool
	plain bytes.Reader
	err   error
}

// Read gives the body without its encoding.
func (b *encodedBody) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		raw, err := io.ReadAll(b.ReadCloser)
		if err == nil {
			raw, err = b.with.decode(b.ctx, b.coding, raw)
		}
		b.plain.Reset(raw)
		b.err = err
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.plain.Read(p)
}

// limitBody bounds what may be read of a body, whatever length it says it has, and takes
// its encoding off.
func (a *API) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if coding := r.Header["Content-Encoding"]; coding != nil {
				r.Body = &encodedBody{ReadCloser: r.Body, ctx: r.Context(), with: a.decompressor, coding: strings.Join(coding, ",")}
				r.ContentLength = -1 // of the body as it will be read
			}
		}
		next.ServeHTTP(w, r)
	})
}
