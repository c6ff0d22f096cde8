package storetest

import (
	"context"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// operators are people of any organisation. In this database there are several organisations, so that
// no admin is one otherwise.
func operators(f *fixture) {
	ctx := f.Context()
	ada, grace, gone, away := f.home.newOwner("Ada"), f.home.newOwner("Grace"), f.home.newOwner("Gone"), f.away.newOwner("Edith")
	insert(f, f.home, owners(), ada, grace, gone)
	insert(f, f.away, owners(), away)
	change := func(o tenant, user crm.ID, add, want bool) {
		f.Helper()
		f.write(o, 2, func(tx store.Tx) error {
			fn := tx.DeleteOperator
			if add {
				fn = func(ctx context.Context, id crm.ID) (bool, error) { return tx.PutOperator(ctx, id, at(2)) }
			}
			changed, err := fn(ctx, user)
			if changed != want {
				f.Errorf("add %t of %s: %t, want %t", add, user, changed, want)
			}
			return err
		})
	}
	is := func(o crm.Owner, want bool) {
		f.Helper()
		if got, err := f.store.IsOperator(ctx, o.OrgID, o.ID); must(f, got, err) != want {
			f.Errorf("%s: %t, want %t", o.FullName, got, want)
		}
		f.write(map[crm.ID]tenant{f.home.ID: f.home, f.away.ID: f.away}[o.OrgID], 2, func(tx store.Tx) error {
			got, err := tx.IsListedOperator(ctx, o.ID)
			if got != want {
				f.Errorf("in a transaction, %s: %t, want %t", o.FullName, got, want)
			}
			return err
		})
	}
	before := len(changeLog(f, f.home))
	is(ada, false)
	change(f.home, ada.ID, true, true)
	change(f.home, ada.ID, true, false)
	change(f.home, gone.ID, true, true)
	change(f.away, away.ID, true, true)
	for _, o := range []crm.Owner{ada, away} {
		is(o, true)
	}
	is(grace, false)
	remove(f, f.home, owners(), 3, gone.ID)
	listed := 0
	all, err := f.store.Operators(ctx)
	for _, o := range must(f, all, err) {
		switch o.Person.ID {
		case ada.ID, away.ID:
			listed++
			if o.Since != at(2) || o.Organisation == "" || o.Person.FullName == "" {
				f.Errorf("%+v", o)
			}
		default:
			f.Errorf("%+v is listed", o)
		}
	}
	if listed != 2 {
		f.Errorf("%d are listed, want 2", listed)
	}
	change(f.home, ada.ID, false, true)
	change(f.home, ada.ID, false, false)
	change(f.home, away.ID, false, false) // of another organisation
	is(ada, false)
	is(away, true)
	if n := len(changeLog(f, f.home)) - before; n != 1 { // the deletion
		f.Errorf("%d changes were entered, want 1", n)
	}
}
