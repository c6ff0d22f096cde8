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

// Cost is what one hash of a password takes (argon2id, RFC 9106).
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8
}

// defaultCost takes some 20 ms of one core: no more than a person does not notice, and
// no more memory than a server can spare for several at once.
func defaultCost() Cost { return Cost{Memory: 19 << 10, Time: 2, Threads: 1} }

const (
	saltBytes = 16
	hashBytes = 32
	// maxMemory bounds what a stored hash may ask for, in KiB: what is stored is ours,
	// but a damaged row must not take the server's memory.
	maxMemory = 1 << 20
	maxPasses = 64
)

// encoded64 is the base64 of the PHC string format: without padding.
var encoded64 = base64.RawStdEncoding.Strict()

// A passwordHash is what is stored of a password, in the PHC string format, so that it
// tells itself what it was made with:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
type passwordHash struct {
	cost       Cost
	salt, hash []byte
}

var errNoHash = errors.New("a stored password is not in the form that this program writes")

// parseHash reads the stored form.
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

// String gives the stored form.
func (h passwordHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$%s$%s$%s", argon2.Version, h.cost, encoded64.EncodeToString(h.salt), encoded64.EncodeToString(h.hash))
}

// String gives the cost as the stored form has it.
func (c Cost) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", c.Memory, c.Time, c.Threads) }

// hashPassword hashes a password with a salt of its own.
func hashPassword(password string, c Cost) passwordHash {
	h := passwordHash{cost: c, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // never fails: crypto/rand ends the program instead
	h.hash = h.cost.key(password, h.salt)
	return h
}

// matches tells whether it is the hash of a password.
func (h passwordHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.hash, h.cost.key(password, h.salt)) == 1
}

func (c Cost) key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, hashBytes)
}

// below tells whether a hash of this cost is easier to guess than one of another.
func (c Cost) below(o Cost) bool { return c.Memory < o.Memory || c.Time < o.Time }
