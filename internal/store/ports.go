package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/webhooks"
)

// What crm, accounts and bulk need of the storage differs in the type of the transactions, so
// that each has an adapter of its own. The transactions themselves are all the same: *tx.

// Tx is everything that a transaction of a Store can do.
type Tx interface {
	accounts.Tx
	bulk.Tx
	webhooks.Tx
}

// CRM returns the store as internal/crm needs it.
func (s *Store) CRM() crm.Store { return port[crm.Tx]{s} }

// Accounts returns the store as internal/accounts needs it.
func (s *Store) Accounts() accounts.Store {
	return accountStore{port[accounts.Tx]{s}, &reader{store: s}}
}

// Bulk returns the store as internal/bulk needs it.
func (s *Store) Bulk() bulk.Store { return bulkStore{port[bulk.Tx]{s}} }

// port is a Store whose transactions have the type T.
type port[T any] struct{ *Store }

func (p port[T]) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(T) error) error {
	return p.Store.Write(ctx, by, at, func(t Tx) error { return fn(t.(T)) })
}

func (p port[T]) DryRun(ctx context.Context, by crm.Actor, at crm.Instant, fn func(T) error) error {
	return p.Store.DryRun(ctx, by, at, func(t Tx) error { return fn(t.(T)) })
}

type accountStore struct {
	port[accounts.Tx]
	*reader
}

type bulkStore struct{ port[bulk.Tx] }

func (b bulkStore) Snapshot(ctx context.Context, by crm.Actor, fn func(bulk.Reads) error) error {
	return b.Store.Snapshot(ctx, by, func(r crm.Reads) error { return fn(r.(bulk.Reads)) })
}
