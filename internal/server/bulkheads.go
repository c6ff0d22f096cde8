package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	// queueTime is the longest that an interactive request waits for a slot.
	queueTime = time.Second
	// bulkQueueTime is the longest that a bulk request waits, behind interactive ones.
	bulkQueueTime = 5 * time.Second
	// fillQueueTime is the longest that a cache fill waits: many may wait for its result,
	// and hold nothing meanwhile.
	fillQueueTime = 5 * time.Second
	// bulkShare is how many interactive slots there are for one bulk slot.
	bulkShare = 16
	// fillShare is the part of the connection pool that cache fills may use. With what
	// else goes on, about half of the pool is in use.
	fillShare = 0.4
	// backgroundSlots and backgroundQueue bound the transactions of background work.
	backgroundSlots = 1
	backgroundQueue = 16
)

// bulkheads bound the operations that run at once. Interactive and bulk operations
// (statistics, analysis, exports) have slots of their own, so that the latter never delay
// a page. A slot is held while the use case runs, and not while anything is received or
// sent: a slow client holds none. Cache hits need none.
//
// An interactive operation that fills the cache first needs a slot of a third kind, of
// which there are fewer than connections to the database: when the cache is empty,
// connections are left for writes, credentials and the change log.
//
// While interactive operations wait, no bulk operation gets a slot, and while any operation
// waits, no background work does. A fill that waits holds up no interactive operation: one
// that fills takes both slots, and would wait for those that wait for it. Within a kind,
// organisations take turns.
type bulkheads struct {
	mu      sync.Mutex  // of all
	order   []*bulkhead // of precedence
	waiting int         // in all queues

	filling, interactive, bulk, background *bulkhead
}

// newBulkheads returns bulkheads with n interactive slots.
func newBulkheads(n, connections int) *bulkheads {
	b := &bulkheads{}
	bulk := max(1, n/bulkShare)
	fills := max(1, int(fillShare*float64(connections)))
	b.filling = b.add("fill", fills, n, fillQueueTime)
	b.interactive = b.add("interactive", n, n, queueTime)
	b.bulk = b.add("bulk", bulk, bulk, bulkQueueTime, b.filling, b.interactive)
	b.background = b.add("background", backgroundSlots, backgroundQueue, 0, b.filling, b.interactive, b.bulk)
	return b
}

// add appends a bulkhead, which yields to those before it. Without a limit, waiters wait
// until their context ends.
func (b *bulkheads) add(name string, slots, queue int, limit time.Duration, before ...*bulkhead) *bulkhead {
	one := &bulkhead{all: b, name: name, slots: slots, limit: limit, queue: newFairQueue(queue), before: before}
	b.order = append(b.order, one)
	return one
}

// of returns the bulkhead of an operation.
func (b *bulkheads) of(op *Operation) *bulkhead {
	if op.Cost.bulk() {
		return b.bulk
	}
	return b.interactive
}

// enterFill takes a slot for a cache fill, if the operation needs one. leave releases it.
func (b *bulkheads) enterFill(ctx context.Context, op *Operation, org crm.ID) (leave func(), err error) {
	if op.Cost.bulk() || op.Cost.Free {
		return func() {}, nil
	}
	return b.filling.leave, b.filling.enter(ctx, org)
}

// grant assigns free slots to waiters. The lock is held.
func (b *bulkheads) grant() {
	if b.waiting == 0 {
		return
	}
	for _, one := range b.order {
		for one.queue.count > 0 && one.taken < one.slots && !one.givesWay() {
			one.taken++
			b.waiting--
			one.queue.pop().result <- nil
		}
	}
}

// A bulkhead is a number of slots, and a bounded queue for them.
type bulkhead struct {
	all    *bulkheads
	name   string
	slots  int
	limit  time.Duration // of waiting; 0: none
	before []*bulkhead   // whose waiters have precedence

	// The lock of all guards these.
	taken int
	queue fairQueue
	shed  [len(shedReasons)]int64
}

// The reasons for which a request gets no slot.
const (
	shedFull      = iota // the queue was full
	shedLate             // it waited for too long
	shedDisplaced        // the queue was full, and another organisation had fewer waiters
)

var shedReasons = [...]string{shedFull: "full", shedLate: "late", shedDisplaced: "displaced"}

var errShed = [...]error{
	shedFull:      errors.New("all slots and the queue for them are taken"),
	shedLate:      errors.New("all slots were taken for too long"),
	shedDisplaced: errors.New("all slots are taken, and the organisation has the most waiters"),
}

