package auth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
)

// storage is the part of a accounts.Store that keys need, with one key.
type storage struct {
	accounts.Store
	auth.Principals

	mu     sync.Mutex
	key    accounts.APIKey
	holder accounts.Principal
	fault  error
	asked  atomic.Int64
	used   atomic.Int64  // recorded uses
	gate   chan struct{} // if not nil, APIKeyPrincipal waits for it
}

func (s *storage) APIKeyPrincipal(ctx context.Context, hash []byte) (accounts.APIKey, accounts.Principal, error) {
	s.asked.Add(1)
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return accounts.APIKey{}, accounts.Principal{}, context.Cause(ctx)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fault != nil:
		return accounts.APIKey{}, accounts.Principal{}, s.fault
	case !bytes.Equal(hash, s.key.Hash):
		return accounts.APIKey{}, accounts.Principal{}, crm.NotFound("API key")
	}
	return s.key, s.holder, nil
}

// change changes what is stored.
func (s *storage) change(f func(*storage)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *storage) Write(_ context.Context, _ crm.Actor, _ crm.Instant, fn func(accounts.Tx) error) error {
	return fn(transaction{s: s})
}

// transaction is a transaction on the storage.
type transaction struct {
	accounts.Tx
	s *storage
}

func (t transaction) Owners() crm.Table[crm.Owner] { return people{s: t.s} }

func (t transaction) PutAPIKey(_ context.Context, key accounts.APIKey) error {
	t.s.key = key
	return nil
}

func (t transaction) UseAPIKey(context.Context, crm.ID, crm.Instant, string) error {
	t.s.used.Add(1)
	return nil
}

func (t transaction) LockOrganisation(context.Context) (crm.Organisation, error) {
	return crm.Organisation{}, nil
}

func (t transaction) PutAudit(context.Context, accounts.AuditEntry) error { return nil }

// people is the storage's table of owners.
type people struct {
	crm.Table[crm.Owner]
	s *storage
}

func (p people) Insert(_ context.Context, rows []crm.Owner) error {
	p.s.holder.Owner = rows[0]
	return nil
}

// clock is a clock that only advance moves.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// changeLog is an auth.Freshness without a position until at is called.
type changeLog struct {
	mu     sync.Mutex
	epoch  string
	seq    int64 // 0: unknown
	raised map[crm.Tag]int64
}

func (l *changeLog) Position(context.Context, crm.ID) (crm.LogPosition, uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return crm.LogPosition{Epoch: l.epoch, Seq: l.seq}, 0, l.seq > 0
}

func (l *changeLog) Fresh(_ crm.ID, at crm.LogPosition, tags []crm.Tag) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range tags {
		if l.raised[t] > at.Seq || at.Epoch != l.epoch {
			return false
		}
	}
	return true
}

// at moves the log to a position, which invalidates the tags.
func (l *changeLog) at(seq int64, tags ...crm.Tag) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq = seq
	for _, t := range tags {
		l.raised[t] = seq
	}
}

// newKeys returns Keys with one stored key, without a change log.
func newKeys(tb testing.TB) (keys *auth.Keys, s *storage, c *clock, secret string, actor crm.Actor) {
	tb.Helper()
	return newFollowedKeys(tb, &changeLog{})
}

