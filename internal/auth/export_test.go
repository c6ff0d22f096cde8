package auth

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// Work runs do in place of a hash.
func (h *Hasher) Work(ctx context.Context, level TrustLevel, do func()) error {
	return h.work(ctx, level, do)
}

// Sign returns the cookie of a new device.
func (d *Devices) Sign(org, user crm.ID, since crm.Instant, now time.Time) string {
	return d.sign(org, user, since, now)
}

// StoredHash returns the stored form of a hash.
func StoredHash(c Cost, salt, hash []byte) string {
	return passwordHash{cost: c, salt: salt, hash: hash}.String()
}
