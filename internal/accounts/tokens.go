package accounts

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// TokenPurpose is what a OneTimeToken is for.
type TokenPurpose string

// The purposes of one-time tokens.
const (
	PurposeInvitation TokenPurpose = "invitation" // a new person's first password
	PurposeReset      TokenPurpose = "reset"      // a password instead of one that is lost
)

// OneTimeToken lets a person set their password once. A person has at most one: the next
// replaces it.
type OneTimeToken struct {
	OrgID     crm.ID
	UserID    crm.ID
	Purpose   TokenPurpose
	Hash      []byte  // of its secret
	CreatedBy *crm.ID // who asked for it; nil: the operator
	CreatedAt crm.Instant
	ExpiresAt crm.Instant
}

// The lifetimes of one-time tokens. They are long enough for those that are passed on by hand.
const (
	invitationLifetime = 7 * 24 * time.Hour
	resetLifetime      = 24 * time.Hour
)

// Invite creates a person, who needs an e-mail address, and a one-time token with the given
// hash, with which they set their first password.
func (s *Service) Invite(ctx context.Context, by crm.Actor, p crm.OwnerPatch, hash []byte) (crm.Owner, OneTimeToken, error) {
	if crm.Text(p.Email.Value) == "" {
		p.DecodeErrors = append(p.DecodeErrors, crm.FieldError{Field: "email", Message: "must be there: an invited person signs in with it"})
	}
	if err := s.checkNewOwner(ctx, by, p); err != nil {
		return crm.Owner{}, OneTimeToken{}, err
	}
	var out crm.Owner
	var token OneTimeToken
	err := s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) (err error) {
		if out, err = insertOwner(ctx, tx, by, now, p); err != nil {
			return err
		}
		token = newToken(by, out.ID, PurposeInvitation, hash, now)
		return putToken(ctx, tx, by, token, ActionUserInvited)
	})
	return out, token, err
}

// CreateResetToken creates a one-time token with the given hash, with which a person who has
// lost their password, or never had one, sets another. An operator's only operators create.
func (s *Service) CreateResetToken(ctx context.Context, by crm.Actor, user crm.ID, hash []byte) (OneTimeToken, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return OneTimeToken{}, err
	}
	proof, notOperator := s.requireProof(ctx, by), s.RequireOperator(ctx, by, setOperatorAccess)
	var token OneTimeToken
	err := s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		holder, err := crm.LockOne(ctx, tx.Owners(), user, "user")
		switch {
		case err != nil:
			return err
		case holder.DeactivatedAt != nil:
			return crm.Conflict("This person has been deactivated and cannot sign in.")
		case holder.Email == nil || holder.Service:
			return crm.Conflict("Only people with an e-mail address can sign in.")
		case holder.Role == crm.RoleAdmin && proof != nil: // who sets their password has their rights
			return proof
		}
		if err := checkReach(by, holder.Role); err != nil {
			return err
		}
		if err := requireOperatorFor(ctx, tx, user, notOperator); err != nil {
			return err
		}
		token = newToken(by, user, PurposeReset, hash, now)
		return putToken(ctx, tx, by, token, ActionResetRequested)
	})
	return token, err
}

// resetPause is the time in which a person gets no second token by asking for it.
const resetPause = 5 * time.Minute

// RequestReset creates a one-time token with the given hash for a person who has lost their
// password, and asks for it without being signed in. ok is false, and there is none, if they cannot
// sign in, or were given one a short time ago.
func (s *Service) RequestReset(ctx context.Context, account Account, hash []byte) (person crm.Owner, ok bool, err error) {
	by, now := crm.Actor{Org: account.OrgID}, s.clock()
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		ok = false
		if person, err = crm.LockOne(ctx, tx.Owners(), account.UserID, "user"); err != nil {
			return err
		}
		if person.DeactivatedAt != nil || person.Service || person.Email == nil {
			return nil
		}
		recent, err := s.store.OneTimeTokens(ctx, account.OrgID, now, maxTokens)
		if err != nil {
			return err
		}
		for _, t := range recent {
			if t.UserID == account.UserID && t.CreatedAt > now-crm.Instant(resetPause.Microseconds()) {
				return nil
			}
		}
		ok = true
		return putToken(ctx, tx, by, newToken(by, person.ID, PurposeReset, hash, now), ActionResetRequested)
	})
	return person, ok && err == nil, err
}

// putToken adds a token, and enters in the audit trail who asked for it.
func putToken(ctx context.Context, tx Tx, by crm.Actor, t OneTimeToken, action Action) error {
	if err := tx.PutOneTimeToken(ctx, t); err != nil {
		return err
	}
	return Audit(ctx, tx, by, t.CreatedAt, AuditEvent{Action: action, Target: crm.EntityOwner, TargetID: &t.UserID})
}

// maxTokens bounds the tokens that are listed.
const maxTokens = 1000

// OneTimeTokens lists the organisation's tokens that have not expired, the newest first, at most
// a thousand.
func (s *Service) OneTimeTokens(ctx context.Context, by crm.Actor) ([]OneTimeToken, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return nil, err
	}
	return s.store.OneTimeTokens(ctx, by.Org, s.clock(), maxTokens)
}

// OneTimeTokenVersion is the version of every token: they are replaced, not changed.
const OneTimeTokenVersion = 1

// WithdrawOneTimeToken ends a person's token; CodeNotFound if they have none.
func (s *Service) WithdrawOneTimeToken(ctx context.Context, by crm.Actor, user crm.ID, expected crm.VersionCondition) error {
	return s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		was, err := tx.EndOneTimeToken(ctx, user)
		switch {
		case err != nil:
			return err
		case !was:
			return crm.NotFound("one-time token")
		}
		if err := expected.Check(OneTimeTokenVersion); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionTokenWithdrawn, Target: crm.EntityOwner, TargetID: &user})
	})
}

func newToken(by crm.Actor, user crm.ID, purpose TokenPurpose, hash []byte, now crm.Instant) OneTimeToken {
	lifetime := resetLifetime
	if purpose == PurposeInvitation {
		lifetime = invitationLifetime
	}
	return OneTimeToken{
		OrgID: by.Org, UserID: user, Purpose: purpose, Hash: hash,
		CreatedBy: by.UserID(), CreatedAt: now, ExpiresAt: now + crm.Instant(lifetime.Microseconds()),
	}
}

// OneTimeToken returns the token with a hash: CodeInvalid if there is no such token for this
// purpose, or it has expired, which is then returned too.
func (s *Service) OneTimeToken(ctx context.Context, purpose TokenPurpose, hash []byte) (OneTimeToken, error) {
	t, err := s.store.OneTimeToken(ctx, hash)
	if crm.CodeOf(err) == crm.CodeNotFound || err == nil && (t.Purpose != purpose || t.ExpiresAt <= s.clock()) {
		return t, crm.Invalid(InvalidOneTimeToken())
	}
	return t, err
}

// InvalidOneTimeToken returns the validation error of a token's secret.
func InvalidOneTimeToken() crm.FieldError {
	return crm.FieldError{Field: "token", Message: "must be one that was given out, has not been used and has not expired"}
}

// ConsumeOneTimeToken sets a person's password by their one-time token, which is then
// consumed, and ends their sessions.
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
		return replacePassword(ctx, tx, by, now, t.UserID, password)
	})
}
