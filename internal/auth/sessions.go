package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// tokenLen is the length of a token: 256 random bits in base64url without padding (RFC
// 4648 section 5).
const tokenLen = 43

// newToken returns the secret of a session or a one-time token.
func newToken() string {
	var b [randomBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// looksLikeToken reports whether a string has the form of a token, so that others are rejected
// without a query.
func looksLikeToken(s string) bool {
	notFit := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return len(s) == tokenLen && !strings.ContainsFunc(s, notFit)
}

// hashOfToken returns the hash of a token; false if it has another form.
func hashOfToken(token string) (digest, bool) {
	if !looksLikeToken(token) {
		return digest{}, false
	}
	return hashOf(token), true
}

// SessionOptions configure Sessions. All but Shared, Failures, Devices and Trail are
// required.
type SessionOptions struct {
	Store     Principals
	Service   *accounts.Service
	Hasher    *Hasher
	Freshness Freshness
	Now       func() time.Time
	// Idle is the lifetime of an unused session, Lifetime the maximum lifetime. Uses are
	// recorded at most once a minute.
	Idle, Lifetime time.Duration
	// Shared, if not nil, is a cache shared by the instances. Seal is a secret known to all
	// instances but not stored in Shared.
	Shared Shared
	Seal   string
	// Failures count failed sign-ins, and Devices recognise devices; if nil, both are of this
	// instance alone.
	Failures *ratelimit.Failures
	Devices  *Devices
	// Trail, if not nil, audits failures.
	Trail *accounts.FailureTrail
}

// Sessions signs people in and authenticates their session tokens. It is safe for concurrent
// use.
type Sessions struct {
	o SessionOptions
	credentialCache
}

// NewSessions returns Sessions, which the caller must Close.
func NewSessions(o SessionOptions) *Sessions {
	if o.Failures == nil {
		o.Failures = ratelimit.NewFailures(ratelimit.FailuresOptions{Now: o.Now})
	}
	if o.Devices == nil {
		o.Devices = NewDevices(rand.Text(), o.Now)
	}
	s := &Sessions{o: o}
	s.credentialCache = credentialCache{
		fresh: o.Freshness, now: o.Now, entity: crm.EntitySession, hash: hashOfToken, find: s.findSession, use: o.Service.UseSession,
	}
	if o.Shared != nil {
		s.shared = &sharedAnswers{kind: "session", store: o.Shared, seal: []byte(o.Seal)}
	}
	s.init()
	return s
}

// Authenticate returns the actor of a session token, with the person's current role. A token
// that is unknown, ended, expired or of a deactivated person is always the same
// CodeUnauthenticated.
func (s *Sessions) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	c, err := s.credential(ctx, token)
	return c.actor, err
}

// ID returns the id of a token's session. Errors are those of Authenticate.
func (s *Sessions) ID(ctx context.Context, token string) (crm.ID, error) {
	c, err := s.credential(ctx, token)
	return c.id, err
}

// End ends a token's session; an invalid token is not an error. Every process rejects it
// within a second.
func (s *Sessions) End(ctx context.Context, token string) error {
	c, err := s.credential(ctx, token)
	if crm.CodeOf(err) == crm.CodeUnauthenticated {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.o.Service.EndSession(ctx, c.actor, c.id)
	if crm.CodeOf(err) == crm.CodeNotFound { // it has ended since
		return nil
	}
	return err
}

// List returns the actor's unexpired sessions, the most recently used one first, each with the
// time when it expires if it is not used again.
func (s *Sessions) List(ctx context.Context, by crm.Actor) ([]accounts.Session, error) {
	all, err := s.o.Service.Sessions(ctx, by)
	return s.live(all), err
}

// live returns the unexpired ones of sessions, with the time when they expire.
func (s *Sessions) live(all []accounts.Session) []accounts.Session {
	live := all[:0]
	for _, x := range all {
		if end := s.end(&x); s.o.Now().Before(end) {
			x.ExpiresAt = crm.InstantOf(end)
			live = append(live, x)
		}
	}
	return live
}

func (s *Sessions) credential(ctx context.Context, token string) (credential, error) {
	hash, ok := hashOfToken(token)
	if !ok {
		return credential{}, noSession()
	}
	return s.get(ctx, hash)
}

// findSession reads a session from the database.
func (s *Sessions) findSession(ctx context.Context, hash digest, now time.Time) (credential, error) {
	x, holder, err := s.o.Store.SessionPrincipal(ctx, hash[:])
	if crm.CodeOf(err) == crm.CodeNotFound {
		s.o.Trail.Count(accounts.FailedSession)
		return credential{}, noSession()
	}
	if err != nil {
		return credential{}, err
	}
	end := s.end(&x)
	if holder.DeactivatedAt != nil || !now.Before(end) {
		s.o.Trail.Count(accounts.FailedSession) // as every session does in the end
		return credential{}, noSession()
	}
	return credential{actor: holder.Actor(holder.Role), id: x.ID, used: &x.UsedAt, until: end}, nil
}

// end returns when a session expires.
func (s *Sessions) end(x *accounts.Session) time.Time {
	idle, absolute := x.UsedAt.Time().Add(s.o.Idle), x.ExpiresAt.Time()
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

// noSession is the error of every invalid token.
func noSession() error {
	return &crm.Error{Code: crm.CodeUnauthenticated, Message: "You are not signed in, or your session has ended. Sign in again."}
}