// newFollowedKeys returns Keys with one stored key, and a change log.
func newFollowedKeys(tb testing.TB, l *changeLog) (keys *auth.Keys, s *storage, c *clock, secret string, actor crm.Actor) {
	tb.Helper()
	l.raised = map[crm.Tag]int64{}
	s, c = &storage{}, newClock()
	keys = auth.NewKeys(s, accounts.NewService(s, c.now, "GBP"), l, c.now)
	tb.Cleanup(keys.Close)
	org := crm.NewID()
	secret, key, err := keys.Create(tb.Context(), crm.Operator(org), "  CI   robot ", crm.RoleManager, nil)
	if err != nil {
		tb.Fatalf("Create: %v", err)
	}
	return keys, s, c, secret, crm.Actor{Org: org, User: key.UserID, Role: crm.RoleManager, Scopes: crm.RoleManager.Scopes(), Key: key.ID}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	_, s, _, secret, actor := newKeys(t)
	if !regexp.MustCompile(`^sixty_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$`).MatchString(secret) {
		t.Errorf("unexpected form of the secret")
	}
	hash := sha256.Sum256([]byte(secret))
	if !bytes.Equal(s.key.Hash, hash[:]) {
		t.Error("what is stored is not the SHA-256 of the whole secret")
	}
	if s.key.Prefix != secret[:len("sixty_")+8] {
		t.Errorf("the prefix is %q", s.key.Prefix)
	}
	if s.key.Name != "CI robot" || s.holder.FullName != "CI robot" {
		t.Errorf("key %q is of service user %q", s.key.Name, s.holder.FullName)
	}
	if !s.holder.Service || s.holder.ID != actor.User || s.holder.Role != crm.RoleManager {
		t.Errorf("the service user is %+v", s.holder)
	}
}

func TestCreate_Invalid(t *testing.T) {
	t.Parallel()
	keys, _, _, _, actor := newKeys(t)
	admin := crm.Operator(actor.Org)
	for _, c := range []struct {
		name  string
		by    crm.Actor
		key   string
		role  crm.Role
		want  crm.Code
		field string
	}{
		{"NoAdmin", actor, "k", crm.RoleViewer, crm.CodeForbidden, ""},
		{"NoName", admin, "  ", crm.RoleViewer, crm.CodeInvalid, "name"},
		{"NoSuchRole", admin, "k", "god", crm.CodeInvalid, "role"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			secret, _, err := keys.Create(t.Context(), c.by, c.key, c.role, nil)
			if secret != "" || crm.CodeOf(err) != c.want {
				t.Fatalf("got a secret: %t, error %v; want code %s", secret != "", err, c.want)
			}
			var e *crm.Error
			if c.field != "" && (!errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Field != c.field) {
				t.Errorf("error %v names another field than %s", err, c.field)
			}
		})
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	keys, s, _, secret, want := newKeys(t)
	for range 3 {
		got, err := keys.Authenticate(t.Context(), secret)
		if err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("%d queries of one key within a second", n)
	}
}

// All invalid keys have the same error.
func TestAuthenticate_Invalid(t *testing.T) {
	t.Parallel()
	instant := func(c *clock, d time.Duration) *crm.Instant {
		i := crm.InstantOf(c.now().Add(d))
		return &i
	}
	for _, c := range []struct {
		name   string
		token  func(secret string) string
		change func(*storage, *clock)
		asked  int64
	}{
		{"Empty", func(string) string { return "" }, nil, 0},
		{"OtherForm", func(s string) string { return s[:len(s)-1] + "-" }, nil, 0},
		{"TooLong", func(s string) string { return s + "0" }, nil, 0},
		{"Unknown", func(s string) string { return s[:len(s)-2] + "00" }, nil, 1},
		{"Revoked", nil, func(s *storage, c *clock) { s.key.RevokedAt = instant(c, -time.Hour) }, 1},
		{"Expired", nil, func(s *storage, c *clock) { s.key.ExpiresAt = instant(c, 0) }, 1},
		{"Deactivated", nil, func(s *storage, c *clock) { s.holder.DeactivatedAt = instant(c, -time.Hour) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keys, s, clock, token, _ := newKeys(t)
			if c.token != nil {
				token = c.token(token)
			}
			if c.change != nil {
				c.change(s, clock)
			}
			for i := range int64(2) { // failures are not cached
				actor, err := keys.Authenticate(t.Context(), token)
				if actor != (crm.Actor{}) || crm.CodeOf(err) != crm.CodeUnauthenticated || err.Error() != "The API key or token is not valid." {
					t.Fatalf("got %+v, %v", actor, err)
				}
				if n := s.asked.Load(); n != c.asked*(i+1) {
					t.Fatalf("%d queries", n)
				}
			}
		})
	}
}

