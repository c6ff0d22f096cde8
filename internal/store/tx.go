package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// tx implements Tx.
type tx struct {
	reader
	by      crm.Actor
	at      crm.Instant
	etx     EngineTx
	changes []crm.LogEntry
	logged  map[string]int // the number of entries in changes, by entity; -1 for one that is bulk
	batch   *importBatch   // nil: the transaction is not part of an import
	failed  error          // of a Write that is part of it; see joined
	due     []jobs.Kind    // of jobs that it has added, and that are due
	// reindexed is the number of deals whose terms were replaced because of other records.
	reindexed int
}

// Transactions that the engine wants run again are, so many times at most, after a
// pause that grows from the first.
const (
	maxAttempts = 5
	retryPause  = 5 * time.Millisecond
)

// Write runs fn in one transaction: see crm.Store.
func (s *Store) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(Tx) error) error {
	if t := s.joined(ctx); t != nil {
		return t.join(by, at, fn)
	}
	return s.writeGuarded(ctx, by, at, guardOf(ctx, Scope{Org: by.Org}), fn)
}

// writeGuarded runs fn in one transaction, which is committed only if the guard is held; nil for none.
func (s *Store) writeGuarded(ctx context.Context, by crm.Actor, at crm.Instant, guard *Guard, fn func(Tx) error) error {
	return s.again(ctx, func() error { return s.attempt(ctx, by, at, guard, fn, true) })
}

// again runs a transaction, and once more when the engine wants that.
func (s *Store) again(ctx context.Context, transaction func() error) error {
	for attempt := 1; ; attempt++ {
		err := transaction()
		var again *retryError
		if !errors.As(err, &again) {
			return err
		}
		if attempt == maxAttempts {
			return crm.Unavailable(err)
		}
		if again.epoch {
			if err := s.establishEpoch(ctx); err != nil {
				return err
			}
		}
		pause := time.NewTimer(retryPause<<attempt + rand.N(retryPause)) //nolint:gosec // jitter, no secret
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-pause.C:
		}
	}
}

// DryRun is that of bulk.Store.
func (s *Store) DryRun(ctx context.Context, by crm.Actor, at crm.Instant, fn func(Tx) error) error {
	if s.joined(ctx) != nil {
		return errors.New("what is part of a transaction cannot be taken back by itself")
	}
	return final(s.attempt(ctx, by, at, nil, fn, false))
}

func (s *Store) attempt(ctx context.Context, by crm.Actor, at crm.Instant, guard *Guard, fn func(Tx) error, keep bool) (err error) {
	if err := crm.CheckConfirmed(ctx); err != nil {
		return err
	}
	etx, err := s.engine.Begin(ctx, Scope{Org: by.Org})
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() {
		// After a commit this does nothing; a failed roll-back ends with the connection.
		_ = etx.Rollback()
	}()
	t := &tx{reader: reader{store: s, db: etx, owner: by.OwnerScope()}, by: by, at: at, etx: etx, logged: map[string]int{}}
	if err := fn(t); err != nil || !keep {
		return err
	}
	etx.Guard(guard)
	if len(t.changes) == 0 {
		return t.commitUnchanged(ctx)
	}
	return t.commit(ctx)
}

func (t *tx) Reads() crm.Reads { return &t.reader }

func (t *tx) scope() Scope { return Scope{Org: t.by.Org} }

// confine rejects a row of another organisation than the transaction's, which is a bug of
// the use case.
func (t *tx) confine(what string, org crm.ID) error {
	if org != t.by.Org {
		return fmt.Errorf("a %s of the organisation %s is not written for %s", what, org, t.by.Org)
	}
	return nil
}

func (t *tx) exec(ctx context.Context, st *Statement, args ...any) (int64, error) {
	return t.store.exec(ctx, t.etx, st, args...)
}

// exists reports whether a statement returns any row.
func (t *tx) exists(ctx context.Context, st *Statement, args ...any) (found bool, err error) {
	err = t.store.query(ctx, t.db, st, args, func(Rows) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}

func tableOf[T, F any](t *tx, of *table[T, F]) *writer[T, F] { return &writer[T, F]{t, of} }

func (t *tx) Companies() crm.Table[crm.Company]   { return tableOf(t, &t.store.companies) }
func (t *tx) Contacts() crm.Table[crm.Contact]    { return tableOf(t, &t.store.contacts) }
func (t *tx) Deals() crm.Table[crm.Deal]          { return &dealWriter{*tableOf(t, &t.store.deals)} }
func (t *tx) Stages() crm.Table[crm.Stage]        { return tableOf(t, &t.store.stages) }
func (t *tx) Owners() crm.Table[crm.Owner]        { return tableOf(t, &t.store.owners) }
func (t *tx) Activities() crm.Table[crm.Activity] { return tableOf(t, &t.store.activities) }
func (t *tx) Tasks() crm.Table[crm.Task]          { return tableOf(t, &t.store.tasks) }
