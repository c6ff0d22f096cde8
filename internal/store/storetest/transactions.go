package storetest

import (
	"errors"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

var errGivenUp = errors.New("the use case gave up")

// unchanged checks that everything of the home organisation is as it was.
func unchanged(f *fixture, w world, before picture) {
	f.Helper()
	if diff := cmp.Diff(before, w.picture(f, f.home)); diff != "" {
		f.Errorf("something is left (-before +after):\n%s", diff)
	}
}

// everything makes a change of every kind.
func everything(f *fixture, w world) func(tx store.Tx) error {
	ctx := f.Context()
	return func(tx store.Tx) error {
		rows, err := tx.Deals().LockForUpdate(ctx, []crm.ID{w.deal.ID})
		if err != nil {
			return err
		}
		after := rows[0]
		after.Name, after.UpdatedAt, after.PrimaryContactID = "Changed", at(2), &w.further.ID
		for _, step := range []func() error{
			func() error { return tx.Deals().Update(ctx, []crm.Change[crm.Deal]{{Before: rows[0], After: after}}) },
			func() error { return tx.Companies().Insert(ctx, []crm.Company{f.home.newCompany("New")}) },
			func() error {
				return tx.Contacts().Insert(ctx, copies(contacts(), []crm.Contact{f.home.newContact("New")}, 60))
			},
			func() error { return tx.Stages().Insert(ctx, []crm.Stage{f.home.newStage("New")}) },
			func() error { return tx.Owners().Insert(ctx, []crm.Owner{f.home.newOwner("New")}) },
			func() error { return tx.ClearPrimaryContacts(ctx, []crm.ID{w.company.ID}) },
			func() error { return tx.CloseStageHistory(ctx, []crm.ID{w.deal.ID}, at(2)) },
			func() error { return tx.Activities().Insert(ctx, []crm.Activity{f.home.newActivity("call")}) },
			func() error { return tx.Tasks().Insert(ctx, []crm.Task{f.home.newTask("New")}) },
			func() error { return tx.ClearDeal(ctx, w.deal.ID) },
			func() error { return tx.ClearContact(ctx, w.contact.ID) },
			func() error { return tx.ClearCompany(ctx, w.company.ID) },
			func() error { _, err := tx.RevokeAPIKey(ctx, w.key.ID); return err },
			func() error { return tx.Companies().Delete(ctx, w.company) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
}

// rollback leaves nothing of a transaction with a function that fails, and returns the
// failure as it is.
func rollback(f *fixture) {
	w, _ := newWorlds(f)
	before := w.picture(f, f.home)
	err := f.fails(f.home, func(tx store.Tx) error {
		if err := everything(f, w)(tx); err != nil {
			return err
		}
		return errGivenUp
	})
	if !errors.Is(err, errGivenUp) {
		f.Errorf("%v, want the function's own error", err)
	}
	unchanged(f, w, before)
	f.write(f.home, 2, everything(f, w)) // and nothing stands in the way of the next
}

// dryRun leaves nothing of a transaction that succeeds.
func dryRun(f *fixture) {
	w, _ := newWorlds(f)
	before := w.picture(f, f.home)
	met := false
	err := f.store.DryRun(f.Context(), f.home.by, at(2), func(tx store.Tx) error {
		if err := everything(f, w)(tx); err != nil {
			return err
		}
		rows, err := tx.Reads().Deals().ByID(f.Context(), f.home.ID, []crm.ID{w.deal.ID})
		met = len(rows) == 1 && rows[0].Name == "Changed"
		return err
	})
	if err != nil || !met {
		f.Errorf("the rehearsal did not see what it did: %v", err)
	}
	unchanged(f, w, before)
	if err := f.store.DryRun(f.Context(), f.home.by, at(2), func(store.Tx) error { return errGivenUp }); !errors.Is(err, errGivenUp) {
		f.Errorf("%v, want the function's own error", err)
	}
}

// panics lets a panic through, leaves nothing of the transaction, and goes on.
func panics(f *fixture) {
	w, _ := newWorlds(f)
	before := w.picture(f, f.home)
	for range 12 { // more often than there are connections
		func() {
			defer func() {
				if recover() != "in the use case" {
					f.Error("the panic did not come through")
				}
			}()
			_ = f.store.Write(f.Context(), f.home.by, at(2), func(tx store.Tx) error {
				if err := everything(f, w)(tx); err != nil {
					return err
				}
				panic("in the use case")
			})
		}()
	}
	unchanged(f, w, before)
	f.write(f.home, 2, everything(f, w))
}

// ownWrites reads within a transaction what it wrote, which others do not see
// before it ends.
func ownWrites(f *fixture) {
	c, ctx := f.home.newCompany("New"), f.Context()
	f.write(f.home, 1, func(tx store.Tx) error {
		if err := tx.Companies().Insert(ctx, []crm.Company{c}); err != nil {
			return err
		}
		q := crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 10, Count: crm.CountExact}
		p, err := tx.Reads().Companies().Page(ctx, f.home.ID, q)
		if len(must(f, p, err).Rows) != 1 || *p.Total != 1 {
			f.Errorf("a page within has %d rows of %d", len(p.Rows), *p.Total)
		}
		found, err := tx.Companies().Find(ctx, crm.KeyName, []string{"new"})
		if len(must(f, found, err)) != 1 {
			f.Errorf("found within: %v", found)
		}
		if rows := readAll(f, f.home, companies(), []crm.ID{c.ID}); len(rows) != 0 {
			f.Error("others see what is not committed")
		}
		return nil
	})
	if rows := readAll(f, f.home, companies(), []crm.ID{c.ID}); len(rows) != 1 {
		f.Error("others do not see what is committed")
	}
}
