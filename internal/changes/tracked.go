package changes

import (
	"cmp"
	"context"

	"sixty/internal/crm"
)

// Tracked returns a store whose reads record what they depend on in the Dependencies of
// their context, if it has any. Every method is written out, so that a new one cannot
// forget to.
func Tracked(store crm.Store) crm.Store { return trackedStore{store} }

type trackedStore struct {
	store crm.Store
}

func (s trackedStore) Reads(by crm.Actor) crm.Reads {
	return trackedReads{s.store.Reads(by), by.OwnerScope()}
}

func (s trackedStore) Snapshot(ctx context.Context, by crm.Actor, fn func(crm.Reads) error) error {
	return s.store.Snapshot(ctx, by, func(r crm.Reads) error { return fn(trackedReads{r, by.OwnerScope()}) })
}

// Answers to writes are not cached.

func (s trackedStore) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(crm.Tx) error) error {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Write(ctx, by, at, fn)
}

func (s trackedStore) Atomic(ctx context.Context, by crm.Actor, at crm.Instant, fn func(context.Context) error) error {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Atomic(ctx, by, at, fn)
}

func (s trackedStore) Idempotent(
	ctx context.Context, by crm.Actor, at crm.Instant, r crm.IdempotentRequest, fn func(context.Context) ([]byte, error),
) (answer []byte, again bool, err error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Idempotent(ctx, by, at, r, fn)
}

func (s trackedStore) CommitOutcome(ctx context.Context, t crm.Transaction) (crm.LogPosition, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.CommitOutcome(ctx, t)
}

func (s trackedStore) Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error) {
	dependenciesOf(ctx).add(id, crm.Tag{Entity: crm.EntityOrganisation, By: crm.ByID, ID: id})
	return s.store.Organisation(ctx, id)
}

// trackedReads are the reads of a Tracked store.
type trackedReads struct {
	reads crm.Reads
	owner *crm.ID // the owner whose records alone are visible; nil: all are
}

// ownedBy returns the owners that a list shows records of.
func (r trackedReads) ownedBy(asked crm.OneOf[crm.ID]) crm.OneOf[crm.ID] {
	if r.owner != nil && asked.Single() == nil {
		return crm.Only(*r.owner)
	}
	return asked
}

func (r trackedReads) Companies() crm.View[crm.Company, crm.CompanyFilter] {
	return trackedView[crm.Company, crm.CompanyFilter]{view: r.reads.Companies(), entity: crm.EntityCompany, listTag: func(f crm.CompanyFilter) crm.Tag {
		f.OwnerID = r.ownedBy(f.OwnerID)
		return companyTag(f)
	}}
}

func (r trackedReads) Contacts() crm.View[crm.Contact, crm.ContactFilter] {
	return trackedView[crm.Contact, crm.ContactFilter]{view: r.reads.Contacts(), entity: crm.EntityContact, listTag: func(f crm.ContactFilter) crm.Tag {
		f.OwnerID = r.ownedBy(f.OwnerID)
		return contactTag(f)
	}}
}

func (r trackedReads) Deals() crm.View[crm.Deal, crm.DealFilter] {
	return trackedView[crm.Deal, crm.DealFilter]{view: r.reads.Deals(), entity: crm.EntityDeal, listTag: func(f crm.DealFilter) crm.Tag {
		f.OwnerID = r.ownedBy(f.OwnerID)
		return dealTag(f)
	}, rowTag: primaryContactTag, searched: []string{crm.EntityCompany, crm.EntityContact}}
}

func (r trackedReads) Stages() crm.View[crm.Stage, crm.StageFilter] {
	return trackedView[crm.Stage, crm.StageFilter]{view: r.reads.Stages(), entity: crm.EntityStage, listTag: stageTag}
}

func (r trackedReads) Owners() crm.View[crm.Owner, crm.OwnerFilter] {
	return trackedView[crm.Owner, crm.OwnerFilter]{view: r.reads.Owners(), entity: crm.EntityOwner, listTag: ownerTag}
}

func (r trackedReads) Activities() crm.View[crm.Activity, crm.ActivityFilter] {
	return trackedView[crm.Activity, crm.ActivityFilter]{view: r.reads.Activities(), entity: crm.EntityActivity, listTag: func(f crm.ActivityFilter) crm.Tag {
		f.OwnerID = r.ownedBy(f.OwnerID)
		return activityTag(f)
	}}
}

func (r trackedReads) Tasks() crm.View[crm.Task, crm.TaskFilter] {
	return trackedView[crm.Task, crm.TaskFilter]{view: r.reads.Tasks(), entity: crm.EntityTask, listTag: func(f crm.TaskFilter) crm.Tag {
		f.AssignedTo = r.ownedBy(f.AssignedTo) // a task's creator counts as an owner too
		return taskTag(f)
	}}
}

