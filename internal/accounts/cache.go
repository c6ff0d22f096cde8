package accounts

import (
	"context"
	"strings"

	"sixty/internal/crm"
)

// ClearCache invalidates the answers that the instances have cached for the organisation: all
// of them (EntityCache), those of a tier (EntityCache + "." + its name), or those made from
// records of a type (EntityDeal and so on). Other instances learn of it from the change log,
// as of any change. Validation errors of the request are returned only to those who may clear
// caches.
func (s *Service) ClearCache(ctx context.Context, by crm.Actor, entities []string, invalid ...crm.FieldError) error {
	if err := RequireAdmin(by, "clear caches"); err != nil {
		return err
	}
	if len(invalid) > 0 {
		return crm.Invalid(invalid...)
	}
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		for _, entity := range entities {
			if err := tx.LogBulkChange(ctx, entity); err != nil {
				return err
			}
		}
		return Audit(ctx, tx, by, now, AuditEvent{Action: ActionCacheCleared, Target: strings.Join(entities, ", ")})
	})
}
