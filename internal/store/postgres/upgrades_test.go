package postgres_test

import (
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store/storetest"
)

func TestUpgrades(t *testing.T) {
	t.Parallel()
	storetest.RunUpgrades(t, database, storetest.Literals{
		ID:      func(id crm.ID) string { return "'" + id.String() + "'" },
		At:      func(at crm.Instant) string { return "'" + at.Time().Format(time.RFC3339Nano) + "'" },
		Date:    func(d crm.Date) string { return "'" + d.String() + "'" },
		Service: "SET LOCAL ROLE sixty_service",
	})
}
