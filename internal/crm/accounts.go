package crm

import (
	"context"
	"strings"
	"time"
)

// Account is a person as they sign in.
type Account struct {
	OrgID    ID
	UserID   ID
	Password string // its hash; "" if none is set
}

// Session is a person who is signed in. Its token is told once; here is its hash.
type Session struct {
	OrgID     ID
	ID        ID
	UserID    ID
	Hash      []byte
	Address   string // whom it was begun from
	UserAgent string
	CreatedAt Instant
	UsedAt    Instant // to the minute, or so
	ExpiresAt Instant // whatever use is made of it
}

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
	OrgID     ID
	UserID    ID
	Purpose   TokenPurpose
	Hash      []byte // of its secret
	CreatedAt Instant
	ExpiresAt Instant
}

// AccountStore is what sign-in needs of storage. What it finds by an address or a hash
// is looked for in all organisations, since nobody has said yet who they are.
type AccountStore interface {
	// Accounts gives the accounts with an e-mail address, in lower case, at most limit of
	// them: of people who are active, or of those who were deactivated.
	Accounts(ctx context.Context, email string, active bool, limit int) ([]Account, error)
	// Account gives a person's; CodeNotFound if they have none, or were deactivated.
	Account(ctx context.Context, org, user ID) (Account, error)
	// SessionPrincipal finds the session with this hash, expired or not, and of whom it is
	// of the ids, the role, DeactivatedAt and what reps see.
	SessionPrincipal(ctx context.Context, hash []byte) (Session, Principal, error)
	// Sessions gives those of a person, the one that was used last first.
	Sessions(ctx context.Context, org, user ID) ([]Session, error)
	// IdentityPrincipal finds the identity with this subject of an issuer, and of whom it is
	// of the ids, the role, DeactivatedAt and what reps see.
	IdentityPrincipal(ctx context.Context, issuer, subject string) (Identity, Principal, error)
	// OneTimeToken finds the ticket with this hash, expired or not.
	OneTimeToken(ctx context.Context, hash []byte) (OneTimeToken, error)
}

// AccountTx is what sign-in needs of a transaction.
type AccountTx interface {
	// PutPassword sets the hash of a person's password.
	PutPassword(ctx context.Context, user ID, hash string) error
	// PutSession enters a session, and that its person has signed in.
	PutSession(ctx context.Context, s Session) error
	// UseSession and UseAPIKey enter a use, unless one was entered after the instant;
	// that is no change for the log.
	UseSession(ctx context.Context, id ID, since Instant) error
	UseAPIKey(ctx context.Context, id ID, since Instant) error
	// EndSessions ends those sessions of a person that keep does not name.
	EndSessions(ctx context.Context, user ID, keep func(Session) bool) error
	// PutIdentity enters who a person is to a provider, taking it from somebody of the
	// organisation who was deleted; that is no change for the log. CodeConflict if they
	// are another subject of the issuer, or somebody else is this one.
	PutIdentity(ctx context.Context, i Identity) error
	// PutOneTimeToken gives a person a ticket, instead of one that they may have. ConsumeOneTimeToken
	// takes it back (false: they have not this one).
	PutOneTimeToken(ctx context.Context, t OneTimeToken) error
	ConsumeOneTimeToken(ctx context.Context, user ID, hash []byte) (bool, error)
}

const (
	// maxSessions bounds the sessions of a person: those used last stay.
	maxSessions = 20
	// maxAccounts bounds the organisations that one address is looked for in.
	maxAccounts = 100
)

// The lifetimes of tickets. Who gets one by hand must come by to use it.
const (
	invitationKept = 7 * 24 * time.Hour
	resetKept      = 24 * time.Hour
)

// AccountByEmail finds whom an address signs in: the one person who has it or, of
// several, the one in the organisation that is named, by name or id. CodeNotFound in
// every other case.
func (s *Service) AccountByEmail(ctx context.Context, email, organisation string) (Account, error) {
	return s.accountByEmail(ctx, email, organisation, true)
}

