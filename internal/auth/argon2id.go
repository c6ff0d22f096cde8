package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is the cost of hashing a password (argon2id, RFC 9106).
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8
}

// defaultCost takes some 20 ms of one core, which people do not notice, and little enough
// memory for several at a time.
func defaultCost() Cost { return Cost{Memory: 19 << 10, Time: 2, Threads: 1} }

const (
	saltBytes = 16
	hashBytes = 32
	// maxMemory bounds the memory that a stored hash requires, in KiB, so that a corrupt row
	// cannot exhaust the server's.
	maxMemory = 1 << 20
	maxPasses = 64
)

// encoded64 is the encoding of the PHC string format.
var encoded64 = base64.RawStdEncoding.Strict()

// A passwordHash is the stored form of a password, in the PHC string format, which contains
// its parameters:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
type passwordHash struct {
	cost       Cost
	salt, hash []byte
}

var errNoHash = errors.New("malformed password hash")

// parseHash parses the stored form.
func parseHash(text string) (h passwordHash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errNoHash
	}
	c := &h.cost
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Threads); err != nil || c.String() != parts[3] {
		return h, errNoHash
	}
	if c.Memory == 0 || c.Memory > maxMemory || c.Time == 0 || c.Time > maxPasses || c.Threads == 0 {
		return h, errNoHash
	}
	if h.salt, err = encoded64.DecodeString(parts[4]); err != nil || len(h.salt) == 0 {
		return h, errNoHash
	}
	if h.hash, err = encoded64.DecodeString(parts[5]); err != nil || len(h.hash) != hashBytes {
		return h, errNoHash
	}
	return h, nil
}

// String returns the stored form.
func (h passwordHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$%s$%s$%s", argon2.Version, h.cost, encoded64.EncodeToString(h.salt), encoded64.EncodeToString(h.hash))
}

// String returns the cost as in the stored form.
func (c Cost) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", c.Memory, c.Time, c.Threads) }

// hashPassword hashes a password with a random salt.
func hashPassword(password string, c Cost) passwordHash {
	h := passwordHash{cost: c, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // never fails: crypto/rand ends the program instead
	h.hash = h.cost.key(password, h.salt)
	return h
}

// matches reports whether it is the hash of a password.
func (h passwordHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.hash, h.cost.key(password, h.salt)) == 1
}

func (c Cost) key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, hashBytes)
}

// below reports whether the cost is lower than another.
func (c Cost) below(o Cost) bool { return c.Memory < o.Memory || c.Time < o.Time }
