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

// HashLength is the number of characters of a Hash: 64 bits are enough to distinguish the
// representations of one URL.
const HashLength = 16

// Memory overhead in bytes: the Entry itself, its slots in the cache's tables and queues,
// and rounding by the allocator.
const (
	entryOverhead   = 448
	variantOverhead = 160
	tagSize         = int64(unsafe.Sizeof(crm.Tag{}))
)

// Entry is a cached answer. It is safe for concurrent use; nothing it returns may be
// changed.
type Entry struct {
	// Status, ContentType, Link, Body and Version are those of the Answer.
	Status      int
	ContentType string
	Link        string
	Body        []byte
	Version     int64
	// Hash is the start of the SHA-256 of Body in hexadecimal.
	Hash string

	key     key
	log     crm.LogPosition // from before the answer was built
	tags    []crm.Tag       // those of the answer, its tier and the whole cache
	expires time.Time       // zero if uncached
	validAt atomic.Int64
	reads   atomic.Int64 // at most one in markEvery; see usage
	series  *series
	cache   *Cache // nil if uncached

	variants     atomic.Pointer[variant]
	variantBytes atomic.Int64
}

// variant is the body in one content coding. Variants form an append-only list, as long as
// there are codings.
type variant struct {
	coding string
	body   func() []byte // compresses at the first call
	next   *variant
}

func newEntry(k key, a *Answer, s *series) *Entry {
	return &Entry{
		Status: a.Status, ContentType: a.ContentType, Link: a.Link, Body: a.Body, Version: a.Version,
		Hash: HashOf(a.Body), key: k, series: s,
	}
}

// HashOf returns the Hash of a body.
func HashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:HashLength/2])
}

// Encoded returns the body in a content coding. It calls compress once per coding, also for
// concurrent callers. The result is cached, counts as part of the entry, and must not be
// changed.
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
			if e.cache != nil {
				e.cache.reweigh(e)
			}
			return body
		})}
		if e.variants.CompareAndSwap(first, v) {
			return v.body()
		}
	}
}

// weight returns the memory used by the entry in bytes.
func (e *Entry) weight() int64 {
	return entryOverhead + int64(len(e.key.name)+len(e.ContentType)+len(e.Link)+cap(e.Body)) +
		int64(cap(e.tags))*tagSize + e.variantBytes.Load()
}

// ttl returns how long the entry remains cached at now, at least 0.
func (e *Entry) ttl(now time.Time) time.Duration {
	if e.expires.IsZero() {
		return 0
	}
	return max(0, e.expires.Sub(now))
}

// countFirst counts the read that the entry was made for.
func (e *Entry) countFirst(r *Request) {
	if !r.Unread {
		e.reads.Store(1)
	}
}

// markEvery is the precision of validAt: frequently read entries are not written to at
// every read.
const markEvery = 100 * time.Millisecond

// markValid records that the entry was valid at now.
func (e *Entry) markValid(now time.Time) {
	if n := now.UnixNano(); n-e.validAt.Load() > int64(markEvery) {
		e.validAt.Store(n)
		e.reads.Add(1)
	}
}

// validWithin reports whether the entry was known to be valid at most d before now.
func (e *Entry) validWithin(d time.Duration, now time.Time) bool {
	return now.UnixNano()-e.validAt.Load() <= int64(d)
}
