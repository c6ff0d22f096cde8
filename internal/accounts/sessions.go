package accounts

import (
	"context"

	"sixty/internal/crm"
)

// Principal is the user that a credential acts for, and what their organisation says of them.
type Principal struct {
	crm.Owner
	RepsSee crm.RepVisibility
}

// Actor returns the actor of a principal with a role, and with all scopes. It is the only way to
// set what an actor sees: created without it, a rep sees only their own records.
func (p Principal) Actor(role crm.Role) crm.Actor {
	return crm.Actor{Org: p.OrgID, User: p.ID, Role: role, SeesAll: p.RepsSee == crm.RepsSeeAll, Scopes: crm.AllScopes}
}

// Session is a signed-in client of a person. Its token is shown once and stored as its hash.
type Session struct {
	OrgID     crm.ID
	ID        crm.ID
	UserID    crm.ID
	Hash      []byte
	Address   string // of the client that signed in
	UserAgent string
	CreatedAt crm.Instant
	UsedAt    crm.Instant // to the minute, or so
	ExpiresAt crm.Instant // even if it is used
	// VerifiedAt is when the person last proved who they are: by signing in, or since. It is 0
	// if that is not known, as of most who sign in at an identity provider.
	VerifiedAt crm.Instant

	// Of a new session alone: Network is that of the client, which becomes known, and
	// DevicesSince is when the person's device cookies were revoked.
	Network      string
	DevicesSince crm.Instant
}

// maxSessions bounds the sessions of a person: those used last remain.
const maxSessions = 20

// BeginSession begins a session of a person, who must not have been deactivated, and ends
// those that have expired, or are too many. The caller says in VerifiedAt when the person has
// proved who they are.
func (s *Service) BeginSession(ctx context.Context, session Session) (Session, error) {
	now := s.clock()
	session.ID, session.CreatedAt, session.UsedAt = crm.NewID(), now, now
	by := crm.Actor{Org: session.OrgID, User: session.UserID}
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
		if session.Network != "" {
			if err := tx.PutSignInNetwork(ctx, session.UserID, session.Network, maxSignInNetworks); err != nil {
				return err
			}
		}
		if session.DevicesSince, err = tx.DevicesSince(ctx, session.UserID); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionSignedIn, Target: crm.EntityOwner, TargetID: &session.UserID})
	})
	return session, err
}

// Sessions lists the actor's own, the one that was used last first.
func (s *Service) Sessions(ctx context.Context, by crm.Actor) ([]Session, error) {
	return s.store.Sessions(ctx, by.Org, by.User)
}

// EndSession ends one of the actor's sessions; CodeNotFound if it is not there.
func (s *Service) EndSession(ctx context.Context, by crm.Actor, id crm.ID) error {
	return s.endSession(ctx, by, by.User, id)
}

// EndSessions ends all of the actor's sessions, and revokes their device cookies.
func (s *Service) EndSessions(ctx context.Context, by crm.Actor) error {
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error { return endSessions(ctx, tx, by, now, by.User, "all", none) })
}

// SessionsOf lists the sessions of a person, for admins.
func (s *Service) SessionsOf(ctx context.Context, by crm.Actor, user crm.ID) ([]Session, error) {
	if err := RequireAdmin(by, managePeople); err != nil {
		return nil, err
	}
	if _, err := crm.GetOne(ctx, s.store.Owners(), by.Org, user, "user"); err != nil {
		return nil, err
	}
	return s.store.Sessions(ctx, by.Org, user)
}

// EndSessionOf ends one of a person's sessions, for admins; CodeNotFound if it is not there.
func (s *Service) EndSessionOf(ctx context.Context, by crm.Actor, user, id crm.ID) error {
	if err := RequireAdmin(by, managePeople); err != nil {
		return err
	}
	return s.endSession(ctx, by, user, id)
}

// EndSessionsOf ends all of a person's sessions, for admins.
func (s *Service) EndSessionsOf(ctx context.Context, by crm.Actor, user crm.ID) error {
	return s.writeAsAdmin(ctx, by, managePeople, func(tx Tx, now crm.Instant) error {
		if _, err := crm.LockOne(ctx, tx.Owners(), user, "user"); err != nil {
			return err
		}
		return endSessions(ctx, tx, by, now, user, "all", none)
	})
}

func (s *Service) endSession(ctx context.Context, by crm.Actor, user, id crm.ID) error {
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		found := false
		err := endSessions(ctx, tx, by, now, user, "one", func(other Session) bool {
			found = found || other.ID == id
			return other.ID != id
		})
		if err == nil && !found {
			err = crm.NotFound("session")
		}
		return err
	})
}

// endSessions ends sessions of a person, and enters that in the audit trail. With all of them,
// their device cookies are revoked.
func endSessions(ctx context.Context, tx Tx, by crm.Actor, now crm.Instant, user crm.ID, which string, keep func(Session) bool) error {
	if err := tx.EndSessions(ctx, user, keep); err != nil {
		return err
	}
	if which == "all" {
		if err := tx.RevokeDevices(ctx, user); err != nil {
			return err
		}
	}
	return Audit(ctx, tx, by, now, AuditEvent{
		Action: ActionSignedOut, Target: crm.EntityOwner, TargetID: &user, Details: map[string]string{"sessions": which},
	})
}

func none(Session) bool { return false }

// UseSession records that a session of the actor's is in use, unless that was recorded after
// the instant.
func (s *Service) UseSession(ctx context.Context, by crm.Actor, id crm.ID, since crm.Instant) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error { return tx.UseSession(ctx, id, since) })
}

// UseAPIKey is UseSession for a key, with the address that the context's request came from.
func (s *Service) UseAPIKey(ctx context.Context, by crm.Actor, id crm.ID, since crm.Instant) error {
	address := originOf(ctx).Address
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error { return tx.UseAPIKey(ctx, id, since, address) })
}
