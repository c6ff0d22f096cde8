package auth

import (
	"context"

	"sixty/internal/crm"
)

// Work runs do in place of a hash.
func (h *Hasher) Work(ctx context.Context, level TrustLevel, do func()) error {
	return h.work(ctx, level, do)
}

// Sign returns the cookie of a new device.
func (d *Devices) Sign(org, user crm.ID, since crm.Instant) string {
	return d.sign(org, user, since)
}

// StoredHash returns the stored form of a hash.
func StoredHash(c Cost, salt, hash []byte) string {
	return passwordHash{cost: c, salt: salt, hash: hash}.String()
}

// AddressNames returns what failures in the name of an address are counted by.
func AddressNames(email string) []string { return addressNames(email) }
