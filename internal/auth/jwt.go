package auth

import (
	"crypto/sha256"
	"strings"
)

const (
	// maxJWT bounds the length of tokens in bytes. Those of people in many groups are some
	// 4 KiB long.
	maxJWT = 8 << 10
	// usualJWT is the length up to which hashing a token does not allocate.
	usualJWT = 2 << 10
)

// looksLikeJWT reports whether a token has the form of a signed JWT: three non-empty
// base64url parts separated by dots (RFC 7515 section 7.1).
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

// hashOfJWT returns the hash under which a token is cached; false if it is too long.
func hashOfJWT(token string) (digest, bool) {
	if len(token) > maxJWT {
		return digest{}, false
	}
	var text [usualJWT]byte // on the stack, to avoid an allocation
	if len(token) <= len(text) {
		return sha256.Sum256(text[:copy(text[:], token)]), true
	}
	return sha256.Sum256([]byte(token)), true
}
