package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/redis"
)

// The delays after failures: none for the first few, then doubled for each.
const (
	firstFailureDelay   = time.Second
	longestFailureDelay = time.Minute
	failuresResetAfter  = 15 * time.Minute // without another failure
	// maxFailures bounds the recorded subjects, in each of two generations.
	maxFailures = 32_768
)

// A FailureSubject is what failures are counted of: an account, a network, or both.
type FailureSubject struct {
	Name string // only a keyed hash of it is kept
	Free int    // failures without a delay
	// Window, if not 0, makes Free the number of failures in a window of time, which begins
	// with the first of them. Further attempts are rejected until it ends.
	Window time.Duration
	// Observed subjects do not reject attempts. An attempt is not counted against one that would
	// have rejected it.
	Observed bool
	// Forgiving subjects have no failures after a success; others keep the earlier ones.
	Forgiving bool
}

// FailureResult is the decision on an attempt.
type FailureResult struct {
	// Wait is the time until an attempt is accepted; 0: this one is.
	Wait time.Duration
	// ObservedWait is what Wait would be if observed subjects rejected attempts.
	ObservedWait time.Duration
	// Suspected reports that a subject had more earlier failures or Overload than a quarter of
	// its free ones, which is more than people mistype.
	Suspected bool

	// What the attempt added, by which it is uncounted.
	all    []FailureSubject
	keys   []failureKey
	added  []addedFailure
	shared bool // it was counted in Redis, too
}

// addedFailure is what an attempt added to a subject.
type addedFailure struct {
	counted bool
	until   time.Time // the wait that began with it
	shared  int64     // likewise, by the clock of Redis
}

// FailuresOptions configure Failures. Now is required, and with Redis, Prefix and Logger too.
type FailuresOptions struct {
	Now func() time.Time
	// Key is the key of the hashes of names: a secret that all instances know.
	Key []byte
	// Redis returns the client of the counts that instances share; nil: each has its own.
	Redis  func() rueidis.Client
	Prefix string
	Logger *slog.Logger
}

// Failures counts failed attempts, such as of signing in. An attempt counts as a failure from
// its start until it succeeds, so that concurrent attempts do not bypass the delays. With
// Redis, the instances share the counts; without an answer from it, those in memory decide. It
// is safe for concurrent use.
type Failures struct {
	now    func() time.Time
	key    []byte
	shared *sharedFailures // nil if there are none

	mu         sync.Mutex
	young, old map[failureKey]failures // when young is full, it replaces old
}

type failureKey [16]byte

// failures is the state of a subject.
type failures struct {
	count   int
	until   time.Time // when the next attempt is accepted
	expires time.Time // when the count does

	overload int // see Overloaded; known to this instance only
}

// NewFailures returns Failures, which the caller must Close.
func NewFailures(o FailuresOptions) *Failures {
	f := &Failures{now: o.Now, key: o.Key, young: map[failureKey]failures{}}
	if o.Redis != nil {
		f.shared = &sharedFailures{
			calls: redis.NewCalls[[]int64](redis.CallsOptions{
				Name: "failures", Client: o.Redis, Running: maxRunning, Patience: redis.Patience, Logger: o.Logger,
			}),
			prefix: o.Prefix,
		}
	}
	return f
}

// Close waits up to a second for running Redis calls. Failures must not be used afterwards.
func (f *Failures) Close() {
	if f.shared != nil {
		f.shared.calls.Close()
	}
}

