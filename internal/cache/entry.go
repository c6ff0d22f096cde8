package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"sixty/internal/crm"
)

// HashLength is the number of characters of a Hash: 64 bits tell apart the
// representations that one address ever has.
const HashLength = 16

// What keeping an entry takes besides what it holds, in bytes: the Entry itself, its
// place in the cache's tables and queues, and allocation in size classes.
const (
	entryOverhead   = 448
	variantOverhead = 160
	tagSize         = int64(unsafe.Sizeof(crm.Tag{}))
)

// Entry is an answer as it is kept. It is safe for concurrent use; nothing that it
// gives may be changed.
type Entry struct {
	// Status, ContentType, Link, Body and Version are the Answer's.
	Status      int
	ContentType string
	Link        string
	Body        []byte
	Version     int64
	// Hash is the beginning of the SHA-256 of Body, in hexadecimal digits.
	Hash string

	key    key
	seq    int64     // the log's position from before the answer was made
	tags   []crm.Tag // those of the answer, of its tier and of the whole cache
	end    time.Time // when its life ends; zero if it is not kept
	good   atomic.Int64
	series *series
	home   *Cache // where it is kept; nil if it is not

	variants     atomic.Pointer[variant]
	variantBytes atomic.Int64
}

// variant is the body in one content coding. They form a list that only grows, and
// that is as long as there are codings.
type variant struct {
	coding string
	body   func() []byte // makes it at the first call
	next   *variant
}

// newEntry makes an entry of an answer.
func newEntry(k key, a *Answer, s *series) *Entry {
	return &Entry{
		Status: a.Status, ContentType: a.ContentType, Link: a.Link, Body: a.Body, Version: a.Version,
		Hash: HashOf(a.Body), key: k, series: s,
	}
}

// HashOf gives the Hash of a body.
func HashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:HashLength/2])
}

// Encoded gives the body in a content coding, which compress makes: once for each
// coding, however many ask for it at the same time. What compress gives is kept,
// counted as part of the entry, and must not be changed any more.
func (e *Entry) Encoded(coding string, compress func([]byte) []byte) []byte {
	for {
		first := e.variants.Load()
		for v := first; v != nil; v = v.next {
			if v.coding == coding {
				return v.body()
			}
		}
		v := &variant{coding: coding, next: first, body: sync.OnceValue(func() []byte {
			body := compress(e.Body)
			e.variantBytes.Add(variantOverhead + int64(cap(body)))
			if e.home != nil {
				e.home.reweigh(e)
			}
			return body
		})}
		if e.variants.CompareAndSwap(first, v) {
			return v.body()
		}
	}
}

// weight is the memory that the entry takes, in bytes.
func (e *Entry) weight() int64 {
	return entryOverhead + int64(len(e.key.name)+len(e.ContentType)+len(e.Link)+cap(e.Body)) +
		int64(cap(e.tags))*tagSize + e.variantBytes.Load()
}

// ttl is how long the entry still lives at now, at least 0.
func (e *Entry) ttl(now time.Time) time.Duration {
	if e.end.IsZero() {
		return 0
	}
	return max(0, e.end.Sub(now))
}

// noteEvery is how exactly it is noted when an entry was last known to be good: what
// many read at once is not worth writing to at every read.
const noteEvery = 100 * time.Millisecond

// noteGood notes that the entry was good at now.
func (e *Entry) noteGood(now time.Time) {
	if n := now.UnixNano(); n-e.good.Load() > int64(noteEvery) {
		e.good.Store(n)
	}
}

// goodWithin tells whether the entry was known to be good at most so long before now.
func (e *Entry) goodWithin(d time.Duration, now time.Time) bool {
	return now.UnixNano()-e.good.Load() <= int64(d)
}
