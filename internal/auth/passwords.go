package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The bounds of a new password in characters.
const (
	minPassword = 12
	maxPassword = 256
	// maxPasswordBytes bounds a password before it is prepared. A character may be written as
	// up to three times as many bytes as it is prepared to (Unicode Standard Annex 15).
	maxPasswordBytes = 3 * utf8.UTFMax * maxPassword
)

// Passwords sets and checks passwords. It is safe for concurrent use.
type Passwords struct {
	service *accounts.Service
	hasher  *Hasher
}

// NewPasswords returns Passwords over the use cases.
func NewPasswords(service *accounts.Service, hasher *Hasher) *Passwords {
	return &Passwords{service: service, hasher: hasher}
}

// Check returns CodeInvalid, for the field password, if a password cannot be set. about are
// texts about the person, which must not make up the password.
func (p *Passwords) Check(password string, about ...string) error {
	if errs := checkPassword("password", password, about...); len(errs) > 0 {
		return crm.Invalid(errs...)
	}
	return nil
}

// RandomPassword returns a password with 130 random bits, in an alphabet that is easy to read
// out.
func RandomPassword() string { return rand.Text() }

// Set sets a person's password and ends their sessions. It returns CodeInvalid for the field
// password if it cannot be set.
func (p *Passwords) Set(ctx context.Context, by crm.Actor, user crm.ID, password string) error {
	about, err := p.service.AboutPerson(ctx, by.Org, user)
	if err != nil {
		return err
	}
	if err := p.Check(password, about...); err != nil {
		return err
	}
	hash, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return p.service.SetPassword(ctx, by, user, hash)
}

// Reset returns a secret with which a person who asks for it sets a new password, and who they are; ""
// if there is nothing to be given: see accounts.Service.RequestReset.
func (p *Passwords) Reset(ctx context.Context, account accounts.Account) (secret string, person crm.Owner, err error) {
	secret = newToken()
	hash := hashOf(secret)
	person, ok, err := p.service.RequestReset(ctx, account, hash[:])
	if err != nil || !ok {
		secret = ""
	}
	return secret, person, err
}

// Matches reports whether a password is the actor's.
func (p *Passwords) Matches(ctx context.Context, by crm.Actor, password string) (bool, error) {
	account, err := p.service.OwnAccount(ctx, by)
	if err != nil && crm.CodeOf(err) != crm.CodeNotFound {
		return false, err
	}
	ok, _, err := p.hasher.Verify(ctx, Trusted, password, account.Password)
	return ok, err
}

// checkPassword validates a new password of a person; about are texts about them.
func checkPassword(member, password string, about ...string) []crm.FieldError {
	invalid := func(format string, args ...any) []crm.FieldError {
		return []crm.FieldError{{Field: member, Message: fmt.Sprintf(format, args...)}}
	}
	if len(password) > maxPasswordBytes {
		return invalid("must be at most %d characters long", maxPassword)
	}
	prepared, err := precis.OpaqueString.String(password)
	if err != nil && password != "" {
		return invalid("must not contain control characters, nor characters that Unicode does not define")
	}
	switch {
	case utf8.RuneCountInString(prepared) < minPassword:
		return invalid("must be at least %d characters long", minPassword)
	case isTooLong(prepared):
		return invalid("must be at most %d characters long", maxPassword)
	}
	if w := weakness(prepared, about...); w != "" {
		return invalid("must not be %s", w)
	}
	return nil
}

// isTooLong reports whether a text is longer than any password, prepared or not.
func isTooLong(password string) bool {
	return len(password) > maxPasswordBytes || utf8.RuneCountInString(prepare(password)) > maxPassword
}

// prepare returns a password as it is hashed (RFC 8265 section 4, OpaqueString). What cannot
// be prepared is hashed as it is: it is no one's new password.
func prepare(password string) string {
	if prepared, err := precis.OpaqueString.String(password); err == nil {
		return prepared
	}
	return password
}
