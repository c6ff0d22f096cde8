package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"unicode/utf8"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The bounds of a new password in characters. There are no rules of composition (NIST SP
// 800-63B section 3.1.1.2).
const (
	minPassword = 12
	maxPassword = 256
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

// Check returns CodeInvalid, for the field password, if a password cannot be set.
func (p *Passwords) Check(password string) error {
	if errs := checkPassword("password", password); len(errs) > 0 {
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
	if err := p.Check(password); err != nil {
		return err
	}
	hash, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return p.service.SetPassword(ctx, by, user, hash)
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

// checkPassword validates a new password.
func checkPassword(member, password string) []crm.FieldError {
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword:
		return []crm.FieldError{{Field: member, Message: fmt.Sprintf("must be at least %d characters long", minPassword)}}
	case n > maxPassword:
		return []crm.FieldError{{Field: member, Message: fmt.Sprintf("must be at most %d characters long", maxPassword)}}
	}
	return nil
}
