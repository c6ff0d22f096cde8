package auth

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"sixty/internal/crm"
)

// HasherOptions say what hashing may take. The zero HasherOptions are the usual ones.
type HasherOptions struct {
	Cost    Cost // of new hashes; 19 MiB, 2 passes and 1 thread if zero
	AtOnce  int  // how many are computed at once; half of the processors if 0
	Waiting int  // how many of each Standing wait for their turn; 32 if 0
}

// Standing is what is known of whoever wants a password looked at. It never goes by
// whether there is such an account, which the time that an answer takes would tell.
type Standing int

// The standings. Whoever is Trusted comes first, and waits beside no others, so that those
// who guess passwords keep nobody out who does not.
const (
	Trusted   Standing = iota // neither they nor their address have failed more than now and then
	Suspected                 // they have
)

// Hasher hashes passwords, a bounded number at once: each takes a core and much memory
// for a while, so that whoever tries many passwords must not take everything from
// those who are signed in. It is safe for concurrent use.
type Hasher struct {
	cost   Cost
	decoy  passwordHash
	most   int // that wait, of each Standing
	hashed atomic.Int64

	mu      sync.Mutex
	free    int          // how many more may be computed at once; 0 if anybody waits
	waiting [2]list.List // of chan bool, by Standing: whether it is their turn, or there is no room
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
		most:  o.Waiting, free: o.AtOnce,
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
	err = h.work(ctx, Trusted, func() { stored = hashPassword(password, h.cost).String() })
	return stored, err
}

// Verify tells whether a password is the stored one, and whether that should be hashed
// anew because the cost has risen. Without a stored one ("") no password is right, and
// finding that out takes the same work. Errors are those of Hash.
func (h *Hasher) Verify(ctx context.Context, who Standing, password, stored string) (ok, outdated bool, err error) {
	known := h.decoy
	if stored != "" {
		if known, err = parseHash(stored); err != nil {
			return false, false, err
		}
	}
	err = h.work(ctx, who, func() { ok = known.matches(password) && stored != "" })
	return ok, ok && known.cost.below(h.cost), err
}

// Hashed counts the hashes that were computed.
func (h *Hasher) Hashed() int64 { return h.hashed.Load() }

// work computes one hash when it is its turn.
func (h *Hasher) work(ctx context.Context, who Standing, hash func()) error {
	if err := h.enter(ctx, who); err != nil {
		return err
	}
	defer h.leave()
	h.hashed.Add(1)
	hash()
	return nil
}

// enter waits for a turn. Whoever came last has it first, and takes the room of whoever has
// waited longest when there is no other: in a queue that is always full, all would wait as
// long as it is, and most be refused at once.
func (h *Hasher) enter(ctx context.Context, who Standing) error {
	h.mu.Lock()
	if h.free > 0 {
		h.free--
		h.mu.Unlock()
		return nil
	}
	queue := &h.waiting[who]
	if queue.Len() >= h.most {
		tell(queue, queue.Front(), false)
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
	case mine := <-turn: // at the same time
		if mine {
			h.next()
		}
	default:
		queue.Remove(place)
	}
	return context.Cause(ctx)
}

func (h *Hasher) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next()
}

// next gives a turn to whoever comes next; the lock is held.
func (h *Hasher) next() {
	for i := range h.waiting {
		if last := h.waiting[i].Back(); last != nil {
			tell(&h.waiting[i], last, true)
			return
		}
	}
	h.free++
}

// tell ends somebody's waiting.
func tell(queue *list.List, place *list.Element, mine bool) {
	if turn, ok := queue.Remove(place).(chan bool); ok {
		turn <- mine
	}
}
