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

// known is how many subjects memory knows.
func (m *memory) known() (unknown, signedIn int) {
	for i := range shards {
		unknown += len(m.unknown[i].entries)
		signedIn += len(m.signedIn[i].entries)
	}
	return unknown, signedIn
}

func TestMemory_IsBounded(t *testing.T) {
	t.Parallel()
	const room = 10 * shards
	clock := newFakeClock()
	l := mustNew(t, Options{MaxSubjects: room, Penalties: Penalties{MaxHeld: -1}, Now: clock.Now})
	ctx := context.Background()
	someone := Principal(crm.ID{1}, crm.ID{1})
	for l.Charge(ctx, someone, API, Request).Allowed {
	}
	for i := range uint32(100 * room) {
		if d := l.Charge(ctx, nthAddress(i), API, Request); !d.Allowed {
			t.Fatalf("address %d is refused, with %d known: %+v", i, room, d)
		}
		if i%4 == 0 {
			clock.advance(time.Millisecond)
		}
		if unknown, _ := l.memory.known(); unknown > room {
			t.Fatalf("%d addresses are known, room is for %d", unknown, room)
		}
	}
	if unknown, signedIn := l.memory.known(); unknown < room/2 || signedIn != 2 {
		t.Errorf("%d addresses and %d who are signed in are known", unknown, signedIn)
	}
	// 4 s have passed, in which 67 of 1,000 a minute grow back.
	if s := l.Limits(ctx, someone)[API]; s.Remaining > 67 {
		t.Errorf("strangers push out who is signed in: %+v", s)
	}

	// When all of it has grown back, a few requests are enough to forget the others.
	clock.advance(time.Hour)
	for i := range uint32(2 * room) {
		l.Charge(ctx, nthAddress(i), API, Request)
		clock.advance(time.Second)
	}
	if unknown, _ := l.memory.known(); unknown > 2*shards {
		t.Errorf("%d addresses are still known", unknown)
	}
}

// Whoever had to go for others starts, when they are back, with no more than they
// had: coming from many addresses gains nothing.
func TestMemory_GoingTooSoonGainsNothing(t *testing.T) {
	t.Parallel()
	clock := newFakeClock()
	l := mustNew(t, Options{
		API: Limit{10, time.Hour}, MaxSubjects: shards, Penalties: Penalties{MaxHeld: -1}, Now: clock.Now,
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
			t.Errorf("address %d got through %d times, 10 are allowed", a, n)
		}
	}
	if len(got) < shards {
		t.Errorf("only %d addresses got through at all", len(got))
	}
}
