package auth

import (
	"context"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// ClientInfo is where somebody signs in from.
type ClientInfo struct {
	Address   string
	UserAgent string
	// Token is that of the session which the client has already, if any: it ends when
	// another one begins, so that what may have been planted is worth nothing.
	Token string
}

// SignIn is what somebody signs in with.
type SignIn struct {
	Email, Password string
	// Organisation names one, by name or id, for whoever belongs to several.
	Organisation string
	ClientInfo
}

// Started is a session that has begun. The token is told this once and stored nowhere.
type Started struct {
	Token   string
	Session accounts.Session
}

// Actor is whoever is signed in, without a role: that is the person's.
func (s Started) Actor() crm.Actor {
	return crm.Actor{Org: s.Session.OrgID, User: s.Session.UserID}
}

// SignIn begins a session. Whether the account does not exist, has no password or has
// another one, is the same CodeUnauthenticated after the same work. Whoever has failed
// before may have to wait: *TooSoon. It is CodeUnavailable when too many sign in.
func (s *Sessions) SignIn(ctx context.Context, in SignIn) (Started, error) {
	account := tried{"account " + strings.ToLower(strings.TrimSpace(in.Email)), freeOfAccount}
	address := tried{"address " + in.Address, freeOfAddress}
	if err := s.attempts.begin(account, address); err != nil {
		return Started{}, err
	}
	known, err := s.o.Service.AccountByEmail(ctx, in.Email, in.Organisation)
	if err != nil && crm.CodeOf(err) != crm.CodeNotFound {
		s.attempts.undo(account, address)
		return Started{}, err
	}
	ok, outdated, err := s.o.Hasher.Verify(ctx, s.attempts.standing(account, address), in.Password, known.Password)
	if err != nil {
		s.attempts.turnAway(account, address)
		return Started{}, err
	}
	if !ok {
		s.tellFailure(ctx, in, known)
		return Started{}, wrong()
	}
	s.attempts.forgive(account)
	s.attempts.undo(address)
	if outdated {
		if err := s.rehash(ctx, known, in.Password); err != nil {
			return Started{}, err
		}
	}
	return s.begin(ctx, known.OrgID, known.UserID, in.ClientInfo)
}

// tellFailure enters in the audit trail that somebody did not get in as a person whom
// there is, or who was deactivated: beside the answer, which must not take longer than for
// one whom there is not. An entry that cannot be made is missing; the failure is counted
// all the same.
func (s *Sessions) tellFailure(ctx context.Context, in SignIn, account accounts.Account) {
	ctx = context.WithoutCancel(ctx) // the request ends first
	s.known.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		if account.UserID == (crm.ID{}) {
			var err error
			if account, err = s.o.Service.DeactivatedByEmail(ctx, in.Email, in.Organisation); err != nil {
				return
			}
		}
		_ = s.o.Service.RecordAudit(ctx, crm.Actor{Org: account.OrgID}, accounts.AuditEvent{
			Action: accounts.ActionSignInFailed, Target: crm.EntityOwner, TargetID: &account.UserID,
		})
	})
}

// wrong is the one answer to every sign-in that fails.
func wrong() error {
	return &crm.Error{
		Code:    crm.CodeUnauthenticated,
		Message: "The e-mail address or the password is wrong. Whoever belongs to several organisations must also name one.",
	}
}

// rehash hashes a password anew, at the cost that is usual now.
func (s *Sessions) rehash(ctx context.Context, account accounts.Account, password string) error {
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.o.Service.RehashPassword(ctx, account, hash)
}

// begin begins a session, and ends the one that the client had.
func (s *Sessions) begin(ctx context.Context, org, user crm.ID, from ClientInfo) (Started, error) {
	if from.Token != "" {
		if err := s.End(ctx, from.Token); err != nil {
			return Started{}, err
		}
	}
	token := newToken()
	hash := hashOf(token)
	x, err := s.o.Service.BeginSession(ctx, accounts.Session{
		OrgID: org, UserID: user, Hash: hash[:], Address: from.Address, UserAgent: cut(from.UserAgent, maxUserAgent),
		ExpiresAt: crm.InstantOf(s.o.Now().Add(s.o.Lifetime)),
	})
	if err != nil {
		return Started{}, err
	}
	return Started{token, x}, nil
}

