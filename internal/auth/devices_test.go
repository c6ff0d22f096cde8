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

// Cookies of an account have an id in common, and reveal nothing of it.
func TestDevices(t *testing.T) {
	t.Parallel()
	d := auth.NewDevices("a key")
	org, ada, eve := crm.NewID(), crm.NewID(), crm.NewID()
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	first, second, third := d.Sign(org, ada, 0, now), d.Sign(org, ada, 7, now), d.Sign(org, eve, 0, now)
	id := func(cookie string) [16]byte {
		t.Helper()
		out, ok := d.ID(cookie)
		if !ok {
			t.Fatal("a cookie is not recognised")
		}
		return out
	}
	if first == second || id(first) != id(second) || id(first) == id(third) {
		t.Error("the ids are not those of the accounts")
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
	if _, ok := auth.NewDevices("another key").ID(first); ok {
		t.Error("a cookie is accepted that another key has signed")
	}
}

// FuzzDevices parses arbitrary cookies: only what was signed is accepted.
func FuzzDevices(f *testing.F) {
	d := auth.NewDevices("a key")
	good := d.Sign(crm.ID{1}, crm.ID{2}, 0, time.Unix(1_767_600_000, 0))
	for _, text := range []string{
		"", good, good[1:], good + "A", good[:len(good)-1] + "A", "B" + good[1:], strings.Repeat("A", len(good)),
		strings.ReplaceAll(good, "A", "+"), good[:50] + "\n" + good[51:], strings.Repeat("=", len(good)), "\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := d.ID(text); ok != (text == good) {
			t.Errorf("%q: accepted %t", text, ok)
		}
	})
}
