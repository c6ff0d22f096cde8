package csvio

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// The decoders differ from those of x/text in one respect: where the source is
// broken they do not write U+FFFD, which would hide the damage and lose what
// stood there, but bytes that are not valid UTF-8. So the check of each record
// rejects the one they are in, as it does in a file of UTF-8.

// utf16Decoder turns UTF-16 into UTF-8. Lone surrogates and half a unit at the
// end are broken.
type utf16Decoder struct {
	transform.NopResetter
	order binary.ByteOrder
}

// Transform implements transform.Transformer.
func (d utf16Decoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if nDst+utf8.UTFMax > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		rest := src[nSrc:]
		if len(rest) < 2 {
			if !atEOF {
				return nDst, nSrc, transform.ErrShortSrc
			}
			dst[nDst] = 0xFF
			return nDst + 1, nSrc + 1, nil
		}
		c, size := rune(d.order.Uint16(rest)), 2
		if !utf16.IsSurrogate(c) {
			nDst += utf8.EncodeRune(dst[nDst:], c)
			nSrc += size
			continue
		}
		if len(rest) < 4 && !atEOF {
			return nDst, nSrc, transform.ErrShortSrc
		}
		pair := unicode.ReplacementChar
		if len(rest) >= 4 {
			pair = utf16.DecodeRune(c, rune(d.order.Uint16(rest[2:])))
		}
		if pair != unicode.ReplacementChar {
			nDst += utf8.EncodeRune(dst[nDst:], pair)
			nSrc += 4
			continue
		}
		nDst += copy(dst[nDst:], []byte{0xE0 | byte(c>>12), 0x80 | byte(c>>6&0x3F), 0x80 | byte(c&0x3F)})
		nSrc += size
	}
	return nDst, nSrc, nil
}

// charmapDecoder turns an encoding of single bytes into UTF-8. The bytes that it
// leaves undefined are broken: in practice they show a file of another encoding
// (0x81 is the ü of MS-DOS), never the control characters that browsers take
// them for.
type charmapDecoder struct {
	transform.NopResetter
	of *charmap.Charmap
}

// Transform implements transform.Transformer.
func (d charmapDecoder) Transform(dst, src []byte, _ bool) (nDst, nSrc int, err error) {
	for _, c := range src {
		if nDst+utf8.UTFMax > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		if r := d.of.DecodeByte(c); r != utf8.RuneError {
			nDst += utf8.EncodeRune(dst[nDst:], r)
		} else {
			dst[nDst] = c
			nDst++
			if utf8.RuneStart(c) {
				dst[nDst] = 0xFF // lest the next byte complete a sequence
				nDst++
			}
		}
		nSrc++
	}
	return nDst, nSrc, nil
}

// strictDecoder turns another encoding into UTF-8, in which 0xFF marks what was
// broken.
type strictDecoder struct{ transform.Transformer }

// Transform implements transform.Transformer.
func (d strictDecoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = d.Transformer.Transform(dst, src, atEOF)
	for b := dst[:nDst]; ; {
		i := bytes.Index(b, []byte(string(utf8.RuneError)))
		if i < 0 {
			return nDst, nSrc, err
		}
		copy(b[i:], "\xff\xff\xff")
		b = b[i+3:]
	}
}
