package accounts

import (
	"context"
	"testing"

	"sixty/internal/crm"
)

// crowd is a transaction in which everybody owns so many records.
type crowd struct {
	Tx
	records int64
}

func (c crowd) CountOwned(_ context.Context, _ crm.ID, limit int64) (int64, error) {
	return min(c.records, limit), nil
}

// More than a request can carry is refused before anything is changed, but not to the
// operator, who has the time.
func TestHandOverIsBounded(t *testing.T) {
	t.Parallel()
	admin := crm.Actor{Org: crm.NewID(), User: crm.NewID(), Role: crm.RoleAdmin}
	for _, c := range []struct {
		name    string
		by      crm.Actor
		records int64
		want    crm.Code
	}{
		{"Most", admin, MaxTransferredRecords, ""},
		{"OneMore", admin, MaxTransferredRecords + 1, crm.CodeConflict},
		{"Operator", crm.Operator(admin.Org), MaxTransferredRecords + 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := checkTransfer(t.Context(), crowd{records: c.records}, c.by, crm.NewID())
			if crm.CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
