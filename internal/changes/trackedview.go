package changes

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// trackedView is a view that enters what its reads depend on.
type trackedView[T, F any] struct {
	view   crm.View[T, F]
	entity string
	member func(F) crm.Tag                  // what any change of a list's members raises
	shows  func(*T) (other crm.Tag, _ bool) // what a row shows of something else; nil: nothing
}

// Page depends on the members of the list alone: on one tag, since whatever comes to the
// list, leaves it or moves in it, raises that. A search looks at more than it finds.
func (v trackedView[T, F]) Page(ctx context.Context, org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	d := tracked(ctx)
	if d == nil {
		return v.view.Page(ctx, org, q)
	}
	if q.Search != nil {
		d.add(org, crm.Tag{Entity: v.entity})
	} else {
		d.add(org, v.member(q.Filter))
		if q.Count == crm.CountEstimated {
			d.forbid() // by statistics that change when nobody writes
		}
	}
	page, err := v.view.Page(ctx, org, q)
	v.shown(d, org, page.Rows)
	return page, err
}

// ByID depends on everything that is asked for, there or not.
func (v trackedView[T, F]) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error) {
	d := tracked(ctx)
	d.each(org, v.entity, crm.ByID, ids)
	rows, err := v.view.ByID(ctx, org, ids)
	v.shown(d, org, rows)
	return rows, err
}

func (v trackedView[T, F]) shown(d *Dependencies, org crm.ID, rows []T) {
	if d == nil || v.shows == nil {
		return
	}
	for i := range rows {
		if tag, ok := v.shows(&rows[i]); ok {
			d.add(org, tag)
		}
	}
}

// shownOfDeal is the primary contact, whose name and e-mail address a deal shows.
func shownOfDeal(d *crm.Deal) (crm.Tag, bool) {
	if d.PrimaryContactID == nil {
		return crm.Tag{}, false
	}
	return crm.Tag{Entity: crm.EntityContact, By: crm.ByID, ID: *d.PrimaryContactID}, true
}

// by is a filter that a change of what it leaves tells of in its refs.
type by struct {
	aspect crm.TagScope
	id     *crm.ID
}

// narrowest gives the tag of the first filter that is there, or that of the whole kind.
// One is enough, where several narrow a list.
func narrowest(entity string, filters ...by) crm.Tag {
	for _, f := range filters {
		if f.id != nil {
			return crm.Tag{Entity: entity, By: f.aspect, ID: *f.id}
		}
	}
	return crm.Tag{Entity: entity}
}

func companyTag(f crm.CompanyFilter) crm.Tag {
	return narrowest(crm.EntityCompany, by{crm.ByOwner, f.OwnerID})
}

func contactTag(f crm.ContactFilter) crm.Tag {
	return narrowest(crm.EntityContact, by{crm.ByCompany, f.CompanyID}, by{crm.ByOwner, f.OwnerID})
}

// dealTag does not go by the contact: a deal that changes does not tell of its further
// contacts.
func dealTag(f crm.DealFilter) crm.Tag {
	return narrowest(crm.EntityDeal, by{crm.ByCompany, f.CompanyID}, by{crm.ByOwner, f.OwnerID}, by{crm.ByStage, f.StageID})
}

func stageTag(crm.StageFilter) crm.Tag { return crm.Tag{Entity: crm.EntityStage} }

func ownerTag(crm.OwnerFilter) crm.Tag { return crm.Tag{Entity: crm.EntityOwner} }

func activityTag(f crm.ActivityFilter) crm.Tag {
	return narrowest(crm.EntityActivity, by{crm.ByDeal, f.DealID}, by{crm.ByContact, f.ContactID},
		by{crm.ByCompany, f.CompanyID}, by{crm.ByOwner, f.OwnerID})
}

func taskTag(f crm.TaskFilter) crm.Tag {
	return narrowest(crm.EntityTask, by{crm.ByDeal, f.DealID}, by{crm.ByContact, f.ContactID},
		by{crm.ByCompany, f.CompanyID}, by{crm.ByOwner, f.AssignedTo})
}

// trackedTasks is the view of tasks, which become overdue when nobody writes.
type trackedTasks struct {
	trackedView[crm.Task, crm.TaskFilter]
	clock func() time.Time
}

// Page of tasks that are shown with a status which time decides changes when a task
// becomes overdue that may not stand on it. That would be one more question; it is rather
// not said. All other pages change when a task that they show becomes so.
func (v trackedTasks) Page(ctx context.Context, org crm.ID, q crm.List[crm.TaskFilter]) (crm.Page[crm.Task], error) {
	d := tracked(ctx)
	if d == nil {
		return v.view.Page(ctx, org, q)
	}
	if s := q.Filter.Status; s != nil && (*s == crm.TaskPending || *s == crm.TaskInProgress || *s == crm.TaskOverdue) {
		d.forbid()
	}
	now := q.Filter.Now
	if now == 0 {
		now = crm.InstantOf(v.clock())
	}
	page, err := v.trackedView.Page(ctx, org, q)
	overdueNext(d, page.Rows, now)
	return page, err
}

// ByID reads the clock before whoever asks does: to be late is to keep too long.
func (v trackedTasks) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]crm.Task, error) {
	d := tracked(ctx)
	if d == nil {
		return v.view.ByID(ctx, org, ids)
	}
	now := crm.InstantOf(v.clock())
	rows, err := v.trackedView.ByID(ctx, org, ids)
	overdueNext(d, rows, now)
	return rows, err
}

// overdueNext enters when the next of the tasks becomes overdue, which is just after it
// was due.
func overdueNext(d *Dependencies, tasks []crm.Task, now crm.Instant) {
	for i := range tasks {
		t := &tasks[i]
		if t.DueDate != nil && *t.DueDate >= now && t.StatusAt(*t.DueDate+1) == crm.TaskOverdue {
			d.change(*t.DueDate + 1)
		}
	}
}

// forbiddenView is a view of what the change log does not tell of.
type forbiddenView[T, F any] struct{ view crm.View[T, F] }

func (v forbiddenView[T, F]) Page(ctx context.Context, org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	tracked(ctx).forbid()
	return v.view.Page(ctx, org, q)
}

func (v forbiddenView[T, F]) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error) {
	tracked(ctx).forbid()
	return v.view.ByID(ctx, org, ids)
}
