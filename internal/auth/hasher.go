package auth

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"sixty/internal/crm"
)

// HasherOptions say what hashing may take. The zero HasherOptions are the usual ones.
type HasherOptions struct {
	Cost    Cost // of new hashes; 19 MiB, 2 passes and 1 thread if zero
	AtOnce  int  // how many are computed at once; half of the processors if 0
	Waiting int  // how many wait for their turn; 32 if 0
}

// Hasher hashes passwords, a bounded number at once: each takes a core and much memory
// for a while, so that whoever tries many passwords must not take everything from
// those who are signed in. It is safe for concurrent use.
type Hasher struct {
	cost   Cost
	decoy  passwordHash
	room   chan struct{} // holds one for each that computes or waits
	slots  chan struct{} // holds one for each that computes
	hashed atomic.Int64
}

// NewHasher makes a Hasher.
func NewHasher(o HasherOptions) *Hasher {
	if o.Cost == (Cost{}) {
		o.Cost = defaultCost()
	}
	if o.AtOnce == 0 {
		o.AtOnce = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Waiting == 0 {
		o.Waiting = 32
	}
	return &Hasher{
		cost:  o.Cost,
		decoy: passwordHash{cost: o.Cost, salt: make([]byte, saltBytes), hash: make([]byte, hashBytes)},
		room:  make(chan struct{}, o.AtOnce+o.Waiting),
		slots: make(chan struct{}, o.AtOnce),
	}
}

// errBusy is the cause when too many passwords wait to be hashed.
var errBusy = errors.New("too many passwords wait to be hashed")

// busy says so to whoever comes too much.
func busy() error {
	return &crm.Error{Code: crm.CodeUnavailable, Message: "Too many people sign in at the moment. Try again shortly.", Cause: errBusy}
}

// Hash gives what is to be stored of a password. It is CodeUnavailable when too many
// wait already, and the context's error when that ends first.
func (h *Hasher) Hash(ctx context.Context, password string) (stored string, err error) {
	err = h.work(ctx, func() { stored = hashPassword(password, h.cost).String() })
	return stored, err
}

// Verify tells whether a password is the stored one, and whether that should be hashed
// anew because the cost has risen. Without a stored one ("") no password is right, and
// finding that out takes the same work. Errors are those of Hash.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, outdated bool, err error) {
	known := h.decoy
	if stored != "" {
		if known, err = parseHash(stored); err != nil {
			return false, false, err
		}
	}
	err = h.work(ctx, func() { ok = known.matches(password) && stored != "" })
	return ok, ok && known.cost.below(h.cost), err
}

// Hashed counts the hashes that were computed.
func (h *Hasher) Hashed() int64 { return h.hashed.Load() }

// work computes one hash when it is its turn.
func (h *Hasher) work(ctx context.Context, hash func()) error {
	select {
	case h.room <- struct{}{}:
		defer func() { <-h.room }()
	default:
		return busy()
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	h.hashed.Add(1)
	hash()
	return nil
}
