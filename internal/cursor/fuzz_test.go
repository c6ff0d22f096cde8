package cursor_test

import (
	"bytes"
	"strings"
	"testing"

	"sixty/internal/cursor"
)

// For any token, Open returns a sentinel error, or the one position that seals to it.
func FuzzOpen(f *testing.F) {
	s := newSealer(f, testSecret)
	for _, at := range []cursor.Position{
		{},
		testPosition,
		{Key: bytes.Repeat([]byte("k"), 46)},
		{Key: bytes.Repeat([]byte("k"), cursor.MaxKeyLen)},
	} {
		token := seal(f, s, testScope, at)
		f.Add(token)
		f.Add(token[:len(token)-1] + "A")
	}
	f.Add(seal(f, newSealer(f, "another secret for tests"), testScope, testPosition))
	f.Add("")
	f.Add("not a cursor")
	f.Add(strings.Repeat("A", 130))
	f.Fuzz(func(t *testing.T, token string) {
		at, err := s.Open(testScope, token)
		if err != nil {
			if !isSentinel(err) || !equal(at, cursor.Position{}) {
				t.Fatalf("got %+v, %v; want the zero Position and a sentinel", at, err)
			}
			return
		}
		if again := seal(t, s, testScope, at); again != token {
			t.Fatalf("%q opens, but its position seals to %q", token, again)
		}
	})
}
