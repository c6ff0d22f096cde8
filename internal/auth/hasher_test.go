package auth_test

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

	"sixty/internal/auth"
	"sixty/internal/crm"
)

// cheap returns a low cost for tests.
func cheap() auth.Cost { return auth.Cost{Memory: 64, Time: 1, Threads: 1} }

func TestHasher(t *testing.T) { //nolint:tparallel // its cases count hashes, one after the other
	t.Parallel()
	h := auth.NewHasher(auth.HasherOptions{Cost: cheap()})
	stored, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%q, %v", stored, err)
	}
	again, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil || again == stored {
		t.Errorf("two hashes of a password are equal: %q, %v", again, err)
	}
	dearer := auth.NewHasher(auth.HasherOptions{Cost: auth.Cost{Memory: 128, Time: 1, Threads: 1}})
	for _, c := range []struct {
		name             string
		by               *auth.Hasher
		password, stored string
		ok, outdated     bool
	}{
		{"Right", h, "correct horse battery", stored, true, false},
		{"Wrong", h, "correct horse", stored, false, false},
		{"Empty", h, "", stored, false, false},
		{"NoneStored", h, "correct horse battery", "", false, false},
		{"CostHasRisen", dearer, "correct horse battery", stored, true, true},
		{"WrongAndCostHasRisen", dearer, "wrong", stored, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.by.Hashed()
			ok, outdated, err := c.by.Verify(t.Context(), auth.Trusted, c.password, c.stored)
			if err != nil || ok != c.ok || outdated != c.outdated {
				t.Errorf("ok %t, outdated %t, %v", ok, outdated, err)
			}
			if n := c.by.Hashed() - before; n != 1 {
				t.Errorf("%d hashes, want 1 for any stored value", n)
			}
		})
	}
}

// A malformed hash is an error, and does not allocate the memory it specifies.
func TestHasher_Malformed(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(auth.HasherOptions{Cost: cheap()})
	good, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	cost := "m=64,t=1,p=1"
	for _, stored := range []string{
		"x", "$argon2id$", good + "$", good[1:], good[:len(good)-1],
		strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, cost, "m=99999999,t=1,p=1", 1), strings.Replace(good, cost, "m=64,t=0,p=1", 1),
		strings.Replace(good, cost, "m=64,t=1,p=0", 1), strings.Replace(good, cost, "m=64,t=1,p=300", 1),
		strings.Replace(good, cost, cost+",x", 1), strings.Replace(good, cost, "m=64", 1),
	} {
		if ok, _, err := h.Verify(t.Context(), auth.Trusted, "correct horse battery", stored); err == nil || ok {
			t.Errorf("%q: %t, %v", stored, ok, err)
		}
	}
	if h.Hashed() != 1 {
		t.Errorf("%d hashes were computed", h.Hashed())
	}
}

