package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// manyRows is more than one statement asks for at once.
const manyRows = 5100

// finds looks records up by each of their keys, however many values are asked for.
func finds(f *fixture) {
	f.sub("companies", func(f *fixture) {
		find(f, companies(), tenant.newCompany, map[crm.Key]func(*crm.Company, string){
			crm.KeyName:       func(c *crm.Company, v string) { c.Name = v },
			crm.KeyDomain:     func(c *crm.Company, v string) { c.Domain = &v },
			crm.KeyExternalID: func(c *crm.Company, v string) { c.ExternalID = &v },
		})
	})
	f.sub("contacts", func(f *fixture) {
		find(f, contacts(), tenant.newContact, map[crm.Key]func(*crm.Contact, string){
			crm.KeyName:       func(c *crm.Contact, v string) { c.FullName = v },
			crm.KeyEmail:      func(c *crm.Contact, v string) { c.Email = &v },
			crm.KeyExternalID: func(c *crm.Contact, v string) { c.ExternalID = &v },
		})
	})
	f.sub("deals", func(f *fixture) {
		find(f, deals(), tenant.newDeal, map[crm.Key]func(*crm.Deal, string){
			crm.KeyName:       func(d *crm.Deal, v string) { d.Name = v },
			crm.KeyExternalID: func(d *crm.Deal, v string) { d.ExternalID = &v },
		})
	})
	f.sub("stages", func(f *fixture) {
		find(f, stages(), tenant.newStage, map[crm.Key]func(*crm.Stage, string){
			crm.KeyName: func(s *crm.Stage, v string) { s.Name = v },
		})
	})
	f.sub("owners", func(f *fixture) {
		find(f, owners(), tenant.newOwner, map[crm.Key]func(*crm.Owner, string){
			crm.KeyName:       func(o *crm.Owner, v string) { o.FullName = v },
			crm.KeyEmail:      func(o *crm.Owner, v string) { o.Email = &v },
			crm.KeyExternalID: func(o *crm.Owner, v string) { o.ExternalID = &v },
		})
	})
	f.sub("unknown key", func(f *fixture) {
		_ = f.fails(f.home, func(tx store.Tx) error {
			_, err := tx.Stages().Find(f.Context(), crm.KeyEmail, []string{"a@example.org"})
			return err
		})
	})
}

func find[T, F any](f *fixture, k kind[T, F], blank func(tenant, string) T, keys map[crm.Key]func(*T, string)) {
	for key, set := range keys {
		build := func(value string) T {
			row := blank(f.home, "Row")
			set(&row, value)
			return row
		}
		odd := crm.NameKey(oddText) // a NameKey is a fit value for every key
		rows := []T{build("first"), build("last"), build(odd), build("gone")}
		if key == crm.KeyName { // names fold, and may fit several
			rows = append(rows, build(" FIRST "))
		}
		insert(f, f.home, k, rows...)
		remove(f, f.home, k, 2, *k.id(&rows[3]))
		values := make([]string, 0, manyRows)
		values = append(values, "first")
		for i := range manyRows {
			values = append(values, fmt.Sprintf("nothing %d", i))
		}
		values = append(values, odd, "gone", "", "last")
		want := []crm.KeyMatch{{Key: "first", ID: *k.id(&rows[0])}, {Key: "last", ID: *k.id(&rows[1])}, {Key: odd, ID: *k.id(&rows[2])}}
		if len(rows) > 4 {
			want = append(want, crm.KeyMatch{Key: "first", ID: *k.id(&rows[4])})
		}
		f.write(f.home, 2, func(tx store.Tx) error {
			got, err := k.table(tx).Find(f.Context(), key, values)
			byKey := func(a, b crm.KeyMatch) int {
				return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID.String(), b.ID.String()))
			}
			slices.SortFunc(got, byKey)
			slices.SortFunc(want, byKey)
			if diff := gocmp.Diff(want, got); diff != "" {
				f.Errorf("%s by %s (-want +got):\n%s", k.entity, key, diff)
			}
			if none, ferr := k.table(tx).Find(f.Context(), key, nil); len(none) > 0 || ferr != nil {
				f.Errorf("%s by no %s: %v, %v", k.entity, key, none, ferr)
			}
			return err
		})
		remove(f, f.home, k, 3, idsOf(k, slices.Delete(rows, 3, 4))...)
	}
}

// lockMany locks more records than one statement asks for, for update and for share, and reports
// those that are there.
func lockMany(f *fixture) {
	rows := copies(companies(), []crm.Company{f.home.newCompany("Many")}, manyRows)
	insert(f, f.home, companies(), rows...)
	remove(f, f.home, companies(), 2, rows[0].ID)
	ids := append(idsOf(companies(), rows), crm.NewID())
	f.write(f.home, 3, func(tx store.Tx) error {
		locked, err := tx.Companies().LockForUpdate(f.Context(), ids)
		got := map[crm.ID]bool{}
		for _, c := range must(f, locked, err) {
			got[c.ID] = true
		}
		held, err := tx.Companies().LockForShare(f.Context(), ids)
		holding := map[crm.ID]bool{}
		for _, id := range must(f, held, err) {
			holding[id] = true
		}
		for name, met := range map[string]map[crm.ID]bool{"locked": got, "held": holding} {
			if len(met) != manyRows-1 || met[rows[0].ID] || met[ids[manyRows]] {
				f.Errorf("%d of %d are %s", len(met), manyRows-1, name)
			}
		}
		none, err := tx.Companies().LockForUpdate(f.Context(), nil)
		if len(must(f, none, err)) > 0 {
			f.Errorf("locked without ids: %v", none)
		}
		return nil
	})
}

