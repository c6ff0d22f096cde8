package auth

import (
	"crypto/sha256"
	"strings"
)

const (
	// maxJWT bounds the tokens that are looked at, in bytes. Those of people who are in
	// many groups are some 4 KiB long.
	maxJWT = 8 << 10
	// usualJWT is the length up to which hashing a token takes no memory.
	usualJWT = 2 << 10
)

// looksLikeJWT tells whether a token can be a signed JWT at all: three parts of base64url
// between dots (RFC 7515 section 7.1), none of them empty.
func looksLikeJWT(token string) bool {
	if len(token) > maxJWT || strings.Count(token, ".") != 2 {
		return false
	}
	part := 0 // its length
	for i := range len(token) {
		c := token[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_':
			part++
		case c == '.' && part > 0:
			part = 0
		default:
			return false
		}
	}
	return part > 0
}

// hashOfJWT is what a token is known by.
func hashOfJWT(token string) digest {
	var text [usualJWT]byte // a copy on the stack, so that asking costs no allocation
	if len(token) <= len(text) {
		return sha256.Sum256(text[:copy(text[:], token)])
	}
	return sha256.Sum256([]byte(token))
}
