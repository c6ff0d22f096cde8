// Package demo makes up believable data: a sales team with a year of history, as
// small as a demonstration or as large as a load test. Nothing in it is real: host
// names and e-mail addresses end in .example, which RFC 2606 keeps from existing.
//
// Every row is a function of the seed and of its number alone, so that any amount
// is made with little memory, and a row can be referred to without being kept. The
// times lie in the year before the plan's Now, and ids, being UUIDv7, begin with
// the time of their row; their remaining bits come from seed, organisation, Now and
// number. Hence the same plan at the same Now gives the same rows in the same
// organisation, and a repetition later gives rows of its own beside them: it goes
// on counting where the organisation's rows end, and so uses other names, domains
// and addresses.
package demo

import (
	"context"
	"iter"
	"time"

	"sixty/internal/crm"
)

// batch is how many rows are written in one transaction.
const batch = 2000

// Amounts says how many rows of each kind there are to be, or are.
type Amounts struct {
	People    int // only when the organisation has nobody yet
	Companies int
	Contacts  int
	Deals     int

	// What is done, and to be done, about the deals that are made with it.
	Activities int
	Tasks      int
}

// Plan says what to make.
type Plan struct {
	Amounts
	Seed uint64
	Now  time.Time
	// Whole puts everything into one transaction: for small amounts that must be
	// there as a whole or not at all.
	Whole bool
}

// Demonstration is what a demonstration is filled with.
func Demonstration(now time.Time) Plan {
	return Plan{
		Amounts: Amounts{People: 8, Companies: 120, Contacts: 400, Deals: 600, Activities: 1500, Tasks: 240},
		Seed:    1, Now: now, Whole: true,
	}
}

// Fill adds what the plan says to the actor's organisation, in batches of a
// transaction each, and tells how much it added. Ended early, what it has written
// stays.
func Fill(ctx context.Context, store crm.Store, by crm.Actor, plan Plan) (Amounts, error) {
	g, err := newGenerator(ctx, store, by.Org, plan)
	if err != nil {
		return Amounts{}, err
	}
	at := crm.InstantOf(plan.Now)
	if plan.Whole {
		err := store.Write(ctx, by, at, func(tx crm.Tx) error {
			for s := range g.steps() {
				if err := s.write(ctx, tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Amounts{}, err
		}
		return g.plan.Amounts, nil
	}
	var done Amounts
	for s := range g.steps() {
		if err := store.Write(ctx, by, at, func(tx crm.Tx) error { return s.write(ctx, tx) }); err != nil {
			return done, err
		}
		*s.count(&done) += s.rows
	}
	return done, nil
}

// step is a batch of rows of one kind.
type step struct {
	rows  int
	count func(*Amounts) *int // where the kind is counted
	write func(ctx context.Context, tx crm.Tx) error
}

// steps gives the batches in an order in which each refers only to earlier ones.
func (g *generator) steps() iter.Seq[step] {
	kinds := []struct {
		rows  int
		count func(*Amounts) *int
		write func(ctx context.Context, tx crm.Tx, from, to int) error
	}{
		{g.plan.People, func(a *Amounts) *int { return &a.People }, g.writePeople},
		{g.plan.Companies, func(a *Amounts) *int { return &a.Companies }, g.writeCompanies},
		{g.plan.Contacts, func(a *Amounts) *int { return &a.Contacts }, g.writeContacts},
		{g.plan.Deals, func(a *Amounts) *int { return &a.Deals }, g.writeDeals},
		{g.plan.Activities, func(a *Amounts) *int { return &a.Activities }, g.writeActivities},
		{g.plan.Tasks, func(a *Amounts) *int { return &a.Tasks }, g.writeTasks},
	}
	return func(yield func(step) bool) {
		for _, k := range kinds {
			for from := 0; from < k.rows; from += batch {
				to := min(from+batch, k.rows)
				write := func(ctx context.Context, tx crm.Tx) error { return k.write(ctx, tx, from, to) }
				if !yield(step{to - from, k.count, write}) {
					return
				}
			}
		}
	}
}

// rows makes the rows of a batch.
func rows[T any](from, to int, row func(i int) T) []T {
	out := make([]T, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, row(i))
	}
	return out
}

// freeKeys clears the key of the rows where somebody has it already, which is so
// when the organisation's rows have been deleted or made by other means.
func freeKeys[T any](ctx context.Context, table crm.Table[T], key crm.Key, rows []T, of func(*T) **string) error {
	values := make([]string, 0, len(rows))
	for i := range rows {
		if v := *of(&rows[i]); v != nil {
			values = append(values, *v)
		}
	}
	found, err := table.Find(ctx, key, values)
	if err != nil || len(found) == 0 {
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
	return nil
}
