package cursor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
)

// The layout of a token before it is written as text.
const (
	version = 1

	headerLen   = 1 + keyIDLen // version and key id
	nonceLen    = 12           // the 96 bits that SP 800-38D recommends for GCM
	sealedStart = headerLen + nonceLen
	tagLen      = 16

	minRaw = sealedStart + minPlaintext + tagLen
	maxRaw = sealedStart + maxPlaintext + tagLen
)

// maxKept bounds the memory that a pooled workspace may hold on to: a rare long
// filter text must not stay for good.
const maxKept = 8 << 10

// encoding is strict, so that the unused low bits of a token's last character
// must be zero.
var encoding = base64.RawURLEncoding.Strict()

// A Sealer seals and opens cursors. It is safe for concurrent use.
type Sealer struct {
	keys       []key // the first seals, all open
	workspaces sync.Pool
}

// NewSealer makes a Sealer from one or more secrets, at most 16. The first
// seals, all open: to rotate, put the new secret in front and remove the old
// one when its cursors may end. A secret is free text of at least 16 bytes and
// may be given only once; errors name it by its place, never by its text.
func NewSealer(secrets ...string) (*Sealer, error) {
	derived, err := deriveKeys(secrets)
	if err != nil {
		return nil, err
	}
	nonceKey := derived[0].nonceKey
	return &Sealer{
		keys:       derived,
		workspaces: sync.Pool{New: func() any { return newWorkspace(nonceKey) }},
	}, nil
}

// Seal returns the cursor for a position in a scope: ASCII letters, digits, '-'
// and '_', at most 2,860 of them, which need no escaping in a query. Equal
// arguments give equal cursors. The only error is [ErrKeyTooLong].
//
// SP 800-38D section 8.3 lets one key seal 2^32 messages with 96-bit nonces like
// these before a chance repetition is worth a thought. Only distinct cursors
// count: a repeated one is the same message.
func (s *Sealer) Seal(scope Scope, at Position) (string, error) {
	if len(at.Key) > MaxKeyLen {
		return "", ErrKeyTooLong
	}
	w := s.borrow()
	defer s.giveBack(w)

	k := &s.keys[0]
	w.raw = append(w.raw[:0], version)
	w.raw = append(w.raw, k.id[:]...)
	w.bind(&scope)
	w.raw = w.raw[:sealedStart] // the nonce's place, filled below
	w.raw = at.appendTo(w.raw)

	plaintext := w.raw[sealedStart:]
	nonce := w.raw[headerLen:sealedStart]
	copy(nonce, w.deriveNonce(plaintext))
	w.raw = k.aead.Seal(w.raw[:sealedStart], nonce, plaintext, w.bound)
	w.text = encoding.AppendEncode(w.text[:0], w.raw)
	return string(w.text), nil
}

// Open returns the position that Seal sealed for an equal scope. Otherwise it
// returns [ErrMalformed], [ErrUnknownKey] or [ErrForeign], whatever the token.
func (s *Sealer) Open(scope Scope, token string) (Position, error) {
	// Before anything is decoded, so that a long token costs nothing.
	if len(token) < encoding.EncodedLen(minRaw) || len(token) > encoding.EncodedLen(maxRaw) {
		return Position{}, ErrMalformed
	}
	// The decoder skips line ends even when strict, which would give a cursor
	// more than one spelling.
	if strings.ContainsAny(token, "\r\n") {
		return Position{}, ErrMalformed
	}
	w := s.borrow()
	defer s.giveBack(w)

	n, err := encoding.Decode(w.raw[:maxRaw], []byte(token))
	if err != nil {
		return Position{}, ErrMalformed
	}
	w.raw = w.raw[:n]
	if w.raw[0] != version || (n-minRaw)%padBlock != 0 {
		return Position{}, ErrMalformed
	}
	k := s.find(keyID(w.raw[1:headerLen]))
	if k == nil {
		return Position{}, ErrUnknownKey
	}
	w.bind(&scope)
	nonce, sealed := w.raw[headerLen:sealedStart], w.raw[sealedStart:]
	plaintext, err := k.aead.Open(sealed[:0], nonce, sealed, w.bound)
	if err != nil {
		return Position{}, ErrForeign
	}
	return parsePosition(plaintext)
}

// find returns the key with this id, or nil. Ids are public and keys few: a
// plain walk will do.
func (s *Sealer) find(id keyID) *key {
	for i := range s.keys {
		if s.keys[i].id == id {
			return &s.keys[i]
		}
	}
	return nil
}

func (s *Sealer) borrow() *workspace { return s.workspaces.Get().(*workspace) }

func (s *Sealer) giveBack(w *workspace) {
	if cap(w.bound) <= maxKept {
		s.workspaces.Put(w)
	}
}

// A workspace is the memory that one Seal or Open needs. It is pooled because
// setting up an HMAC costs more than using it, and every page seals two cursors.
type workspace struct {
	mac   hash.Hash // keyed with the nonce key of the key that seals
	raw   []byte    // a token as bytes; its capacity is at least maxRaw
	text  []byte    // a token as text
	bound []byte    // the associated data
	size  [8]byte
	sum   [sha256.Size]byte
}

func newWorkspace(nonceKey []byte) *workspace {
	return &workspace{
		mac:  hmac.New(sha256.New, nonceKey),
		raw:  make([]byte, 0, maxRaw),
		text: make([]byte, 0, encoding.EncodedLen(maxRaw)),
	}
}

// bind sets the associated data: the header that raw begins with, and the scope.
func (w *workspace) bind(scope *Scope) {
	w.bound = append(w.bound[:0], w.raw[:headerLen]...)
	w.bound = scope.appendTo(w.bound)
}

// deriveNonce returns the nonce for a plaintext under the associated data: the
// first 96 bits of a MAC over both, with the length of the first in front so
// that nothing can move from one to the other.
func (w *workspace) deriveNonce(plaintext []byte) []byte {
	binary.BigEndian.PutUint64(w.size[:], uint64(len(w.bound)))
	w.mac.Reset()
	w.mac.Write(w.size[:])
	w.mac.Write(w.bound)
	w.mac.Write(plaintext)
	return w.mac.Sum(w.sum[:0])[:nonceLen]
}
