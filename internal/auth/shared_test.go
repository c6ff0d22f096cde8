package auth_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
)

// shelf is an auth.Shared without expiry.
type shelf struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return v, ok
}

func (s *shelf) Set(key string, value []byte, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
}

// seated is a accounts.Store with one session.
type seated struct {
	storage

	session accounts.Session
	owner   accounts.Principal
}

func (s *seated) SessionPrincipal(context.Context, []byte) (accounts.Session, accounts.Principal, error) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session.ID == (crm.ID{}) {
		return accounts.Session{}, accounts.Principal{}, crm.NotFound("session")
	}
	return s.session, s.owner, nil
}

func (s *seated) Write(context.Context, crm.Actor, crm.Instant, func(accounts.Tx) error) error {
	return nil
}

// The result of one instance is used by another without a query while the change log confirms
// it, and only if it is authentic.
func TestSessionsAreShared(t *testing.T) {
	t.Parallel()
	const token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	const another = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	type scene struct {
		*seated
		log   *changeLog
		clock *clock
		shelf *shelf
		seal  string
	}
	tag := func(s *scene, entity string, id crm.ID) { s.log.at(9, crm.Tag{Entity: entity, By: crm.ByID, ID: id}) }
	for _, c := range []struct {
		name   string
		change func(*scene) // between the queries of the two instances
		asks   bool
	}{
		{"Quiet", func(*scene) {}, false},
		{"SomebodyElse", func(s *scene) { tag(s, crm.EntitySession, crm.NewID()) }, false},
		{"Almost", func(s *scene) { s.clock.advance(time.Minute - 1) }, false},
		{"Minute", func(s *scene) { s.clock.advance(time.Minute) }, true},
		{"ClockAhead", func(s *scene) { s.clock.advance(-time.Second) }, true},
		{"Ended", func(s *scene) { tag(s, crm.EntitySession, s.session.ID) }, true},
		{"PersonChanged", func(s *scene) { tag(s, crm.EntityOwner, s.owner.ID) }, true},
		{"OrganisationChanged", func(s *scene) { tag(s, crm.EntityOrganisation, s.owner.OrgID) }, true},
		{"LogUnknown", func(s *scene) { s.log.at(0) }, true},
		{"Emptied", func(s *scene) { clear(s.shelf.values) }, true},
		{"OtherLog", func(s *scene) { s.log.epoch = "restored" }, true},
		{"OtherSeal", func(s *scene) { s.seal = "a guess" }, true},
		{"CutShort", func(s *scene) {
			for k, v := range s.shelf.values {
				s.shelf.values[k] = v[:len(v)-1]
			}
		}, true},
		{"Altered", func(s *scene) {
			for _, v := range s.shelf.values {
				v[len(v)-1] ^= 1
			}
		}, true},
		{"Nothing", func(s *scene) {
			for k := range s.shelf.values {
				s.shelf.values[k] = nil
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &scene{seated: &seated{}, log: &changeLog{epoch: "E", seq: 5, raised: map[crm.Tag]int64{}}, clock: newClock(), shelf: &shelf{values: map[string][]byte{}}, seal: "a secret"}
			now := crm.InstantOf(s.clock.now())
			s.owner = accounts.Principal{Owner: crm.Owner{OrgID: crm.NewID(), ID: crm.NewID(), Role: crm.RoleRep}, RepsSee: crm.RepsSeeAll}
			s.session = accounts.Session{OrgID: s.owner.OrgID, ID: crm.NewID(), UserID: s.owner.ID, UsedAt: now, ExpiresAt: now + crm.Instant(time.Hour.Microseconds())}
			instance := func() *auth.Sessions {
				sessions := auth.NewSessions(auth.SessionOptions{
					Store: s.seated, Service: accounts.NewService(s.seated, s.clock.now, "GBP"), Freshness: s.log, Now: s.clock.now,
					Idle: time.Hour, Lifetime: time.Hour, Shared: s.shelf, Seal: s.seal,
				})
				t.Cleanup(sessions.Close)
				return sessions
			}
			want := crm.Actor{Org: s.owner.OrgID, User: s.owner.ID, Role: crm.RoleRep, SeesAll: true, Scopes: crm.AllScopes}
			if got, err := instance().Authenticate(t.Context(), token); err != nil || got != want {
				t.Fatalf("%+v, %v", got, err)
			}
			if len(s.shelf.values) != 1 {
				t.Fatalf("%d values are shared", len(s.shelf.values))
			}
			before := s.asked.Load()
			c.change(s)
			second := instance()
			for range 2 {
				if got, err := second.Authenticate(t.Context(), token); err != nil || got != want {
					t.Fatalf("%+v, %v", got, err)
				}
				if c.name == "LogUnknown" {
					break // then memory is valid only for a second, too
				}
			}
			if asked := s.asked.Load() > before; asked != c.asks {
				t.Errorf("queried: %t, want %t", asked, c.asks)
			}
		})
	}

	// A value is not valid under another key.
	t.Run("Moved", func(t *testing.T) {
		t.Parallel()
		s := &scene{seated: &seated{}, log: &changeLog{epoch: "E", seq: 5, raised: map[crm.Tag]int64{}}, clock: newClock(), shelf: &shelf{values: map[string][]byte{}}}
		now := crm.InstantOf(s.clock.now())
		s.owner = accounts.Principal{Owner: crm.Owner{OrgID: crm.NewID(), ID: crm.NewID(), Role: crm.RoleAdmin}}
		s.session = accounts.Session{OrgID: s.owner.OrgID, ID: crm.NewID(), UserID: s.owner.ID, UsedAt: now, ExpiresAt: now + crm.Instant(time.Hour.Microseconds())}
		sessions := auth.NewSessions(auth.SessionOptions{
			Store: s.seated, Service: accounts.NewService(s.seated, s.clock.now, "GBP"), Freshness: s.log, Now: s.clock.now,
			Idle: time.Hour, Lifetime: time.Hour, Shared: s.shelf, Seal: "a secret",
		})
		t.Cleanup(sessions.Close)
		address := func(token string) (key string, value []byte) {
			t.Helper()
			clear(s.shelf.values)
			if _, err := sessions.Authenticate(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			for k, v := range maps.All(s.shelf.values) {
				return k, v
			}
			t.Fatal("nothing is shared")
			return "", nil
		}
		_, good := address(token)
		there, _ := address(another)
		s.change(func(*storage) { s.session = accounts.Session{} })
		s.shelf.Set(there, good, time.Minute)
		fresh := auth.NewSessions(auth.SessionOptions{
			Store: s.seated, Service: accounts.NewService(s.seated, s.clock.now, "GBP"), Freshness: s.log, Now: s.clock.now,
			Idle: time.Hour, Lifetime: time.Hour, Shared: s.shelf, Seal: "a secret",
		})
		t.Cleanup(fresh.Close)
		if _, err := fresh.Authenticate(t.Context(), another); crm.CodeOf(err) != crm.CodeUnauthenticated {
			t.Errorf("accepted: %v", err)
		}
	})
}
