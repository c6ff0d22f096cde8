// Package cursor seals positions in a list into opaque tokens and opens them again, so that
// a client can request the page after (or before) a row without reading, forging or moving
// the position.
//
// A token is bound to the [Scope] it was made for: organisation, list, filters
// and sort. It carries no time and so never ages: it opens for as long as the
// key that sealed it is configured. Sealing is deterministic, so that equal
// pages have equal bytes and hence equal ETags.
//
// A token is base64url without padding (RFC 4648 section 5) of
//
//	version (1 byte) | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag
//
// The key is derived from a configured secret by HKDF (RFC 5869). The nonce is a MAC over
// everything that is sealed, the idea of SIV (RFC 5297): a nonce is repeated only for the
// same message, which results in the same token and reveals nothing.
package cursor

import (
	"encoding/binary"
	"errors"
)

// MaxKeyLen is the greatest length of a [Position]'s Key, in bytes.
const MaxKeyLen = 2048

// Errors of [Sealer.Open] and [Sealer.Seal]. They contain no part of the token or of a key,
// so they are safe to log.
var (
	// ErrMalformed means that the text is not a cursor of this program: not base64url, of an
	// impossible length, or of an unknown version.
	ErrMalformed = errors.New("cursor: malformed")
	// ErrUnknownKey means that the cursor was sealed with a key that is not configured.
	ErrUnknownKey = errors.New("cursor: sealed with a key that is not configured")
	// ErrForeign means that the cursor was altered, or made for another organisation, list,
	// filter or sort. Authentication cannot distinguish these.
	ErrForeign = errors.New("cursor: altered, or made for another list, filter or sort")
	// ErrKeyTooLong means that a Position's Key is longer than MaxKeyLen.
	ErrKeyTooLong = errors.New("cursor: sort key too long")
)

// A Position is a row's position in a list ordered by (sort key, id).
type Position struct {
	// Key is the row's sort key as the caller encodes it, at most MaxKeyLen
	// bytes. A nil Key and an empty one are the same.
	Key []byte
	// ID is the row's id, which orders rows of equal keys.
	ID [16]byte
	// Inclusive means that the row itself belongs to the page that starts here.
	Inclusive bool
}

// A Scope is what a cursor is bound to: it opens only with an equal Scope. The strings are
// compared byte by byte, so the caller must write equal filters in one canonical form.
type Scope struct {
	// Organisation is the organisation's id.
	Organisation [16]byte
	// List names the list, such as "deals".
	List string
	// Filters is the canonical form of the list's filters.
	Filters string
	// Sort names the order, such as "-updated_at".
	Sort string
}

// appendTo appends an unambiguous encoding of the scope: the first member has a fixed
// length, the others are prefixed with theirs.
func (s *Scope) appendTo(dst []byte) []byte {
	dst = append(dst, s.Organisation[:]...)
	for _, text := range [...]string{s.List, s.Filters, s.Sort} {
		dst = binary.AppendUvarint(dst, uint64(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

// A position is sealed as
//
//	flags (1 byte) | id (16) | length of the key (2, big-endian) | key | zeros
//
// with as few zeros as fill the last block, so that the length of a token reveals the
// length of the key only to the block.
const (
	flagInclusive = 1

	idStart      = 1
	keyLenStart  = idStart + 16
	keyStart     = keyLenStart + 2
	padBlock     = 64
	minPlaintext = padBlock
	maxPlaintext = (keyStart + MaxKeyLen + padBlock - 1) / padBlock * padBlock
)

// paddedLen is the length of a sealed position whose key has keyLen bytes.
func paddedLen(keyLen int) int {
	return (keyStart + keyLen + padBlock - 1) / padBlock * padBlock
}

// appendTo appends the padded position. The key is at most MaxKeyLen bytes.
func (p *Position) appendTo(dst []byte) []byte {
	var flags byte
	if p.Inclusive {
		flags |= flagInclusive
	}
	dst = append(dst, flags)
	dst = append(dst, p.ID[:]...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Key)))
	dst = append(dst, p.Key...)
	return append(dst, make([]byte, paddedLen(len(p.Key))-keyStart-len(p.Key))...)
}

// parsePosition reverses appendTo and accepts nothing else. The position shares no memory
// with plaintext.
func parsePosition(plaintext []byte) (Position, error) {
	if len(plaintext) < minPlaintext || plaintext[0]&^flagInclusive != 0 {
		return Position{}, ErrMalformed
	}
	keyLen := int(binary.BigEndian.Uint16(plaintext[keyLenStart:keyStart]))
	if keyLen > MaxKeyLen || len(plaintext) != paddedLen(keyLen) {
		return Position{}, ErrMalformed
	}
	keyEnd := keyStart + keyLen
	for _, b := range plaintext[keyEnd:] {
		if b != 0 {
			return Position{}, ErrMalformed
		}
	}
	key := make([]byte, keyLen)
	copy(key, plaintext[keyStart:keyEnd])
	return Position{
		Key:       key,
		ID:        [16]byte(plaintext[idStart:keyLenStart]),
		Inclusive: plaintext[0]&flagInclusive != 0,
	}, nil
}
