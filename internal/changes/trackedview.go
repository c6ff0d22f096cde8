package changes

import (
	"context"

	"sixty/internal/crm"
)

// trackedView is a view that records what its reads depend on.
type trackedView[T, F any] struct {
	view    crm.View[T, F]
	entity  string
	listTag func(F) crm.Tag                  // invalidated by every change of a list's members
	rowTag  func(*T) (other crm.Tag, _ bool) // of another entity that a row contains; may be nil
	// searched are the other entities whose texts the records are found by.
	searched []string
}

// Page depends on a single tag of the list, which is invalidated whenever a record enters,
// leaves or moves within the list. A search depends on all entities of the type,
// and on those whose texts it is found by.
func (v trackedView[T, F]) Page(ctx context.Context, org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	d := dependenciesOf(ctx)
	if d == nil {
		return v.view.Page(ctx, org, q)
	}
	if q.Search != nil {
		d.add(org, crm.Tag{Entity: v.entity})
		for _, entity := range v.searched {
			d.add(org, crm.Tag{Entity: entity})
		}
	} else {
		d.add(org, v.listTag(q.Filter))
		if q.Count == crm.CountEstimated {
			d.setUncacheable() // statistics change without writes
		}
	}
	page, err := v.view.Page(ctx, org, q)
	v.addRowTags(d, org, page.Rows)
	return page, err
}

// ByID depends on all requested ids, found or not.
func (v trackedView[T, F]) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error) {
	d := dependenciesOf(ctx)
	d.addIDs(org, v.entity, crm.ByID, ids)
	rows, err := v.view.ByID(ctx, org, ids)
	v.addRowTags(d, org, rows)
	return rows, err
}

func (v trackedView[T, F]) addRowTags(d *Dependencies, org crm.ID, rows []T) {
	if d == nil || v.rowTag == nil {
		return
	}
	for i := range rows {
		if tag, ok := v.rowTag(&rows[i]); ok {
			d.add(org, tag)
		}
	}
}

// primaryContactTag returns the tag of the contact whose name and email a deal contains.
func primaryContactTag(d *crm.Deal) (crm.Tag, bool) {
	if d.PrimaryContactID == nil {
		return crm.Tag{}, false
	}
	return crm.Tag{Entity: crm.EntityContact, By: crm.ByID, ID: *d.PrimaryContactID}, true
}

// refFilter is a filter whose field is among the refs of log entries.
type refFilter struct {
	aspect crm.TagScope
	id     *crm.ID
}

// filterTag returns the tag of the first filter that is set to one value, or that of the whole
// type. One is enough, since every member of the list matches all filters.
func filterTag(entity string, filters ...refFilter) crm.Tag {
	for _, f := range filters {
		if f.id != nil {
			return crm.Tag{Entity: entity, By: f.aspect, ID: *f.id}
		}
	}
	return crm.Tag{Entity: entity}
}

func companyTag(f crm.CompanyFilter) crm.Tag {
	return filterTag(crm.EntityCompany, refFilter{crm.ByOwner, f.OwnerID.Single()})
}

func contactTag(f crm.ContactFilter) crm.Tag {
	return filterTag(crm.EntityContact, refFilter{crm.ByCompany, f.CompanyID.Single()}, refFilter{crm.ByOwner, f.OwnerID.Single()})
}

// dealTag does not use the contact: the refs of a deal's entries do not contain its further
// contacts.
func dealTag(f crm.DealFilter) crm.Tag {
	return filterTag(crm.EntityDeal, refFilter{crm.ByCompany, f.CompanyID.Single()}, refFilter{crm.ByOwner, f.OwnerID.Single()}, refFilter{crm.ByStage, f.StageID.Single()})
}

func stageTag(crm.StageFilter) crm.Tag { return crm.Tag{Entity: crm.EntityStage} }

func ownerTag(crm.OwnerFilter) crm.Tag { return crm.Tag{Entity: crm.EntityOwner} }

func activityTag(f crm.ActivityFilter) crm.Tag {
	return filterTag(crm.EntityActivity, refFilter{crm.ByDeal, f.DealID.Single()}, refFilter{crm.ByContact, f.ContactID.Single()},
		refFilter{crm.ByCompany, f.CompanyID.Single()}, refFilter{crm.ByOwner, f.OwnerID.Single()})
}

func taskTag(f crm.TaskFilter) crm.Tag {
	return filterTag(crm.EntityTask, refFilter{crm.ByDeal, f.DealID.Single()}, refFilter{crm.ByContact, f.ContactID.Single()},
		refFilter{crm.ByCompany, f.CompanyID.Single()}, refFilter{crm.ByOwner, f.AssignedTo.Single()})
}

// uncacheableView is a view of records that are not in the change log.
type uncacheableView[T, F any] struct{ view crm.View[T, F] }

func (v uncacheableView[T, F]) Page(ctx context.Context, org crm.ID, q crm.List[F]) (crm.Page[T], error) {
	dependenciesOf(ctx).setUncacheable()
	return v.view.Page(ctx, org, q)
}

func (v uncacheableView[T, F]) ByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]T, error) {
	dependenciesOf(ctx).setUncacheable()
	return v.view.ByID(ctx, org, ids)
}
