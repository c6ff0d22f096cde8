package auth_test

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sixty/internal/auth"
	"sixty/internal/crm"
)

func parsed(t *testing.T, address string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Each cookie has an id, those of an account have another in common until they expire, and
// they reveal nothing of it.
func TestDevices(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	d := auth.NewDevices("a key", clock)
	org, ada, eve := crm.NewID(), crm.NewID(), crm.NewID()
	first, second, third := d.Sign(org, ada, 0), d.Sign(org, ada, 7), d.Sign(org, eve, 0)
	ids := func(cookie string) (device, account [16]byte) {
		t.Helper()
		device, account, ok := d.ID(cookie)
		if !ok {
			t.Fatal("a cookie is not recognised")
		}
		return device, account
	}
	laptop, adas := ids(first)
	phone, alsoAdas := ids(second)
	if _, eves := ids(third); laptop == phone || adas != alsoAdas || adas == eves {
		t.Error("the ids are not those of the devices and the accounts")
	}
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []crm.ID{org, ada} {
		if strings.Contains(string(raw), string(secret[:])) {
			t.Error("the cookie names the account")
		}
	}
	if _, _, ok := auth.NewDevices("another key", clock).ID(first); ok {
		t.Error("a cookie is accepted that another key has signed")
	}
	now = now.Add(auth.DeviceLifetime)
	if _, _, ok := d.ID(first); ok {
		t.Error("a cookie is accepted that has expired")
	}
}

// FuzzDevices parses arbitrary cookies: only what was signed is accepted.
func FuzzDevices(f *testing.F) {
	d := auth.NewDevices("a key", func() time.Time { return time.Unix(1_767_600_000, 0) })
	// Signed once, because the processes that fuzz do not share what they sign.
	const good = "ATt0LaRlAQzS3n628oGbB99qUj5TGtbhK73InAvJYzh_AAAAAAAAAAAABkefchrgANebLPU8DajBjh9cnQItgK9JSYAyiYWlwvB4aMbZX7ED"
	for _, text := range []string{
		"", good, good[1:], good + "A", good[:len(good)-1] + "A", "B" + good[1:], strings.Repeat("A", len(good)),
		strings.ReplaceAll(good, "A", "+"), good[:50] + "\n" + good[51:], strings.Repeat("=", len(good)), "\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, ok := d.ID(text); ok != (text == good) {
			t.Errorf("%q: accepted %t", text, ok)
		}
	})
}
