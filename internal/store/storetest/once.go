package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// sent is a request with a body.
func sent(key, target, body string) crm.IdempotentRequest {
	return crm.IdempotentRequest{Key: key, Target: target, Digest: []byte(body)}
}

// making returns what answers a request by creating a company, which it reads through the
// store within the same transaction.
func making(f *fixture, s *store.Store, o tenant, name string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		c := o.newCompany(name)
		if err := s.Write(ctx, o.by, at(1), func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{c}) }); err != nil {
			return nil, err
		}
		rows, err := s.Reads(crm.Actor{}).Companies().ByID(ctx, o.ID, []crm.ID{c.ID})
		if err != nil {
			return nil, err
		}
		if len(rows) != 1 {
			f.Errorf("%d companies are read in the transaction that made one", len(rows))
		}
		if rows, err := s.Reads(crm.Actor{}).Companies().ByID(f.Context(), o.ID, []crm.ID{c.ID}); err != nil || len(rows) != 0 {
			f.Errorf("%d companies are read outside before the commit: %v", len(rows), err)
		}
		return []byte(name), nil
	}
}

// countNamed checks how many companies of a name there are.
func countNamed(f *fixture, o tenant, name string, want int) {
	f.Helper()
	n := 0
	for _, c := range listAll(f, o, companies()) {
		if c.Name == name {
			n++
		}
	}
	if n != want {
		f.Errorf("%d companies are called %s, want %d", n, name, want)
	}
}

// idempotentReplay returns a request's answer again, only to the same principal.
func idempotentReplay(f *fixture) {
	stranger := f.home.newOwner("Stranger")
	insert(f, f.home, owners(), stranger)
	other := f.home
	other.by.User = stranger.ID
	request := sent("key", "POST /api/companies", "body")
	begin := at(10)
	once := func(o tenant, when crm.Instant, r crm.IdempotentRequest, name string) (string, bool, error) {
		answer, again, err := f.store.Idempotent(f.Context(), o.by, when, r, making(f, f.store, o, name))
		return string(answer), again, err
	}
	const day = 24 * 60 * 60
	for _, c := range []struct {
		name    string
		by      tenant
		at      crm.Instant
		request crm.IdempotentRequest
		want    string
		again   bool
		age     int // of the answers, in seconds; 0: as it is
	}{
		{"First", f.home, begin, request, "First", false, 0},
		{"Again", f.home, begin + 1, request, "First", true, 0},
		{"OtherKey", f.home, begin, sent("Key", request.Target, "body"), "OtherKey", false, 0},
		{"OtherTarget", f.home, begin, sent("key", "PUT /api/companies", "another"), "OtherTarget", false, 0},
		{"OtherPrincipal", other, begin, sent("key", request.Target, "another"), "OtherPrincipal", false, 0},
		{"OtherOrganisation", f.away, begin, sent("key", request.Target, "another"), "OtherOrganisation", false, 0},
		{"WrongClock", f.home, begin + 1000*day*1_000_000, request, "First", true, 0},
		{"AlmostADay", f.home, begin, request, "First", true, day - 600},
		{"ADay", f.home, begin, sent("key", request.Target, "another"), "ADay", false, day},
		{"ADayAgain", f.home, begin, sent("key", request.Target, "another"), "ADay", true, 0},
	} {
		if c.age > 0 {
			ageAnswers(f, c.age)
		}
		before := logEnd(f, c.by.ID)
		answer, again, err := once(c.by, c.at, c.request, c.name)
		if err != nil || answer != c.want || again != c.again {
			f.Errorf("%s: %q, again %v, %v; want %q, %v", c.name, answer, again, err, c.want, c.again)
		}
		made := 1
		if c.again {
			made = 0
		}
		countNamed(f, c.by, c.name, made)
		if n := logEnd(f, c.by.ID) - before; n != int64(made) {
			f.Errorf("%s: %d changes are entered, want %d", c.name, n, made)
		}
	}
	if _, _, err := once(f.home, begin, request, "Reused"); !errors.Is(err, crm.ErrKeyReused) {
		f.Errorf("another body: %v", err)
	}
	countNamed(f, f.home, "Reused", 0)
}

// ageAnswers sets the age of all stored answers, in seconds.
func ageAnswers(f *fixture, age int) {
	f.Helper()
	f.outsideLog(&store.Statement{Name: "test.age", SQL: "UPDATE idempotency SET at = " + f.engine.Dialect().SecondsAgo(age)})
}

