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
	// useEvery is how often the use of a credential is entered, and maxUses how many of
	// them are being entered at most; what does not find room is entered with the next.
	useEvery = time.Minute
	maxUses  = 4
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

// A credential is what the database says of a secret that is good.
type credential struct {
	actor crm.Actor
	id    crm.ID       // of the key or session
	tags  [3]crm.Tag   // see recogniser.tags
	until time.Time    // when it ends by itself; zero if never
	used  *crm.Instant // last; nil if never
}

// A finder asks the database who holds a secret; CodeUnauthenticated if it is not good.
type finder func(ctx context.Context, hash digest, now time.Time) (credential, error)

// A recogniser tells who holds a secret. It asks the database, and believes the answer
// for as long as nothing can have changed. It is safe for concurrent use.
type recogniser struct {
	fresh  Freshness
	now    func() time.Time
	entity string                        // what a credential is in the change log
	shared *sharedAnswers                // nil: there are none
	known  *otter.Cache[digest, *answer] // answers are not changed
	find   finder
	// use enters that a credential is in use, unless that was entered after since; nil:
	// nobody wants to know.
	use func(ctx context.Context, by crm.Actor, id crm.ID, since crm.Instant) error

	mu      sync.Mutex
	lookups map[digest]*lookup // those that run
	running sync.WaitGroup
	uses    chan struct{} // holds one for each that is being entered
}

// answer is a good answer of the database.
type answer struct {
	credential
	asked    time.Time // when the question began
	until    time.Time // it is not believed from then on, whatever vouches for it
	log      bool      // the change log can vouch for it:
	seq      int64     // the position before the question
	lastUsed *atomic.Int64
}

// lookup is a question to the database that runs, or has just ended. Whoever asks
// for the same secret meanwhile waits for it instead of asking again.
type lookup struct {
	began time.Time
	done  chan struct{} // closed when answer and err are set
	answer
	err error
}

// init readies a recogniser whose functions are set. close ends it.
func (k *recogniser) init() {
	k.known = otter.Must(&otter.Options[digest, *answer]{
		MaximumSize: maxKnown,
		// Maintenance on the caller's goroutine: it is little, and so none
		// outlives close.
		Executor: func(f func()) { f() },
	})
	k.lookups, k.uses = map[digest]*lookup{}, make(chan struct{}, maxUses)
}

// close waits for the questions and entries that still run, each of which is bounded.
// Nothing may be recognised any more.
func (k *recogniser) close() { k.running.Wait() }

// recognise gives the credential behind a secret. A good answer is believed for a
// second, counted from before the database was asked, or for a minute as long as the
// change log tells of nothing that ends it; bad ones are not kept.
func (k *recogniser) recognise(ctx context.Context, hash digest) (credential, error) {
	return k.recogniseBy(ctx, hash, k.find)
}

// recall is recognise without asking the database; false if that is needed.
func (k *recogniser) recall(ctx context.Context, hash digest) (credential, bool) {
	now := k.now()
	a, ok := k.known.GetIfPresent(hash)
	if !ok || !k.believed(ctx, a, now) {
		return credential{}, false
	}
	k.noteUse(ctx, a, now)
	return a.credential, true
}

