package sqlite_test

import (
	"encoding/hex"
	"strconv"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/store/storetest"
)

func TestUpgrades(t *testing.T) {
	t.Parallel()
	storetest.RunUpgrades(t, database, storetest.Literals{
		ID:   func(id crm.ID) string { return "x'" + hex.EncodeToString(id[:]) + "'" },
		At:   func(at crm.Instant) string { return strconv.FormatInt(int64(at), 10) },
		Date: func(d crm.Date) string { return strconv.FormatInt(int64(d), 10) },
	})
}
