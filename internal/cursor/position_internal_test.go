package cursor

import (
	"bytes"
	"errors"
	"testing"
)

// Authenticated data may come from another version of the program, so it is parsed strictly.
// The test seals malformed positions properly, so that only the parser can reject them.
func TestOpenRejectsMalformedPlaintext(t *testing.T) {
	t.Parallel()
	s, err := NewSealer("a secret for tests only")
	if err != nil {
		t.Fatal(err)
	}
	scope := Scope{List: "deals"}
	at := Position{Key: []byte("Acme"), ID: [16]byte{1}, Inclusive: true}
	sealRaw := func(plaintext []byte) string {
		w := newWorkspace(s.keys.Load().keys[0].nonceKey)
		w.raw = append(w.raw, version)
		w.raw = append(w.raw, s.keys.Load().keys[0].id[:]...)
		w.bind(&scope)
		nonce := w.deriveNonce(plaintext)
		w.raw = append(w.raw, nonce...)
		return encoding.EncodeToString(s.keys.Load().keys[0].aead.Seal(w.raw, nonce, plaintext, w.bound))
	}

	good := at.appendTo(nil)
	got, err := s.Open(scope, sealRaw(good))
	if err != nil || !bytes.Equal(got.Key, at.Key) || got.ID != at.ID || !got.Inclusive {
		t.Fatalf("untouched plaintext: got %+v, %v", got, err)
	}
	for _, tt := range []struct {
		name  string
		spoil func([]byte) []byte
	}{
		{"UnknownFlag", func(b []byte) []byte { b[0] |= 0x80; return b }},
		{"KeyShorterThanItsBytes", func(b []byte) []byte { b[keyStart-1]--; return b }},
		{"KeyPastTheEnd", func(b []byte) []byte { b[keyStart-1] = padBlock; return b }},
		{"KeyTooLong", func(b []byte) []byte { b[keyLenStart] = 0xff; return b }},
		{"PaddingNotZero", func(b []byte) []byte { b[len(b)-1] = 1; return b }},
		{"BlockTooMany", func(b []byte) []byte { return append(b, make([]byte, padBlock)...) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token := sealRaw(tt.spoil(bytes.Clone(good)))
			if _, err := s.Open(scope, token); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}
