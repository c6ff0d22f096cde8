package changes_test

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// read is a read by a use case.
type read struct {
	name string
	do   func(ctx context.Context) (any, error)
}

func reading[T any](name string, ask T, do func(ctx context.Context, ask T) (any, error)) read {
	return read{named(name, ask), func(ctx context.Context) (any, error) { return do(ctx, ask) }}
}

// reader returns an actor who sees everything, or only their own records.
func (w *world) reader() crm.Actor {
	if w.r.IntN(3) > 0 {
		return w.by
	}
	return crm.Actor{Org: w.by.Org, User: w.any(w.owners), Role: crm.RoleRep}
}

// scope describes what a reader sees.
func scope(by crm.Actor) string {
	if by.OwnerScope() == nil {
		return ""
	}
	return " of " + by.User.String()
}

// listed returns a read of a list with random parameters.
func listed[T, F any](w *world, name string, sorts crm.Sorts, f F, list func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)) read {
	w.Helper()
	by := w.reader()
	q := crm.List[F]{
		Filter: f, Sort: crm.Sort{Field: one(w, sorts.Fields...), Desc: w.r.IntN(2) == 0},
		Limit: one(w, 1, 3, 10, 50), Backward: w.r.IntN(5) == 0, Count: one(w, crm.CountNone, crm.CountNone, crm.CountExact, crm.CountEstimated),
	}
	if w.r.IntN(4) == 0 {
		first, err := list(w.Context(), by, q)
		if err != nil {
			w.Fatalf("%s: %v", name, err)
		}
		q.From = one(w, first.First, first.Last)
	}
	return reading(name+scope(by), q, func(ctx context.Context, q crm.List[F]) (any, error) { return list(ctx, by, q) })
}

// searched returns a read of a list with a random search.
func searched[T, F any](w *world, name string, f F, list func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)) read {
	by, query := w.reader(), crm.ParseQuery(w.word())
	q := crm.List[F]{Filter: f, Search: &query, Sort: one(w, crm.ByRank, crm.Companies.Sorts.Default), Limit: one(w, 2, 20), Count: one(w, crm.CountNone, crm.CountExact)}
	return reading(name+scope(by)+" "+query.String(), q, func(ctx context.Context, q crm.List[F]) (any, error) { return list(ctx, by, q) })
}

func byID[T any](w *world, name string, ids []crm.ID, get func(context.Context, crm.Actor, crm.ID) (T, error)) read {
	by := w.reader()
	return reading(name+scope(by), w.any(ids), func(ctx context.Context, id crm.ID) (any, error) { return get(ctx, by, id) })
}

func ofIDs[T any](w *world, name string, ids []crm.ID, get func(context.Context, crm.Actor, []crm.ID) (T, error)) read {
	by := w.reader()
	return reading(name+scope(by), recent(ids), func(ctx context.Context, ids []crm.ID) (any, error) { return get(ctx, by, ids) })
}

