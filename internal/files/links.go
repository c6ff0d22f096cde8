package files

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"sixty/internal/crm"
)

// LinkTime is how long a link is valid.
const LinkTime = 5 * time.Minute

// A Link lets a client without credentials download a file, with the rights that a user has when it
// is used.
type Link struct {
	Org, File, User crm.ID
	Key             crm.ID // the API key that it was made with; zero for none
	ExpiresAt       crm.Instant
}

// Links signs links, and verifies them.
type Links struct {
	key []byte
	now func() time.Time
}

// NewLinks returns links that are signed with a key.
func NewLinks(key []byte, now func() time.Time) *Links { return &Links{key, now} }

const (
	linkIDs  = 4
	linkSize = linkIDs*len(crm.ID{}) + 8
)

// Sign returns the token of a link to a file, and when it expires.
func (l *Links) Sign(by crm.Actor, file crm.ID) (token string, expires crm.Instant) {
	expires = crm.InstantOf(l.now().Add(LinkTime))
	b := make([]byte, 0, linkSize+sha256.Size)
	for _, id := range [linkIDs]crm.ID{by.Org, file, by.User, by.Key} {
		b = append(b, id[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(expires))
	return base64.RawURLEncoding.EncodeToString(append(b, l.sum(b)...)), expires
}

// Open returns the link of a token: CodeNotFound if it was not signed here, CodeGone if it has expired.
func (l *Links) Open(token string) (Link, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != linkSize+sha256.Size || !hmac.Equal(b[linkSize:], l.sum(b[:linkSize])) {
		return Link{}, crm.NotFound("download")
	}
	var link Link
	for i, id := range [linkIDs]*crm.ID{&link.Org, &link.File, &link.User, &link.Key} {
		copy(id[:], b[i*len(id):])
	}
	link.ExpiresAt = crm.Instant(binary.BigEndian.Uint64(b[linkSize-8:]))
	if crm.InstantOf(l.now()) >= link.ExpiresAt {
		return Link{}, &crm.Error{Code: crm.CodeGone, Message: "The link has expired. Ask for another one."}
	}
	return link, nil
}

func (l *Links) sum(b []byte) []byte {
	h := hmac.New(sha256.New, l.key)
	h.Write(b)
	return h.Sum(nil)
}
