package auth

import (
	"fmt"
	"sync"
	"time"
)

// TooSoon says that somebody who has failed before tries again too soon.
type TooSoon struct {
	Wait time.Duration // until the next try is looked at
}

// Error says how long to wait.
func (e *TooSoon) Error() string {
	return fmt.Sprintf("Too many tries have failed. Try again in %d seconds.", e.Seconds())
}

// Seconds is Wait in whole seconds, rounded up, as Retry-After has it (RFC 9110 section
// 10.2.3).
func (e *TooSoon) Seconds() int64 { return int64((e.Wait + time.Second - 1) / time.Second) }

// The delays that failures bring: none for the first few, then each the double of the
// one before. They delay and never lock, so that nobody can keep somebody else out for
// good by failing in their name.
const (
	firstDelay   = time.Second
	longestDelay = time.Minute
	forgivenIn   = 15 * time.Minute // without another failure
	// freeOfAccount and freeOfAddress are how many failures bring no delay: an office
	// shares one address.
	freeOfAccount = 5
	freeOfAddress = 20
	// maxAttempts bounds those whose failures are remembered, twice over. Whoever has
	// more names and addresses than that to try from is slowed down by the hashing.
	maxAttempts = 20_000
)

// attempts remembers failures. A try counts as a failure when it begins, so that many
// at once are no way round the delays, until it is known to have been right. It is safe
// for concurrent use.
type attempts struct {
	now func() time.Time

	mu         sync.Mutex
	young, old map[string]failures // when young is full, old is forgotten
}

type failures struct {
	count int
	last  time.Time
	until time.Time // when the next try is looked at

	turned int // tries for which there was no room, since one was looked at
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, young: map[string]failures{}}
}

// A tried is whoever is tried, or tries: an account or an address.
type tried struct {
	name string
	free int // failures that bring no delay
}

// begin counts a try against all of them; a *TooSoon if one of them must wait, and then
// it counts against none.
func (a *attempts) begin(all ...tried) error {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	var wait time.Duration
	for _, t := range all {
		wait = max(wait, a.of(t.name, now).until.Sub(now))
	}
	if wait > 0 {
		return &TooSoon{wait}
	}
	for _, t := range all {
		f := a.of(t.name, now)
		f.count++
		f.last, f.until = now, now.Add(delayAfter(f.count-t.free))
		a.put(t.name, f)
	}
	return nil
}

// standing tells how whoever has begun a try stands: as Suspected when one of them has failed,
// or was turned away, more often before than a quarter of what brings no delay, as who
// mistypes has not.
func (a *attempts) standing(all ...tried) Standing {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range all {
		if f := a.of(t.name, now); f.count-1+f.turned > t.free/4 {
			return Suspected
		}
	}
	return Trusted
}

// undo takes a try back, as one that was never made.
func (a *attempts) undo(all ...tried) {
	a.takeBack(func(f *failures) { f.turned = 0 }, all)
}

// turnAway takes a try back for which there was no room.
func (a *attempts) turnAway(all ...tried) {
	a.takeBack(func(f *failures) { f.turned++ }, all)
}

func (a *attempts) takeBack(also func(*failures), all []tried) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range all {
		f := a.of(t.name, now)
		f.count, f.until = max(0, f.count-1), now
		also(&f)
		a.put(t.name, f)
	}
}

// forgive forgets the failures of one who was right.
func (a *attempts) forgive(t tried) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.young, t.name)
	delete(a.old, t.name)
}

// of gives what is remembered; the lock is held.
func (a *attempts) of(name string, now time.Time) failures {
	f, ok := a.young[name]
	if !ok {
		f = a.old[name]
	}
	if now.Sub(f.last) >= forgivenIn {
		return failures{}
	}
	return f
}

// put remembers; the lock is held.
func (a *attempts) put(name string, f failures) {
	if _, known := a.young[name]; !known && len(a.young) >= maxAttempts {
		a.young, a.old = map[string]failures{}, a.young
	}
	a.young[name] = f
}

// delayAfter gives the delay after so many failures that are not free.
func delayAfter(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	d := firstDelay
	for ; n > 1 && d < longestDelay; n-- {
		d *= 2
	}
	return min(d, longestDelay)
}
