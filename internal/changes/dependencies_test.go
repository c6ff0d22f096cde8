package changes_test

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/changes"
	"sixty/internal/crm"
)

// shelf is a store with a few rows; unsupported methods panic.
type shelf struct {
	crm.Store
	shelfReads
}

func (s *shelf) Snapshot(_ context.Context, _ crm.Actor, fn func(crm.Reads) error) error {
	return fn(&s.shelfReads)
}

func (s *shelf) Reads(crm.Actor) crm.Reads { return &s.shelfReads }

func (s *shelf) Organisations(context.Context) ([]crm.Organisation, error) { return nil, nil }

type shelfReads struct {
	crm.Reads
	deals []crm.Deal
	tasks []crm.Task

	nextDue crm.Instant
}

func (s *shelfReads) Companies() crm.View[crm.Company, crm.CompanyFilter] {
	return shelfView[crm.Company, crm.CompanyFilter](nil)
}

func (s *shelfReads) Deals() crm.View[crm.Deal, crm.DealFilter] {
	return shelfView[crm.Deal, crm.DealFilter](s.deals)
}

func (s *shelfReads) Tasks() crm.View[crm.Task, crm.TaskFilter] {
	return shelfView[crm.Task, crm.TaskFilter](s.tasks)
}

func (s *shelfReads) CompanyStats(context.Context, crm.ID, []crm.ID) (map[crm.ID]crm.CompanyStats, error) {
	return nil, nil
}

func (s *shelfReads) NextDue(_ context.Context, _ crm.ID, from crm.Instant) (crm.Instant, bool, error) {
	return s.nextDue, s.nextDue >= from, nil
}

type shelfView[T, F any] []T

func (v shelfView[T, F]) Page(context.Context, crm.ID, crm.List[F]) (crm.Page[T], error) {
	return crm.Page[T]{Rows: v}, nil
}

func (v shelfView[T, F]) ByID(context.Context, crm.ID, []crm.ID) ([]T, error) { return v, nil }

// tagsOf returns the dependencies' tags, sorted.
func tagsOf(d *changes.Dependencies) []crm.Tag {
	return sorted(d.Tags())
}

