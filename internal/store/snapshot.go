package store

import (
	"context"
	"errors"

	"sixty/internal/crm"
)

// Snapshot implements crm.Store.
func (s *Store) Snapshot(ctx context.Context, fn func(crm.Reads) error) error {
	snap, err := s.engine.Snapshot(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() {
		// Nothing was written; a transaction that cannot end, ends with its connection.
		_ = snap.Close()
	}()
	err = fn(&reader{store: s, db: snap})
	var again *retryError
	if errors.As(err, &again) {
		// A standby that had to overtake the snapshot. What fn did with what it had
		// read is not for the store to do again.
		return crm.Unavailable(err)
	}
	return err
}
