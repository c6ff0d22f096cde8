package bulk

import (
	"context"

	"sixty/internal/crm"
)

// DryRun calls do with a service whose dry runs see what those before them did: all are one
// transaction, which is rolled back at the end. do is called once more when the transaction
// was disturbed and begins anew.
func (s *Service) DryRun(ctx context.Context, by crm.Actor, do func(*Service) error) error {
	return s.store.DryRun(ctx, by, s.clock(), func(tx Tx) error {
		return do(&Service{store: dryStore{s.store, tx}, now: s.now})
	})
}

// dryStore is a store whose dry runs share a transaction.
type dryStore struct {
	Store
	tx Tx
}

// DryRun implements Store.
func (d dryStore) DryRun(_ context.Context, _ crm.Actor, _ crm.Instant, fn func(Tx) error) error {
	return fn(d.tx)
}

// DefaultCurrency returns the currency of the actor's organisation.
func (s *Service) DefaultCurrency(ctx context.Context, by crm.Actor) (string, error) {
	org, err := s.store.Organisation(ctx, by.Org)
	return org.DefaultCurrency, err
}