// DeactivatedByEmail is AccountByEmail for whom an address would sign in had they not
// been deactivated.
func (s *Service) DeactivatedByEmail(ctx context.Context, email, organisation string) (Account, error) {
	return s.accountByEmail(ctx, email, organisation, false)
}

func (s *Service) accountByEmail(ctx context.Context, email, organisation string, active bool) (Account, error) {
	all, err := s.store.Accounts(ctx, strings.ToLower(strings.TrimSpace(email)), active, maxAccounts)
	if err != nil {
		return Account{}, err
	}
	if organisation == "" {
		if len(all) == 1 {
			return all[0], nil
		}
		return Account{}, NotFound("account")
	}
	orgs, err := s.store.Organisations(ctx)
	if err != nil {
		return Account{}, err
	}
	for _, o := range orgs {
		if !o.named(organisation) {
			continue
		}
		for _, a := range all {
			if a.OrgID == o.ID {
				return a, nil
			}
		}
	}
	return Account{}, NotFound("account")
}

// OwnAccount gives the actor's.
func (s *Service) OwnAccount(ctx context.Context, by Actor) (Account, error) {
	return s.store.Account(ctx, by.Org, by.User)
}

// BeginSession begins a session of a person, who must not have been deactivated, and
// ends those that have expired, or are too many.
func (s *Service) BeginSession(ctx context.Context, session Session) (Session, error) {
	now := s.clock()
	session.ID, session.CreatedAt, session.UsedAt = NewID(), now, now
	by := Actor{Org: session.OrgID, User: session.UserID}
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := lockActive(ctx, tx, session.UserID); err != nil {
			return err
		}
		kept := 1 // the new one
		err := tx.EndSessions(ctx, session.UserID, func(other Session) bool {
			kept++
			return other.ExpiresAt > now && kept <= maxSessions
		})
		if err != nil {
			return err
		}
		if err := tx.PutSession(ctx, session); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionSignedIn, Target: EntityOwner, TargetID: &session.UserID})
	})
	return session, err
}

// lockActive locks a person who may sign in.
func lockActive(ctx context.Context, tx Tx, user ID) error {
	holder, err := lockOne(ctx, tx.Owners(), user, "user")
	if err == nil && holder.DeactivatedAt != nil {
		err = Conflict("This person has been deactivated.")
	}
	return err
}

// Sessions lists the actor's own, the one that was used last first.
func (s *Service) Sessions(ctx context.Context, by Actor) ([]Session, error) {
	return s.store.Sessions(ctx, by.Org, by.User)
}

// EndSession ends one of the actor's sessions, if it is there.
func (s *Service) EndSession(ctx context.Context, by Actor, id ID) error {
	return s.endSessions(ctx, by, "one", func(other Session) bool { return other.ID != id })
}

// EndSessions ends all of the actor's sessions.
func (s *Service) EndSessions(ctx context.Context, by Actor) error {
	return s.endSessions(ctx, by, "all", none)
}

func (s *Service) endSessions(ctx context.Context, by Actor, which string, keep func(Session) bool) error {
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := tx.EndSessions(ctx, by.User, keep); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{
			Action: ActionSignedOut, Target: EntityOwner, TargetID: &by.User, Details: map[string]string{"sessions": which},
		})
	})
}

func none(Session) bool { return false }

// UseSession and UseAPIKey enter that a session or a key of the actor's is in use,
// unless that was entered after the instant.
func (s *Service) UseSession(ctx context.Context, by Actor, id ID, since Instant) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error { return tx.UseSession(ctx, id, since) })
}

// UseAPIKey is UseSession for a key.
func (s *Service) UseAPIKey(ctx context.Context, by Actor, id ID, since Instant) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error { return tx.UseAPIKey(ctx, id, since) })
}

// SetPassword sets the hash of a person's password. Whoever was signed in as them is not
// any more. People set their own; admins do it for others by way of tickets, and the
// operator directly.
func (s *Service) SetPassword(ctx context.Context, by Actor, user ID, hash string) error {
	if by.User != user {
		if err := by.checkPeople(); err != nil {
			return err
		}
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := lockActive(ctx, tx, user); err != nil {
			return err
		}
		if err := tx.PutPassword(ctx, user, hash); err != nil {
			return err
		}
		if err := tx.EndSessions(ctx, user, none); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionPasswordChanged, Target: EntityOwner, TargetID: &user})
	})
}

