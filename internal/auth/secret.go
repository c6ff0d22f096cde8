package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"
)

// The form of an API key's secret: sixty_PPPPPPPP_SSS…S. The constant start lets secret
// scanners find leaked keys, the prefix identifies a key to people, and the rest is 256
// random bits. It has only letters, digits and '_', so that a double click selects it all.
const (
	brand        = "sixty_"
	prefixLen    = 8  // about 47 bits: enough to distinguish keys
	randomBytes  = 32 // 256 bits
	randomLen    = 43 // 62^43 > 2^256
	shownLen     = len(brand) + prefixLen
	secretLen    = shownLen + 1 + randomLen
	base         = 62
	zeroOfBase62 = "0"
)

// hashOf returns the hash under which a secret is stored and looked up. A fast hash is enough:
// slow hashes protect short passwords, and 256 random bits cannot be guessed.
func hashOf(secret string) [sha256.Size]byte {
	var text [secretLen]byte // on the stack, to avoid an allocation
	return sha256.Sum256(text[:copy(text[:], secret)])
}

// newSecret returns a secret and its visible prefix.
func newSecret() (secret, prefix string) {
	limit := new(big.Int).Exp(big.NewInt(base), big.NewInt(prefixLen), nil)
	tag, _ := rand.Int(rand.Reader, limit) // never fails: crypto/rand ends the program instead
	var b [randomBytes]byte
	rand.Read(b[:])
	prefix = brand + base62(tag, prefixLen)
	return prefix + "_" + base62(new(big.Int).SetBytes(b[:]), randomLen), prefix
}

// base62 formats n with leading zeros.
func base62(n *big.Int, width int) string {
	text := n.Text(base)
	return strings.Repeat(zeroOfBase62, width-len(text)) + text
}

// hashOfKey returns the hash of an API key; false if the token is none.
func hashOfKey(token string) (digest, bool) {
	if !looksLikeSecret(token) {
		return digest{}, false
	}
	return hashOf(token), true
}

// looksLikeSecret reports whether a token has the form of an API key, so that others are
// rejected without a query.
func looksLikeSecret(token string) bool {
	if len(token) != secretLen || token[:len(brand)] != brand || token[shownLen] != '_' {
		return false
	}
	for i := len(brand); i < secretLen; i++ {
		c := token[i]
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !alphanumeric && i != shownLen {
			return false
		}
	}
	return true
}