func TestRevocationTakesEffectWithinASecond(t *testing.T) {
	t.Parallel()
	keys, s, c, secret, _ := newKeys(t)
	if _, err := keys.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	at := crm.InstantOf(c.now())
	s.change(func(s *storage) { s.key.RevokedAt = &at })
	c.advance(time.Second - 1)
	if _, err := keys.Authenticate(t.Context(), secret); err != nil {
		t.Errorf("the result was not cached for a second: %v", err)
	}
	c.advance(1)
	if _, err := keys.Authenticate(t.Context(), secret); crm.CodeOf(err) != crm.CodeUnauthenticated {
		t.Errorf("a second after it was revoked: %v", err)
	}
}

// While the change log confirms it, a result is valid for a minute.
func TestValidByChangeLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(*changeLog, *storage, *clock)
		asks bool
	}{
		{"Quiet", func(_ *changeLog, _ *storage, c *clock) { c.advance(time.Minute - 1) }, false},
		{"Minute", func(_ *changeLog, _ *storage, c *clock) { c.advance(time.Minute) }, true},
		{"OtherKey", func(l *changeLog, _ *storage, _ *clock) {
			l.at(9, crm.Tag{Entity: crm.EntityAPIKey, By: crm.ByID, ID: crm.NewID()})
		}, false},
		{"Revoked", func(l *changeLog, s *storage, _ *clock) {
			l.at(9, crm.Tag{Entity: crm.EntityAPIKey, By: crm.ByID, ID: s.key.ID})
		}, true},
		{"Deactivated", func(l *changeLog, s *storage, _ *clock) {
			l.at(9, crm.Tag{Entity: crm.EntityOwner, By: crm.ByID, ID: s.holder.ID})
		}, true},
		{"LogLost", func(l *changeLog, _ *storage, c *clock) {
			l.at(0)
			c.advance(time.Second)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var l changeLog
			keys, s, clock, secret, _ := newFollowedKeys(t, &l)
			l.at(7)
			if _, err := keys.Authenticate(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			asked := s.asked.Load()
			c.end(&l, s, clock)
			if _, err := keys.Authenticate(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			if asks := s.asked.Load() > asked; asks != c.asks {
				t.Errorf("queried again: %t, want %t", asks, c.asks)
			}
		})
	}
}

// A valid result is found without a query.
func TestLookup(t *testing.T) {
	t.Parallel()
	keys, s, c, secret, want := newKeys(t)
	if _, ok := keys.Lookup(t.Context(), secret); ok {
		t.Error("found a key that was not used yet")
	}
	if _, err := keys.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	asked := s.asked.Load()
	if got, ok := keys.Lookup(t.Context(), secret); !ok || got != want {
		t.Errorf("got %+v, %t; want %+v", got, ok, want)
	}
	if _, ok := keys.Lookup(t.Context(), secret+"x"); ok {
		t.Error("found an unknown key")
	}
	c.advance(time.Second) // without a change log, the result is no longer valid
	if _, ok := keys.Lookup(t.Context(), secret); ok {
		t.Error("found a key that is no longer valid")
	}
	if n := s.asked.Load() - asked; n != 0 {
		t.Errorf("%d queries", n)
	}
}

// A lookup does not find a key whose use is to be recorded. Authenticate does, without a query.
func TestLookupLeavesUseToAuthenticate(t *testing.T) {
	t.Parallel()
	var l changeLog
	keys, s, c, secret, _ := newFollowedKeys(t, &l)
	l.at(7)
	used := crm.InstantOf(c.now().Add(-30 * time.Second))
	s.change(func(s *storage) { s.key.UsedAt = &used })
	if _, err := keys.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	found := func(want bool) {
		t.Helper()
		if _, ok := keys.Lookup(t.Context(), secret); ok != want {
			t.Errorf("the key is found: %t, want %t", ok, want)
		}
	}
	found(true)
	c.advance(30 * time.Second)
	found(false)
	queries := s.asked.Load()
	if _, err := keys.Authenticate(t.Context(), secret); err != nil || s.asked.Load() != queries {
		t.Errorf("%v, %d queries", err, s.asked.Load()-queries)
	}
	found(true)
	keys.Close()
	if n := s.used.Load(); n != 1 {
		t.Errorf("use was recorded %d times in a minute", n)
	}
}

func TestLastKnown(t *testing.T) {
	t.Parallel()
	keys, s, c, secret, want := newKeys(t)
	if _, ok := keys.LastKnown(secret); ok {
		t.Error("LastKnown of a key that was not used yet")
	}
	if _, err := keys.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	s.change(func(s *storage) { s.fault = crm.Unavailable(errors.New("gone")) })
	c.advance(2 * time.Minute)
	if got, ok := keys.LastKnown(secret); !ok || got != want {
		t.Errorf("got %+v, %t; want %+v", got, ok, want)
	}
	c.advance(1)
	if _, ok := keys.LastKnown(secret); ok {
		t.Error("LastKnown after more than two minutes")
	}
}

func TestKeyIsNotValidAfterItsExpiry(t *testing.T) {
	t.Parallel()
	keys, s, c, secret, _ := newKeys(t)
	expires := crm.InstantOf(c.now().Add(300 * time.Millisecond))
	s.change(func(s *storage) { s.key.ExpiresAt = &expires })
	if _, err := keys.Authenticate(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.advance(300 * time.Millisecond)
	if _, err := keys.Authenticate(t.Context(), secret); crm.CodeOf(err) != crm.CodeUnauthenticated {
		t.Errorf("at its expiry: %v", err)
	}
}

func TestErrorsAreReturnedAndNotCached(t *testing.T) {
	t.Parallel()
	keys, s, _, secret, want := newKeys(t)
	s.change(func(s *storage) { s.fault = crm.Unavailable(errors.New("gone")) })
	if _, err := keys.Authenticate(t.Context(), secret); crm.CodeOf(err) != crm.CodeUnavailable {
		t.Fatalf("while the database is down: %v", err)
	}
	s.change(func(s *storage) { s.fault = nil })
	if got, err := keys.Authenticate(t.Context(), secret); err != nil || got != want {
		t.Errorf("after the outage: %+v, %v", got, err)
	}
}

// Concurrent requests with one key share a query; cancelling one of them, even the first, does
// not affect the others.
func TestQueriesAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, s, _, secret, want := newKeys(t)
		s.gate = make(chan struct{})
		ctx, giveUp := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := keys.Authenticate(ctx, secret)
			first <- err
		}()
		synctest.Wait()
		results := make(chan error, 50)
		for range cap(results) {
			go func() {
				got, err := keys.Authenticate(t.Context(), secret)
				if err == nil && got != want {
					err = errors.New("another actor")
				}
				results <- err
			}()
		}
		synctest.Wait()
		giveUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(s.gate)
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if n := s.asked.Load(); n != 1 {
			t.Errorf("%d queries", n)
		}
	})
}

// A hanging query is joined only as long as its result would be valid, and times out.
func TestSlowQueries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys, s, c, secret, _ := newKeys(t)
		s.gate = make(chan struct{})
		results := make(chan error, 2)
		ask := func() {
			_, err := keys.Authenticate(t.Context(), secret)
			results <- err
		}
		go ask()
		synctest.Wait()
		c.advance(time.Second)
		go ask()
		synctest.Wait()
		if n := s.asked.Load(); n != 2 {
			t.Errorf("%d queries, want another one after a second", n)
		}
		for range 2 { // until the queries time out
			if err := <-results; crm.CodeOf(err) != crm.CodeUnavailable {
				t.Errorf("a hanging query ends with %v", err)
			}
		}
	})
}

func BenchmarkAuthenticateCached(b *testing.B) {
	keys, _, _, secret, _ := newKeys(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Authenticate(ctx, secret); err != nil {
			b.Fatal(err)
		}
	}
}
