package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"
)

// The form of an API key's secret: sixty_PPPPPPPP_SSS…S. The fixed beginning lets
// scanners of repositories and logs find one that leaked, the prefix lets a person
// recognise a key without knowing it, and the rest is 256 random bits. Nothing but
// letters, digits and '_', so that a double click takes the whole.
const (
	brand        = "sixty_"
	prefixLen    = 8  // about 47 bits: enough to tell keys apart
	randomBytes  = 32 // 256 bits
	randomLen    = 43 // 62^43 > 2^256
	shownLen     = len(brand) + prefixLen
	secretLen    = shownLen + 1 + randomLen
	base         = 62
	zeroOfBase62 = "0"
)

// hashOf is what is stored of a secret, and what it is looked up by. A plain hash
// does: it is the guessing of short passwords that slow hashes hinder, and 256
// random bits cannot be guessed.
func hashOf(secret string) [sha256.Size]byte {
	var text [secretLen]byte // a copy on the stack, so that asking costs no allocation
	return sha256.Sum256(text[:copy(text[:], secret)])
}

// newSecret makes a secret and the prefix by which it is shown.
func newSecret() (secret, prefix string) {
	limit := new(big.Int).Exp(big.NewInt(base), big.NewInt(prefixLen), nil)
	tag, _ := rand.Int(rand.Reader, limit) // never fails: crypto/rand ends the program instead
	var b [randomBytes]byte
	rand.Read(b[:])
	prefix = brand + base62(tag, prefixLen)
	return prefix + "_" + base62(new(big.Int).SetBytes(b[:]), randomLen), prefix
}

// base62 writes n with leading zeros up to a width.
func base62(n *big.Int, width int) string {
	text := n.Text(base)
	return strings.Repeat(zeroOfBase62, width-len(text)) + text
}

// looksLikeSecret tells whether a token can be an API key at all, so that whatever
// else is sent is turned away without asking the database.
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
