package accounts

import (
	"context"
	"strings"
	"time"

	"sixty/internal/crm"
)

// TokenPurpose is what a Ticket is for.
type TokenPurpose string

// The purposes of tickets.
const (
	PurposeInvitation TokenPurpose = "invitation" // a new person's first password
	PurposeReset      TokenPurpose = "reset"      // a password instead of one that is lost
)

// OneTimeToken lets a person set their password once. A person has one at most: the next takes
// its place.
type OneTimeToken struct {
	OrgID     crm.ID
	UserID    crm.ID
	Purpose   TokenPurpose
	Hash      []byte // of its secret
	CreatedAt crm.Instant
	ExpiresAt crm.Instant
}

// The lifetimes of tickets. Who gets one by hand must come by to use it.
const (
	invitationKept = 7 * 24 * time.Hour
	resetKept      = 24 * time.Hour
)

// Invite makes a person, who needs an e-mail address, and a ticket of the hash that is
// given by which they set their first password.
func (s *Service) Invite(ctx context.Context, by crm.Actor, p crm.OwnerPatch, hash []byte) (crm.Owner, OneTimeToken, error) {
	if err := RequireAdmin(by, "manage people and keys"); err != nil {
		return crm.Owner{}, OneTimeToken{}, err
	}
	if strings.TrimSpace(p.Email.Value) == "" {
		p.DecodeErrors = append(p.DecodeErrors, crm.FieldError{Field: "email", Message: "must be there: an invited person signs in with it"})
	}
	now := s.clock()
	var out crm.Owner
	var ticket OneTimeToken
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		var err error
		if out, err = insertOwner(ctx, tx, by, now, p); err != nil {
			return err
		}
		ticket = newTicket(by.Org, out.ID, PurposeInvitation, hash, now)
		return tx.PutOneTimeToken(ctx, ticket)
	})
	return out, ticket, err
}

// CreateResetToken gives a person who has lost their password, or never had one, a ticket of
// the hash that is given by which they set another.
func (s *Service) CreateResetToken(ctx context.Context, by crm.Actor, user crm.ID, hash []byte) (OneTimeToken, error) {
	if err := RequireAdmin(by, "manage people and keys"); err != nil {
		return OneTimeToken{}, err
	}
	now := s.clock()
	ticket := newTicket(by.Org, user, PurposeReset, hash, now)
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		holder, err := crm.LockOne(ctx, tx.Owners(), user, "user")
		switch {
		case err != nil:
			return err
		case holder.DeactivatedAt != nil:
			return crm.Conflict("This person has been deactivated and cannot sign in.")
		case holder.Email == nil || holder.Service:
			return crm.Conflict("Only people with an e-mail address can sign in.")
		}
		return tx.PutOneTimeToken(ctx, ticket)
	})
	return ticket, err
}

func newTicket(org, user crm.ID, purpose TokenPurpose, hash []byte, now crm.Instant) OneTimeToken {
	kept := resetKept
	if purpose == PurposeInvitation {
		kept = invitationKept
	}
	return OneTimeToken{
		OrgID: org, UserID: user, Purpose: purpose, Hash: hash,
		CreatedAt: now, ExpiresAt: now + crm.Instant(kept.Microseconds()),
	}
}

// OneTimeToken finds a ticket by its hash: CodeInvalid if there is no such ticket for this
// purpose, or it has expired.
func (s *Service) OneTimeToken(ctx context.Context, purpose TokenPurpose, hash []byte) (OneTimeToken, error) {
	t, err := s.store.OneTimeToken(ctx, hash)
	if crm.CodeOf(err) == crm.CodeNotFound || err == nil && (t.Purpose != purpose || t.ExpiresAt <= s.clock()) {
		return OneTimeToken{}, crm.Invalid(InvalidOneTimeToken())
	}
	return t, err
}

// InvalidOneTimeToken says what is wrong with a ticket's secret.
func InvalidOneTimeToken() crm.FieldError {
	return crm.FieldError{Field: "token", Message: "must be one that was given out, has not been used and has not expired"}
}

// ConsumeOneTimeToken sets a person's password by their ticket, which is then used up. Whoever was
// signed in as them is not any more.
func (s *Service) ConsumeOneTimeToken(ctx context.Context, t OneTimeToken, password string) error {
	by, now := crm.Actor{Org: t.OrgID, User: t.UserID}, s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := lockActive(ctx, tx, t.UserID); err != nil {
			return err
		}
		taken, err := tx.ConsumeOneTimeToken(ctx, t.UserID, t.Hash)
		if err != nil {
			return err
		}
		if !taken {
			return crm.Invalid(InvalidOneTimeToken())
		}
		if err := tx.PutPassword(ctx, t.UserID, password); err != nil {
			return err
		}
		if err := tx.EndSessions(ctx, t.UserID, none); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionPasswordChanged, Target: crm.EntityOwner, TargetID: &t.UserID})
	})
}
