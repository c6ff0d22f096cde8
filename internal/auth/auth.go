// Package auth tells on whose behalf a request runs. It makes the secrets of API
// keys and finds the actor behind one; what a key is, and who may make or revoke
// one, are the domain's rules.
package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"sixty/internal/crm"
)

const (
	// freshness is the age up to which an answer of the database is believed without
	// the change log: what is revoked or deactivated is refused everywhere within it.
	freshness = time.Second
	// followedFor is the age up to which an answer is believed that the change log
	// vouches for.
	followedFor = time.Minute
	// lastKnownFor is the age up to which an answer is told as the last one known.
	lastKnownFor = 2 * time.Minute
	// maxKnown bounds the answers that are kept.
	maxKnown = 10_000
	// lookupTimeout bounds one question to the database, which many requests may
	// share and none of them can cancel.
	lookupTimeout = 5 * time.Second
)

// digest is the hash of a secret.
type digest = [sha256.Size]byte

// Freshness vouches for what was read of an organisation, by its change log.
type Freshness interface {
	// Position gives the position in the organisation's change log up to which every
	// change is known here; false if that cannot be told just now.
	Position(ctx context.Context, org crm.ID) (seq int64, generation uint64, ok bool)
	// Fresh tells whether none of the tags was raised after seq.
	Fresh(org crm.ID, seq int64, tags []crm.Tag) bool
}

// Keys makes API keys and recognises them. It is safe for concurrent use.
type Keys struct {
	store   crm.Store
	service *crm.Service
	fresh   Freshness
	now     func() time.Time
	known   *otter.Cache[digest, answer]

	mu      sync.Mutex
	lookups map[digest]*lookup // those that run
	running sync.WaitGroup
}

// answer is a good answer of the database.
type answer struct {
	actor crm.Actor
	asked time.Time  // when the question began
	until time.Time  // it is not believed from then on, whatever vouches for it
	log   bool       // the change log can vouch for it:
	seq   int64      // the position before the question
	tags  [2]crm.Tag // the key, and whom it acts for
}

// lookup is a question to the database that runs, or has just ended. Whoever asks
// for the same key meanwhile waits for it instead of asking again.
type lookup struct {
	began time.Time
	done  chan struct{} // closed when answer and err are set
	answer
	err error
}

// NewKeys makes Keys over storage and the use cases; fresh vouches for what is known,
// the clock is for expiry. Close ends them.
func NewKeys(store crm.Store, service *crm.Service, fresh Freshness, now func() time.Time) *Keys {
	return &Keys{
		store: store, service: service, fresh: fresh, now: now,
		known: otter.Must(&otter.Options[digest, answer]{
			MaximumSize: maxKnown,
			// Maintenance on the caller's goroutine: it is little, and so none
			// outlives Close.
			Executor: func(f func()) { f() },
		}),
		lookups: map[digest]*lookup{},
	}
}

// Close waits for the lookups that still run, each of which is bounded. Nothing may
// authenticate any more.
func (k *Keys) Close() { k.running.Wait() }

// Create makes a key, which acts with role for user, or without one for a service
// user made for it. The secret is told this once and stored nowhere.
func (k *Keys) Create(ctx context.Context, by crm.Actor, name string, role crm.Role, user *crm.ID) (secret string, key crm.APIKey, err error) {
	secret, prefix := newSecret()
	hash := hashOf(secret)
	key, err = k.service.CreateAPIKey(ctx, by, crm.APIKey{Name: name, Role: role, Prefix: prefix, Hash: hash[:]}, user)
	if err != nil {
		return "", crm.APIKey{}, err
	}
	return secret, key, nil
}

// List gives the organisation's keys, those that have ended included.
func (k *Keys) List(ctx context.Context, by crm.Actor) ([]crm.APIKey, error) {
	return k.service.APIKeys(ctx, by)
}

// Revoke ends a key; every process refuses it within a second.
func (k *Keys) Revoke(ctx context.Context, by crm.Actor, id crm.ID) error {
	return k.service.RevokeAPIKey(ctx, by, id)
}

// Authenticate gives the actor behind an API key's secret. A secret that is unknown,
// revoked, expired or of somebody who was deactivated is CodeUnauthenticated, in the
// same words, so that the answer tells nothing about it. A good answer is believed
// for a second, counted from before the database was asked, or for a minute as long
// as the change log tells of nothing that ends it; bad ones are not kept.
func (k *Keys) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	if !looksLikeSecret(token) {
		return crm.Actor{}, refused()
	}
	hash := hashOf(token)
	now := k.now()
	a, ok := k.known.GetIfPresent(hash)
	if ok && k.believed(ctx, &a, now) {
		return a.actor, nil
	}
	l := k.ask(ctx, hash, a.actor.Org, now)
	select {
	case <-l.done:
		return l.actor, l.err
	case <-ctx.Done():
		return crm.Actor{}, context.Cause(ctx)
	}
}

