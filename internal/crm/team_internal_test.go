package crm

import (
	"context"
	"testing"
)

// crowd is a transaction in which everybody owns so many records.
type crowd struct {
	Tx
	records int64
}

func (c crowd) CountOwned(_ context.Context, _ ID, limit int64) (int64, error) {
	return min(c.records, limit), nil
}

// More than a request can carry is refused before anything is changed, but not to the
// operator, who has the time.
func TestHandOverIsBounded(t *testing.T) {
	t.Parallel()
	admin := Actor{Org: NewID(), User: NewID(), Role: RoleAdmin}
	for _, c := range []struct {
		name    string
		by      Actor
		records int64
		want    Code
	}{
		{"Most", admin, MaxTransferredRecords, ""},
		{"OneMore", admin, MaxTransferredRecords + 1, CodeConflict},
		{"Operator", Operator(admin.Org), MaxTransferredRecords + 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.by.checkHandOver(t.Context(), crowd{records: c.records}, NewID())
			if CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
