package auth

import (
	"context"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// ClientInfo describes the client of a sign-in.
type ClientInfo struct {
	Address   string
	UserAgent string
	// Token is the client's present session token, if any. The session ends when a new one
	// begins, which prevents session fixation.
	Token string
	// Device is the client's device cookie, if any.
	Device string
}

// SignIn holds the credentials of a sign-in.
type SignIn struct {
	Email, Password string
	// Organisation is a name or id, for people who belong to several.
	Organisation string
	ClientInfo
}

// NewSession is a session that has begun. The token is returned once and not stored.
type NewSession struct {
	Token   string
	Session accounts.Session
	// Device is the client's new device cookie, which is valid for DeviceLifetime.
	Device string
}

// Actor returns the signed-in person as an actor without a role.
func (s NewSession) Actor() crm.Actor {
	return crm.Actor{Org: s.Session.OrgID, User: s.Session.UserID}
}

// SignIn begins a session. An unknown account, one without a password and a wrong password
// all result in the same CodeUnauthenticated after the same work. After failures it may return
// a *TooManyAttempts, and CodeUnavailable if too many people are signing in.
func (s *Sessions) SignIn(ctx context.Context, in SignIn) (NewSession, error) {
	from, names := s.client(in.ClientInfo), addressNames(in.Email)
	if err := s.rejected(names, from); err != nil {
		return NewSession{}, err
	}
	known, err := s.o.Service.AccountByEmail(ctx, in.Email, in.Organisation)
	if err != nil && crm.CodeOf(err) != crm.CodeNotFound {
		return NewSession{}, err
	}
	history, err := s.o.Service.SignInHistory(ctx, known, from.networkName())
	if err != nil {
		return NewSession{}, err
	}
	a, err := s.admit(ctx, names, known, history, from)
	if err != nil {
		return NewSession{}, err
	}
	ok, outdated, err := s.o.Hasher.Verify(ctx, a.level, in.Password, known.Password)
	if err != nil {
		a.overloaded(ctx)
		return NewSession{}, err
	}
	if !ok {
		s.auditFailure(ctx, in, known)
		return NewSession{}, a.failed(wrongCredentials())
	}
	a.succeeded(ctx)
	if outdated {
		if err := s.rehash(ctx, known, in.Password); err != nil {
			return NewSession{}, err
		}
	}
	return s.begin(ctx, known.OrgID, known.UserID, crm.InstantOf(s.o.Now()), in.ClientInfo)
}

// auditFailure records a failed sign-in of an existing or deactivated person in the audit
// trail: in the background, so that the response takes as long as for an unknown person.
func (s *Sessions) auditFailure(ctx context.Context, in SignIn, account accounts.Account) {
	event := func(user crm.ID) accounts.AuditEvent {
		return accounts.AuditEvent{Action: accounts.ActionSignInFailed, Target: crm.EntityOwner, TargetID: &user}
	}
	if account.UserID != (crm.ID{}) {
		s.o.Trail.Record(ctx, accounts.FailedSignIn, crm.Actor{Org: account.OrgID}, event(account.UserID))
		return
	}
	s.o.Trail.Find(ctx, accounts.FailedSignIn, func(ctx context.Context) (crm.Actor, accounts.AuditEvent, error) {
		account, err := s.o.Service.DeactivatedByEmail(ctx, in.Email, in.Organisation)
		return crm.Actor{Org: account.OrgID}, event(account.UserID), err
	})
}

// auditToken records that a one-time token was rejected, which is zero if it is unknown.
func (s *Sessions) auditToken(ctx context.Context, t accounts.OneTimeToken) {
	if t.UserID == (crm.ID{}) {
		s.o.Trail.Count(accounts.FailedToken)
		return
	}
	s.o.Trail.Record(ctx, accounts.FailedToken, crm.Actor{Org: t.OrgID}, accounts.AuditEvent{
		Action: accounts.ActionTokenRejected, Target: crm.EntityOwner, TargetID: &t.UserID, Details: map[string]string{"purpose": string(t.Purpose)},
	})
}

// wrongCredentials is the error of every failed sign-in.
func wrongCredentials() error {
	return &crm.Error{
		Code:    crm.CodeUnauthenticated,
		Message: "The email address or the password is wrong. If you belong to several organisations, you must also name one.",
	}
}

// rehash hashes a password again, at the current cost.
func (s *Sessions) rehash(ctx context.Context, account accounts.Account, password string) error {
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.o.Service.RehashPassword(ctx, account, hash)
}

// begin begins a session of a person who proved who they are at an instant, and ends the client's
// previous one.
func (s *Sessions) begin(ctx context.Context, org, user crm.ID, verified crm.Instant, from ClientInfo) (NewSession, error) {
	if from.Token != "" {
		if err := s.End(ctx, from.Token); err != nil {
			return NewSession{}, err
		}
	}
	token := newToken()
	hash := hashOf(token)
	client := s.client(from)
	x, err := s.o.Service.BeginSession(ctx, accounts.Session{
		OrgID: org, UserID: user, Hash: hash[:], Address: from.Address, UserAgent: cut(from.UserAgent, maxUserAgent),
		ExpiresAt: crm.InstantOf(s.o.Now().Add(s.o.Lifetime)), Network: client.networkName(),
		VerifiedAt: verified,
	})
	return NewSession{Token: token, Session: x, Device: s.o.Devices.sign(org, user, x.DevicesSince)}, err
}

// maxUserAgent bounds the stored length of a User-Agent in bytes.
const maxUserAgent = 255

// cut truncates external text to what can be stored.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// ChangePassword sets the actor's password, given the old one. All of their sessions end, and
// a new one begins. CodeInvalid names the fields old and new.
func (s *Sessions) ChangePassword(ctx context.Context, by crm.Actor, old, password string, from ClientInfo) (NewSession, error) {
	about, err := s.o.Service.AboutPerson(ctx, by.Org, by.User)
	if err != nil {
		return NewSession{}, err
	}
	if errs := checkPassword("new", password, about...); len(errs) > 0 {
		return NewSession{}, crm.Invalid(errs...)
	}
	if err := s.requirePassword(ctx, by, "old", old, from); err != nil {
		return NewSession{}, err
	}
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return NewSession{}, err
	}
	if err := s.o.Service.SetPassword(ctx, by, by.User, hash); err != nil {
		return NewSession{}, err
	}
	from.Token = "" // its session has ended with the others
	return s.begin(ctx, by.Org, by.User, crm.InstantOf(s.o.Now()), from)
}

