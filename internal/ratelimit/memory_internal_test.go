package ratelimit

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"sixty/internal/crm"
)

func nthAddress(n uint32) Caller {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], n)
	return Address(netip.AddrFrom4(a))
}

// known returns the number of subjects in memory.
func (m *memory) known() (anonymous, signedIn int) {
	for i := range shards {
		anonymous += len(m.anonymous[i].entries)
		signedIn += len(m.signedIn[i].entries)
	}
	return anonymous, signedIn
}

func TestMemory_IsBounded(t *testing.T) {
	t.Parallel()
	const room = 10 * shards
	clock := newFakeClock()
	l := mustNew(t, Options{MaxSubjects: room, Penalties: Penalties{MaxDelayed: -1}, Now: clock.Now})
	ctx := context.Background()
	principal := Principal(crm.ID{1}, crm.ID{1})
	for l.Charge(ctx, principal, API, Request).Allowed {
	}
	for i := range uint32(100 * room) {
		if d := l.Charge(ctx, nthAddress(i), API, Request); !d.Allowed {
			t.Fatalf("address %d is rejected, with %d known: %+v", i, room, d)
		}
		if i%4 == 0 {
			clock.advance(time.Millisecond)
		}
		if unknown, _ := l.memory.known(); unknown > room {
			t.Fatalf("%d addresses are known, the capacity is %d", unknown, room)
		}
	}
	if unknown, signedIn := l.memory.known(); unknown < room/2 || signedIn != 2 {
		t.Errorf("%d addresses and %d signed-in subjects are known", unknown, signedIn)
	}
	// 4 s have passed, in which 67 of 1,000 a minute are replenished.
	if s := l.Limits(ctx, principal)[API]; s.Remaining > 67 {
		t.Errorf("anonymous callers have evicted a signed-in one: %+v", s)
	}

	// Once everything is replenished, a few requests remove the other entries.
	clock.advance(time.Hour)
	for i := range uint32(2 * room) {
		l.Charge(ctx, nthAddress(i), API, Request)
		clock.advance(time.Second)
	}
	if unknown, _ := l.memory.known(); unknown > 2*shards {
		t.Errorf("%d addresses are still known", unknown)
	}
}

func TestMemory_EvictionGainsNothing(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	l := mustNew(t, Options{
		API: Limit{10, time.Hour}, MaxSubjects: shards, Penalties: Penalties{MaxDelayed: -1}, Now: clock.Now,
	})
	ctx := context.Background()
	got := map[uint32]int{}
	for range 20 {
		for a := range uint32(10 * shards) {
			for range 3 {
				if l.Charge(ctx, nthAddress(a), API, Request).Allowed {
					got[a]++
				}
			}
		}
	}
	for a, n := range got {
		if n > 10 {
			t.Errorf("address %d was allowed %d times, want at most 10", a, n)
		}
	}
	if len(got) < shards {
		t.Errorf("only %d addresses were ever allowed", len(got))
	}
}
