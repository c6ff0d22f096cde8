package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/crm"
)

// crowd is a group of requests that wait for slots of bulkheads, in a bubble.
type crowd struct {
	t       *testing.T
	mu      sync.Mutex
	ordered bool // whether the order of grants matters; those of one moment have none
	granted []string
	shed    []string // name and reason
	waiting sync.WaitGroup
}

// enter waits for a slot, and returns when the request has it, waits, or is rejected.
func (c *crowd) enter(ctx context.Context, b *bulkhead, org byte, name string) {
	c.waiting.Go(func() {
		err := b.enter(ctx, crm.ID{org})
		c.mu.Lock()
		defer c.mu.Unlock()
		if err == nil {
			c.granted = append(c.granted, name)
			return
		}
		reason := err.Error()
		var e *crm.Error
		if errors.As(err, &e) {
			reason = shedReasons[slices.Index(errShed[:], e.Cause)]
		}
		c.shed = append(c.shed, name+" "+reason)
	})
	synctest.Wait()
}

func (c *crowd) expect(granted, shed string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ordered {
		slices.Sort(c.granted)
	}
	if got := strings.Join(c.granted, ","); got != granted {
		c.t.Errorf("granted in the order %s, want %s", got, granted)
	}
	if got := strings.Join(c.shed, ","); got != shed {
		c.t.Errorf("rejected: %s, want %s", got, shed)
	}
	c.granted, c.shed = nil, nil
}

// taken takes all slots.
func taken(t *testing.T, b *bulkhead) {
	t.Helper()
	for range b.slots {
		if err := b.enter(t.Context(), crm.ID{}); err != nil {
			t.Fatal(err)
		}
	}
}

// Organisations take turns, however many requests of one wait.
func TestOrganisationsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := new(bulkheads).add("test", 1, 8, time.Second)
		taken(t, b)
		c := &crowd{t: t, ordered: true}
		for i := range 5 {
			c.enter(t.Context(), b, 1, fmt.Sprint("a", i))
		}
		c.enter(t.Context(), b, 2, "b0")
		c.enter(t.Context(), b, 3, "c0")
		c.enter(t.Context(), b, 2, "b1")
		for range 8 {
			b.leave()
			synctest.Wait()
		}
		c.expect("a0,b0,c0,a1,b1,a2,a3,a4", "")
		b.leave()
		if b.taken != 0 || b.all.waiting != 0 || b.queue.count != 0 || len(b.queue.lines) != 0 {
			t.Errorf("afterwards %d are taken, %d wait", b.taken, b.all.waiting)
		}
	})
}

// In a full queue, an organisation with fewer waiters displaces the last one of the
// organisation with the most.
func TestFullQueueIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := new(bulkheads).add("test", 1, 4, time.Second)
		taken(t, b)
		c := &crowd{t: t}
		for i := range 5 {
			c.enter(t.Context(), b, 1, fmt.Sprint("a", i))
		}
		c.expect("", "a4 full")
		c.enter(t.Context(), b, 2, "b0")
		c.enter(t.Context(), b, 2, "b1")
		c.enter(t.Context(), b, 2, "b2")
		c.expect("", "a3 displaced,a2 displaced,b2 full")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		c.enter(gone, b, 3, "c0") // displaces, and is gone
		c.enter(t.Context(), b, 3, "c1")
		time.Sleep(time.Second)
		synctest.Wait()
		if want := [...]int64{shedFull: 2, shedLate: 4, shedDisplaced: 3}; b.shed != want || b.all.waiting != 0 {
			t.Errorf("rejected %v, want %v; %d wait", b.shed, want, b.all.waiting)
		}
		b.leave()
		if err := b.enter(t.Context(), crm.ID{1}); err != nil {
			t.Errorf("there is no slot afterwards: %v", err)
		}
	})
}

// Interactive requests come before bulk requests, and both before background work, although
// there are slots for each.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBulkheads(2, 10)
		taken(t, b.interactive)
		c := &crowd{t: t}
		c.enter(t.Context(), b.bulk, 1, "bulk0") // nothing waits
		c.enter(t.Context(), b.background, 0, "work0")
		c.expect("bulk0,work0", "")
		b.background.leave()
		c.enter(t.Context(), b.bulk, 1, "bulk1")
		c.enter(t.Context(), b.background, 0, "work1") // there is a slot, but bulk1 waits
		c.enter(t.Context(), b.interactive, 1, "page")
		b.bulk.leave() // there is a slot for bulk1, but the page waits
		c.expect("", "")
		b.interactive.leave()
		c.expect("bulk1,page,work1", "")
		b.background.leave()
		b.bulk.leave()

		// What waits in vain gives way.
		c.enter(t.Context(), b.interactive, 1, "late")
		c.enter(t.Context(), b.bulk, 1, "bulk2")
		time.Sleep(queueTime)
		c.expect("bulk2", "late late")
		gone, cancel := context.WithCancel(t.Context())
		c.enter(gone, b.interactive, 1, "gone")
		c.enter(t.Context(), b.background, 0, "work2")
		c.expect("", "")
		cancel()
		c.expect("work2", "gone context canceled")
	})
}

// A request that fills the cache takes a slot for that, and then an interactive one: fills that
// wait do not hold up interactive requests, and so neither the fills that run.
func TestWaitingFillsHoldUpNoRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBulkheads(2, 10)
		taken(t, b.filling)
		c := &crowd{t: t}
		c.enter(t.Context(), b.filling, 1, "fill")
		c.enter(t.Context(), b.interactive, 1, "page0")
		c.enter(t.Context(), b.interactive, 2, "page1")
		c.expect("page0,page1", "")
		c.enter(t.Context(), b.interactive, 1, "page2")
		c.enter(t.Context(), b.bulk, 1, "bulk")
		c.expect("", "")
		b.interactive.leave()
		c.expect("page2", "")
		b.filling.leave()
		c.expect("bulk,fill", "")
	})
}

// However requests come, wait and go, no slot is lost.
func TestSlotsAreNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBulkheads(4, 10)
		var requests sync.WaitGroup
		for i := range 2000 {
			requests.Go(func() {
				time.Sleep(time.Duration(i%97) * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%13)*time.Millisecond)
				defer cancel()
				one := b.order[i%len(b.order)]
				if one.enter(ctx, crm.ID{byte(i % 7)}) == nil {
					time.Sleep(time.Duration(i%5) * time.Millisecond)
					one.leave()
				}
			})
		}
		requests.Wait()
		for _, one := range b.order {
			if one.taken != 0 || one.queue.count != 0 || len(one.queue.lines) != 0 || one.queue.turns.Len() != 0 || b.waiting != 0 {
				t.Errorf("%s: %d taken, %d waiting of %d", one.name, one.taken, one.queue.count, b.waiting)
			}
		}
	})
}

func BenchmarkFreeSlot(b *testing.B) {
	bulkheads := newBulkheads(256, 20)
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := bulkheads.interactive.enter(ctx, crm.ID{1}); err != nil {
				b.Fatal(err)
			}
			bulkheads.interactive.leave()
		}
	})
}