// maxUserAgent bounds what is kept of a client's name for itself, in bytes.
const maxUserAgent = 255

// cut shortens a text that came from outside to what can be stored.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// ChangePassword sets the actor's password, for which they must know the old one. All of
// their sessions end, and another one begins. CodeInvalid names the members old and new.
func (s *Sessions) ChangePassword(ctx context.Context, by crm.Actor, old, password string, from ClientInfo) (Started, error) {
	if flaws := checkPassword("new", password); len(flaws) > 0 {
		return Started{}, crm.Invalid(flaws...)
	}
	account := tried{"person " + by.User.String(), freeOfAccount}
	if err := s.attempts.begin(account); err != nil {
		return Started{}, err
	}
	passwords := NewPasswords(s.o.Service, s.o.Hasher)
	ok, err := passwords.Is(ctx, by, old)
	if err != nil {
		s.attempts.undo(account)
		return Started{}, err
	}
	if !ok {
		return Started{}, crm.Invalid(crm.FieldError{Field: "old", Message: "must be the password that you sign in with"})
	}
	s.attempts.forgive(account)
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return Started{}, err
	}
	if err := s.o.Service.SetPassword(ctx, by, by.User, hash); err != nil {
		return Started{}, err
	}
	from.Token = "" // has ended with the others
	return s.begin(ctx, by.Org, by.User, from)
}

// EndAll ends all of the actor's sessions.
func (s *Sessions) EndAll(ctx context.Context, by crm.Actor) error {
	return s.o.Service.EndSessions(ctx, by)
}

// Invite makes a person and the secret with which they set their first password.
func (s *Sessions) Invite(ctx context.Context, by crm.Actor, p crm.OwnerPatch) (secret string, person crm.Owner, t accounts.OneTimeToken, err error) {
	secret = newToken()
	hash := hashOf(secret)
	person, t, err = s.o.Service.Invite(ctx, by, p, hash[:])
	return secret, person, t, err
}

// Reset makes the secret with which a person sets a password instead of one that is
// lost, or was never set.
func (s *Sessions) Reset(ctx context.Context, by crm.Actor, user crm.ID) (secret string, t accounts.OneTimeToken, err error) {
	secret = newToken()
	hash := hashOf(secret)
	t, err = s.o.Service.CreateResetToken(ctx, by, user, hash[:])
	return secret, t, err
}

// Redeem sets a password by a secret that Invite or Reset has made, which is then used
// up, and signs the person in. CodeInvalid names the members token and password.
func (s *Sessions) Redeem(ctx context.Context, purpose accounts.TokenPurpose, secret, password string, from ClientInfo) (Started, error) {
	flaws := checkPassword("password", password)
	var t accounts.OneTimeToken
	if looksLikeToken(secret) {
		hash := hashOf(secret)
		var err error
		if t, err = s.o.Service.OneTimeToken(ctx, purpose, hash[:]); err != nil && (crm.CodeOf(err) != crm.CodeInvalid || len(flaws) == 0) {
			return Started{}, err
		}
	}
	if t.Hash == nil {
		flaws = append(flaws, accounts.InvalidOneTimeToken())
	}
	if len(flaws) > 0 {
		return Started{}, crm.Invalid(flaws...)
	}
	// Only now, so that nobody has passwords hashed who was given no secret.
	hash, err := s.o.Hasher.Hash(ctx, password)
	if err != nil {
		return Started{}, err
	}
	if err := s.o.Service.ConsumeOneTimeToken(ctx, t, hash); err != nil {
		return Started{}, err
	}
	return s.begin(ctx, t.OrgID, t.UserID, from)
}
