package changes

import (
	"encoding/binary"
	"unsafe"

	"sixty/internal/crm"
)

// invalidations records the last invalidation of each tag, by entity type, of which there
// are few.
type invalidations []*typeInvalidations

// typeInvalidations are those of one entity type. Tags are represented by 64-bit hashes; a
// collision makes an answer count as invalid.
type typeInvalidations struct {
	entity  string
	last    int64 // of any tag of the type
	whole   int64 // up to here, every tag of the type counts as invalidated
	recent  seqs
	older   seqs
	rotated int64 // the last seq in older
}

// maxInvalidations bounds the tags in recent and in older.
const maxInvalidations = 2048

// size returns their memory in bytes.
func (r invalidations) size() (bytes int64) {
	for _, k := range r {
		bytes += typeSize + slotSize*int64(len(k.recent.slots)+len(k.older.slots))
	}
	return bytes
}

// of returns the invalidations of a type; may be nil.
func (r invalidations) of(entity string) *typeInvalidations {
	for _, k := range r {
		if k.entity == entity {
			return k
		}
	}
	return nil
}

// add invalidates the tags of an entry.
func (r *invalidations) add(e *crm.LogEntry) {
	k := r.of(e.Entity)
	if k == nil {
		k = &typeInvalidations{entity: e.Entity}
		*r = append(*r, k)
	}
	k.last = max(k.last, e.Seq)
	whole := e.Tags(func(t crm.Tag) {
		if t.By != crm.ByAll {
			k.add(keyOf(&t), e.Seq)
		}
	})
	if whole {
		k.whole = max(k.whole, e.Seq)
	}
}

func (k *typeInvalidations) add(key uint64, seq int64) {
	if k.recent.n >= maxInvalidations {
		// Dropping older: all its tags count as invalidated at its last seq.
		k.whole = max(k.whole, k.rotated)
		k.older, k.recent, k.rotated = k.recent, seqs{}, k.last
	}
	k.recent.set(key, seq)
}

// noneAfter reports whether none of the tags was invalidated after seq.
func (r invalidations) noneAfter(seq int64, tags []crm.Tag) bool {
	var k *typeInvalidations
	for i := range tags {
		t := &tags[i]
		if k == nil || k.entity != t.Entity { // tags of a type are mostly adjacent
			k = r.of(t.Entity)
		}
		if k == nil || k.last <= seq {
			continue
		}
		if t.By == crm.ByAll || k.whole > seq {
			return false
		}
		key := keyOf(t)
		if k.recent.of(key) > seq || k.rotated > seq && k.older.of(key) > seq {
			return false
		}
	}
	return true
}

// keyOf hashes a tag without its type. All bits of the id affect the upper half of the
// key.
func keyOf(t *crm.Tag) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	high, low := binary.LittleEndian.Uint64(t.ID[:8]), binary.LittleEndian.Uint64(t.ID[8:])
	key := (high+uint64(t.By))*odd ^ low
	return (key ^ key>>32) * odd
}

// seqs is a hash table from keys to the seq of the last invalidation. A cache hit makes
// some dozens of unsuccessful lookups, for which a map takes three times as long.
type seqs struct {
	slots []slot // open addressing by the key's upper half; at most half are used
	n     int
}

type slot struct {
	key uint64
	seq int64 // 0: free
}

const (
	typeSize = int64(unsafe.Sizeof(typeInvalidations{}) + unsafe.Sizeof((*typeInvalidations)(nil)))
	slotSize = int64(unsafe.Sizeof(slot{}))
)

// find returns the slot of a key, or the free one for it.
func (s *seqs) find(key uint64) *slot {
	mask := uint64(len(s.slots) - 1)
	for i := key >> 32 & mask; ; i = (i + 1) & mask {
		if slot := &s.slots[i]; slot.key == key || slot.seq == 0 {
			return slot
		}
	}
}

// of returns the seq of a key; 0 if there is none.
func (s *seqs) of(key uint64) int64 {
	if s.n == 0 {
		return 0
	}
	return s.find(key).seq
}

func (s *seqs) set(key uint64, seq int64) {
	if 2*s.n >= len(s.slots) {
		full := s.slots
		s.slots = make([]slot, max(2*len(full), 16))
		for _, slot := range full {
			if slot.seq != 0 {
				*s.find(slot.key) = slot
			}
		}
	}
	slot := s.find(key)
	if slot.seq == 0 {
		s.n++
	}
	slot.key, slot.seq = key, max(slot.seq, seq)
}
