package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"sixty/internal/crm"
)

// commit commits a transaction with entries for the change log.
func (t *tx) commit(ctx context.Context) error {
	s := t.store
	log, err := t.logAppend(ctx)
	if err != nil {
		return err
	}
	log.Late = func(at crm.LogPosition, err error) {
		if err == nil {
			s.enqueued(t.due)
			t.number(at.Seq)
			s.commits.Committed(t.by.Org, at.Epoch, t.changes)
		}
	}
	start := time.Now()
	err = t.etx.CommitLogged(ctx, log)
	n := int64(0)
	if err == nil {
		n = int64(len(t.changes))
	}
	s.observe(ctx, StatementEvent{"change.insert", start, time.Now(), n, err})
	switch {
	case err == nil:
		s.enqueued(t.due)
		t.number(log.At.Seq)
		s.commits.Committed(t.by.Org, log.At.Epoch, t.changes)
		return nil
	case s.dialect.RolledBack(err):
		return s.fault(ctx, err)
	}
	s.commits.CommitUnknown(t.by.Org)
	u := s.unknown(crm.Transaction{Org: t.by.Org, At: t.at}, err)
	if u.Keep(ctx) {
		return nil
	}
	return crm.CommitUnknown(u)
}

// unknown describes a commit whose outcome is unknown.
func (s *Store) unknown(of crm.Transaction, err error) *crm.UnknownCommit {
	var sent *UnknownCommit
	if errors.As(err, &sent) {
		of.Number = sent.Transaction
	}
	u := &crm.UnknownCommit{Transaction: of, Cause: err}
	u.Wait = func(ctx context.Context) (crm.LogPosition, error) {
		if sent == nil {
			return s.CommitOutcome(ctx, of)
		}
		select {
		case <-sent.Answered:
		case <-ctx.Done():
			return crm.LogPosition{}, crm.CommitUnknown(u)
		}
		switch at, err := sent.Answer(); {
		case err == nil:
			return at, nil
		case s.dialect.RolledBack(err):
			return crm.LogPosition{}, nil
		}
		return s.CommitOutcome(ctx, of)
	}
	return u
}

// The pauses between questions for an outcome grow from the first to the last.
const (
	firstOutcomePause = 100 * time.Millisecond
	lastOutcomePause  = 2 * time.Second
)

// errInProgress is the cause of an outcome that is unknown because the transaction has not ended.
var errInProgress = errors.New("the transaction is still in progress")

// CommitOutcome implements crm.Store. It asks again until ctx ends: the database may be
// unavailable at the moment, or the transaction in progress on a connection that was lost.
func (s *Store) CommitOutcome(ctx context.Context, of crm.Transaction) (crm.LogPosition, error) {
	for pause := firstOutcomePause; ; pause = min(2*pause, lastOutcomePause) {
		at, err := s.outcome(ctx, of)
		if err == nil {
			return at, nil
		}
		timer := time.NewTimer(pause + rand.N(pause)) //nolint:gosec // jitter, no secret
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return crm.LogPosition{}, crm.CommitUnknown(s.unknown(of, err))
		}
	}
}

// outcome asks once. A transaction that has ended has entries in the log, or was rolled back; so
// it is asked first whether it has ended. A server with another history, after a failover, may
// mean another transaction by the number, but not one with entries of that instant. The entries
// are written, though nothing in them changes: once that is committed, what was committed
// before is as durable, even if the database gave up replicating it at the time.
func (s *Store) outcome(ctx context.Context, of crm.Transaction) (at crm.LogPosition, err error) {
	progress := s.statement("change.progress", func() *Statement {
		return &Statement{"change.progress", "SELECT " + s.dialect.InProgress(1)}
	})
	entered := s.statement("change.outcome", func() *Statement {
		return &Statement{"change.outcome", "UPDATE changes SET op = op WHERE org_id = $1 AND at = $2 AND " + s.dialect.EnteredBy(3) + " RETURNING seq, " + s.dialect.Epoch()}
	})
	running, err := collect(ctx, s, s.of(of.Org), progress, func(b *bool) []any { return []any{b} }, of.Number)
	switch {
	case err != nil:
		return at, err
	case running[0]:
		return at, errInProgress
	}
	etx, err := s.engine.Begin(ctx, Scope{Org: of.Org})
	if err != nil {
		return at, s.fault(ctx, err)
	}
	defer func() { _ = etx.Rollback() }()
	type entry struct {
		seq   int64
		epoch *string
	}
	entries, err := collect(ctx, s, etx, entered, func(e *entry) []any { return []any{&e.seq, &e.epoch} }, of.Org, of.At, of.Number)
	if err != nil || len(entries) == 0 {
		return at, err
	}
	for _, e := range entries {
		if e.epoch == nil {
			return at, errEpoch
		}
		at.Seq, at.Epoch = max(at.Seq, e.seq), *e.epoch
	}
	if err := s.confirm(ctx, etx); err != nil {
		return crm.LogPosition{}, err
	}
	s.commits.CommitUnknown(of.Org) // the caches are to read the entries
	return at, nil
}

// confirm commits, and waits for the answer until ctx ends.
func (s *Store) confirm(ctx context.Context, etx EngineTx) error {
	err := etx.Commit(ctx)
	var sent *UnknownCommit
	if errors.As(err, &sent) {
		select {
		case <-sent.Answered:
			_, err = sent.Answer()
		case <-ctx.Done():
		}
	}
	return err
}
