package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"sixty/internal/crm"
)

const (
	// maxAge is how long a result is valid without the change log: a revoked credential is
	// rejected everywhere within it.
	maxAge = time.Second
	// maxFollowedAge is how long a result is valid while the change log confirms it.
	maxFollowedAge = time.Minute
	// lastKnownFor is how long LastKnown returns a result.
	lastKnownFor = 2 * time.Minute
	// maxEntries bounds the number of cached results.
	maxEntries = 20_000
	// lookupTimeout bounds one query, which many requests may share and none can cancel.
	lookupTimeout = 5 * time.Second
	// useInterval is how often the use of a credential is recorded, and maxUses bounds the
	// concurrent records; uses beyond it are not recorded.
	useInterval = time.Minute
	maxUses     = 4
)

// digest is the hash of a secret.
type digest = [sha256.Size]byte

// Freshness reports whether data of an organisation has changed, by its change log.
type Freshness interface {
	// Position returns the position up to which every change of the organisation is known;
	// ok is false if the end of the log is unknown.
	Position(ctx context.Context, org crm.ID) (at crm.LogPosition, generation uint64, ok bool)
	// Fresh reports whether none of the tags was invalidated after a position.
	Fresh(org crm.ID, at crm.LogPosition, tags []crm.Tag) bool
}

// A credential is the stored data of a valid secret.
type credential struct {
	actor crm.Actor
	id    crm.ID       // of the key or session
	tags  [3]crm.Tag   // see credentialCache.tags
	until time.Time    // its expiry; zero if it has none
	used  *crm.Instant // last use; nil if never
}

// A finder reads the credential of a secret from the database; CodeUnauthenticated if it is
// invalid.
type finder func(ctx context.Context, hash digest, now time.Time) (credential, error)

// A credentialCache returns the credential of a secret. It caches the database's results for
// as long as they are known to be unchanged. It is safe for concurrent use.
type credentialCache struct {
	fresh   Freshness
	now     func() time.Time
	entity  string                        // the credential's entity type in the change log
	shared  *sharedAnswers                // may be nil
	entries *otter.Cache[digest, *answer] // answers are immutable
	find    finder
	// hash returns the hash of a token, and false for a token of another form, which is
	// rejected without a query.
	hash func(token string) (digest, bool)
	// use records the use of a credential, unless a use after since is recorded; nil: uses
	// are not recorded.
	use func(ctx context.Context, by crm.Actor, id crm.ID, since crm.Instant) error

	mu      sync.Mutex
	queries map[digest]*query // running queries
	running sync.WaitGroup
	uses    chan struct{} // holds one element per running call of use
}

// answer is a successful result of a query.
type answer struct {
	credential
	asked    time.Time       // when the query began
	until    time.Time       // the result is not valid afterwards
	followed bool            // whether log is known, and so the change log can confirm the result
	log      crm.LogPosition // before the query
	lastUsed *atomic.Int64
}

// query is a query of the database that is running or has just ended. Concurrent requests
// with the same secret share it.
type query struct {
	began time.Time
	done  chan struct{} // closed when answer and err are set
	answer
	err error
}

// init initialises the cache after its functions are set. The caller must close it.
func (k *credentialCache) init() {
	k.entries = otter.Must(&otter.Options[digest, *answer]{
		MaximumSize: maxEntries,
		// On the caller's goroutine, so that no goroutine outlives close.
		Executor: func(f func()) { f() },
	})
	k.queries, k.uses = map[digest]*query{}, make(chan struct{}, maxUses)
}

// Close waits for running queries and uses, which have timeouts. The cache must not be used
// afterwards.
func (k *credentialCache) Close() { k.running.Wait() }

// Forget removes all cached results.
func (k *credentialCache) Forget() { k.entries.InvalidateAll() }

// Lookup is Authenticate without a query; ok is false if one is needed, or if Authenticate has
// something to record.
func (k *credentialCache) Lookup(ctx context.Context, token string) (actor crm.Actor, ok bool) {
	hash, ok := k.hash(token)
	if !ok {
		return crm.Actor{}, false
	}
	c, ok := k.lookup(ctx, hash)
	return c.actor, ok
}

// LastKnown returns the actor of a token as of the last query, at most two minutes ago, for
// answering from stale data while the database is unavailable.
func (k *credentialCache) LastKnown(token string) (actor crm.Actor, ok bool) {
	hash, ok := k.hash(token)
	if !ok {
		return crm.Actor{}, false
	}
	c, ok := k.lastKnown(hash)
	return c.actor, ok
}

// get returns the credential of a secret, from the cache or the database. A valid result is
// cached for a second from the start of the query, or for a minute while the change log
// confirms it. Invalid secrets are not cached.
func (k *credentialCache) get(ctx context.Context, hash digest) (credential, error) {
	return k.getBy(ctx, hash, k.find)
}

// lookup is get without the database; ok is false if a query is needed, or if the use is to be
// recorded: get does that, with the origin of the request in its context.
func (k *credentialCache) lookup(ctx context.Context, hash digest) (credential, bool) {
	now := k.now()
	a, ok := k.entries.GetIfPresent(hash)
	if !ok || !k.valid(ctx, a, now) || k.isUseDue(a, now) {
		return credential{}, false
	}
	return a.credential, true
}

