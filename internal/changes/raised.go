package changes

import (
	"encoding/binary"

	"sixty/internal/crm"
)

// raised remembers at which seq each tag was raised last, kind by kind. There are as
// many kinds as the log speaks of, which are few.
type raised []*raisedKind

// raisedKind is that of one kind. Its tags stand for themselves by 64 bits of them:
// should two be alike, an answer counts as changed that is not.
type raisedKind struct {
	entity  string
	last    int64 // when anything of the kind was raised
	whole   int64 // up to here, everything of the kind counts as raised
	recent  seqs
	older   seqs
	rotated int64 // the last that stands in older
}

// maxRaised bounds the tags of one kind that are remembered, recent and older ones.
const maxRaised = 2048

// of gives the memory of a kind, or nil.
func (r raised) of(entity string) *raisedKind {
	for _, k := range r {
		if k.entity == entity {
			return k
		}
	}
	return nil
}

// raise raises the tags of an entry.
func (r *raised) raise(e *crm.LogEntry) {
	k := r.of(e.Entity)
	if k == nil {
		k = &raisedKind{entity: e.Entity}
		*r = append(*r, k)
	}
	k.last = max(k.last, e.Seq)
	whole := e.Tags(func(t crm.Tag) {
		if t.By != crm.ByAll {
			k.raise(keyOf(&t), e.Seq)
		}
	})
	if whole {
		k.whole = max(k.whole, e.Seq)
	}
}

func (k *raisedKind) raise(key uint64, seq int64) {
	if k.recent.n >= maxRaised {
		// What was raised last of the older ones, all of them may have been.
		k.whole = max(k.whole, k.rotated)
		k.older, k.recent, k.rotated = k.recent, seqs{}, k.last
	}
	k.recent.raise(key, seq)
}

// noneAfter tells whether none of the tags was raised after seq.
func (r raised) noneAfter(seq int64, tags []crm.Tag) bool {
	var k *raisedKind
	for i := range tags {
		t := &tags[i]
		if k == nil || k.entity != t.Entity { // tags of a kind come together, mostly
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

// keyOf folds a tag, but for its kind, so that all bits of an id count, and tell in the
// upper half of the key.
func keyOf(t *crm.Tag) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	high, low := binary.LittleEndian.Uint64(t.ID[:8]), binary.LittleEndian.Uint64(t.ID[8:])
	key := (high+uint64(t.By))*odd ^ low
	return (key ^ key>>32) * odd
}

// seqs maps keys to the seq at which each was raised last. Every answer from a cache
// asks for some dozens that are not there, which takes a map three times as long.
type seqs struct {
	slots []raisedKey // by the key's upper half, or next to it; at most half are taken
	n     int
}

type raisedKey struct {
	key uint64
	seq int64 // 0: the slot is free
}

// find gives the slot of a key, or the one that is free for it.
func (s *seqs) find(key uint64) *raisedKey {
	mask := uint64(len(s.slots) - 1)
	for i := key >> 32 & mask; ; i = (i + 1) & mask {
		if slot := &s.slots[i]; slot.key == key || slot.seq == 0 {
			return slot
		}
	}
}

// of gives the seq of a key, 0 if it was not raised.
func (s *seqs) of(key uint64) int64 {
	if s.n == 0 {
		return 0
	}
	return s.find(key).seq
}

func (s *seqs) raise(key uint64, seq int64) {
	if 2*s.n >= len(s.slots) {
		full := s.slots
		s.slots = make([]raisedKey, max(2*len(full), 16))
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