// The numbers of running and waiting hashes are bounded; waiting can be cancelled.
func TestHasherIsBounded(t *testing.T) {
	t.Parallel()
	const atOnce, waiting, came = 2, 3, 12
	h := auth.NewHasher(auth.HasherOptions{Cost: auth.Cost{Memory: 32 << 10, Time: 3, Threads: 1}, AtOnce: atOnce, Waiting: waiting})
	var all sync.WaitGroup
	errs := make([]error, came)
	start := make(chan struct{})
	for i := range came {
		all.Go(func() {
			<-start
			_, errs[i] = h.Hash(t.Context(), "correct horse battery")
		})
	}
	close(start)
	all.Wait()
	rejected := 0
	for _, err := range errs {
		if err != nil && crm.CodeOf(err) != crm.CodeUnavailable {
			t.Errorf("%v", err)
		}
		if err != nil {
			rejected++
		}
	}
	if rejected == 0 || int64(came-rejected) != h.Hashed() {
		t.Errorf("%d of %d were rejected, %d hashes computed", rejected, came, h.Hashed())
	}
	given := errors.New("given up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(given)
	for range came { // either outcome of the race between a free slot and the cancellation
		if _, err := h.Hash(ctx, "x"); err != nil && !errors.Is(err, given) {
			t.Errorf("%v", err)
		}
	}
}

// Trusted requests are served before all suspected ones. Within a level, the last is served
// first, the first is dropped if the queue is full, and cancelled ones are skipped.
func TestHasherPrefersTheTrusted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const waiting = 2
		h := auth.NewHasher(auth.HasherOptions{Cost: cheap(), AtOnce: 1, Waiting: waiting})
		var done []string // one at a time
		var all sync.WaitGroup
		come := func(ctx context.Context, who auth.TrustLevel, name string) {
			all.Go(func() {
				switch err := h.Work(ctx, who, func() { done = append(done, name) }); {
				case crm.CodeOf(err) == crm.CodeUnavailable:
					done = append(done, "not "+name)
				case err != nil && ctx.Err() == nil:
					t.Errorf("%s: %v", name, err)
				}
			})
			synctest.Wait()
		}
		end := make(chan struct{})
		all.Go(func() { _ = h.Work(t.Context(), auth.Suspected, func() { <-end }) })
		synctest.Wait()
		impatient, give := context.WithCancel(t.Context())
		come(t.Context(), auth.Trusted, "person 1")
		come(impatient, auth.Trusted, "cancelled")
		for i := range 3 {
			come(t.Context(), auth.Suspected, fmt.Sprint("guesser ", i))
		}
		give()
		synctest.Wait()
		come(t.Context(), auth.Trusted, "person 2")
		come(t.Context(), auth.Trusted, "person 3")
		close(end)
		all.Wait()
		want := []string{"not guesser 0", "not person 1", "person 3", "person 2", "guesser 2", "guesser 1"}
		if !slices.Equal(done, want) {
			t.Errorf("%q, want %q", done, want)
		}
		if err := h.Work(t.Context(), auth.Suspected, func() {}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// A few failures keep a subject trusted. Repeated ones, by one name or several, make it
// suspected until a success or the reset time; so do repeated rejections.
func TestTrustLevel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := auth.NewAttempts(time.Now)
		account, address := auth.Subject{Name: "account", Free: 5}, auth.Subject{Name: "address", Free: 20}
		try := func(want auth.TrustLevel, who ...auth.Subject) {
			t.Helper()
			if err := a.Begin(who...); err != nil {
				t.Fatal(err)
			}
			if got := a.TrustLevel(who...); got != want {
				t.Errorf("trust level %d, want %d", got, want)
			}
		}
		try(auth.Trusted, account, address)
		try(auth.Trusted, account, address)
		try(auth.Suspected, account, address)
		a.Reset(account)
		for range 3 {
			try(auth.Trusted, address)
		}
		try(auth.Suspected, account, address)
		try(auth.Trusted, auth.Subject{Name: "another", Free: 5})
		time.Sleep(15 * time.Minute)
		try(auth.Trusted, account, address)
		a.UndoRejected(account)
		try(auth.Trusted, account)
		a.UndoRejected(account)
		try(auth.Suspected, account)
		a.Undo(account)
		try(auth.Trusted, account)
	})
}

// Delays increase with the failures of a name, and end by time or by a success.
func TestAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := auth.NewAttempts(time.Now)
		account, address := auth.Subject{Name: "account", Free: 2}, auth.Subject{Name: "address", Free: 4}
		fail := func(want time.Duration, who ...auth.Subject) {
			t.Helper()
			var soon *auth.TooManyAttempts
			err := a.Begin(who...)
			if got := errors.As(err, &soon); got != (want > 0) || got && soon.Wait != want {
				t.Fatalf("%v, want a wait of %s", err, want)
			}
			if want > 0 && soon.Seconds() < 1 {
				t.Errorf("Retry-After %d", soon.Seconds())
			}
		}
		fail(0, account, address)
		fail(0, account, address)
		fail(0, account, address) // the first with a delay
		fail(time.Second, account, address)
		fail(time.Second, account)
		fail(0, address) // rejected attempts do not count
		time.Sleep(time.Second)
		fail(0, account)
		fail(2*time.Second, account)
		for range 20 {
			time.Sleep(time.Minute)
			fail(0, account)
		}
		fail(time.Minute, account)
		fail(0, auth.Subject{Name: "another", Free: 2})
		a.Reset(account)
		fail(0, account)
		fail(0, account)
		fail(0, account)
		fail(time.Second, account)
		a.Undo(account)
		fail(0, account)
		time.Sleep(15 * time.Minute)
		fail(0, account)
		fail(0, account)
		fail(0, account)
		fail(time.Second, account)
	})
}

// Concurrent attempts do not bypass the delays.
func TestAttemptsAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := auth.NewAttempts(func() time.Time { return now })
	var all sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for range 100 {
		all.Go(func() {
			if a.Begin(auth.Subject{Name: "account", Free: 5}) == nil {
				mu.Lock()
				defer mu.Unlock()
				through++
			}
		})
	}
	all.Wait()
	if through != 6 {
		t.Errorf("%d attempts were accepted, want 6: five free ones and the first with a delay", through)
	}
}