// getBy is get with another finder.
func (k *credentialCache) getBy(ctx context.Context, hash digest, find finder) (credential, error) {
	now := k.now()
	a, ok := k.entries.GetIfPresent(hash)
	if !ok || !k.valid(ctx, a, now) {
		var org crm.ID
		if ok {
			org = a.actor.Org
		}
		l := k.startQuery(ctx, hash, org, now, find)
		select {
		case <-l.done:
			if l.err != nil {
				return credential{}, l.err
			}
			a = &l.answer
		case <-ctx.Done():
			return credential{}, context.Cause(ctx)
		}
	}
	k.recordUse(ctx, a, now)
	return a.credential, nil
}

// lastKnown returns the credential as of the last query, at most two minutes ago.
func (k *credentialCache) lastKnown(hash digest) (credential, bool) {
	a, ok := k.entries.GetIfPresent(hash)
	if !ok || k.now().Sub(a.asked) > lastKnownFor || a.followed && !k.fresh.Fresh(a.actor.Org, a.log, a.tags[:]) {
		return credential{}, false
	}
	return a.credential, true
}

// valid reports whether an answer may still be used.
func (k *credentialCache) valid(ctx context.Context, a *answer, now time.Time) bool {
	if !now.Before(a.until) {
		return false
	}
	if a.followed {
		if !k.fresh.Fresh(a.actor.Org, a.log, a.tags[:]) {
			return false
		}
		if _, _, ok := k.fresh.Position(ctx, a.actor.Org); ok {
			return true
		}
	}
	return now.Before(a.asked.Add(maxAge))
}

// isUseDue reports whether no use of a credential has been recorded recently.
func (k *credentialCache) isUseDue(a *answer, now time.Time) bool {
	return k.use != nil && a.lastUsed.Load() <= int64(crm.InstantOf(now.Add(-useInterval)))
}

// recordUse records the use of a credential in the background, unless that was done recently.
// Failures are ignored: the next use is recorded instead.
func (k *credentialCache) recordUse(ctx context.Context, a *answer, now time.Time) {
	if !k.isUseDue(a, now) {
		return
	}
	last := a.lastUsed.Load()
	since := crm.InstantOf(now.Add(-useInterval))
	select {
	case k.uses <- struct{}{}:
	default:
		return
	}
	if !a.lastUsed.CompareAndSwap(last, int64(crm.InstantOf(now))) {
		<-k.uses
		return
	}
	ctx = context.WithoutCancel(ctx)
	k.running.Go(func() {
		defer func() { <-k.uses }()
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		_ = k.use(ctx, a.actor, a.id, since)
	})
}

// startQuery joins the running query for the secret, unless it is too old for its result to
// be valid, or starts one. org is zero if unknown.
func (k *credentialCache) startQuery(ctx context.Context, hash digest, org crm.ID, now time.Time, find finder) *query {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l, ok := k.queries[hash]; ok && now.Sub(l.began) < maxAge {
		return l
	}
	l := &query{began: now, done: make(chan struct{})}
	k.queries[hash] = l
	// Not cancelled with the first request: others may have joined.
	ctx = context.WithoutCancel(ctx)
	k.running.Go(func() { k.run(ctx, hash, org, l, find) })
	return l
}

func (k *credentialCache) run(ctx context.Context, hash digest, org crm.ID, l *query, find finder) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, crm.Unavailable(fmt.Errorf("the query of a credential took more than %s", lookupTimeout)))
	defer cancel()
	l.answer, l.err = k.load(ctx, hash, org, l.began, find)
	if l.err == nil {
		k.entries.Set(hash, &l.answer)
	}
	k.mu.Lock()
	if k.queries[hash] == l {
		delete(k.queries, hash)
	}
	k.mu.Unlock()
	close(l.done)
}

// tags returns what a credential depends on: itself, its user, and their organisation.
func (k *credentialCache) tags(id crm.ID, actor crm.Actor) [3]crm.Tag {
	return [3]crm.Tag{
		{Entity: k.entity, By: crm.ByID, ID: id},
		{Entity: crm.EntityOwner, By: crm.ByID, ID: actor.User},
		{Entity: crm.EntityOrganisation, By: crm.ByID, ID: actor.Org},
	}
}

// setExpiry sets until and lastUsed.
func (a *answer) setExpiry() {
	a.until = a.asked.Add(maxFollowedAge)
	if end := a.credential.until; !end.IsZero() && end.Before(a.until) {
		a.until = end
	}
	if a.used != nil {
		a.lastUsed.Store(int64(*a.used))
	}
}

// load reads from the shared cache, or else from the database. The position in the change log
// must be from before the query, which requires the organisation: so for a secret that is
// new here, the query is repeated.
func (k *credentialCache) load(ctx context.Context, hash digest, org crm.ID, now time.Time, find finder) (answer, error) {
	if a, ok := k.loadShared(ctx, hash, now); ok {
		return a, nil
	}
	a := answer{asked: now, lastUsed: &atomic.Int64{}}
	read := true // under the epoch of log
	ctx = crm.WithEpochObserver(ctx, func(epoch string) { read = read && epoch == a.log.Epoch })
	if org != (crm.ID{}) {
		a.log, _, a.followed = k.fresh.Position(ctx, org)
	}
	var err error
	if a.credential, err = find(ctx, hash, now); err != nil {
		return answer{}, err
	}
	if org == (crm.ID{}) {
		read = true
		if a.log, _, a.followed = k.fresh.Position(ctx, a.actor.Org); a.followed {
			if a.credential, err = find(ctx, hash, now); err != nil {
				return answer{}, err
			}
		}
	}
	a.followed = a.followed && read
	a.tags = k.tags(a.id, a.actor)
	a.setExpiry()
	if k.shared != nil && a.followed {
		k.shared.put(hash, &a)
	}
	return a, nil
}
