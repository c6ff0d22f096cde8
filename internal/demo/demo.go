// Package demo generates plausible data: a sales team with a year of history, as small as a
// demonstration or as large as a load test. Nothing in it is real: host names and email
// addresses end in .example, which RFC 2606 reserves.
//
// Every row is a function of the seed and its number alone, so any amount is generated with
// little memory, and a row can be referred to without being stored. The times are in the
// year before the plan's Now, and ids, being UUIDv7, start with the time of their row; their
// remaining bits come from seed, organisation, Now and number. Hence the same plan with the
// same Now generates the same rows for the same organisation. A later run adds other rows:
// it continues the numbers of the organisation's rows, and so uses other names, domains and
// addresses.
package demo

import (
	"context"
	"slices"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// batch is the number of rows written in one transaction.
const batch = 2000

// Amounts are numbers of rows by type.
type Amounts struct {
	People    int // only if the organisation has no owners yet
	Companies int
	Contacts  int
	Deals     int

	// About the deals of the same plan.
	Activities int
	Tasks      int
}

// Plan configures what to generate.
type Plan struct {
	Amounts
	Seed uint64
	Now  time.Time
	// Whole writes everything in one transaction, for small amounts.
	Whole bool
}

// Demonstration returns the plan of the demonstration data.
func Demonstration(now time.Time) Plan {
	return Plan{
		Amounts: Amounts{People: 8, Companies: 120, Contacts: 400, Deals: 600, Activities: 1500, Tasks: 240},
		Seed:    1, Now: now, Whole: true,
	}
}

// Fill adds the plan's data to the actor's organisation, with one transaction per batch, and
// returns how much it added. If it fails, the batches already written remain.
func Fill(ctx context.Context, store bulk.Store, by crm.Actor, plan Plan) (Amounts, error) {
	g, err := newGenerator(ctx, store, by.Org, plan)
	if err != nil {
		return Amounts{}, err
	}
	at := crm.InstantOf(plan.Now)
	id := crm.NewID()
	var done Amounts
	all, atOnce := g.steps(), 1
	if plan.Whole {
		atOnce = max(1, len(all))
	}
	for steps := range slices.Chunk(all, atOnce) {
		if err := store.Write(ctx, by, at, func(tx bulk.Tx) error {
			tx.BeginImport(id)
			for _, s := range steps {
				if err := s.write(ctx, tx); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return done, err
		}
		for _, s := range steps {
			*s.count(&done) += s.rows
		}
	}
	return done, nil
}

// step writes a batch of rows of one type.
type step struct {
	rows  int
	count func(*Amounts) *int // the type's field
	write func(ctx context.Context, tx bulk.Tx) error
}

// steps returns the batches in an order in which each refers only to earlier ones.
func (g *generator) steps() []step {
	kinds := []struct {
		rows  int
		count func(*Amounts) *int
		write func(ctx context.Context, tx bulk.Tx, from, to int) error
	}{
		{g.plan.People, func(a *Amounts) *int { return &a.People }, g.writePeople},
		{g.plan.Companies, func(a *Amounts) *int { return &a.Companies }, g.writeCompanies},
		{g.plan.Contacts, func(a *Amounts) *int { return &a.Contacts }, g.writeContacts},
		{g.plan.Deals, func(a *Amounts) *int { return &a.Deals }, g.writeDeals},
		{g.plan.Activities, func(a *Amounts) *int { return &a.Activities }, g.writeActivities},
		{g.plan.Tasks, func(a *Amounts) *int { return &a.Tasks }, g.writeTasks},
	}
	var all []step
	for _, k := range kinds {
		for from := 0; from < k.rows; from += batch {
			to := min(from+batch, k.rows)
			write := func(ctx context.Context, tx bulk.Tx) error { return k.write(ctx, tx, from, to) }
			all = append(all, step{to - from, k.count, write})
		}
	}
	return all
}

// rows generates the rows of a batch.
func rows[T any](from, to int, row func(i int) T) []T {
	out := make([]T, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, row(i))
	}
	return out
}

// insert inserts rows without the keys that are already in use, which happens if the
// organisation's rows were deleted or created by other means.
func insert[T any](ctx context.Context, table crm.Table[T], key crm.Key, rows []T, of func(*T) **string) error {
	values := make([]string, 0, len(rows))
	for i := range rows {
		if v := *of(&rows[i]); v != nil {
			values = append(values, *v)
		}
	}
	found, err := table.Find(ctx, key, values)
	if err != nil {
		return err
	}
	taken := make(map[string]bool, len(found))
	for _, f := range found {
		taken[f.Key] = true
	}
	for i := range rows {
		if v := of(&rows[i]); *v != nil && taken[**v] {
			*v = nil
		}
	}
	return table.Insert(ctx, rows)
}
