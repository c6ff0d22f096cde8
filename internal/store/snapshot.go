package store

import (
	"context"

	"sixty/internal/crm"
)

// Snapshot implements crm.Store.
func (s *Store) Snapshot(ctx context.Context, by crm.Actor, fn func(crm.Reads) error) error {
	if t := s.joined(ctx); t != nil { // which sees what the transaction has written
		if by.Org != t.by.Org {
			return errNotJoined
		}
		return fn(&reader{store: s, db: t.etx, owner: by.OwnerScope()})
	}
	snap, err := s.engine.Snapshot(ctx, Scope{Org: by.Org})
	if err != nil {
		return s.fault(ctx, err)
	}
	defer func() {
		// Nothing was written; a transaction that cannot end, ends with its connection.
		_ = snap.Close()
	}()
	// It is to be run again when a standby had to overtake it. What fn did with what it
	// had read is not for the store to do again.
	return final(fn(&reader{store: s, db: snap, owner: by.OwnerScope()}))
}