// LastKnown gives the actor who held a secret when the database was last asked, at
// most two minutes ago: for whom an answer from before will do while the database is
// gone.
func (k *Keys) LastKnown(token string) (crm.Actor, bool) {
	if !looksLikeSecret(token) {
		return crm.Actor{}, false
	}
	a, ok := k.known.GetIfPresent(hashOf(token))
	if !ok || k.now().Sub(a.asked) > lastKnownFor || a.log && !k.fresh.Fresh(a.actor.Org, a.seq, a.tags[:]) {
		return crm.Actor{}, false
	}
	return a.actor, true
}

// believed tells whether an answer still holds.
func (k *Keys) believed(ctx context.Context, a *answer, now time.Time) bool {
	if !now.Before(a.until) {
		return false
	}
	if a.log {
		if !k.fresh.Fresh(a.actor.Org, a.seq, a.tags[:]) {
			return false
		}
		if _, _, ok := k.fresh.Position(ctx, a.actor.Org); ok {
			return true
		}
	}
	return now.Before(a.asked.Add(freshness))
}

// ask joins the lookup of this key that runs, unless that began too long ago to be
// believed, or starts one. The key's organisation is the zero ID if it is not known.
func (k *Keys) ask(ctx context.Context, hash digest, org crm.ID, now time.Time) *lookup {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l, ok := k.lookups[hash]; ok && now.Sub(l.began) < freshness {
		return l
	}
	l := &lookup{began: now, done: make(chan struct{})}
	k.lookups[hash] = l
	// Whoever asked first may give up; those who joined must not suffer for it.
	ctx = context.WithoutCancel(ctx)
	k.running.Go(func() { k.run(ctx, hash, org, l) })
	return l
}

func (k *Keys) run(ctx context.Context, hash digest, org crm.ID, l *lookup) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, crm.Unavailable(fmt.Errorf("looking up an API key took more than %s", lookupTimeout)))
	defer cancel()
	l.answer, l.err = k.find(ctx, hash, org, l.began)
	if l.err == nil {
		k.known.Set(hash, l.answer)
	}
	k.mu.Lock()
	if k.lookups[hash] == l {
		delete(k.lookups, hash)
	}
	k.mu.Unlock()
	close(l.done)
}

// find asks the database. The position in the change log must be from before the
// question, and to know whose log, the organisation must be known: a key that is new
// here is asked for twice.
func (k *Keys) find(ctx context.Context, hash digest, org crm.ID, now time.Time) (answer, error) {
	a := answer{asked: now}
	if org != (crm.ID{}) {
		a.seq, _, a.log = k.fresh.Position(ctx, org)
	}
	key, holder, err := k.holder(ctx, hash, now)
	if err != nil {
		return answer{}, err
	}
	if org == (crm.ID{}) {
		if a.seq, _, a.log = k.fresh.Position(ctx, key.OrgID); a.log {
			if key, holder, err = k.holder(ctx, hash, now); err != nil {
				return answer{}, err
			}
		}
	}
	a.actor = crm.Actor{Org: key.OrgID, User: key.UserID, Role: key.Role}
	a.tags = [2]crm.Tag{{Entity: crm.EntityAPIKey, By: crm.ByID, ID: key.ID}, {Entity: crm.EntityOwner, By: crm.ByID, ID: holder.ID}}
	a.until = now.Add(followedFor)
	if key.ExpiresAt != nil {
		a.until = earlier(a.until, key.ExpiresAt.Time())
	}
	return a, nil
}

// holder finds a key that is good, and for whom it acts.
func (k *Keys) holder(ctx context.Context, hash digest, now time.Time) (crm.APIKey, crm.Owner, error) {
	key, holder, err := k.store.KeyHolder(ctx, hash[:])
	if crm.CodeOf(err) == crm.CodeNotFound {
		return key, holder, refused()
	}
	if err == nil && (key.RevokedAt != nil || holder.DeactivatedAt != nil || key.ExpiresAt != nil && !now.Before(key.ExpiresAt.Time())) {
		return key, holder, refused()
	}
	return key, holder, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// refused is the one answer to every key that is not good.
func refused() error {
	return &crm.Error{Code: crm.CodeUnauthenticated, Message: "The API key is not valid."}
}
