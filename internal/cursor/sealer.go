package cursor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
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

// maxPooled bounds the memory of a pooled workspace, so that a rare long filter text is not
// retained.
const maxPooled = 8 << 10

// encoding is strict, so that the unused low bits of a token's last character
// must be zero.
var encoding = base64.RawURLEncoding.Strict()

// A Sealer seals and opens cursors. It is safe for concurrent use.
type Sealer struct{ keys atomic.Pointer[keyring] }

// A keyring is the keys of a Sealer.
type keyring struct {
	keys       []key // the first seals, all open
	workspaces sync.Pool
}

// NewSealer returns a Sealer with one or more secrets, at most 16. The first seals, all
// open: to rotate, add the new secret in front and remove the old one when its cursors may
// become invalid. A secret is free text of at least 16 bytes and must not be repeated;
// errors name its position, never its text.
func NewSealer(secrets ...string) (*Sealer, error) {
	s := &Sealer{}
	if err := s.Replace(secrets...); err != nil {
		return nil, err
	}
	return s, nil
}

// Replace replaces the secrets. After an error, the old ones remain.
func (s *Sealer) Replace(secrets ...string) error {
	derived, err := deriveKeys(secrets)
	if err != nil {
		return err
	}
	nonceKey := derived[0].nonceKey
	s.keys.Store(&keyring{
		keys:       derived,
		workspaces: sync.Pool{New: func() any { return newWorkspace(nonceKey) }},
	})
	return nil
}

// Seal returns the cursor for a position in a scope: at most 2,860 ASCII letters, digits,
// '-' and '_', which need no escaping in a query. Equal arguments give equal cursors. The
// only error is [ErrKeyTooLong].
//
// SP 800-38D section 8.3 allows one key to seal 2^32 messages with random 96-bit nonces like
// these. Only distinct cursors count: a repeated one is the same message.
func (s *Sealer) Seal(scope Scope, at Position) (string, error) {
	if len(at.Key) > MaxKeyLen {
		return "", ErrKeyTooLong
	}
	ring := s.keys.Load()
	w := ring.get()
	defer ring.put(w)

	k := &ring.keys[0]
	w.raw = append(w.raw[:0], version)
	w.raw = append(w.raw, k.id[:]...)
	w.bind(&scope)
	w.raw = w.raw[:sealedStart] // the nonce is filled in below
	w.raw = at.appendTo(w.raw)

	plaintext := w.raw[sealedStart:]
	nonce := w.raw[headerLen:sealedStart]
	copy(nonce, w.deriveNonce(plaintext))
	w.raw = k.aead.Seal(w.raw[:sealedStart], nonce, plaintext, w.bound)
	w.text = encoding.AppendEncode(w.text[:0], w.raw)
	return string(w.text), nil
}

// Open returns the position that Seal sealed for an equal scope. Otherwise it returns
// [ErrMalformed], [ErrUnknownKey] or [ErrForeign].
func (s *Sealer) Open(scope Scope, token string) (Position, error) {
	// Before decoding, so that a long token costs nothing.
	if len(token) < encoding.EncodedLen(minRaw) || len(token) > encoding.EncodedLen(maxRaw) {
		return Position{}, ErrMalformed
	}
	// The decoder skips line breaks even when strict, which would allow several spellings of
	// a cursor.
	if strings.ContainsAny(token, "\r\n") {
		return Position{}, ErrMalformed
	}
	ring := s.keys.Load()
	w := ring.get()
	defer ring.put(w)

	n, err := encoding.Decode(w.raw[:maxRaw], []byte(token))
	if err != nil {
		return Position{}, ErrMalformed
	}
	w.raw = w.raw[:n]
	if w.raw[0] != version || (n-minRaw)%padBlock != 0 {
		return Position{}, ErrMalformed
	}
	k := ring.find(keyID(w.raw[1:headerLen]))
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

// find returns the key with this id, or nil. Ids are public and keys few, so a linear
// search will do.
func (r *keyring) find(id keyID) *key {
	for i := range r.keys {
		if r.keys[i].id == id {
			return &r.keys[i]
		}
	}
	return nil
}

func (r *keyring) get() *workspace { return r.workspaces.Get().(*workspace) }

func (r *keyring) put(w *workspace) {
	if cap(w.bound) <= maxPooled {
		r.workspaces.Put(w)
	}
}

// A workspace is the memory for one Seal or Open. It is pooled because setting up an HMAC
// costs more than using it, and every page seals two cursors.
type workspace struct {
	mac   hash.Hash // keyed with the nonce key of the sealing key
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

// bind sets the associated data: the header at the start of raw, and the scope.
func (w *workspace) bind(scope *Scope) {
	w.bound = append(w.bound[:0], w.raw[:headerLen]...)
	w.bound = scope.appendTo(w.bound)
}

// deriveNonce returns the nonce for a plaintext under the associated data: the first 96 bits
// of a MAC over both, prefixed with the length of the first so that their boundary is
// unambiguous.
func (w *workspace) deriveNonce(plaintext []byte) []byte {
	binary.BigEndian.PutUint64(w.size[:], uint64(len(w.bound)))
	w.mac.Reset()
	w.mac.Write(w.size[:])
	w.mac.Write(w.bound)
	w.mac.Write(plaintext)
	return w.mac.Sum(w.sum[:0])[:nonceLen]
}
