package auth

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/identity"
)

// Proof returns when the person of a session last proved who they are, from the database: it
// takes effect on all instances at once.
func (s *Sessions) Proof(token string) accounts.Proof {
	return accounts.Proof{At: func(ctx context.Context) (crm.Instant, error) {
		hash, ok := hashOfToken(token)
		if !ok {
			return 0, noSession()
		}
		x, _, err := s.o.Store.SessionPrincipal(ctx, hash[:])
		if crm.CodeOf(err) == crm.CodeNotFound {
			return 0, noSession()
		}
		return x.VerifiedAt, err
	}}
}

// Proof returns when the identity provider last asked the person of a token who they are, as the
// token says.
func (t *Tokens) Proof(token string) accounts.Proof {
	return accounts.Proof{Token: true, At: func(ctx context.Context) (crm.Instant, error) {
		claims, err := t.o.Provider.Verify(ctx, token)
		return verifiedAt(claims), domainError(err)
	}}
}

// verifiedAt returns when the identity provider last asked a person who they are; 0 if it does not
// say.
func verifiedAt(c identity.Claims) crm.Instant {
	if c.AuthTime.IsZero() {
		return 0
	}
	return crm.InstantOf(c.AuthTime)
}

// Reauthenticate proves by the actor's password who the person of a session is, and returns when.
// CodeInvalid names the field password; CodeConflict if they have none.
func (s *Sessions) Reauthenticate(ctx context.Context, by crm.Actor, password string, from ClientInfo) (crm.Instant, error) {
	session, err := s.ID(ctx, from.Token)
	if err != nil {
		return 0, err
	}
	own, err := s.o.Service.OwnAccount(ctx, by)
	if err != nil {
		return 0, err
	}
	if own.Password == "" {
		return 0, crm.Conflict("You have no password here. Sign in again at GET " + accounts.SignInAgain + ".")
	}
	if err := s.requirePassword(ctx, by, "password", password, from); err != nil {
		return 0, err
	}
	return s.o.Service.VerifySession(ctx, by, session)
}

// requirePassword returns CodeInvalid for a member unless the password in it is the actor's. It
// counts as an attempt to sign in.
func (s *Sessions) requirePassword(ctx context.Context, by crm.Actor, member, password string, from ClientInfo) error {
	account, client := accounts.Account{OrgID: by.Org, UserID: by.User}, s.client(from)
	history, err := s.o.Service.SignInHistory(ctx, account, client.networkName())
	if err != nil {
		return err
	}
	a, err := s.admit(ctx, personNames(by.User), account, history, client)
	if err != nil {
		return err
	}
	ok, err := NewPasswords(s.o.Service, s.o.Hasher).Matches(ctx, by, password)
	if err != nil {
		a.undone(ctx)
		return err
	}
	if ok {
		a.succeeded(ctx)
		return nil
	}
	s.o.Trail.Record(ctx, accounts.FailedSignIn, by, accounts.AuditEvent{Action: accounts.ActionSignInFailed, Target: crm.EntityOwner, TargetID: &by.User})
	return a.failed(crm.Invalid(crm.FieldError{Field: member, Message: "must be your current password"}))
}

// ListOf returns a person's unexpired sessions as List does, for admins.
func (s *Sessions) ListOf(ctx context.Context, by crm.Actor, user crm.ID) ([]accounts.Session, error) {
	all, err := s.o.Service.SessionsOf(ctx, by, user)
	return s.live(all), err
}
