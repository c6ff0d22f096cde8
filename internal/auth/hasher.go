package auth

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"sixty/internal/crm"
)

// HasherOptions configure a Hasher; zero values are the defaults.
type HasherOptions struct {
	Cost    Cost // of new hashes; 19 MiB, 2 passes and 1 thread if zero
	AtOnce  int  // concurrent hashes; half of the processors if 0
	Waiting int  // length of the queue of each TrustLevel; 32 if 0
}

// TrustLevel prioritises requests for password checks. It must not depend on whether the
// account exists, which response times would reveal.
type TrustLevel int

// The trust levels. Each has a queue of its own, and the first is served first, so that
// guessing passwords does not keep others from signing in.
const (
	Trusted      TrustLevel = iota // a known device, a session, or a one-time token
	KnownNetwork                   // one that the account has been signed in to from
	Unknown                        // neither, and few recent failures
	Suspected                      // more

	trustLevels = 4
)

// Hasher hashes passwords. Hashing takes a core and much memory for a while, so the number of
// concurrent hashes is bounded, to protect requests of signed-in users. It is safe for
// concurrent use.
type Hasher struct {
	cost       Cost
	decoy      passwordHash
	maxWaiting int // length of each queue
	hashed     atomic.Int64

	mu      sync.Mutex
	free    int                    // how many more may run; 0 if any are waiting
	waiting [trustLevels]list.List // of chan bool, by TrustLevel: true to start, false to give up
}

// NewHasher returns a Hasher.
func NewHasher(o HasherOptions) *Hasher {
	cost := cmp.Or(o.Cost, defaultCost())
	return &Hasher{
		cost:       cost,
		decoy:      passwordHash{cost: cost, salt: make([]byte, saltBytes), hash: make([]byte, hashBytes)},
		maxWaiting: cmp.Or(o.Waiting, 32), free: cmp.Or(o.AtOnce, max(1, runtime.GOMAXPROCS(0)/2)),
	}
}

var errBusy = errors.New("too many passwords are waiting to be hashed")

func busy() error {
	return &crm.Error{Code: crm.CodeUnavailable, Message: "Too many people are signing in at the moment. Try again shortly.", Cause: errBusy}
}

// Hash returns the stored form of a password, which is prepared before (RFC 8265). It returns
// CodeUnavailable if too many are waiting, and the context's error if that ends first.
func (h *Hasher) Hash(ctx context.Context, password string) (stored string, err error) {
	prepared := prepare(password)
	err = h.work(ctx, Trusted, func() { stored = hashPassword(prepared, h.cost).String(); h.hashed.Add(1) })
	return stored, err
}

// Verify reports whether a password matches the stored form, and whether that should be
// replaced: because the cost has increased, or the password had not been prepared. If stored is
// "" or the password is too long to be anyone's, it does not match, after the same work. Errors
// are those of Hash.
func (h *Hasher) Verify(ctx context.Context, level TrustLevel, password, stored string) (ok, outdated bool, err error) {
	known := h.decoy
	if stored != "" {
		if known, err = parseHash(stored); err != nil {
			return false, false, err
		}
	}
	if isTooLong(password) {
		password, known, stored = "", h.decoy, ""
	}
	prepared := prepare(password)
	raw := false // it matches as it was hashed before passwords were prepared
	err = h.work(ctx, level, func() {
		ok = known.matches(prepared) && stored != ""
		h.hashed.Add(1)
		if !ok && prepared != password { // one more hash for those whose text changes
			raw = known.matches(password) && stored != ""
			h.hashed.Add(1)
		}
	})
	return ok || raw, raw || ok && known.cost.below(h.cost), err
}

// Hashed returns the number of computed hashes.
func (h *Hasher) Hashed() int64 { return h.hashed.Load() }

// work computes a hash, or two.
func (h *Hasher) work(ctx context.Context, level TrustLevel, hash func()) error {
	if err := h.acquire(ctx, level); err != nil {
		return err
	}
	defer h.release()
	hash()
	return nil
}

// acquire waits for a slot. The queue is last in, first out, and drops the longest waiting
// request when full: with a first-in-first-out queue under overload, every request would wait
// for the whole queue and most would be rejected.
func (h *Hasher) acquire(ctx context.Context, level TrustLevel) error {
	h.mu.Lock()
	if h.free > 0 {
		h.free--
		h.mu.Unlock()
		return nil
	}
	queue := &h.waiting[level]
	if queue.Len() >= h.maxWaiting {
		signal(queue, queue.Front(), false)
	}
	turn := make(chan bool, 1)
	place := queue.PushBack(turn)
	h.mu.Unlock()
	select {
	case mine := <-turn:
		if !mine {
			return busy()
		}
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case mine := <-turn: // concurrently
		if mine {
			h.next()
		}
	default:
		queue.Remove(place)
	}
	return context.Cause(ctx)
}

func (h *Hasher) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next()
}

// next passes the slot on; the lock is held.
func (h *Hasher) next() {
	for i := range h.waiting {
		if last := h.waiting[i].Back(); last != nil {
			signal(&h.waiting[i], last, true)
			return
		}
	}
	h.free++
}

// signal removes a waiting request from its queue and notifies it.
func signal(queue *list.List, place *list.Element, mine bool) {
	if turn, ok := queue.Remove(place).(chan bool); ok {
		turn <- mine
	}
}
