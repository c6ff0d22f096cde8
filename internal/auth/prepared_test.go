package auth_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
)

// A password is compared as RFC 8265 prepares it, and one that was hashed before as it was.
// ASCII never costs another hash.
func TestPreparedPasswords(t *testing.T) { //nolint:tparallel // its cases count hashes, one after the other
	t.Parallel()
	h := auth.NewHasher(auth.HasherOptions{Cost: cheap()})
	const composed, decomposed, wide = "caf\u00e9 au lait noir", "cafe\u0301 au lait noir", "caf\u00e9\u3000au\u3000lait noir"
	prepared, err := h.Hash(t.Context(), decomposed)
	if err != nil {
		t.Fatal(err)
	}
	old := rawHash(decomposed)
	for _, c := range []struct {
		name, password, stored string
		ok, outdated           bool
		hashes                 int64
	}{
		{"Prepared", composed, prepared, true, false, 1},
		{"Decomposed", decomposed, prepared, true, false, 1},
		{"WideSpaces", wide, prepared, true, false, 1},
		{"Old", decomposed, old, true, true, 2},
		{"OldComposed", composed, old, false, false, 1},
		{"Wrong", decomposed + "x", prepared, false, false, 2},
		{"Unknown", decomposed, "", false, false, 2},
		{"WrongASCII", "cafe au lait noir", prepared, false, false, 1},
		{"ASCII", "correct horse battery", rawHash("correct horse battery"), true, false, 1},
		{"Control", "correct\x00horse battery", rawHash("correct\x00horse battery"), true, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.Hashed()
			ok, outdated, err := h.Verify(t.Context(), auth.Trusted, c.password, c.stored)
			if err != nil || ok != c.ok || outdated != c.outdated || h.Hashed()-before != c.hashes {
				t.Errorf("ok %t, outdated %t, %d hashes, %v", ok, outdated, h.Hashed()-before, err)
			}
		})
	}
}

// rawHash returns the stored form of a password that is hashed as it is.
func rawHash(password string) string {
	salt := []byte("0123456789abcdef")
	return auth.StoredHash(cheap(), salt, argon2.IDKey([]byte(password), salt, 1, 64, 1, 32))
}

// A password that was hashed as it was is hashed again at sign-in.
func TestOldPasswordsAreHashedAgain(t *testing.T) {
	t.Parallel()
	s := enginetest.Open(t, enginetest.SQLite)
	d := house(t, s)
	const password = "cafe\u0301 au lait noir"
	old := rawHash(password)
	if err := d.service.SetPassword(t.Context(), crm.Operator(d.org), d.ada, old); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.try(adasEmail, password, "192.0.2.1", ""); err != nil {
		t.Fatal(err)
	}
	account, err := s.Account(t.Context(), d.org, d.ada)
	if err != nil || account.Password == old {
		t.Errorf("it is still %s, %v", account.Password, err)
	}
	if _, _, err := d.try(adasEmail, "caf\u00e9 au lait noir", "192.0.2.1", ""); err != nil {
		t.Error(err)
	}
}

// Every way to set a password rejects weak ones, and says why.
func TestWeakPasswordsAreRejected(t *testing.T) {
	t.Parallel()
	d := house(t, enginetest.Open(t, enginetest.SQLite))
	operator, ada := crm.Operator(d.org), crm.Actor{Org: d.org, User: d.ada}
	passwords := auth.NewPasswords(d.service, auth.NewHasher(auth.HasherOptions{Cost: cheap()}))
	secret, _, err := d.sessions.Reset(t.Context(), operator, d.ada)
	if err != nil {
		t.Fatal(err)
	}
	invitation, _, _, err := d.sessions.Invite(t.Context(), operator, crm.OwnerPatch{Email: crm.Of("grace.hopper@navy.example")})
	if err != nil {
		t.Fatal(err)
	}
	consume := func(purpose accounts.TokenPurpose, secret string) func(string) error {
		return func(password string) error {
			_, err := d.sessions.ConsumeToken(t.Context(), purpose, secret, password, auth.ClientInfo{})
			return err
		}
	}
	for _, way := range []struct {
		way  string
		set  func(password string) error
		name string // of the person
	}{
		// First: a new password ends the token.
		{"Reset", consume(accounts.PurposeReset, secret), "Acme 1815 1815"},
		{"Change", func(password string) error {
			_, err := d.sessions.ChangePassword(t.Context(), ada, "staple correct horse", password, auth.ClientInfo{})
			return err
		}, "ada@acme.example"},
		{"Operator", func(password string) error { return passwords.Set(t.Context(), operator, d.ada, password) }, "acme-acme 1815"},
		{"Accept", consume(accounts.PurposeInvitation, invitation), "Grace.Hopper1906"},
	} {
		for password, why := range map[string]string{
			"short": "12 characters", strings.Repeat("ab c", 100): "256 characters", "tab\tand more text": "control characters",
			"aaaaaaaaaaaaa": "repeated", "123456789012": "sequence", "Password2024!": "most common", way.name: "your name",
		} {
			var e *crm.Error
			if err := way.set(password); !errors.As(err, &e) || len(e.Fields) != 1 || !strings.Contains(e.Fields[0].Message, why) {
				t.Errorf("%s, %q: %v", way.way, password, err)
			}
		}
		if err := way.set("staple correct horse"); err != nil {
			t.Errorf("%s: %v", way.way, err)
		}
	}
}