// EndAll ends all of the actor's sessions.
func (s *Sessions) EndAll(ctx context.Context, by crm.Actor) error {
	return s.o.Service.EndSessions(ctx, by)
}

// Invite creates a person, and the secret with which they set their first password.
func (s *Sessions) Invite(ctx context.Context, by crm.Actor, p crm.OwnerPatch) (secret string, person crm.Owner, t accounts.OneTimeToken, err error) {
	secret = newToken()
	hash := hashOf(secret)
	person, t, err = s.o.Service.Invite(ctx, by, p, hash[:])
	return secret, person, t, err
}

// Reset returns a secret with which a person sets a new password, instead of a lost one or
// for the first time.
func (s *Sessions) Reset(ctx context.Context, by crm.Actor, user crm.ID) (secret string, t accounts.OneTimeToken, err error) {
	secret = newToken()
	hash := hashOf(secret)
	t, err = s.o.Service.CreateResetToken(ctx, by, user, hash[:])
	return secret, t, err
}

// ConsumeToken sets a password with a secret from Invite or Reset, which is then used up, and
// signs the person in. CodeInvalid names the fields token and password.
func (s *Sessions) ConsumeToken(ctx context.Context, purpose accounts.TokenPurpose, secret, password string, from ClientInfo) (NewSession, error) {
	errs := checkPassword("password", password)
	var t accounts.OneTimeToken
	if looksLikeToken(secret) {
		hash := hashOf(secret)
		var err error
		if t, err = s.o.Service.OneTimeToken(ctx, purpose, hash[:]); err != nil {
			s.auditToken(ctx, t)
			t = accounts.OneTimeToken{}
		}
		if err != nil && (crm.CodeOf(err) != crm.CodeInvalid || len(errs) == 0) {
			return NewSession{}, err
		}
	}
	if t.Hash != nil && len(errs) == 0 {
		about, err := s.o.Service.AboutPerson(ctx, t.OrgID, t.UserID)
		if err != nil {
			return NewSession{}, err
		}
		errs = checkPassword("password", password, about...)
	}
	if t.Hash == nil {
		errs = append(errs, accounts.InvalidOneTimeToken())
	}
	if len(errs) > 0 {
		return NewSession{}, crm.Invalid(errs...)
	}
	// Only now, so that hashing requires a valid secret.
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return NewSession{}, err
	}
	if err := s.o.Service.ConsumeOneTimeToken(ctx, t, hash); err != nil {
		return NewSession{}, err
	}
	return s.begin(ctx, t.OrgID, t.UserID, crm.InstantOf(s.o.Now()), from)
}
