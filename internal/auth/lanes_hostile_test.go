package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
)

// Every way to write an address that finds an account is counted by a name that all of them
// have in common, whatever letters it has.
func TestAddressesOfAnAccountShareAName(t *testing.T) {
	t.Parallel()
	for r := rune(1); r <= unicode.MaxRune; r++ {
		for _, email := range []string{"v" + string(r) + "c@gmail.example", "vic@gma" + string(r) + "l.example"} {
			names := auth.AddressNames(email)
			normal, legacy := crm.StoredEmails(email)
			for _, stored := range []string{normal, legacy} {
				if stored != "" && !shareName(names, auth.AddressNames(stored)) {
					t.Fatalf("%+q finds %+q, and they are counted by %q and %q", email, stored, names, auth.AddressNames(stored))
				}
			}
		}
	}
}

func shareName(a, b []string) bool {
	for _, name := range a {
		for _, other := range b {
			if name == other {
				return true
			}
		}
	}
	return false
}

// Failures delay an account by whatever spelling of its address the next attempt is made.
func TestSpellingsShareFailures(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	for _, c := range []struct{ stored, written string }{
		{"vic@gmail.example", "vic@gma\u0130l.example"}, {"jo@gro\u00dfe.example", "jo@gro\u1e9ee.example"}, {"jo\u00f6@acme.example", "JO\u00d6@acme.example"},
	} {
		d.person(c.stored)
		d.attack(c.stored, 110, freshIPv4)
		for _, email := range []string{c.stored, c.written, strings.ToUpper(c.stored)} {
			if _, wait, err := d.try(email, adasPassword, someone, ""); wait <= 0 {
				t.Errorf("%s does not wait after failures in the name of %s: %v", email, c.stored, err)
			}
		}
	}
}

// person creates one who signs in like Ada.
func (d *door) person(email string) {
	d.t.Helper()
	o, err := d.service.CreateOwner(d.t.Context(), crm.Operator(d.org), crm.OwnerPatch{FirstName: crm.Of("Jo"), Email: crm.Of(email)})
	if err != nil {
		d.t.Fatal(err)
	}
	passwords := auth.NewPasswords(d.service, auth.NewHasher(auth.HasherOptions{Cost: cheap()}))
	if err := passwords.Set(d.t.Context(), crm.Operator(d.org), o.ID, adasPassword); err != nil {
		d.t.Fatal(err)
	}
}

// Guessing at a victim is not faster for those who sign in to their own account meanwhile.
func TestOwnSignInsDoNotEndTheWaitOfANetwork(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	const attacker = "2001:db8:1:2::3"
	d.enters(attacker, "")
	admitted := 0
	for i := range 300 {
		if _, wait, _ := d.try(fmt.Sprintf("victim%d@acme.example", i), "wrong password", attacker, ""); wait == 0 {
			admitted++
		}
		d.enters(attacker, "")
	}
	if admitted != 21 {
		t.Errorf("%d guesses are admitted, want 21", admitted)
	}
}

// While strangers wait, a failure does not tell that an account is known in a network.
func TestFailuresDoNotTellKnownNetworks(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	const office, unknown = "192.0.2.1", "unknown@acme.example"
	d.enters(office, "")
	for _, email := range []string{adasEmail, unknown} {
		d.attack(email, 100, freshIPv4)
	}
	for i := range 10 {
		_, hers, _ := d.try(adasEmail, "wrong password", office, "")
		_, theirs, _ := d.try(unknown, "wrong password", office, "")
		if hers != theirs || hers <= 0 {
			t.Errorf("failure %d: she waits for %s, and who is unknown for %s", i, hers, theirs)
		}
	}
	d.clock.advance(time.Minute)
	d.enters(office, "")
}

// Failures in the name of what is no address do not delay a person's change of password.
func TestAddressesAreNoPeople(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	name := "person " + d.ada.String()
	d.attack(name, 110, freshIPv4)
	_, err := d.sessions.ChangePassword(t.Context(), crm.Actor{Org: d.org, User: d.ada}, adasPassword, adasPassword, auth.ClientInfo{Address: someone})
	if err != nil {
		t.Error(err)
	}
}

// A rejected attempt that nothing about the account could admit asks no database.
func TestRejectedAttemptsAskNoDatabase(t *testing.T) {
	t.Parallel()
	s := enginetest.Open(t, enginetest.SQLite)
	d := house(t, s)
	for range 6 {
		_, _, _ = d.try(adasEmail, "wrong password", someone, "")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if wait := d.waits(someone, ""); wait != time.Second {
		t.Errorf("she waits for %s", wait)
	}
}