func sorted(tags []crm.Tag) []crm.Tag {
	slices.SortFunc(tags, func(a, b crm.Tag) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.By, b.By), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return tags
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	org, other, a, b, contact := crm.NewID(), crm.NewID(), crm.NewID(), crm.NewID(), crm.NewID()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	due := func(days int, status string) crm.Task {
		at := crm.InstantOf(now.AddDate(0, 0, days))
		return crm.Task{ID: crm.NewID(), Status: status, DueDate: &at}
	}
	store := &shelf{shelfReads: shelfReads{
		deals: []crm.Deal{{ID: a, PrimaryContactID: &contact}, {ID: b}},
		tasks: []crm.Task{
			due(2, crm.TaskInProgress), due(-1, crm.TaskPending), due(1, crm.TaskCompleted), due(3, crm.TaskPending), {Status: crm.TaskPending},
		},
		nextDue: crm.InstantOf(now.Add(time.Hour)),
	}}
	inTwoDays := crm.InstantOf(now.AddDate(0, 0, 2)) + 1
	overdue, done := crm.TaskOverdue, crm.TaskCompleted
	many := make([]crm.ID, 301)
	for i := range many {
		many[i] = crm.NewID()
	}
	query := crm.ParseQuery("word")
	tests := map[string]struct {
		do          func(ctx context.Context, s crm.Store)
		tags        []crm.Tag
		until       crm.Instant
		uncacheable bool
	}{
		"Nothing": {do: func(context.Context, crm.Store) {}},
		"OneTwice": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, org, []crm.ID{a, a})
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, org, []crm.ID{a})
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany, By: crm.ByID, ID: a}},
		},
		"WholeKindIncludesOne": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, org, []crm.ID{a})
				_, _ = s.Reads(crm.Actor{}).Companies().Page(ctx, org, crm.List[crm.CompanyFilter]{})
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, org, []crm.ID{b})
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany}},
		},
		"ManyBecomeTheWholeKind": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).CompanyStats(ctx, org, many)
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, org, many[:1])
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany, By: crm.ByID, ID: many[0]}, {Entity: crm.EntityContact}, {Entity: crm.EntityDeal}},
		},
		"TheNarrowestFilter": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Companies().Page(ctx, org, crm.List[crm.CompanyFilter]{Filter: crm.CompanyFilter{OwnerID: crm.Only(a)}, Count: crm.CountExact})
				_, _ = s.Reads(crm.Actor{}).Tasks().Page(ctx, org, crm.List[crm.TaskFilter]{Filter: crm.TaskFilter{AssignedTo: crm.Only(a), DealID: crm.Only(b), Status: crm.Only(done)}})
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany, By: crm.ByOwner, ID: a}, {Entity: crm.EntityTask, By: crm.ByDeal, ID: b}},
		},
		"ASearchLooksAtAll": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Companies().Page(ctx, org, crm.List[crm.CompanyFilter]{Filter: crm.CompanyFilter{OwnerID: crm.Only(a)}, Search: &query, Count: crm.CountEstimated})
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany}},
		},
		"WhatADealShows": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Deals().Page(ctx, org, crm.List[crm.DealFilter]{Filter: crm.DealFilter{StageID: crm.Only(b)}})
			},
			tags: []crm.Tag{{Entity: crm.EntityContact, By: crm.ByID, ID: contact}, {Entity: crm.EntityDeal, By: crm.ByStage, ID: b}},
		},
		"OfOnePerson": {
			do: func(ctx context.Context, s crm.Store) {
				r := s.Reads(crm.Actor{User: a, Role: crm.RoleRep})
				_, _ = r.Companies().Page(ctx, org, crm.List[crm.CompanyFilter]{})
				_, _ = r.Tasks().Page(ctx, org, crm.List[crm.TaskFilter]{Filter: crm.TaskFilter{DealID: crm.Only(b), Status: crm.Only(done)}})
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany, By: crm.ByOwner, ID: a}, {Entity: crm.EntityTask, By: crm.ByDeal, ID: b}},
		},
		"WithinASnapshot": {
			do: func(ctx context.Context, s crm.Store) {
				_ = s.Snapshot(ctx, crm.Actor{}, func(r crm.Reads) error {
					_, err := r.Companies().ByID(ctx, org, []crm.ID{a})
					return err
				})
			},
			tags: []crm.Tag{{Entity: crm.EntityCompany, By: crm.ByID, ID: a}},
		},
		"ATaskBecomesOverdue": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = crm.NewService(s, clock).Task(ctx, crm.Actor{Org: org}, a)
			},
			tags:  []crm.Tag{{Entity: crm.EntityTask, By: crm.ByID, ID: a}},
			until: inTwoDays,
		},
		"OneOfAPageOfTasks": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = crm.NewService(s, clock).Tasks(ctx, crm.Actor{Org: org}, crm.List[crm.TaskFilter]{Filter: crm.TaskFilter{DealID: crm.Only(b), Status: crm.Only(done)}})
			},
			tags:  []crm.Tag{{Entity: crm.EntityTask, By: crm.ByDeal, ID: b}},
			until: inTwoDays,
		},
		"ATaskEntersAPage": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = crm.NewService(s, clock).Tasks(ctx, crm.Actor{Org: org}, crm.List[crm.TaskFilter]{Filter: crm.TaskFilter{Status: crm.Only(overdue)}})
			},
			tags:  []crm.Tag{{Entity: crm.EntityTask}},
			until: crm.InstantOf(now.Add(time.Hour)) + 1,
		},
		"TasksUntilMidnight": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = crm.NewService(s, func() time.Time { return now.Add(2 * time.Hour) }).Tasks(ctx, crm.Actor{Org: org}, crm.List[crm.TaskFilter]{Filter: crm.TaskFilter{Status: crm.Only(overdue)}})
			},
			tags:  []crm.Tag{{Entity: crm.EntityTask}},
			until: crm.InstantOf(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)),
		},
		"AnEstimate": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Companies().Page(ctx, org, crm.List[crm.CompanyFilter]{Count: crm.CountEstimated})
			},
			tags:        []crm.Tag{{Entity: crm.EntityCompany}},
			uncacheable: true,
		},
		"TwoOrganisations": {
			do: func(ctx context.Context, s crm.Store) {
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, org, []crm.ID{a})
				_, _ = s.Reads(crm.Actor{}).Companies().ByID(ctx, other, []crm.ID{a})
			},
			tags:        []crm.Tag{{Entity: crm.EntityCompany, By: crm.ByID, ID: a}},
			uncacheable: true,
		},
		"NobodysOrganisation": {
			do: func(ctx context.Context, _ crm.Store) {
				_, _ = changes.TrackedAccounts(noOrganisations{}).Organisations(ctx)
			},
			uncacheable: true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracked := changes.Tracked(store)
			ctx, d := changes.Track(t.Context())
			test.do(ctx, tracked)
			test.do(t.Context(), tracked) // without Dependencies
			if diff := gocmp.Diff(sorted(test.tags), tagsOf(d)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if until, ends := d.Until(); until != test.until || ends != (test.until != 0) {
				t.Errorf("Until = %v, %t", until, ends)
			}
			if got := d.Uncacheable(); got != test.uncacheable {
				t.Errorf("Uncacheable = %t", got)
			}
		})
	}
}

func TestDependenciesConcurrently(t *testing.T) {
	t.Parallel()
	store := changes.Tracked(&shelf{})
	ctx, d := changes.Track(t.Context())
	org := crm.NewID()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				_, _ = store.Reads(crm.Actor{}).Companies().ByID(ctx, org, []crm.ID{crm.NewID()})
				_ = d.Tags()
			}
		})
	}
	all.Wait()
	if got := len(d.Tags()); got != 160 {
		t.Errorf("%d tags", got)
	}
}

// noOrganisations is an accounts.Store without any organisation.
type noOrganisations struct{ accounts.Store }

func (noOrganisations) Organisations(context.Context) ([]crm.Organisation, error) { return nil, nil }
