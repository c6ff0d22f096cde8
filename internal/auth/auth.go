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
	// freshness is the age up to which an answer of the database is believed: what
	// is revoked or deactivated is refused everywhere within it.
	freshness = time.Second
	// maxKnown bounds the answers that are kept.
	maxKnown = 10_000
	// lookupTimeout bounds one question to the database, which many requests may
	// share and none of them can cancel.
	lookupTimeout = 5 * time.Second
)

// digest is the hash of a secret.
type digest = [sha256.Size]byte

// Keys makes API keys and recognises them. It is safe for concurrent use.
type Keys struct {
	store   crm.Store
	service *crm.Service
	now     func() time.Time
	known   *otter.Cache[digest, answer]

	mu      sync.Mutex
	lookups map[digest]*lookup // those that run
	running sync.WaitGroup
}

// answer is a good answer of the database and until when it is believed.
type answer struct {
	actor crm.Actor
	until time.Time
}

// lookup is a question to the database that runs, or has just ended. Whoever asks
// for the same key meanwhile waits for it instead of asking again.
type lookup struct {
	began time.Time
	done  chan struct{} // closed when answer and err are set
	answer
	err error
}

// NewKeys makes Keys over storage and the use cases; the clock is for expiry and
// freshness. Close ends them.
func NewKeys(store crm.Store, service *crm.Service, now func() time.Time) *Keys {
	return &Keys{
		store: store, service: service, now: now,
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
// for a second, counted from before the database was asked; bad ones are not kept.
func (k *Keys) Authenticate(ctx context.Context, token string) (crm.Actor, error) {
	if !looksLikeSecret(token) {
		return crm.Actor{}, refused()
	}
	hash := hashOf(token)
	now := k.now()
	if a, ok := k.known.GetIfPresent(hash); ok && now.Before(a.until) {
		return a.actor, nil
	}
	l := k.ask(ctx, hash, now)
	select {
	case <-l.done:
		return l.actor, l.err
	case <-ctx.Done():
		return crm.Actor{}, context.Cause(ctx)
	}
}

// ask joins the lookup of this key that runs, unless that began too long ago to be
// believed, or starts one.
func (k *Keys) ask(ctx context.Context, hash digest, now time.Time) *lookup {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l, ok := k.lookups[hash]; ok && now.Sub(l.began) < freshness {
		return l
	}
	l := &lookup{began: now, done: make(chan struct{})}
	k.lookups[hash] = l
	// Whoever asked first may give up; those who joined must not suffer for it.
	ctx = context.WithoutCancel(ctx)
	k.running.Go(func() { k.run(ctx, hash, l) })
	return l
}

func (k *Keys) run(ctx context.Context, hash digest, l *lookup) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, crm.Unavailable(fmt.Errorf("looking up an API key took more than %s", lookupTimeout)))
	defer cancel()
	l.answer, l.err = k.find(ctx, hash, l.began)
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

// find asks the database.
func (k *Keys) find(ctx context.Context, hash digest, now time.Time) (answer, error) {
	key, holder, err := k.store.KeyHolder(ctx, hash[:])
	if crm.CodeOf(err) == crm.CodeNotFound {
		return answer{}, refused()
	}
	if err != nil {
		return answer{}, err
	}
	until := now.Add(freshness)
	if key.ExpiresAt != nil {
		until = earlier(until, key.ExpiresAt.Time())
	}
	if key.RevokedAt != nil || holder.DeactivatedAt != nil || !now.Before(until) {
		return answer{}, refused()
	}
	return answer{crm.Actor{Org: key.OrgID, User: key.UserID, Role: key.Role}, until}, nil
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