// recogniseBy is recognise by another way to ask the database.
func (k *recogniser) recogniseBy(ctx context.Context, hash digest, find finder) (credential, error) {
	now := k.now()
	a, ok := k.known.GetIfPresent(hash)
	if !ok || !k.believed(ctx, a, now) {
		var org crm.ID
		if ok {
			org = a.actor.Org
		}
		l := k.ask(ctx, hash, org, now, find)
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
	k.noteUse(ctx, a, now)
	return a.credential, nil
}

// lastKnown gives the credential behind a secret as it was when the database was last
// asked, at most two minutes ago.
func (k *recogniser) lastKnown(hash digest) (credential, bool) {
	a, ok := k.known.GetIfPresent(hash)
	if !ok || k.now().Sub(a.asked) > lastKnownFor || a.log && !k.fresh.Fresh(a.actor.Org, a.seq, a.tags[:]) {
		return credential{}, false
	}
	return a.credential, true
}

// believed tells whether an answer still holds.
func (k *recogniser) believed(ctx context.Context, a *answer, now time.Time) bool {
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

// noteUse enters that a credential is in use, if it has not been entered for a while.
// Nobody waits for it, and a failure costs no more than that it is entered later.
func (k *recogniser) noteUse(ctx context.Context, a *answer, now time.Time) {
	if k.use == nil {
		return
	}
	last := a.lastUsed.Load()
	since := crm.InstantOf(now.Add(-useEvery))
	if last > int64(since) {
		return
	}
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
		_ = k.use(ctx, a.actor, a.id, since) // see above
	})
}

// ask joins the lookup of this secret that runs, unless that began too long ago to be
// believed, or starts one. The organisation is the zero ID if it is not known.
func (k *recogniser) ask(ctx context.Context, hash digest, org crm.ID, now time.Time, find finder) *lookup {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l, ok := k.lookups[hash]; ok && now.Sub(l.began) < freshness {
		return l
	}
	l := &lookup{began: now, done: make(chan struct{})}
	k.lookups[hash] = l
	// Whoever asked first may give up; those who joined must not suffer for it.
	ctx = context.WithoutCancel(ctx)
	k.running.Go(func() { k.run(ctx, hash, org, l, find) })
	return l
}

func (k *recogniser) run(ctx context.Context, hash digest, org crm.ID, l *lookup, find finder) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, crm.Unavailable(fmt.Errorf("looking up a credential took more than %s", lookupTimeout)))
	defer cancel()
	l.answer, l.err = k.inquire(ctx, hash, org, l.began, find)
	if l.err == nil {
		k.known.Set(hash, &l.answer)
	}
	k.mu.Lock()
	if k.lookups[hash] == l {
		delete(k.lookups, hash)
	}
	k.mu.Unlock()
	close(l.done)
}

// tags are what an answer about a credential depends on: it, whom it acts for, and what
// their organisation lets them see.
func (k *recogniser) tags(id crm.ID, actor crm.Actor) [3]crm.Tag {
	return [3]crm.Tag{
		{Entity: k.entity, By: crm.ByID, ID: id},
		{Entity: crm.EntityOwner, By: crm.ByID, ID: actor.User},
		{Entity: crm.EntityOrganisation, By: crm.ByID, ID: actor.Org},
	}
}

// bound sets until when an answer is believed at most, and when its credential was last
// used as far as it knows.
func (a *answer) bound() {
	a.until = a.asked.Add(followedFor)
	if end := a.credential.until; !end.IsZero() && end.Before(a.until) {
		a.until = end
	}
	if a.used != nil {
		a.lastUsed.Store(int64(*a.used))
	}
}

// inquire asks where the instances share what they have found, and then the database. The
// position in the change log must be from before the question, and to know whose log, the
// organisation must be known: a secret that is new here is asked for twice.
func (k *recogniser) inquire(ctx context.Context, hash digest, org crm.ID, now time.Time, find finder) (answer, error) {
	if a, ok := k.shares(ctx, hash, now); ok {
		return a, nil
	}
	a := answer{asked: now, lastUsed: &atomic.Int64{}}
	if org != (crm.ID{}) {
		a.seq, _, a.log = k.fresh.Position(ctx, org)
	}
	var err error
	if a.credential, err = find(ctx, hash, now); err != nil {
		return answer{}, err
	}
	if org == (crm.ID{}) {
		if a.seq, _, a.log = k.fresh.Position(ctx, a.actor.Org); a.log {
			if a.credential, err = find(ctx, hash, now); err != nil {
				return answer{}, err
			}
		}
	}
	a.tags = k.tags(a.id, a.actor)
	a.bound()
	if k.shared != nil && a.log {
		k.shared.put(hash, &a)
	}
	return a, nil
}