// meeting bounds how long a transaction waits for another to get where it is.
const meeting = 200 * time.Millisecond

// lockCrosswise has two transactions lock the same records in opposite order, each
// holding one when it asks for the other: both end, one of them run again.
func lockCrosswise(f *fixture) {
	a, b := f.home.newCompany("A"), f.home.newCompany("B")
	a.Phone, b.Phone = ptr(""), ptr("")
	insert(f, f.home, companies(), a, b)
	ctx := f.Context()
	holds := []chan struct{}{make(chan struct{}), make(chan struct{})}
	orders := [][]crm.ID{{a.ID, b.ID}, {b.ID, a.ID}}
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range orders {
		once := sync.OnceFunc(func() { close(holds[i]) })
		both.Go(func() {
			errs[i] = f.store.Write(ctx, f.home.by, at(2), func(tx store.Tx) error {
				for n, id := range orders[i] {
					rows, err := tx.Companies().LockForUpdate(ctx, []crm.ID{id})
					if err != nil {
						return err
					}
					after := rows[0]
					after.Phone = ptr(*after.Phone + "x")
					if err := tx.Companies().Update(ctx, []crm.Change[crm.Company]{{Before: rows[0], After: after}}); err != nil {
						return err
					}
					if once(); n == 0 {
						select { // where one transaction writes at a time, the other does not come
						case <-holds[1-i]:
						case <-time.After(meeting):
						}
					}
				}
				return nil
			})
		})
	}
	both.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
	for _, id := range []crm.ID{a.ID, b.ID} {
		if c := get(f, f.home, companies(), id); *c.Phone != "xx" || c.Version != 3 {
			f.Errorf("%q in version %d after two changes", *c.Phone, c.Version)
		}
	}
}

// lostUpdate has two raise the same amount many times at once: none is lost.
func lostUpdate(f *fixture) {
	const each = 50
	d := f.home.newDeal("Deal")
	d.Value = ptr(crm.Money(0))
	insert(f, f.home, deals(), d)
	ctx := f.Context()
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range errs {
		both.Go(func() {
			for range each {
				errs[i] = errors.Join(errs[i], f.store.Write(ctx, f.home.by, at(2), func(tx store.Tx) error {
					rows, err := tx.Deals().LockForUpdate(ctx, []crm.ID{d.ID})
					if err != nil {
						return err
					}
					after := rows[0]
					after.Value = ptr(*after.Value + 1)
					return tx.Deals().Update(ctx, []crm.Change[crm.Deal]{{Before: rows[0], After: after}})
				}))
			}
		})
	}
	both.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
	if got := get(f, f.home, deals(), d.ID); *got.Value != 2*each || got.Version != 2*each+1 {
		f.Errorf("%s in version %d after %d changes", got.Value, got.Version, 2*each)
	}
}

// lockForShare keeps what is held from deletion until the transaction that
// holds it ends, and what is being deleted from being held.
func lockForShare(f *fixture) {
	for range 20 {
		c := f.home.newCompany("Held")
		insert(f, f.home, companies(), c)
		d := f.home.newDeal("Deal")
		d.CompanyID = &c.ID
		ctx := f.Context()
		var both sync.WaitGroup
		var holding, deleting error
		both.Go(func() {
			holding = f.store.Write(ctx, f.home.by, at(2), func(tx store.Tx) error {
				held, err := tx.Companies().LockForShare(ctx, []crm.ID{c.ID})
				if err != nil || len(held) == 0 {
					return err
				}
				return tx.Deals().Insert(ctx, []crm.Deal{d})
			})
		})
		both.Go(func() { deleting = deleteCompany(ctx, f, c.ID) })
		both.Wait()
		if err := errors.Join(holding, deleting); err != nil {
			f.Fatal(err)
		}
		if rows := readAll(f, f.home, deals(), []crm.ID{d.ID}); len(rows) > 0 && rows[d.ID].CompanyID != nil {
			f.Fatal("a deal refers to a company that was deleted while it was held")
		}
	}
}

func deleteCompany(ctx context.Context, f *fixture, id crm.ID) error {
	return f.store.Write(ctx, f.home.by, at(3), func(tx store.Tx) error {
		rows, err := tx.Companies().LockForUpdate(ctx, []crm.ID{id})
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := tx.ClearCompany(ctx, id); err != nil {
			return err
		}
		return tx.Companies().Delete(ctx, rows[0])
	})
}
