package server

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

// zstdWindow bounds the window that a zstd-encoded body may ask for, in bytes (RFC 9659).
// It takes no memory: a whole body is decoded in place.
const zstdWindow = 8 << 20

// decompressor decodes the bodies of requests. Some decoders allocate as much as a body
// claims to need (brotli up to 16 MiB), so that only as many run at once as there are
// processors. They never wait for input, so that this delays nothing.
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

// decode returns the decoded body. The error is a problem: the encoding is unknown, or
// the body is broken or longer than the limit.
func (d *decompressor) decode(ctx context.Context, coding string, body []byte, limit int) ([]byte, error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var plain []byte
	var err error
	switch coding = normalCoding(coding); coding {
	case identity:
		plain = body
	case encodingBrotli:
		plain, err = readBounded(brotli.NewReader(bytes.NewReader(body)), limit)
	case encodingZstd:
		plain, err = d.zstd.DecodeAll(body, make([]byte, 0, limit))
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return nil, tooLarge(limit)
		}
	case encodingGzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			plain, err = readBounded(z, limit)
		}
	default:
		return nil, unknownCoding()
	}
	switch {
	case len(plain) > limit:
		return nil, tooLarge(limit)
	case err != nil:
		return nil, BadRequest(fmt.Sprintf("The body is not valid %s.", coding))
	}
	return plain, nil
}

// normalCoding returns a Content-Encoding as encodings are named here.
func normalCoding(coding string) string {
	switch coding = strings.ToLower(strings.Trim(coding, " \t")); coding {
	case "":
		return identity
	case "x-gzip": // RFC 9110 section 8.4.1.3
		return encodingGzip
	}
	return coding
}

// isKnownCoding reports whether decode can decode a Content-Encoding.
func isKnownCoding(coding string) bool {
	switch normalCoding(coding) {
	case identity, encodingBrotli, encodingZstd, encodingGzip:
		return true
	}
	return false
}

func unknownCoding() *Problem {
	return &Problem{
		Status: http.StatusUnsupportedMediaType,
		Detail: "The body's Content-Encoding must be one of " + encodingsKnown + ".",
		Header: "Accept-Encoding: " + encodingsKnown, // RFC 9110 section 15.5.16
	}
}

// maxEncoded bounds a body with a Content-Encoding, as it is received and decoded, in bytes: it is
// held in memory, unlike a file that is received as it is.
const maxEncoded = 16 << 20

// readBounded reads to the end, but at most one byte more than a body may have.
func readBounded(r io.Reader, limit int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, int64(limit)+1))
}

// encodedBody is the body of a request with a Content-Encoding. The first read receives
// and decodes all of it: a decoder never waits for a client.
type encodedBody struct {
	io.ReadCloser // as it is received, bounded
	ctx           context.Context
	with          *decompressor
	coding        string
	limit         int // of what is decoded

	decoded bool
	plain   bytes.Reader
	err     error
}

// Read implements io.Reader for the decoded body.
func (b *encodedBody) Read(p []byte) (int, error) {
	if !b.decoded {
		b.decoded = true
		raw, err := io.ReadAll(b.ReadCloser)
		if err == nil {
			raw, err = b.with.decode(b.ctx, b.coding, raw, b.limit)
		}
		b.plain.Reset(raw)
		b.err = err
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.plain.Read(p)
}

// limitBody bounds a body, whatever length it claims to have, and decodes it. One that is
// rejected by its header fields alone is not received.
//
// The next handlers get a copy of the request: net/http looks at the body of its own to tell
// whether a client that waits for "100 Continue" was asked for it.
func (s *Server) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		limit := s.bodyLimit(r)
		bounded := new(http.Request)
		*bounded = *r
		coding, encoded := r.Header["Content-Encoding"]
		if encoded {
			limit = min(limit, maxEncoded)
		}
		switch {
		case r.ContentLength > int64(limit):
			bounded.Body = io.NopCloser(failingReader{tooLarge(limit)})
		case encoded && !isKnownCoding(strings.Join(coding, ",")):
			bounded.Body = io.NopCloser(failingReader{unknownCoding()})
		case encoded:
			raw := http.MaxBytesReader(w, r.Body, int64(limit))
			bounded.Body = &encodedBody{ReadCloser: raw, ctx: r.Context(), with: s.decompressor, coding: strings.Join(coding, ","), limit: limit}
			bounded.ContentLength = -1 // the decoded length is not known yet
		default:
			bounded.Body = http.MaxBytesReader(w, r.Body, int64(limit))
		}
		next.ServeHTTP(w, bounded)
	})
}
