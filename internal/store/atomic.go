package store

import (
	"context"
	"errors"
	"fmt"

	"sixty/internal/crm"
)

// joinedKey is the context's key for the transaction that joins what is read and written
// with the context.
type joinedKey struct{}

// joined returns the transaction of this store that a context's reads and writes are part
// of; nil for none.
func (s *Store) joined(ctx context.Context) *tx {
	if t, ok := ctx.Value(joinedKey{}).(*tx); ok && t.store == s {
		return t
	}
	return nil
}

// Atomic implements crm.Store.
func (s *Store) Atomic(ctx context.Context, by crm.Actor, at crm.Instant, fn func(context.Context) error) error {
	if t := s.joined(ctx); t != nil {
		return t.join(by, at, func(Tx) error { return fn(ctx) })
	}
	return s.Write(ctx, by, at, func(writing Tx) error {
		t, _ := writing.(*tx) // what Write passes
		return t.runJoined(ctx, fn)
	})
}

// runJoined runs fn with a context whose reads and writes are part of the transaction.
func (t *tx) runJoined(ctx context.Context, fn func(context.Context) error) error {
	err := fn(context.WithValue(ctx, joinedKey{}, t))
	// A Write that the engine wants to run again does so with all the others, even if fn
	// returned another error, or none.
	if again := (*retryError)(nil); err == nil || errors.As(t.failed, &again) {
		err = t.failed
	}
	return err
}

// join runs a Write as part of the transaction. Once one has failed, the transaction
// fails, even if its error is ignored: what that Write did is not rolled back alone.
func (t *tx) join(by crm.Actor, at crm.Instant, fn func(Tx) error) error {
	if by != t.by {
		return fmt.Errorf("a write of %v is not part of a transaction of %v", by, t.by)
	}
	t.at = at
	err := fn(t)
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}
