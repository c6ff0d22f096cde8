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

	"golang.org/x/text/unicode/norm"

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

// Requests of a level are served before all of the next one, and not displaced by them. Within
// a level, the last is served first, the first is dropped if the queue is full, and cancelled ones are skipped.
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
		come(t.Context(), auth.Unknown, "stranger")
		come(t.Context(), auth.KnownNetwork, "neighbour")
		come(t.Context(), auth.Trusted, "person 2")
		come(t.Context(), auth.Trusted, "person 3")
		close(end)
		all.Wait()
		want := []string{"not guesser 0", "not person 1", "person 3", "person 2", "neighbour", "stranger", "guesser 2", "guesser 1"}
		if !slices.Equal(done, want) {
			t.Errorf("%q, want %q", done, want)
		}
		if err := h.Work(t.Context(), auth.Suspected, func() {}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// A password that is too long to be anyone's costs one hash, and no preparation of all of it.
func TestLongPasswords(t *testing.T) {
	t.Parallel()
	h := auth.NewHasher(auth.HasherOptions{Cost: cheap()})
	longest := strings.Repeat("\uac01", 256) // each is three characters when decomposed
	stored, err := h.Hash(t.Context(), longest)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		password, stored string
		ok               bool
	}{
		"Longest":    {norm.NFD.String(longest), stored, true},
		"OneMore":    {longest + "x", rawHash(longest + "x"), false},
		"Decomposed": {norm.NFD.String(longest) + "x", stored, false},
		"Megabyte":   {strings.Repeat("e\u0301", 1<<19), stored, false},
		"NoAccount":  {strings.Repeat("e\u0301", 1<<19), "", false},
	} {
		before := h.Hashed()
		ok, _, err := h.Verify(t.Context(), auth.Unknown, c.password, c.stored)
		if n := h.Hashed() - before; err != nil || ok != c.ok || n != 1 {
			t.Errorf("%s: %t after %d hashes, %v", name, ok, n, err)
		}
	}
}
