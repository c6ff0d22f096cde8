package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// observes reports each statement that ran, with its context, its times, the rows that it
// read or affected, and its error.
func observes(f *fixture) {
	type mark struct{}
	var mu sync.Mutex
	var events []store.StatementEvent
	s := store.New(f.opener(f.T, patience), store.Options{Observe: func(ctx context.Context, e store.StatementEvent) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Value(mark{}) == nil {
			f.Errorf("%s was reported without its context", e.Name)
		}
		events = append(events, e)
	}})
	defer func() { _ = s.Close() }()
	ctx := context.WithValue(f.Context(), mark{}, true)
	expect := func(name string, rows int64, failed bool, do func() error) {
		f.Helper()
		events = nil
		before := time.Now()
		if err := do(); (err != nil) != failed {
			f.Errorf("%s: %v", name, err)
		}
		for _, e := range events {
			if e.Name == name && e.Rows == rows && (e.Err != nil) == failed && !e.Start.Before(before) && !e.End.Before(e.Start) && !e.End.After(time.Now()) {
				return
			}
		}
		f.Errorf("%s of %d rows was not reported: %+v", name, rows, events)
	}
	rows := copies(companies(), []crm.Company{f.home.newCompany("Many")}, 60)
	insert := func(rows ...crm.Company) func() error {
		return func() error {
			return s.Write(ctx, f.home.by, at(1), func(tx store.Tx) error { return tx.Companies().Insert(ctx, rows) })
		}
	}
	expect("company.list", 0, false, func() error {
		_, err := s.Reads(f.home.by).Companies().Page(ctx, f.home.ID, crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 5})
		return err
	})
	expect("companies.insert", 1, false, insert(rows[0]))
	expect("change.insert", 1, false, insert(rows[1]))
	expect("company.list", 2, false, func() error {
		_, err := s.Reads(f.home.by).Companies().Page(ctx, f.home.ID, crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 5})
		return err
	})
	expect("companies.insert", 0, true, insert(rows[0]))
	expect("company.get", 0, true, func() error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("gone"))
		_, err := s.Reads(f.home.by).Companies().ByID(ctx, f.home.ID, []crm.ID{rows[0].ID})
		return err
	})
}
