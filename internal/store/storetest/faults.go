package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// promptly is what a statement that has been cancelled, or is out of time, may take
// to end on a busy machine; much less than patience.
const promptly = 40 * time.Second

// slow counts for minutes, on every engine.
var slow = &store.Statement{Name: "test.slow", SQL: `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
SELECT count(*) FROM n`}

// works checks that the store reads and writes.
func works(f *fixture, s *store.Store) {
	f.Helper()
	c, ctx := f.home.newCompany("After"), f.Context()
	err := s.Write(ctx, f.home.by, at(9), func(tx store.Tx) error { return tx.Companies().Insert(ctx, []crm.Company{c}) })
	if err != nil {
		f.Fatalf("a write afterwards: %v", err)
	}
	rows, err := s.Reads(crm.Actor{}).Companies().ByID(ctx, f.home.ID, []crm.ID{c.ID})
	if err != nil || len(rows) != 1 {
		f.Fatalf("a read afterwards: %d rows, %v", len(rows), err)
	}
	if err := s.Ping(ctx); err != nil {
		f.Fatalf("a ping afterwards: %v", err)
	}
}

// cancelledBefore returns the context's error if it had ended before.
func cancelledBefore(f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	touch := func(store.Tx) error { return nil }
	ids := []crm.ID{crm.NewID()}
	for name, do := range map[string]func() error{
		"page": func() error {
			_, err := f.store.Reads(crm.Actor{}).Deals().Page(ctx, f.home.ID, crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: 1})
			return err
		},
		"by id":         func() error { _, err := f.store.Reads(crm.Actor{}).Deals().ByID(ctx, f.home.ID, ids); return err },
		"company stats": func() error { _, err := f.store.Reads(crm.Actor{}).CompanyStats(ctx, f.home.ID, ids); return err },
		"snapshot":      func() error { return f.store.Snapshot(ctx, f.home.by, func(crm.Reads) error { return nil }) },
		"write":         func() error { return f.store.Write(ctx, f.home.by, at(1), touch) },
		"rehearse":      func() error { return f.store.DryRun(ctx, f.home.by, at(1), touch) },
		"organisations": func() error { _, err := f.store.Organisations(ctx); return err },
		"key holder":    func() error { _, _, err := f.store.APIKeyPrincipal(ctx, []byte("hash")); return err },
		"setting":       func() error { _, err := f.store.Setting(ctx, "name", func() string { return "" }); return err },
		"ping":          func() error { return f.store.Ping(ctx) },
		"within": func() error {
			return f.store.Write(f.Context(), f.home.by, at(1), func(tx store.Tx) error {
				return tx.Companies().Insert(ctx, []crm.Company{f.home.newCompany("Cancelled")})
			})
		},
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			f.Errorf("%s: %v, want %v", name, err, context.Canceled)
		}
	}
	works(f, f.store)
}

// occupied runs fn while another transaction holds the company, which no other can
// change meanwhile.
func occupied(f *fixture, c crm.Company, fn func()) {
	f.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var holding sync.WaitGroup
	var err error
	holding.Go(func() {
		err = f.store.Write(f.Context(), f.home.by, at(2), func(tx store.Tx) error {
			rows, err := tx.Companies().LockForUpdate(f.Context(), []crm.ID{c.ID})
			close(held)
			if err != nil || len(rows) == 0 {
				return err
			}
			<-release
			return nil
		})
	})
	<-held
	func() {
		defer holding.Wait()
		defer close(release)
		fn()
	}()
	if err != nil {
		f.Fatal(err)
	}
}

// lockCompany locks a company in a transaction of its own.
func lockCompany(ctx context.Context, f *fixture, s *store.Store, c crm.Company) error {
	return s.Write(ctx, f.home.by, at(3), func(tx store.Tx) error {
		_, err := tx.Companies().LockForUpdate(ctx, []crm.ID{c.ID})
		return err
	})
}