// reject counts a request that gets no slot. The lock is held.
func (b *bulkhead) reject(reason int) error {
	b.shed[reason]++
	return &crm.Error{Code: crm.CodeUnavailable, Message: "Too many requests are being worked on. Try again shortly.", Cause: errShed[reason]}
}

// free reports whether there is a slot for one who does not wait. The lock is held.
func (b *bulkhead) free() bool {
	if b.taken >= b.slots || b.queue.count > 0 {
		return false
	}
	return b.all.waiting == 0 || !b.givesWay()
}

// givesWay reports whether others that have precedence wait. The lock is held.
func (b *bulkhead) givesWay() bool {
	return slices.ContainsFunc(b.before, func(other *bulkhead) bool { return other.queue.count > 0 })
}

// enter takes a slot, for which it waits if need be. leave releases it.
func (b *bulkhead) enter(ctx context.Context, org crm.ID) error {
	b.all.mu.Lock()
	if b.free() {
		b.taken++
		b.all.mu.Unlock()
		return nil
	}
	w, displaced := b.queue.push(org)
	if displaced != nil {
		displaced.result <- b.reject(shedDisplaced)
		b.all.waiting--
	}
	if w == nil {
		defer b.all.mu.Unlock()
		return b.reject(shedFull)
	}
	b.all.waiting++
	b.all.mu.Unlock()
	return b.wait(ctx, w)
}

// wait waits for a slot until the limit, or until ctx ends.
func (b *bulkhead) wait(ctx context.Context, w *waiter) error {
	var late <-chan time.Time
	if b.limit > 0 {
		timer := time.NewTimer(b.limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case err := <-w.result:
		return err
	case <-late:
		if !b.withdraw(w) {
			return <-w.result
		}
		b.all.mu.Lock()
		defer b.all.mu.Unlock()
		return b.reject(shedLate)
	case <-ctx.Done():
		if !b.withdraw(w) && <-w.result == nil {
			b.leave()
		}
		return context.Cause(ctx)
	}
}

// withdraw removes a waiter, and returns false if it has its result already.
func (b *bulkhead) withdraw(w *waiter) bool {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	if !b.queue.remove(w) {
		return false
	}
	b.all.waiting--
	b.all.grant() // those behind it may have waited for it
	return true
}

func (b *bulkhead) leave() {
	b.all.mu.Lock()
	b.taken--
	b.all.grant()
	b.all.mu.Unlock()
}

// inSlot runs an operation in a slot of its bulkhead.
func (s *Server) inSlot(op *Operation, c *Call) error {
	if op.Cost.Free { // health checks, and what costs nothing
		return op.Run(c)
	}
	if op.HasBody {
		c.Request.Body = receiveBody(c.Request.Body)
	}
	b := s.bulkheads.of(op)
	if err := b.enter(c.Context, c.Actor.Org); err != nil {
		return err
	}
	defer b.leave()
	return op.Run(c)
}

// Background takes a slot for one transaction of background work, for which it waits while
// requests wait. leave must be called.
func (s *Server) Background(ctx context.Context) (leave func(), err error) {
	b := s.bulkheads.background
	if err := b.enter(ctx, crm.ID{}); err != nil {
		return nil, err
	}
	return b.leave, nil
}

// Waiting returns how many operations wait for a slot.
func (s *Server) Waiting() int {
	s.bulkheads.mu.Lock()
	defer s.bulkheads.mu.Unlock()
	return s.bulkheads.waiting
}

const shedHelp = "Requests rejected because of overload, by class and reason (full, late, displaced; of streams, also principal and organisation)."

// ObserveOverload emits metrics of the operations that run, wait and were rejected.
func (s *Server) ObserveOverload(emit func(name, help string, counter bool, value float64, labels ...string)) {
	s.bulkheads.mu.Lock()
	defer s.bulkheads.mu.Unlock()
	for _, b := range s.bulkheads.order {
		emit("sixty_slots_taken", "Slots in which operations run, by class.", false, float64(b.taken), "class", b.name)
		emit("sixty_slots_waiting", "Operations that wait for a slot, by class.", false, float64(b.queue.count), "class", b.name)
		for reason, n := range b.shed {
			emit("sixty_requests_shed_total", shedHelp,
				true, float64(n), "class", b.name, "reason", shedReasons[reason])
		}
	}
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	for bound, n := range s.streams.shed {
		emit("sixty_requests_shed_total", shedHelp, true, float64(n), "class", "stream", "reason", streamScopes[bound])
	}
}
