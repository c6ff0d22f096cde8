package sqlite_test

import (
	"context"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/storetest"
)

// Of a COMMIT that fails with its transaction left open nothing is in, for certain;
// nor of one that was cancelled before it was sent.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		commit  func(context.Context, store.EngineTx) error
		inDoubt bool
	}{
		{"refused", func(ctx context.Context, tx store.EngineTx) error {
			for _, sql := range []string{
				"PRAGMA defer_foreign_keys = 1",
				"INSERT INTO changes (org_id, seq, entity, op, at, refs) VALUES (x'00', 1, 'deal', 'bulk', 0, '{}')",
			} {
				if _, err := tx.Exec(ctx, &store.Statement{Name: "test.refuse", SQL: sql}, nil); err != nil {
					return err
				}
			}
			return tx.Commit(ctx)
		}, false},
		{"cancelled", func(ctx context.Context, tx store.EngineTx) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return tx.Commit(ctx)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			engine := database(t)(t, 0)
			t.Cleanup(func() { _ = engine.Close() })
			if err := engine.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			whole := store.New(engine, store.Options{})
			org, err := accounts.NewService(whole.Accounts(), time.Now, "GBP").CreateOrganisation(t.Context(), "Home")
			if err != nil {
				t.Fatal(err)
			}
			heard := new(storetest.Commits)
			s := store.New(storetest.AtCommit(engine, c.commit), store.Options{Commits: heard})
			announce := func(tx store.Tx) error { return tx.LogBulkChange(t.Context(), crm.EntityDeal) }
			err = s.Write(t.Context(), crm.Operator(org.ID), 0, announce)
			if err == nil {
				t.Error("the write has succeeded")
			}
			entries, doubts := heard.Heard()
			if len(entries) > 0 || (len(doubts) == 1 && doubts[0] == org.ID) != c.inDoubt {
				t.Errorf("heard of %v, in doubt %v; want doubt: %t", entries, doubts, c.inDoubt)
			}
			if err := whole.Write(t.Context(), crm.Operator(org.ID), 0, announce); err != nil {
				t.Errorf("a write afterwards: %v", err)
			}
			ends, err := whole.LogEnds(t.Context(), []crm.ID{org.ID})
			if err != nil || ends.Seqs[org.ID] != 1+6+1 { // the organisation and its stages, and the write afterwards
				t.Errorf("the log ends at %d, %v", ends.Seqs[org.ID], err)
			}
		})
	}
}