// NextDue bounds how long an answer is valid; what the answer is made from is read besides.
func (r trackedReads) NextDue(ctx context.Context, org crm.ID, from crm.Instant) (crm.Instant, bool, error) {
	return r.reads.NextDue(ctx, org, from)
}

// Search depends on everything of the types it searches. Deals are found by what they show of
// companies and contacts.
func (r trackedReads) Search(ctx context.Context, org crm.ID, q crm.List[crm.HitFilter]) (crm.Page[crm.Hit], error) {
	for _, kind := range [...]struct{ hit, entity string }{
		{crm.KindCompany, crm.EntityCompany}, {crm.KindContact, crm.EntityContact}, {crm.KindDeal, crm.EntityDeal},
	} {
		if !q.Filter.Kind.Narrows() || q.Filter.Kind.Has(&kind.hit) || q.Filter.Kind.Has(new(crm.KindDeal)) {
			dependenciesOf(ctx).add(org, filterTag(kind.entity, refFilter{crm.ByOwner, r.owner}))
		}
	}
	return r.reads.Search(ctx, org, q)
}

// DealContacts depends on the deals alone: adding or removing a contact changes the deal,
// and deleting a contact removes it from the deal. If only the records of one owner are
// visible, it also depends on that owner's contacts.
func (r trackedReads) DealContacts(ctx context.Context, org crm.ID, deals []crm.ID) ([]crm.DealContact, error) {
	dependenciesOf(ctx).addIDs(org, crm.EntityDeal, crm.ByID, deals)
	if r.owner != nil {
		dependenciesOf(ctx).add(org, crm.Tag{Entity: crm.EntityContact, By: crm.ByOwner, ID: *r.owner})
	}
	return r.reads.DealContacts(ctx, org, deals)
}

// StageHistory changes with the deal's stage.
func (r trackedReads) StageHistory(ctx context.Context, org, deal crm.ID) ([]crm.StageHistoryEntry, error) {
	dependenciesOf(ctx).add(org, crm.Tag{Entity: crm.EntityDeal, By: crm.ByID, ID: deal})
	return r.reads.StageHistory(ctx, org, deal)
}

func (r trackedReads) CompanyStats(ctx context.Context, org crm.ID, companies []crm.ID) (map[crm.ID]crm.CompanyStats, error) {
	d := dependenciesOf(ctx)
	d.addIDs(org, crm.EntityDeal, crm.ByCompany, companies)
	d.addIDs(org, crm.EntityContact, crm.ByCompany, companies)
	return r.reads.CompanyStats(ctx, org, companies)
}

func (r trackedReads) OwnerStats(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.OwnerStats, error) {
	dependenciesOf(ctx).addIDs(org, crm.EntityDeal, crm.ByOwner, owners)
	return r.reads.OwnerStats(ctx, org, owners)
}

func (r trackedReads) CompanyTotals(ctx context.Context, org, company crm.ID) (crm.CompanyTotals, error) {
	dependenciesOf(ctx).add(org,
		crm.Tag{Entity: crm.EntityDeal, By: crm.ByCompany, ID: company},
		crm.Tag{Entity: crm.EntityContact, By: crm.ByCompany, ID: company},
		crm.Tag{Entity: crm.EntityActivity, By: crm.ByCompany, ID: company})
	return r.reads.CompanyTotals(ctx, org, company)
}

// ContactTotals depends on all deals, because they have further contacts (see dealTag).
func (r trackedReads) ContactTotals(ctx context.Context, org, contact crm.ID) (crm.ContactTotals, error) {
	dependenciesOf(ctx).add(org,
		crm.Tag{Entity: crm.EntityDeal},
		crm.Tag{Entity: crm.EntityActivity, By: crm.ByContact, ID: contact})
	return r.reads.ContactTotals(ctx, org, contact)
}

func (r trackedReads) DealGroups(ctx context.Context, org crm.ID, f crm.DashboardFilter, each func(*crm.DealGroup)) error {
	dependenciesOf(ctx).add(org, filterTag(crm.EntityDeal, refFilter{crm.ByOwner, cmp.Or(f.OwnerID, r.owner)}))
	return r.reads.DealGroups(ctx, org, f, each)
}

func (r trackedReads) ActivityNumbers(ctx context.Context, org crm.ID, f crm.DashboardFilter) ([]crm.ActivityNumbers, error) {
	dependenciesOf(ctx).add(org, filterTag(crm.EntityActivity, refFilter{crm.ByOwner, cmp.Or(f.OwnerID, r.owner)}))
	return r.reads.ActivityNumbers(ctx, org, f)
}
