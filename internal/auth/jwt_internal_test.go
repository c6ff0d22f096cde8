package auth

import (
	"crypto/sha256"
	"strings"
	"testing"
)

func TestLooksLikeJWT(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]bool{
		"a.b.c": true, "eyJ-_09.AZ.az": true, strings.Repeat("a", maxJWT-4) + ".b.c": true,
		"": false, "..": false, "a.b": false, "a.b.": false, ".b.c": false, "a..c": false, "a.b.c.d": false, "a.b.c=": false, "a. b.c": false,
		"a.b.ç": false, `{"a":"b.c.d"}`: false, strings.Repeat("a", maxJWT-3) + ".b.c": false,
	} {
		if got := looksLikeJWT(token); got != want {
			t.Errorf("%.40q: %t", token, got)
		}
	}
}

// The hash depends on every character, and does not allocate for the usual length.
func TestHashOfJWT(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, usualJWT - 1, usualJWT, usualJWT + 1, maxJWT} {
		token := strings.Repeat("a", n)
		if hash, ok := hashOfJWT(token); !ok || hash != sha256.Sum256([]byte(token)) {
			t.Errorf("wrong hash of %d characters", n)
		}
	}
}

func TestHashOfJWTAllocates(t *testing.T) { //nolint:paralleltest // it counts allocations
	token := strings.Repeat("a", usualJWT)
	if n := testing.AllocsPerRun(100, func() { _, _ = hashOfJWT(token) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
