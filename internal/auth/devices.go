package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// DeviceLifetime is how long a device cookie is valid.
const DeviceLifetime = 180 * 24 * time.Hour

// Devices signs and verifies device cookies (OWASP: device cookies). Such a cookie shows that
// a device has signed in to an account before, so that the failures of others do not delay
// it. It is no credential: the password is still needed. It is safe for concurrent use.
type Devices struct {
	key []byte
	now func() time.Time
}

// NewDevices returns Devices with a key that all instances know. now is the clock for expiry.
func NewDevices(key string, now func() time.Time) *Devices { return &Devices{[]byte(key), now} }

// device is what a cookie says. All of it is random, a keyed hash, or an instant, so that it
// reveals no account.
type device struct {
	id      [16]byte
	account [16]byte    // the keyed hash of the account's ids
	since   crm.Instant // the account's DevicesSince at the sign-in
	at      crm.Instant // when it was signed
}

const (
	deviceVersion = 1
	deviceBytes   = 1 + 16 + 16 + 8 + 8 + sha256.Size // and the MAC
)

var deviceEncoding = base64.RawURLEncoding.Strict()

// sign returns the cookie of a new device of an account.
func (d *Devices) sign(org, user crm.ID, since crm.Instant) string {
	b := make([]byte, 0, deviceBytes)
	b = append(b, deviceVersion)
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	b = append(b, id[:]...)
	account := d.account(org, user)
	b = append(b, account[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(since))
	b = binary.BigEndian.AppendUint64(b, uint64(crm.InstantOf(d.now())))
	return deviceEncoding.EncodeToString(append(b, d.mac("device", b)...))
}

// parse returns what a cookie says; false if it was not signed here.
func (d *Devices) parse(text string) (out device, ok bool) {
	if len(text) != deviceEncoding.EncodedLen(deviceBytes) {
		return device{}, false
	}
	b, err := deviceEncoding.DecodeString(text)
	if err != nil || len(b) != deviceBytes || b[0] != deviceVersion {
		return device{}, false
	}
	signed, mac := b[:deviceBytes-sha256.Size], b[deviceBytes-sha256.Size:]
	if !hmac.Equal(mac, d.mac("device", signed)) {
		return device{}, false
	}
	copy(out.id[:], signed[1:])
	copy(out.account[:], signed[17:])
	out.since = crm.Instant(binary.BigEndian.Uint64(signed[33:]))
	out.at = crm.Instant(binary.BigEndian.Uint64(signed[41:]))
	return out, true
}

// current returns what a cookie says, unless it has expired.
func (d *Devices) current(text string) (out device, ok bool) {
	out, ok = d.parse(text)
	return out, ok && d.now().Before(out.at.Time().Add(DeviceLifetime))
}

// ID returns the id of a device, and one that all devices of its account have in common; false
// if the cookie was not signed here, or has expired. It may have been revoked.
func (d *Devices) ID(text string) (id, account [16]byte, ok bool) {
	if text == "" {
		return id, account, false
	}
	out, ok := d.current(text)
	return out.id, out.account, ok
}

// knows reports whether a device has signed in to an account since its device cookies were
// revoked.
func (d *Devices) knows(x device, a accounts.Account, h accounts.SignInHistory) bool {
	account := d.account(a.OrgID, a.UserID)
	return hmac.Equal(x.account[:], account[:]) && x.since == h.DevicesSince
}

func (d *Devices) account(org, user crm.ID) (out [16]byte) {
	copy(out[:], d.mac("account", org[:], user[:]))
	return out
}

// mac returns the MAC of texts of a fixed length for a purpose.
func (d *Devices) mac(purpose string, texts ...[]byte) []byte {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte(purpose + "\n"))
	for _, t := range texts {
		h.Write(t)
	}
	return h.Sum(nil)
}
