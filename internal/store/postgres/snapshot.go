package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"sixty/internal/crm"
	"sixty/internal/store"
)

const beginSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

// Snapshot starts a transaction whose statements all see what the first one sees
// (PostgreSQL manual, 13.2.2, "Repeatable Read").
func (e *Engine) Snapshot(ctx context.Context, scope store.Scope) (store.EngineSnapshot, error) {
	if err := e.guard.err(); err != nil {
		return nil, err
	}
	s, epoch, err := e.snapshot(ctx, scope)
	if err == nil && e.epochChanged(epoch) {
		if err := s.Close(); err != nil {
			return nil, err
		}
		if s, epoch, err = e.snapshot(ctx, scope); err == nil {
			e.epochChanged(epoch)
		}
	}
	if err != nil {
		return nil, err
	}
	crm.ObserveEpoch(ctx, epoch)
	return s, nil
}

// snapshot begins a transaction, and returns the epoch of the log with it.
func (e *Engine) snapshot(ctx context.Context, scope store.Scope) (store.EngineSnapshot, string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.acquire(ctx)
	if err != nil {
		return nil, "", err
	}
	if _, err := conn.Exec(ctx, beginSnapshot+confine(scope)+e.scoping.transaction, pgx.QueryExecModeSimpleProtocol); err != nil {
		e.release(conn)
		return nil, "", err
	}
	s := snapshot{&tx{engine: e, conn: conn, timeout: e.timeout}}
	epoch, err := s.tx.epoch(ctx)
	if err != nil {
		return nil, "", errors.Join(err, s.Close())
	}
	return s, epoch, nil
}

// snapshot is a transaction that its user can only read in.
type snapshot struct{ tx *tx }

func (s snapshot) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return s.tx.Query(ctx, st, args)
}

func (s snapshot) Close() error { return s.tx.Rollback() }
