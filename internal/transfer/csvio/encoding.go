package csvio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// Encoding is a character encoding, by its usual name. ParseEncoding returns
// those that are not recognised.
type Encoding string

// The encodings that are recognised.
const (
	// Auto is no encoding: Open recognises one.
	Auto Encoding = ""
	// UTF8 is UTF-8 with or without a byte order mark.
	UTF8 Encoding = "UTF-8"
	// UTF16LE is UTF-16, low byte first.
	UTF16LE Encoding = "UTF-16LE"
	// UTF16BE is UTF-16, high byte first.
	UTF16BE Encoding = "UTF-16BE"
	// Windows1252 is also what the WHATWG Encoding Standard reads Latin-1
	// as: it has all its printable characters and more.
	Windows1252 Encoding = "Windows-1252"

	// anyUTF16 is UTF-16 whose byte order mark tells the order; without one the
	// low byte is first.
	anyUTF16 Encoding = "UTF-16"
)

// bom returns the encoding's byte order mark.
func (e Encoding) bom() []byte {
	switch e {
	case UTF8:
		return []byte{0xEF, 0xBB, 0xBF}
	case UTF16LE:
		return []byte{0xFF, 0xFE}
	case UTF16BE:
		return []byte{0xFE, 0xFF}
	}
	return nil
}

// bomSize returns the size of e's byte order mark if b begins with it.
func bomSize(b []byte, e Encoding) int {
	if mark := e.bom(); bytes.HasPrefix(b, mark) {
		return len(mark)
	}
	return 0
}

// decode returns r in UTF-8. UTF-8 is passed through as it is, broken or not:
// records are checked one by one.
func (e Encoding) decode(r io.Reader) io.Reader {
	switch e {
	case UTF16LE:
		return transform.NewReader(r, utf16Decoder{order: binary.LittleEndian})
	case UTF16BE:
		return transform.NewReader(r, utf16Decoder{order: binary.BigEndian})
	case UTF8:
		return r
	}
	return transform.NewReader(r, newDecoder(e))
}

// recognise reads a prefix of r and returns it with the encoding of r, which is
// forced unless that is Auto. It leaves r behind the prefix.
func recognise(r io.Reader, forced Encoding) (prefix []byte, _ Encoding, _ error) {
	prefix = make([]byte, sniffSize)
	n, err := io.ReadFull(r, prefix)
	whole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !whole {
		return nil, Auto, err
	}
	prefix = prefix[:n]
	for _, e := range []Encoding{UTF8, UTF16LE, UTF16BE} {
		switch {
		case bomSize(prefix, e) == 0:
		case forced == Auto, forced == e, forced == anyUTF16 && e != UTF8:
			return prefix, e, nil
		default:
			return nil, Auto, &fault{ErrEncoding, "the file begins with the byte order mark of " + string(e) + ", but " + string(forced) + " was named"}
		}
	}
	if forced == anyUTF16 {
		forced = UTF16LE
	}
	if forced != Auto {
		return prefix, forced, nil
	}
	if e := utf16ByNULs(prefix); e != Auto {
		return prefix, e, nil
	}
	var t tally
	used := t.add(prefix, whole)
	if !whole {
		if err := tallyRest(&t, r, prefix[used:]); err != nil {
			return nil, Auto, err
		}
	}
	return prefix, t.encoding(), nil
}

// utf16ByNULs recognises UTF-16 without a byte order mark, and answers Auto for
// anything else. Whatever its language, a CSV file has ASCII characters
// (separators, digits, line ends), and in UTF-16 each has a NUL as its high
// byte; so NULs stand on one side of the byte pairs.
//
// Lest a stray NUL in a file of single bytes count, they are held against the
// pairs that could be two ASCII characters. Of ideographs a quarter look like
// such pairs, so where there is enough to judge by, fewer NULs will do.
func utf16ByNULs(b []byte) Encoding {
	var first, second, ascii int
	for ; len(b) >= 2; b = b[2:] {
		switch {
		case b[0] == 0 && isASCIIText(b[1]):
			first++
		case b[1] == 0 && isASCIIText(b[0]):
			second++
		case isASCIIText(b[0]) && isASCIIText(b[1]):
			ascii++
		}
	}
	const enough = 16
	outweighs := func(nuls, opposite int) bool {
		// A low byte of zero is rare but possible (U+4E00, the numeral one).
		return nuls > 4*opposite && (nuls > ascii || nuls >= enough && 4*nuls > ascii)
	}
	switch {
	case outweighs(second, first):
		return UTF16LE
	case outweighs(first, second):
		return UTF16BE
	}
	return Auto
}

// isASCIIText reports whether c occurs in a text file of single bytes.
func isASCIIText(c byte) bool {
	return c >= ' ' && c <= '~' || c == '\t' || c == '\r' || c == '\n'
}

// tally weighs UTF-8 against Windows-1252.
type tally struct {
	sequences int64 // multi-byte sequences of UTF-8, which Latin text hits by accident only
	invalid   int64 // bytes that UTF-8 cannot have there
}

// add counts b and returns how many bytes it used: all, but for a sequence that
// is cut at the end of b where more is to come.
func (t *tally) add(b []byte, last bool) (used int) {
	for used < len(b) {
		if b[used] < utf8.RuneSelf {
			used++
			continue
		}
		if !last && !utf8.FullRune(b[used:]) {
			break
		}
		_, size := utf8.DecodeRune(b[used:])
		if size > 1 {
			t.sequences++
		} else {
			t.invalid++
		}
		used += size
	}
	return used
}

// encoding decides. A few broken bytes in a file full of UTF-8 are a few broken
// records; read as Windows-1252, every name with an umlaut would be wrong,
// without an error.
func (t *tally) encoding() Encoding {
	if t.invalid == 0 || t.sequences > t.invalid {
		return UTF8
	}
	return Windows1252
}

// tallyRest adds to t what follows in r, with carry before it, and rewinds r to
// where it stood. A source that cannot be rewound is left alone.
func tallyRest(t *tally, r io.Reader, carry []byte) error {
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		// Devices and pipes may accept a seek without effect.
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // the prefix has to do
		}
	}
	seeker, ok := r.(io.Seeker)
	if !ok {
		return nil
	}
	position, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil //nolint:nilerr // the prefix has to do
	}
	buf := make([]byte, sniffSize)
	kept := copy(buf, carry)
	for last := false; !last; {
		n, err := io.ReadFull(r, buf[kept:])
		last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		b := buf[:kept+n]
		kept = copy(buf, b[t.add(b, last):])
	}
	_, err = seeker.Seek(position, io.SeekStart)
	return err
}