// Begin counts an attempt against all subjects. If one of them must wait, the attempt is
// rejected, and counted against none.
func (f *Failures) Begin(ctx context.Context, all ...FailureSubject) FailureResult {
	r := FailureResult{all: all, keys: f.keys(all), added: make([]addedFailure, len(all))}
	now := f.now()
	if states, ok := f.shared.begin(ctx, now, &r); ok {
		r.shared = true
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, k := range r.keys {
			states[i].overload = f.of(k, now).overload
			f.put(now, k, states[i])
			r.added[i].until = states[i].until
		}
		r.Suspected = f.suspected(now, &r)
		return r
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wait(now, &r); r.Wait > 0 {
		return r
	}
	for i, k := range r.keys {
		s := f.of(k, now)
		if now.Before(s.until) {
			continue
		}
		s = s.fail(now, &all[i])
		r.added[i] = addedFailure{counted: true, until: s.until}
		f.put(now, k, s)
	}
	r.Suspected = f.suspected(now, &r)
	return r
}

// Peek returns the decision on an attempt as this instance knows it, and counts nothing.
func (f *Failures) Peek(all ...FailureSubject) FailureResult {
	r := FailureResult{all: all, keys: f.keys(all)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wait(f.now(), &r)
	return r
}

// wait sets how long an attempt must wait; the lock is held.
func (f *Failures) wait(now time.Time, r *FailureResult) {
	for i, k := range r.keys {
		r.await(&r.all[i], f.of(k, now).until.Sub(now))
	}
}

// await takes the wait of a subject into account.
func (r *FailureResult) await(of *FailureSubject, wait time.Duration) {
	r.ObservedWait = max(r.ObservedWait, wait)
	if !of.Observed {
		r.Wait = max(r.Wait, wait)
	}
}

// suspected decides FailureResult.Suspected; the lock is held.
func (f *Failures) suspected(now time.Time, r *FailureResult) bool {
	if r.Wait > 0 {
		return true
	}
	for i, k := range r.keys {
		earlier := f.of(k, now)
		if r.added[i].counted {
			earlier.count--
		}
		if earlier.count+earlier.overload > r.all[i].Free/4 {
			return true
		}
	}
	return false
}

// fail returns the state after one more failure.
func (s failures) fail(now time.Time, of *FailureSubject) failures {
	s.count++
	switch {
	case of.Window == 0:
		s.until, s.expires = now.Add(delayAfter(s.count-of.Free)), now.Add(failuresResetAfter)
	case s.count == 1:
		s.expires = now.Add(of.Window)
		fallthrough
	default:
		if s.count >= of.Free {
			s.until = s.expires
		}
	}
	return s
}

// Succeeded ends a successful attempt: what it added to its subjects is taken back, and those
// that are forgiving lose their failures.
func (f *Failures) Succeeded(ctx context.Context, r FailureResult) {
	f.uncount(ctx, &r, true, 0)
	var forgiven []failureKey
	for i, k := range r.keys {
		if r.all[i].Forgiving {
			forgiven = append(forgiven, k)
		}
	}
	f.shared.forget(ctx, forgiven)
}

// Undone takes back what an attempt added that was not decided.
func (f *Failures) Undone(ctx context.Context, r FailureResult) { f.uncount(ctx, &r, false, 0) }

// Overloaded is Undone for an attempt that could not be decided because of overload. Repeated
// overload makes its subjects suspected.
func (f *Failures) Overloaded(ctx context.Context, r FailureResult) { f.uncount(ctx, &r, false, 1) }

// uncount takes back what an attempt added. A wait that another one began goes on: people must
// not end the waits of their network by signing in.
func (f *Failures) uncount(ctx context.Context, r *FailureResult, forgive bool, overload int) {
	now := f.now()
	f.shared.uncount(ctx, r, forgive)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, k := range r.keys {
		s, added := f.of(k, now), &r.added[i]
		if added.counted {
			s.count = max(0, s.count-1)
			if r.all[i].Window > 0 || s.until.Equal(added.until) {
				s.until = now
			}
		}
		if forgive && r.all[i].Forgiving {
			s = failures{}
		}
		if s.overload += overload; s.count == 0 && s.overload == 0 {
			f.remove(k)
			continue
		}
		if s.expires.Before(now) {
			s.expires = now.Add(failuresResetAfter)
		}
		f.put(now, k, s)
	}
}

// keys returns the keyed hashes of names, by which neither memory nor Redis reveals them.
func (f *Failures) keys(all []FailureSubject) []failureKey {
	out := make([]failureKey, len(all))
	h := hmac.New(sha256.New, f.key)
	for i := range all {
		h.Reset()
		h.Write([]byte(all[i].Name))
		copy(out[i][:], h.Sum(nil))
	}
	return out
}

// of returns the state of a subject; the lock is held.
func (f *Failures) of(k failureKey, now time.Time) failures {
	s, ok := f.young[k]
	if !ok {
		s = f.old[k]
	}
	if !now.Before(s.expires) {
		return failures{}
	}
	return s
}

// put stores the state of a subject; the lock is held.
func (f *Failures) put(now time.Time, k failureKey, s failures) {
	if _, known := f.young[k]; !known && len(f.young) >= maxFailures {
		f.young, f.old = f.kept(now), f.young
	}
	f.young[k] = s
}

// kept returns what outlives another generation: subjects that must wait, half as many as there
// is room for, so that attackers do not end a wait by using other names; the lock is held.
func (f *Failures) kept(now time.Time) map[failureKey]failures {
	kept := map[failureKey]failures{}
	for _, generation := range []map[failureKey]failures{f.old, f.young} {
		for k, s := range generation {
			if newer, ok := f.young[k]; ok {
				s = newer
			}
			if now.Before(s.until) && len(kept) < maxFailures/2 {
				kept[k] = s
			}
		}
	}
	return kept
}

func (f *Failures) remove(k failureKey) {
	delete(f.young, k)
	delete(f.old, k)
}

// delayAfter returns the delay after n failures beyond the free ones.
func delayAfter(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	d := firstFailureDelay
	for ; n > 1 && d < longestFailureDelay; n-- {
		d *= 2
	}
	return min(d, longestFailureDelay)
}
