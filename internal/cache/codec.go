package cache

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"sync"

	"sixty/internal/crm"
)

// formatVersion is the version of the format of shared values. Values of other versions
// are ignored.
const formatVersion = 3

// Encodings of a body in a shared value.
const (
	identity   = 0
	compressed = 1
)

// Why a shared value is not used.
var (
	errSeal    = errors.New("it was not written by an instance on this database, or was altered")
	errFormat  = errors.New("invalid format")
	errForeign = errors.New("value of another key")
)

// sealSize is the length of the HMAC-SHA256 that a value begins with. What can be written to the
// shared tier by others is no answer of this program's.
const sealSize = sha256.Size

// seal computes the seals of shared values. It is safe for concurrent use.
type seal struct{ pool sync.Pool }

func newSeal(key []byte) *seal {
	return &seal{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// appendTo appends the seal of a value's content.
func (s *seal) appendTo(b, content []byte) []byte {
	h := s.pool.Get().(hash.Hash)
	defer s.pool.Put(h)
	h.Reset()
	h.Write(content)
	return h.Sum(b)
}

// put sets the seal of a value.
func (s *seal) put(value []byte) []byte {
	s.appendTo(value[:0], value[sealSize:])
	return value
}

// open returns the content of a value, if its seal is right.
func (s *seal) open(value []byte) (content []byte, ok bool) {
	if len(value) < sealSize {
		return nil, false
	}
	var want [sealSize]byte
	return value[sealSize:], hmac.Equal(s.appendTo(want[:0], value[sealSize:]), value[:sealSize])
}

// writer appends the parts of a shared value, after room for the seal.
type writer struct{ b []byte }

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
