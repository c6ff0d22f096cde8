package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// tokenLen is the length of a token: 256 random bits in base64url without padding (RFC
// 4648 section 5).
const tokenLen = 43

// newToken makes the secret of a session or a ticket.
func newToken() string {
	var b [randomBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// looksLikeToken tells whether a text can be a token at all, so that whatever else is
// sent is turned away without asking the database.
func looksLikeToken(s string) bool {
	notFit := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return len(s) == tokenLen && !strings.ContainsFunc(s, notFit)
}

// SessionOptions are what Sessions need. All but Shared must be there.
type SessionOptions struct {
	Store     Principals
	Service   *accounts.Service
	Hasher    *Hasher
	Freshness Freshness
	Now       func() time.Time
	// Idle is how long a session lasts that is not used, Lifetime how long one lasts
	// whatever use is made of it. Uses are entered once a minute at most.
	Idle, Lifetime time.Duration
	// Shared, if not nil, is asked before the database. Epoch names the change log, and
	// Seal is a secret that all instances have and Shared has not.
	Shared Shared
	Epoch  string
	Seal   string
}

// Sessions signs people in and recognises them by the tokens of their sessions. It is
// safe for concurrent use.
type Sessions struct {
	o        SessionOptions
	known    recogniser
	attempts *attempts
}

// NewSessions makes Sessions. Close ends them.
func NewSessions(o SessionOptions) *Sessions {
	s := &Sessions{o: o, attempts: newAttempts(o.Now)}
	s.known = recogniser{fresh: o.Freshness, now: o.Now, entity: crm.EntitySession, find: s.find, use: o.Service.UseSession}
	if o.Shared != nil {
		s.known.shared = &sharedAnswers{kind: "session", store: o.Shared, epoch: o.Epoch, seal: []byte(o.Seal)}
	}
	s.known.init()
	return s
}

// Close waits for what still runs, all of which is bounded. Nothing may authenticate any
// more.
func (s *Sessions) Close() { s.known.close() }

// Lookup is Authenticate without asking the database; false if that is needed.
func (s *Sessions) Lookup(ctx context.Context, token string) (crm.Actor, bool) {
	if !looksLikeToken(token) {
		return crm.Actor{}, false
	}
	c, ok := s.known.recall(ctx, hashOf(token))
	return c.actor, ok
}

// Authenticate gives the actor behind a session's token, with the role that the person
// has now. A token that is unknown, ended, expired or of somebody who was deactivated is
// CodeUnauthenticated, in the same words.
func (s *Sessions) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	c, err := s.recognise(ctx, token)
	return c.actor, err
}

// LastKnown gives the actor who held a token when the database was last asked, at most
// two minutes ago.
func (s *Sessions) LastKnown(token string) (crm.Actor, bool) {
	if !looksLikeToken(token) {
		return crm.Actor{}, false
	}
	c, ok := s.known.lastKnown(hashOf(token))
	return c.actor, ok
}

// ID gives the id of the session of a token. Errors are those of Authenticate.
func (s *Sessions) ID(ctx context.Context, token string) (crm.ID, error) {
	c, err := s.recognise(ctx, token)
	return c.id, err
}

// End ends the session of a token; one that is not good has ended already. Every process
// refuses it within a second.
func (s *Sessions) End(ctx context.Context, token string) error {
	c, err := s.recognise(ctx, token)
	if crm.CodeOf(err) == crm.CodeUnauthenticated {
		return nil
	}
	if err != nil {
		return err
	}
	return s.o.Service.EndSession(ctx, c.actor, c.id)
}

// List gives the actor's sessions that have not expired, the one that was used last
// first, each with when it ends if it is not used any more.
func (s *Sessions) List(ctx context.Context, by crm.Actor) ([]accounts.Session, error) {
	all, err := s.o.Service.Sessions(ctx, by)
	live := all[:0]
	for _, x := range all {
		if end := s.end(&x); s.o.Now().Before(end) {
			x.ExpiresAt = crm.InstantOf(end)
			live = append(live, x)
		}
	}
	return live, err
}

func (s *Sessions) recognise(ctx context.Context, token string) (credential, error) {
	if !looksLikeToken(token) {
		return credential{}, ended()
	}
	return s.known.recognise(ctx, hashOf(token))
}

// find asks the database for a session.
func (s *Sessions) find(ctx context.Context, hash digest, now time.Time) (credential, error) {
	x, holder, err := s.o.Store.SessionPrincipal(ctx, hash[:])
	if crm.CodeOf(err) == crm.CodeNotFound {
		return credential{}, ended()
	}
	if err != nil {
		return credential{}, err
	}
	end := s.end(&x)
	if holder.DeactivatedAt != nil || !now.Before(end) {
		return credential{}, ended()
	}
	return credential{
		actor: holder.Actor(holder.Role), id: x.ID, used: &x.UsedAt, until: end,
	}, nil
}

// end is when a session ends by itself.
func (s *Sessions) end(x *accounts.Session) time.Time {
	idle, absolute := x.UsedAt.Time().Add(s.o.Idle), x.ExpiresAt.Time()
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

// ended is the one answer to every token that is not good.
func ended() error {
	return &crm.Error{Code: crm.CodeUnauthenticated, Message: "You are not signed in, or not any more. Sign in again."}
}
