package cache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"sixty/internal/crm"
)

// formatVersion is the version of the format of shared values. Values of other versions
// are ignored.
const formatVersion = 2

// Encodings of a body in a shared value.
const (
	identity   = 0
	compressed = 1
)

// Why a shared value is not used.
var (
	errFormat  = errors.New("invalid format")
	errForeign = errors.New("value of another key")
)

// checksumSize is the length of the CRC-32C that detects truncated or corrupted values.
const checksumSize = crc32.Size

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// writer appends the parts of a shared value, after room for the checksum.
type writer struct{ b []byte }

// sealed returns the value with its checksum.
func (w *writer) sealed() []byte {
	binary.BigEndian.PutUint32(w.b, checksum(w.b[checksumSize:]))
	return w.b
}

func (w *writer) uint(v uint64)  { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)    { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) bytes(v []byte) { w.b = append(w.b, v...) }

func (w *writer) string(v string) {
	w.uint(uint64(len(v)))
	w.b = append(w.b, v...)
}

// reader parses a shared value. After the first missing part it is bad and returns zero
// values.
type reader struct {
	b   []byte
	bad bool
}

// unsealed returns a reader of a value, if its checksum matches.
func unsealed(value []byte) (*reader, bool) {
	if len(value) < checksumSize || binary.BigEndian.Uint32(value) != checksum(value[checksumSize:]) {
		return nil, false
	}
	return &reader{b: value[checksumSize:]}, true
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.b, r.bad = nil, true
		return
	}
	r.b = r.b[n:]
}

// bytes returns the next n bytes, which alias the value.
func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) string() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return ""
	}
	return string(r.bytes(int(n)))
}

// tags reads tags. Their number is checked against the bytes left before allocating.
func (r *reader) tags() []crm.Tag {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	tags := make([]crm.Tag, 0, n)
	for range n {
		tag := crm.Tag{Entity: r.string(), By: crm.TagScope(r.uint())}
		if tag.By != crm.ByAll {
			copy(tag.ID[:], r.bytes(len(tag.ID)))
		}
		tags = append(tags, tag)
	}
	return tags
}