// idempotentFailure keeps nothing of a request that failed, so that it may succeed.
func idempotentFailure(f *fixture) {
	request := sent("key", "POST /api/companies", "body")
	company := making(f, f.store, f.home, "Failed")
	for name, fn := range map[string]func(context.Context) ([]byte, error){
		"After": func(ctx context.Context) ([]byte, error) {
			if _, err := company(ctx); err != nil {
				return nil, err
			}
			return nil, errGivenUp
		},
		"WithinAndSilent": func(ctx context.Context) ([]byte, error) {
			answer, err := company(ctx)
			_ = f.store.Write(ctx, f.home.by, at(1), func(store.Tx) error { return errGivenUp })
			return answer, err
		},
	} {
		if _, _, err := f.store.Idempotent(f.Context(), f.home.by, at(1), request, fn); !errors.Is(err, errGivenUp) {
			f.Errorf("%s: %v", name, err)
		}
	}
	for name, write := range map[string]func(context.Context, crm.Actor, crm.Instant, func(store.Tx) error) error{
		"Rehearse": f.store.DryRun, "OfAnother": func(ctx context.Context, _ crm.Actor, when crm.Instant, fn func(store.Tx) error) error {
			return f.store.Write(ctx, f.away.by, when, fn)
		},
	} {
		_, _, err := f.store.Idempotent(f.Context(), f.home.by, at(1), request, func(ctx context.Context) ([]byte, error) {
			return nil, write(ctx, f.home.by, at(1), func(store.Tx) error { f.Errorf("%s is part of the transaction", name); return nil })
		})
		if err == nil {
			f.Errorf("%s succeeds", name)
		}
	}
	// What may meet others' rows is no part of it either.
	for name, read := range map[string]func(context.Context) error{
		"all organisations": func(ctx context.Context) error { _, err := f.store.Organisations(ctx); return err },
		"another's": func(ctx context.Context) error {
			_, err := f.store.Sessions(ctx, f.away.ID, f.away.owner.ID)
			return err
		},
	} {
		_, _, err := f.store.Idempotent(f.Context(), f.home.by, at(1), request, func(ctx context.Context) ([]byte, error) { return nil, read(ctx) })
		if err == nil {
			f.Errorf("%s rows are read within the transaction", name)
		}
	}
	countNamed(f, f.home, "Failed", 0)
	if answer, again, err := f.store.Idempotent(f.Context(), f.home.by, at(1), request, company); err != nil || again || string(answer) != "Failed" {
		f.Errorf("sent again: %q, again %v, %v", answer, again, err)
	}
	countNamed(f, f.home, "Failed", 1)
}

// idempotentConcurrent answers a request once, however often it is sent meanwhile and by how many
// processes; the second is told that it is in progress.
func idempotentConcurrent(f *fixture) {
	_, second := f.open(patience)
	request := sent("key", "POST /api/companies", "body")
	var made atomic.Int32
	var sending sync.WaitGroup
	for i := range 20 {
		s := []*store.Store{f.store, second}[i%2]
		sending.Go(func() {
			for {
				answer, again, err := s.Idempotent(f.Context(), f.home.by, at(1), request, making(f, s, f.home, "One"))
				if errors.Is(err, crm.ErrInProgress) {
					continue
				}
				if err != nil || string(answer) != "One" {
					f.Errorf("%q, %v", answer, err)
				}
				if !again {
					made.Add(1)
				}
				return
			}
		})
	}
	sending.Wait()
	if n := made.Load(); n != 1 {
		f.Errorf("made %d times", n)
	}
	countNamed(f, f.home, "One", 1)

	_, impatient := f.open(200 * time.Millisecond)
	held := sent("held", request.Target, "body")
	_, _, err := f.store.Idempotent(f.Context(), f.home.by, at(1), held, func(context.Context) ([]byte, error) {
		_, _, err := impatient.Idempotent(f.Context(), f.home.by, at(1), held, func(context.Context) ([]byte, error) {
			f.Error("answered twice")
			return nil, nil
		})
		if !errors.Is(err, crm.ErrInProgress) && crm.CodeOf(err) != crm.CodeUnavailable {
			f.Errorf("the second: %v", err)
		}
		return []byte{}, nil
	})
	if err != nil {
		f.Error(err)
	}
}

// answersPruned removes the oldest of each organisation's, within the limit.
func answersPruned(f *fixture) {
	keep := func(o tenant, key string, n int) bool {
		f.Helper()
		_, again, err := f.store.Idempotent(f.Context(), o.by, at(n), sent(key, "POST /", ""), func(context.Context) ([]byte, error) { return []byte(key), nil })
		return must(f, again, err)
	}
	for i, key := range []string{"a", "b", "c"} {
		keep(f.home, key, i)
		keep(f.away, key, i)
		f.outsideLog(&store.Statement{Name: "test.age", SQL: "UPDATE idempotency SET at = $1 WHERE key = $2"}, at(i), key)
	}
	prune := func(before, limit int) int64 {
		f.Helper()
		n, err := f.store.PruneIdempotencyKeys(f.Context(), at(before), limit)
		return must(f, n, err)
	}
	for _, c := range []struct{ before, limit, want int }{{0, 100, 0}, {3, 0, 0}, {2, 3, 3}, {2, 100, 1}, {2, 100, 0}} {
		if n := prune(c.before, c.limit); n != int64(c.want) {
			f.Errorf("%d are removed from before %d with a limit of %d, want %d", n, c.before, c.limit, c.want)
		}
	}
	ageAnswers(f, 0)
	if keep(f.home, "a", 3) || keep(f.away, "b", 3) || !keep(f.home, "c", 3) || !keep(f.away, "c", 3) {
		f.Error("the wrong answers are removed")
	}
}