// RehashPassword sets another hash of the password that an account had when it was read,
// unless the password is another by now.
func (s *Service) RehashPassword(ctx context.Context, a Account, hash string) error {
	by := Actor{Org: a.OrgID, User: a.UserID}
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		if err := lockActive(ctx, tx, a.UserID); err != nil {
			return err
		}
		now, err := s.store.Account(ctx, a.OrgID, a.UserID)
		if err != nil || now.Password != a.Password {
			return err
		}
		return tx.PutPassword(ctx, a.UserID, hash)
	})
}

// Invite makes a person, who needs an e-mail address, and a ticket of the hash that is
// given by which they set their first password.
func (s *Service) Invite(ctx context.Context, by Actor, p OwnerPatch, hash []byte) (Owner, OneTimeToken, error) {
	if err := by.checkPeople(); err != nil {
		return Owner{}, OneTimeToken{}, err
	}
	if strings.TrimSpace(p.Email.Value) == "" {
		p.DecodeErrors = append(p.DecodeErrors, FieldError{"email", "must be there: an invited person signs in with it"})
	}
	now := s.clock()
	var out Owner
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
func (s *Service) CreateResetToken(ctx context.Context, by Actor, user ID, hash []byte) (OneTimeToken, error) {
	if err := by.checkPeople(); err != nil {
		return OneTimeToken{}, err
	}
	now := s.clock()
	ticket := newTicket(by.Org, user, PurposeReset, hash, now)
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		holder, err := lockOne(ctx, tx.Owners(), user, "user")
		switch {
		case err != nil:
			return err
		case holder.DeactivatedAt != nil:
			return Conflict("This person has been deactivated and cannot sign in.")
		case holder.Email == nil || holder.Service:
			return Conflict("Only people with an e-mail address can sign in.")
		}
		return tx.PutOneTimeToken(ctx, ticket)
	})
	return ticket, err
}

func newTicket(org, user ID, purpose TokenPurpose, hash []byte, now Instant) OneTimeToken {
	kept := resetKept
	if purpose == PurposeInvitation {
		kept = invitationKept
	}
	return OneTimeToken{
		OrgID: org, UserID: user, Purpose: purpose, Hash: hash,
		CreatedAt: now, ExpiresAt: now + Instant(kept.Microseconds()),
	}
}

// OneTimeToken finds a ticket by its hash: CodeInvalid if there is no such ticket for this
// purpose, or it has expired.
func (s *Service) OneTimeToken(ctx context.Context, purpose TokenPurpose, hash []byte) (OneTimeToken, error) {
	t, err := s.store.OneTimeToken(ctx, hash)
	if CodeOf(err) == CodeNotFound || err == nil && (t.Purpose != purpose || t.ExpiresAt <= s.clock()) {
		return OneTimeToken{}, Invalid(InvalidOneTimeToken())
	}
	return t, err
}

// InvalidOneTimeToken says what is wrong with a ticket's secret.
func InvalidOneTimeToken() FieldError {
	return FieldError{"token", "must be one that was given out, has not been used and has not expired"}
}

// ConsumeOneTimeToken sets a person's password by their ticket, which is then used up. Whoever was
// signed in as them is not any more.
func (s *Service) ConsumeOneTimeToken(ctx context.Context, t OneTimeToken, password string) error {
	by, now := Actor{Org: t.OrgID, User: t.UserID}, s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := lockActive(ctx, tx, t.UserID); err != nil {
			return err
		}
		taken, err := tx.ConsumeOneTimeToken(ctx, t.UserID, t.Hash)
		if err != nil {
			return err
		}
		if !taken {
			return Invalid(InvalidOneTimeToken())
		}
		if err := tx.PutPassword(ctx, t.UserID, password); err != nil {
			return err
		}
		if err := tx.EndSessions(ctx, t.UserID, none); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionPasswordChanged, Target: EntityOwner, TargetID: &t.UserID})
	})
}
