package server

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The content encodings that the server knows, by their names in headers (RFC 9110 section
// 8.4.1): br (RFC 7932), zstd (RFC 8878) and gzip (RFC 1952).
const (
	encodingBrotli = "br"
	encodingZstd   = "zstd"
	encodingGzip   = "gzip"
	identity       = "identity" // not encoded
	// encodingsKnown lists the encodings that a request's body may have.
	encodingsKnown = encodingBrotli + ", " + encodingZstd + ", " + encodingGzip
)

// encodeFrom is the length from which on a body is compressed. A shorter one fits into
// one packet anyway.
const encodeFrom = 1 << 10

// weights are the quality values of the encodings, in thousandths; 0 means not acceptable.
type weights struct{ brotli, zstd, gzip, identity int }

// parseAcceptEncoding parses an Accept-Encoding header (RFC 9110 section 12.5.3). It
// ignores members that are malformed and encodings that the server does not know.
func parseAcceptEncoding(lines []string) weights {
	const unnamed = -1
	w := weights{unnamed, unnamed, unnamed, unnamed}
	others := 0
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			name, parameter, weighted := strings.Cut(member, ";")
			weight, ok := 1000, true
			if weighted {
				weight, ok = parseWeight(strings.Trim(parameter, " \t"))
			}
			switch name = strings.Trim(name, " \t"); {
			case !ok:
			case name == "*":
				others = weight
			case strings.EqualFold(name, encodingBrotli):
				w.brotli = weight
			case strings.EqualFold(name, encodingZstd):
				w.zstd = weight
			case strings.EqualFold(name, encodingGzip), strings.EqualFold(name, "x-gzip"):
				w.gzip = weight
			case strings.EqualFold(name, identity):
				w.identity = weight
			}
		}
	}
	for _, weight := range [...]*int{&w.brotli, &w.zstd, &w.gzip} {
		if *weight == unnamed {
			*weight = others
		}
	}
	return w
}

// parseWeight parses q=0.5, with up to three decimal places (RFC 9110 section 12.4.2).
func parseWeight(s string) (int, bool) {
	if len(s) < len("q=0") || len(s) > len("q=0.000") || s[0]|0x20 != 'q' || s[1] != '=' || len(s) > 3 && s[3] != '.' {
		return 0, false
	}
	weight := 0
	for i, unit := 2, 1000; i < len(s); i, unit = i+1, unit/10 {
		if i == 3 {
			unit *= 10 // the point
			continue
		}
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		weight += int(s[i]-'0') * unit
	}
	return weight, weight <= 1000
}

// negotiate returns the encoding of a response by the lines of an Accept-Encoding header:
// the one of the greatest weight, and of equal ones the densest. "" is none. That is also
// the result if the client accepts none of them: RFC 9110 section 12.5.3 allows a 406
// instead, but an unencoded response is more useful.
func negotiate(lines []string) string {
	w := parseAcceptEncoding(lines)
	best, most := "", max(w.identity, 1)
	for _, e := range [...]struct {
		name   string
		weight int
	}{{encodingGzip, w.gzip}, {encodingZstd, w.zstd}, {encodingBrotli, w.brotli}} {
		if e.weight >= most {
			best, most = e.name, e.weight
		}
	}
	return best
}

// The levels at which a page of 50 rows takes some 0.4 ms or less. Higher ones save few
// bytes and take several times as long.
const (
	brotliLevel  = 3 // its window is 1 MiB
	gzipLevel    = 5
	encodeWindow = 1 << 20 // of zstd, in bytes: what a client needs to decode a response
)

// compressor compresses whole bodies. Encoders are large, so they are pooled.
type compressor struct {
	brotli, gzip sync.Pool
	zstd         *zstd.Encoder // pools its own

	inBrotli, inZstd, inGzip func([]byte) []byte // compress bound to each, allocated once
}

func newCompressor() (*compressor, error) {
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(encodeWindow), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	c := &compressor{zstd: z}
	c.inBrotli = func(b []byte) []byte { return c.compress(encodingBrotli, b) }
	c.inZstd = func(b []byte) []byte { return c.compress(encodingZstd, b) }
	c.inGzip = func(b []byte) []byte { return c.compress(encodingGzip, b) }
	return c, nil
}

// in returns the function that compresses to an encoding.
func (c *compressor) in(encoding string) func([]byte) []byte {
	switch encoding {
	case encodingZstd:
		return c.inZstd
	case encodingBrotli:
		return c.inBrotli
	default:
		return c.inGzip
	}
}

// encoder is a resettable io.WriteCloser.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compress returns a body in an encoding that negotiate chose.
func (c *compressor) compress(encoding string, b []byte) []byte {
	switch encoding {
	case encodingZstd:
		return c.zstd.EncodeAll(b, make([]byte, 0, len(b)/4))
	case encodingBrotli:
		return through(&c.brotli, b, func() encoder { return brotli.NewWriterV2(nil, brotliLevel) })
	default:
		return through(&c.gzip, b, func() encoder {
			w, _ := gzip.NewWriterLevel(nil, gzipLevel) // never an error: the level is one
			return w
		})
	}
}

// through returns a body that an encoder from the pool has encoded. Writing to memory
// does not fail.
func through(pool *sync.Pool, b []byte, create func() encoder) []byte {
	e, ok := pool.Get().(encoder)
	if !ok {
		e = create()
	}
	defer pool.Put(e)
	var out bytes.Buffer
	out.Grow(len(b) / 4)
	e.Reset(&out)
	_, _ = e.Write(b)
	_ = e.Close()
	return out.Bytes()
}