// cancelledWaiting returns promptly, with the context's error, when the context
// ends during a statement: one that waits for a lock, of this process or another,
// or one that works.
func cancelledWaiting(f *fixture) {
	_, second := f.open(patience)
	c := f.home.newCompany("Occupied")
	insert(f, f.home, companies(), c)
	why := errors.New("the request has gone")
	occupied(f, c, func() {
		for name, s := range map[string]*store.Store{"same process": f.store, "another process": second} {
			ended, cancel := context.WithCancelCause(f.Context())
			stop := time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
			start := time.Now()
			if err := lockCompany(ended, f, s, c); !errors.Is(err, why) {
				f.Errorf("%s, cancelled: %v, want the cause", name, err)
			}
			stop.Stop()
			late, done := context.WithTimeout(f.Context(), 50*time.Millisecond)
			if err := lockCompany(late, f, s, c); !errors.Is(err, context.DeadlineExceeded) {
				f.Errorf("%s, late: %v, want %v", name, err, context.DeadlineExceeded)
			}
			done()
			if took := time.Since(start); took > promptly {
				f.Errorf("%s: it took %s to give up", name, took)
			}
		}
	})
	start := time.Now()
	ctx, cancel := context.WithTimeout(f.Context(), 50*time.Millisecond)
	defer cancel()
	if err := runs(ctx, pool{f.engine}, slow); err == nil {
		f.Error("a statement that takes minutes has ended")
	}
	if took := time.Since(start); took > promptly {
		f.Errorf("it took %s to cancel a statement", took)
	}
	works(f, f.store)
	works(f, second)
}

// runs runs a statement to its end.
// pool runs statements on an engine's connections, with access to all rows.
type pool struct{ engine Engine }

func (p pool) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return p.engine.Query(ctx, store.Scope{Service: true}, st, args)
}

func runs(ctx context.Context, q store.Querier, st *store.Statement) error {
	rows, err := q.Query(ctx, st, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		continue
	}
	return rows.Err()
}

// cancelledAnywhere cancels many transactions at any moment of theirs: each is in
// as a whole or not at all, and the store goes on.
func cancelledAnywhere(f *fixture) {
	const writers, writes = 8, 25
	rows := copies(companies(), []crm.Company{f.home.newCompany("Cancelled")}, writers*writes)
	before := len(changeLog(f, f.home))
	var succeeded atomic.Int64
	var writing sync.WaitGroup
	for part := range slices.Chunk(rows, writes) {
		writing.Go(func() {
			for i := range part {
				if cancelledWithin(f, 3*time.Millisecond, part[i:i+1]) {
					succeeded.Add(1)
				}
			}
		})
	}
	writing.Wait()
	works(f, f.store)
	stored := len(readAll(f, f.home, companies(), idsOf(companies(), rows)))
	if entered := len(changeLog(f, f.home)) - before - 1; entered != stored || int64(stored) < succeeded.Load() {
		f.Errorf("%d transactions succeeded, %d companies are stored, %d entered", succeeded.Load(), stored, entered)
	}
	// Transactions that do nothing are mostly met at their beginning.
	const most, longest = 3000, time.Second
	for n, start := 0, time.Now(); n < most && time.Since(start) < longest; n++ {
		cancelledWithin(f, 200*time.Microsecond, nil)
	}
	works(f, f.store)
}

// cancelledWithin inserts companies in a transaction that is cancelled at some time
// up to the limit, and reports whether it succeeded nevertheless.
func cancelledWithin(f *fixture, limit time.Duration, rows []crm.Company) bool {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	stop := time.AfterFunc(rand.N(limit), cancel) //nolint:gosec // any moment will do
	defer stop.Stop()
	write := func() error {
		return f.store.Write(ctx, f.home.by, at(1), func(tx store.Tx) error { return tx.Companies().Insert(ctx, rows) })
	}
	err := write()
	// Writes are refused while too many commits whose callers are gone are not confirmed.
	for crm.CodeOf(err) == crm.CodeUnavailable && ctx.Err() == nil {
		err = write()
	}
	refused := crm.CodeOf(err) == crm.CodeUnavailable && ctx.Err() != nil
	if err != nil && !errors.Is(err, context.Canceled) && !refused {
		f.Errorf("%v, want %v", err, context.Canceled)
	}
	return err == nil
}

// outOfTime says that the database is not available when a statement takes longer
// than it may, and goes on.
func outOfTime(f *fixture) {
	engine, hurried := f.open(time.Second)
	c := f.home.newCompany("Occupied")
	insert(f, f.home, companies(), c)
	occupied(f, c, func() {
		start := time.Now()
		if err := lockCompany(f.Context(), f, hurried, c); crm.CodeOf(err) != crm.CodeUnavailable {
			f.Errorf("a lock out of time: %v of code %s, want %s", err, crm.CodeOf(err), crm.CodeUnavailable)
		}
		if took := time.Since(start); took > promptly {
			f.Errorf("it took %s to give up", took)
		}
	})
	start := time.Now()
	err := runs(f.Context(), pool{engine}, slow)
	if err == nil || engine.Dialect().Classify(err).Kind != store.FaultUnavailable {
		f.Errorf("a statement out of time: %v, want it to mean that the database is not available", err)
	}
	if took := time.Since(start); took > promptly {
		f.Errorf("it took %s to give up", took)
	}
	works(f, hurried)
	works(f, f.store)
}
