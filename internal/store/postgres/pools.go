package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// openPools makes the pools. The reserved connection is made first, and stays: a server that is
// full afterwards does not stop the cache.
func (e *Engine) openPools(ctx context.Context, config *pgxpool.Config) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	config.BeforeConnect = e.usePassword
	first := config.Copy()
	first.MinConns, first.MaxConns, first.MaxConnLifetime = 1, 1, forever
	if e.reserved, err = pgxpool.NewWithConfig(ctx, first); err != nil {
		return err
	}
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		if conn, err := e.reserved.Acquire(ctx); err == nil {
			conn.Release()
		}
	}()
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		select {
		case <-tried:
			return e.usePassword(ctx, c)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if e.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		e.reserved.Close()
	}
	return err
}

// foundReadOnly replaces the connections when a write is rejected, since all lead to that
// server. If the next one is read-only too, there is no other: reads go on with it.
func (e *Engine) foundReadOnly() {
	if !e.readOnly.Swap(true) {
		e.reset()
	}
}

// reset has every connection closed once it is not in use: another server has taken over.
// Commits that no caller waits for are not answered by the former one.
func (e *Engine) reset() {
	e.mu.Lock() // a connection may be made before Open has returned
	defer e.mu.Unlock()
	e.commits.dropAbandoned()
	e.pool.Reset()
	e.reserved.Reset()
}
