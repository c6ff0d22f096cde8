package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// snapshots show what was there at their first read, whatever is committed
// meanwhile, by this process or another.
func snapshots(f *fixture) {
	o, ctx := f.home, f.Context()
	_, elsewhere := f.open(patience)
	kept, doomed := o.newCompany("Kept"), o.newCompany("Doomed")
	insert(f, o, companies(), kept, doomed)
	ids := []crm.ID{kept.ID, doomed.ID}
	all := crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 10, Count: crm.CountExact}
	type seen struct {
		Page  crm.Page[crm.Company]
		ByID  map[crm.ID]crm.Company
		Stats map[crm.ID]crm.CompanyStats
	}
	look := func(r crm.Reads) seen {
		f.Helper()
		p, err := r.Companies().Page(ctx, o.ID, all)
		s := seen{Page: must(f, p, err), ByID: map[crm.ID]crm.Company{}}
		rows, err := r.Companies().ByID(ctx, o.ID, ids)
		for _, c := range must(f, rows, err) {
			s.ByID[c.ID] = c
		}
		stats, err := r.CompanyStats(ctx, o.ID, ids)
		s.Stats = must(f, stats, err)
		return s
	}
	err := f.store.Snapshot(ctx, f.home.by, func(r crm.Reads) error {
		before := look(r)
		insert(f, o, companies(), o.newCompany("New"))
		update(f, o, companies(), 2, func(c *crm.Company) { c.Name = "Changed" }, kept.ID)
		there := *f
		there.store = elsewhere
		remove(&there, o, companies(), 3, doomed.ID)
		dealsWith(&there, "GBP", amounts(5), func(d *crm.Deal) { d.CompanyID = &kept.ID })
		if diff := cmp.Diff(before, look(r)); diff != "" {
			f.Errorf("the snapshot moved (-before +after):\n%s", diff)
		}
		if now := look(f.store.Reads(crm.Actor{})); len(now.ByID) != 1 || *now.Page.Total != 2 || now.Stats[kept.ID].Deals != 1 {
			f.Errorf("beside the snapshot: %v", now)
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	err = f.store.Snapshot(ctx, f.home.by, func(r crm.Reads) error {
		if now := look(r); len(now.ByID) != 1 || *now.Page.Total != 2 || now.Stats[kept.ID].Deals != 1 {
			f.Errorf("the next snapshot: %v", now)
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}

// snapshotEnds ends a snapshot however its function ends, rejects writes in it,
// and bounds its statements.
func snapshotEnds(f *fixture) {
	read := func(ctx context.Context, r crm.Reads) error {
		_, err := r.Companies().ByID(ctx, f.home.ID, []crm.ID{crm.NewID()})
		return err
	}
	for range 25 { // more often than there are connections
		err := f.store.Snapshot(f.Context(), f.home.by, func(r crm.Reads) error { return errors.Join(read(f.Context(), r), errGivenUp) })
		if !errors.Is(err, errGivenUp) {
			f.Fatalf("%v, want the function's own error", err)
		}
		func() {
			defer func() {
				if recover() != "in the use case" {
					f.Error("the panic did not come through")
				}
			}()
			_ = f.store.Snapshot(f.Context(), f.home.by, func(r crm.Reads) error {
				if err := read(f.Context(), r); err != nil {
					return err
				}
				panic("in the use case")
			})
		}()
		ctx, cancel := context.WithCancel(f.Context())
		err = f.store.Snapshot(ctx, f.home.by, func(r crm.Reads) error {
			if err := read(ctx, r); err != nil {
				f.Errorf("before it is cancelled: %v", err)
			}
			cancel()
			return read(ctx, r)
		})
		if !errors.Is(err, context.Canceled) {
			f.Fatalf("cancelled in the middle: %v, want %v", err, context.Canceled)
		}
	}

	engine, _ := f.open(time.Second)
	for name, st := range map[string]*store.Statement{
		"a write":      {Name: "test.write", SQL: `INSERT INTO settings (name, value) VALUES ('a', 'b') RETURNING name`},
		"for too long": slow,
	} {
		snap, err := engine.Snapshot(f.Context(), store.Scope{Service: true})
		if err != nil {
			f.Fatal(err)
		}
		start := time.Now()
		if err := runs(f.Context(), snap, st); err == nil {
			f.Errorf("%s succeeds in a snapshot", name)
		}
		if took := time.Since(start); took > promptly {
			f.Errorf("%s: it took %s to give up", name, took)
		}
		if err := snap.Close(); err != nil {
			f.Errorf("%s: close: %v", name, err)
		}
	}
	works(f, f.store)
}
