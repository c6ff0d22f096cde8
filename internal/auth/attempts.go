package auth

import (
	"fmt"
	"sync"
	"time"
)

// TooManyAttempts means that an attempt was rejected because of earlier failures.
type TooManyAttempts struct {
	Wait time.Duration // until the next attempt is accepted
}

// Error returns a message for the user.
func (e *TooManyAttempts) Error() string {
	return fmt.Sprintf("Too many failed attempts. Try again in %d seconds.", e.Seconds())
}

// Seconds returns Wait in whole seconds, rounded up, for Retry-After (RFC 9110 section
// 10.2.3).
func (e *TooManyAttempts) Seconds() int64 { return int64((e.Wait + time.Second - 1) / time.Second) }

// The delays after failures: none for the first few, then doubled for each. Failures never
// lock an account, so that failing on purpose cannot lock out others.
const (
	firstDelay   = time.Second
	longestDelay = time.Minute
	resetAfter   = 15 * time.Minute // without another failure
	// freeForAccount and freeForAddress are the numbers of failures without a delay: an
	// office shares one address.
	freeForAccount = 5
	freeForAddress = 20
	// maxAttempts bounds the recorded names, in each of two generations. Attackers with more
	// names and addresses are slowed down by the hashing.
	maxAttempts = 20_000
)

// attempts counts failed attempts. An attempt counts as a failure from its start until it
// succeeds, so that concurrent attempts do not bypass the delays. It is safe for concurrent
// use.
type attempts struct {
	now func() time.Time

	mu         sync.Mutex
	young, old map[string]failures // when young is full, it replaces old
}

type failures struct {
	count int
	last  time.Time
	until time.Time // when the next attempt is accepted

	rejected int // attempts rejected by the hasher, since the last one that was not
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, young: map[string]failures{}}
}

// A subject is an account or an address with a count of failures.
type subject struct {
	name string
	free int // failures without a delay
}

// begin counts an attempt against all subjects. If one of them must wait, it returns a
// *TooManyAttempts and counts it against none.
func (a *attempts) begin(all ...subject) error {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	var wait time.Duration
	for _, t := range all {
		wait = max(wait, a.of(t.name, now).until.Sub(now))
	}
	if wait > 0 {
		return &TooManyAttempts{wait}
	}
	for _, t := range all {
		f := a.of(t.name, now)
		f.count++
		f.last, f.until = now, now.Add(delayAfter(f.count-t.free))
		a.put(t.name, f)
	}
	return nil
}

// trustLevel returns the trust level of a started attempt: Suspected if a subject had more
// earlier failures or rejections than a quarter of its free ones, which is more than people
// mistype.
func (a *attempts) trustLevel(all ...subject) TrustLevel {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range all {
		if f := a.of(t.name, now); f.count-1+f.rejected > t.free/4 {
			return Suspected
		}
	}
	return Trusted
}

// undo uncounts an attempt.
func (a *attempts) undo(all ...subject) {
	a.takeBack(func(f *failures) { f.rejected = 0 }, all)
}

// undoRejected uncounts an attempt that the hasher rejected.
func (a *attempts) undoRejected(all ...subject) {
	a.takeBack(func(f *failures) { f.rejected++ }, all)
}

func (a *attempts) takeBack(also func(*failures), all []subject) {
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

// reset deletes the failures of a subject after a success.
func (a *attempts) reset(t subject) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.young, t.name)
	delete(a.old, t.name)
}

// of returns the failures of a subject; the lock is held.
func (a *attempts) of(name string, now time.Time) failures {
	f, ok := a.young[name]
	if !ok {
		f = a.old[name]
	}
	if now.Sub(f.last) >= resetAfter {
		return failures{}
	}
	return f
}

// put stores the failures of a subject; the lock is held.
func (a *attempts) put(name string, f failures) {
	if _, known := a.young[name]; !known && len(a.young) >= maxAttempts {
		a.young, a.old = map[string]failures{}, a.young
	}
	a.young[name] = f
}

// delayAfter returns the delay after n failures beyond the free ones.
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