// someRead returns a random read of a kind.
func (w *world) someRead(kind int) read {
	w.Helper()
	s := w.here
	reads := []func() read{
		func() read { return listed(w, "companies", crm.Companies.Sorts, w.companyFilter(), s.Companies) },
		func() read { return listed(w, "contacts", crm.Contacts.Sorts, w.contactFilter(), s.Contacts) },
		func() read { return listed(w, "deals", crm.Deals.Sorts, w.dealFilter(), s.Deals) },
		func() read {
			contact := w.any(w.contacts)
			return listed(w, "deals", crm.Deals.Sorts, crm.DealFilter{ContactID: crm.Only(contact)}, s.Deals)
		},
		func() read { return listed(w, "stages", crm.Stages.Sorts, crm.StageFilter{}, s.Stages) },
		func() read { return listed(w, "owners", crm.Owners.Sorts, crm.OwnerFilter{}, s.Owners) },
		func() read { return listed(w, "activities", crm.Activities.Sorts, w.activityFilter(), s.Activities) },
		func() read { return listed(w, "tasks", crm.Tasks.Sorts, w.taskFilter(), s.Tasks) },
		func() read {
			status := one(w, crm.TaskPending, crm.TaskInProgress, crm.TaskOverdue)
			return listed(w, "tasks", crm.Tasks.Sorts, crm.TaskFilter{Status: crm.Only(status)}, s.Tasks)
		},

		func() read { return searched(w, "companies with", w.companyFilter(), s.Companies) },
		func() read { return searched(w, "contacts with", w.contactFilter(), s.Contacts) },
		func() read { return searched(w, "deals with", w.dealFilter(), s.Deals) },
		func() read { return searched(w, "all with", crm.HitFilter{}, s.Search) },
		func() read {
			hit := one(w, crm.KindCompany, crm.KindContact, crm.KindDeal)
			return searched(w, hit, crm.HitFilter{Kind: crm.Only(hit)}, s.Search)
		},

		func() read { return byID(w, "company", w.companies, s.Company) },
		func() read { return byID(w, "contact", w.contacts, s.Contact) },
		func() read { return byID(w, "deal", w.deals, s.Deal) },
		func() read { return byID(w, "stage", w.stages, s.Stage) },
		func() read { return byID(w, "owner", w.owners, s.Owner) },
		func() read { return byID(w, "activity", w.activities, s.Activity) },
		func() read { return byID(w, "task", w.tasks, s.Task) },
		func() read { return byID(w, "task", w.tasks, s.Task) },
		func() read { return byID(w, "history of deal", w.deals, s.DealHistory) },
		func() read { return byID(w, "totals of company", w.companies, s.CompanyTotals) },
		func() read { return byID(w, "totals of contact", w.contacts, s.ContactTotals) },
		func() read { return byID(w, "tasks of contact", w.contacts, s.ContactTasks) },

		func() read { return ofIDs(w, "companies", w.companies, s.CompaniesByID) },
		func() read { return ofIDs(w, "contacts", w.contacts, s.ContactsByID) },
		func() read { return ofIDs(w, "stages", w.stages, s.StagesByID) },
		func() read { return ofIDs(w, "contacts of deals", w.deals, s.DealContacts) },
		func() read { return ofIDs(w, "statistics of companies", w.companies, s.CompanyStats) },
		func() read { return ofIDs(w, "statistics of owners", w.owners, s.OwnerStats) },

		func() read {
			by, f := w.reader(), crm.DashboardFilter{OwnerID: w.sometimes(w.owners)}
			if w.r.IntN(2) == 0 {
				from, to := crm.DateOf(w.day()), crm.DateOf(w.day())
				f.From, f.To = &from, &to
			}
			return reading("dashboard"+scope(by), f, func(ctx context.Context, f crm.DashboardFilter) (any, error) { return s.Dashboard(ctx, by, f) })
		},
		func() read {
			return reading("organisation", w.by, func(ctx context.Context, by crm.Actor) (any, error) { return s.Organisation(ctx, by) })
		},
		func() read {
			return reading("keys", w.by, func(ctx context.Context, by crm.Actor) (any, error) {
				return s.accounts.APIKeys(ctx, by, crm.List[accounts.APIKeyFilter]{Sort: accounts.APIKeys.Sorts.Default, Limit: 50})
			})
		},
	}
	return reads[kind%len(reads)]()
}

// choice returns none, one or several of the ids, or those and none.
func (w *world) choice(ids []crm.ID) (of crm.OneOf[crm.ID]) {
	for range w.r.IntN(8) / 3 {
		id := w.any(ids)
		if !of.Has(&id) {
			of.Values = append(of.Values, id)
		}
	}
	of.Null = w.r.IntN(12) == 0
	return of
}

func (w *world) companyFilter() crm.CompanyFilter {
	f := crm.CompanyFilter{OwnerID: w.choice(w.owners)}
	if w.r.IntN(5) == 0 {
		industry := w.word()
		f.Industry = &industry
	}
	return f
}

func (w *world) contactFilter() crm.ContactFilter {
	return crm.ContactFilter{OwnerID: w.choice(w.owners), CompanyID: w.choice(w.companies)}
}

func (w *world) dealFilter() crm.DealFilter {
	f := crm.DealFilter{
		OwnerID: w.choice(w.owners), StageID: w.choice(w.stages),
		CompanyID: w.choice(w.companies), ContactID: w.choice(w.contacts),
	}
	if w.r.IntN(2) == 0 {
		f = crm.DealFilter{ContactID: f.ContactID}
	}
	if w.r.IntN(5) == 0 {
		status := one(w, crm.StatusActive, crm.StatusWon, crm.StatusLost)
		f.Status = crm.Only(status)
	}
	if w.r.IntN(5) == 0 {
		least := crm.Money(w.r.IntN(1000))
		f.MinValue = &least
	}
	return f
}

func (w *world) activityFilter() crm.ActivityFilter {
	return crm.ActivityFilter{
		OwnerID: w.choice(w.owners), ContactID: w.choice(w.contacts),
		CompanyID: w.choice(w.companies), DealID: w.choice(w.deals),
	}
}

func (w *world) taskFilter() crm.TaskFilter {
	f := crm.TaskFilter{
		AssignedTo: w.choice(w.owners), ContactID: w.choice(w.contacts),
		CompanyID: w.choice(w.companies), DealID: w.choice(w.deals),
	}
	if w.r.IntN(2) == 0 {
		f = crm.TaskFilter{}
	}
	if w.r.IntN(3) == 0 {
		status := one(w, crm.TaskPending, crm.TaskInProgress, crm.TaskCompleted, crm.TaskOverdue)
		f.Status = crm.Only(status)
	}
	return f
}
