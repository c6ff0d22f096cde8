package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/storetest"
)

// TestEpochOfAnotherServer is what a promoted standby looks like: the epoch is stored beside
// the origin of the former server.
func TestEpochOfAnotherServer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, notice := range map[string]func(*store.Store, crm.ID) error{
		"Poll": func(s *store.Store, _ crm.ID) error {
			_, err := s.LogGrowth(ctx, "")
			return err
		},
		"Write": func(s *store.Store, org crm.ID) error {
			return s.Write(ctx, crm.Operator(org), 1, func(tx store.Tx) error { return tx.LogBulkChange(ctx, crm.EntityDeal) })
		},
		"Unchanged": func(s *store.Store, org crm.ID) error {
			return s.Write(ctx, crm.Operator(org), 1, func(store.Tx) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, admin := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
			heard := new(storetest.Commits)
			s := store.New(e, store.Options{Commits: heard})
			home, err := accounts.NewService(s.Accounts(), time.Now, "GBP").CreateOrganisation(ctx, "Home")
			if err != nil {
				t.Fatal(err)
			}
			org := home.ID
			before, err := s.LogGrowth(ctx, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := admin.Exec(ctx, "UPDATE log_epoch SET origin = '00000000.1'"); err != nil {
				t.Fatal(err)
			}

			// A read is answered, but its epoch is not known.
			var epochs []string
			observed := crm.WithEpochObserver(ctx, func(epoch string) { epochs = append(epochs, epoch) })
			if _, err := s.Organisation(observed, org); err != nil || !slices.Equal(epochs, []string{""}) {
				t.Errorf("a read: %v, under the epochs %q", err, epochs)
			}
			if _, err := s.LogSince(ctx, org, 0, 10); crm.CodeOf(err) != crm.CodeUnavailable {
				t.Errorf("a read of the log: %v", err)
			}

			if err := notice(s, org); err != nil {
				t.Fatal(err)
			}
			after, err := s.LogGrowth(ctx, before.Mark)
			if err != nil || after.Epoch == before.Epoch {
				t.Errorf("the epochs are %q and %q, %v", before.Epoch, after.Epoch, err)
			}
			if name != "Poll" && heard.Epoch() != after.Epoch {
				t.Errorf("the write is of the epoch %q, want %q", heard.Epoch(), after.Epoch)
			}
			epochs = nil
			if _, err := s.Organisation(observed, org); err != nil || !slices.Equal(epochs, []string{after.Epoch}) {
				t.Errorf("then a read: %v, under the epochs %q, want %q", err, epochs, after.Epoch)
			}
			err = s.Snapshot(observed, crm.Operator(org), func(crm.Reads) error { return nil })
			if err != nil || len(epochs) != 2 || epochs[1] != after.Epoch {
				t.Errorf("a snapshot: %v, under the epochs %q, want %q", err, epochs, after.Epoch)
			}
		})
	}
}

// TestExpectEpoch raises what the dialect classifies.
func TestExpectEpoch(t *testing.T) {
	t.Parallel()
	e, admin := migrated(t, postgres.Options{URL: servertest.PostgresURL(t)})
	var epoch string
	if err := admin.QueryRow(t.Context(), "SELECT expect_epoch('')").Scan(&epoch); err != nil {
		t.Fatal(err)
	}
	if err := admin.QueryRow(t.Context(), "SELECT expect_epoch($1)", epoch).Scan(&epoch); err != nil {
		t.Error(err)
	}
	err := admin.QueryRow(t.Context(), "SELECT expect_epoch('ANOTHER1')").Scan(&epoch)
	if got := e.Dialect().Classify(err); got.Kind != store.FaultEpoch {
		t.Errorf("%v is classified as %v", err, got.Kind)
	}
	if !errors.As(err, new(*pgconn.PgError)) {
		t.Error(err)
	}
}
