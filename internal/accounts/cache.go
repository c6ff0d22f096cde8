package accounts

import (
	"context"

	"sixty/internal/crm"
)

// ClearCache has every instance forget the answers that it has cached for the
// organisation: all of them (EntityCache), those of a tier (EntityCache + "." + its
// name), or those made from a kind of thing (EntityDeal and so on). Others learn of it
// as they learn of changes: by the change log. It refuses what has flaws, of which it
// tells only those who may clear caches.
func (s *Service) ClearCache(ctx context.Context, by crm.Actor, entity string, flaws ...crm.FieldError) error {
	if err := RequireAdmin(by, "clear caches"); err != nil {
		return err
	}
	if len(flaws) > 0 {
		return crm.Invalid(flaws...)
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		if err := tx.LogBulkChange(ctx, entity); err != nil {
			return err
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionCacheCleared, Target: entity})
	})
}
