package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"sixty/internal/store"
)

// Snapshot starts a transaction whose statements all see what the first one sees
// (PostgreSQL manual, 13.2.2, "Repeatable Read").
func (e *Engine) Snapshot(ctx context.Context) (store.EngineSnapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	t, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	return snapshot{tx{tx: t, timeout: e.timeout}}, nil
}

// snapshot is a transaction that its user can only read in.
type snapshot struct{ tx tx }

func (s snapshot) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	return s.tx.Query(ctx, st, args)
}

func (s snapshot) Close() error { return s.tx.Rollback() }
