// Package accounts holds the use cases of sign-in and of administration: people and what they
// may do, sessions, passwords, one-time tokens, identities, API keys, invitations, the
// organisations themselves and the audit trail.
//
// Its port is Store with the transactions Tx. internal/store implements both (Store.Accounts),
// and internal/changes wraps the Store (TrackedAccounts), so that nothing that is read here
// becomes a shared answer.
package accounts

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	store           Store
	now             func() time.Time
	defaultCurrency string
}

// NewService returns the use cases over a store. The clock is the time of every change;
// defaultCurrency (ISO 4217) is that of new organisations.
func NewService(store Store, now func() time.Time, defaultCurrency string) *Service {
	return &Service{store: store, now: now, defaultCurrency: defaultCurrency}
}

// clock returns the present to the microsecond.
func (s *Service) clock() crm.Instant { return crm.InstantOf(s.now()) }

// RequireAdmin returns CodeForbidden for an actor who is not an admin. what completes the
// sentence "Only admins may".
func RequireAdmin(by crm.Actor, what string) error {
	if by.Role == crm.RoleAdmin {
		return nil
	}
	return crm.Forbidden("Only admins may " + what + ".")
}

// managePeople is what admins may do with people and keys, for RequireAdmin.
const managePeople = "manage people and keys"

// writeAsAdmin runs fn in a transaction of an admin; see RequireAdmin.
func (s *Service) writeAsAdmin(ctx context.Context, by crm.Actor, what string, fn func(tx Tx, now crm.Instant) error) error {
	if err := RequireAdmin(by, what); err != nil {
		return err
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error { return fn(tx, now) })
}
