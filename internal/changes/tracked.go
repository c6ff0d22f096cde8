package changes

import (
	"cmp"
	"context"
	"time"

	"sixty/internal/crm"
)

// Tracked gives a store whose reads enter what they depend on in the Dependencies of
// their context, if it has any. What each depends on is said by it in so many words:
// nothing is passed on that does not say so. The clock must be that of the use cases.
func Tracked(store crm.Store, clock func() time.Time) crm.Store {
	return trackedStore{store, clock}
}

type trackedStore struct {
	store crm.Store
	clock func() time.Time
}

func (s trackedStore) Reads(by crm.Actor) crm.Reads {
	return trackedReads{s.store.Reads(by), s.clock, by.OwnerScope()}
}

func (s trackedStore) Snapshot(ctx context.Context, by crm.Actor, fn func(crm.Reads) error) error {
	return s.store.Snapshot(ctx, by, func(r crm.Reads) error { return fn(trackedReads{r, s.clock, by.OwnerScope()}) })
}

// The answer to a write, or to what is asked as one, is nobody else's.

func (s trackedStore) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(crm.Tx) error) error {
	tracked(ctx).forbid()
	return s.store.Write(ctx, by, at, fn)
}

func (s trackedStore) DryRun(ctx context.Context, by crm.Actor, at crm.Instant, fn func(crm.Tx) error) error {
	tracked(ctx).forbid()
	return s.store.DryRun(ctx, by, at, fn)
}

func (s trackedStore) Idempotent(
	ctx context.Context, by crm.Actor, at crm.Instant, r crm.IdempotentRequest, fn func(context.Context) ([]byte, error),
) (answer []byte, again bool, err error) {
	tracked(ctx).forbid()
	return s.store.Idempotent(ctx, by, at, r, fn)
}

func (s trackedStore) PruneIdempotencyKeys(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	tracked(ctx).forbid()
	return s.store.PruneIdempotencyKeys(ctx, before, limit)
}

func (s trackedStore) PruneAudit(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	tracked(ctx).forbid()
	return s.store.PruneAudit(ctx, before, limit)
}

func (s trackedStore) PruneExpiredCredentials(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	tracked(ctx).forbid()
	return s.store.PruneExpiredCredentials(ctx, before, limit)
}

// Organisations is no organisation's.
func (s trackedStore) Organisations(ctx context.Context) ([]crm.Organisation, error) {
	tracked(ctx).forbid()
	return s.store.Organisations(ctx)
}

func (s trackedStore) Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error) {
	tracked(ctx).add(id, crm.Tag{Entity: crm.EntityOrganisation, By: crm.ByID, ID: id})
	return s.store.Organisation(ctx, id)
}

// APIKeyPrincipal is of an organisation that only its answer tells.
func (s trackedStore) APIKeyPrincipal(ctx context.Context, hash []byte) (crm.APIKey, crm.Principal, error) {
	tracked(ctx).forbid()
	return s.store.APIKeyPrincipal(ctx, hash)
}

// Setting is written outside the change log.
func (s trackedStore) Setting(ctx context.Context, name string, initial func() string) (string, error) {
	tracked(ctx).forbid()
	return s.store.Setting(ctx, name, initial)
}

func (s trackedStore) Ping(ctx context.Context) error {
	tracked(ctx).forbid()
	return s.store.Ping(ctx)
}

// trackedReads are the reads of a Tracked store, each with what it depends on.
type trackedReads struct {
	reads crm.Reads
	clock func() time.Time
	own   *crm.ID // whose things alone are there; nil: everybody's
}

// Audit is written outside the change log.
func (r trackedReads) Audit() crm.View[crm.AuditEntry, crm.AuditFilter] {
	return forbiddenView[crm.AuditEntry, crm.AuditFilter]{r.reads.Audit()}
}

// APIKeys tell when they were last used, which is no change for the log.
func (r trackedReads) APIKeys() crm.View[crm.APIKey, crm.APIKeyFilter] {
	return forbiddenView[crm.APIKey, crm.APIKeyFilter]{r.reads.APIKeys()}
}

// SignIns are no changes for the log.
func (r trackedReads) SignIns(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.Instant, error) {
	tracked(ctx).forbid()
	return r.reads.SignIns(ctx, org, owners)
}

func (r trackedReads) Companies() crm.View[crm.Company, crm.CompanyFilter] {
	return trackedView[crm.Company, crm.CompanyFilter]{view: r.reads.Companies(), entity: crm.EntityCompany, member: func(f crm.CompanyFilter) crm.Tag {
		f.OwnerID = cmp.Or(f.OwnerID, r.own)
		return companyTag(f)
	}}
}

func (r trackedReads) Contacts() crm.View[crm.Contact, crm.ContactFilter] {
	return trackedView[crm.Contact, crm.ContactFilter]{view: r.reads.Contacts(), entity: crm.EntityContact, member: func(f crm.ContactFilter) crm.Tag {
		f.OwnerID = cmp.Or(f.OwnerID, r.own)
		return contactTag(f)
	}}
}

func (r trackedReads) Deals() crm.View[crm.Deal, crm.DealFilter] {
	return trackedView[crm.Deal, crm.DealFilter]{view: r.reads.Deals(), entity: crm.EntityDeal, member: func(f crm.DealFilter) crm.Tag {
		f.OwnerID = cmp.Or(f.OwnerID, r.own)
		return dealTag(f)
	}, shows: shownOfDeal}
}

func (r trackedReads) Stages() crm.View[crm.Stage, crm.StageFilter] {
	return trackedView[crm.Stage, crm.StageFilter]{view: r.reads.Stages(), entity: crm.EntityStage, member: stageTag}
}

func (r trackedReads) Owners() crm.View[crm.Owner, crm.OwnerFilter] {
	return trackedView[crm.Owner, crm.OwnerFilter]{view: r.reads.Owners(), entity: crm.EntityOwner, member: ownerTag}
}

func (r trackedReads) Activities() crm.View[crm.Activity, crm.ActivityFilter] {
	return trackedView[crm.Activity, crm.ActivityFilter]{view: r.reads.Activities(), entity: crm.EntityActivity, member: func(f crm.ActivityFilter) crm.Tag {
		f.OwnerID = cmp.Or(f.OwnerID, r.own)
		return activityTag(f)
	}}
}

func (r trackedReads) Tasks() crm.View[crm.Task, crm.TaskFilter] {
	return trackedTasks{trackedView[crm.Task, crm.TaskFilter]{view: r.reads.Tasks(), entity: crm.EntityTask, member: func(f crm.TaskFilter) crm.Tag {
		f.AssignedTo = cmp.Or(f.AssignedTo, r.own) // who has made a task is among its owners, too
		return taskTag(f)
	}}, r.clock}
}

// Search looks at everything of the kinds that it is of.
func (r trackedReads) Search(ctx context.Context, org crm.ID, q crm.List[crm.HitFilter]) (crm.Page[crm.Hit], error) {
	for _, kind := range [...]struct{ hit, entity string }{
		{crm.KindCompany, crm.EntityCompany}, {crm.KindContact, crm.EntityContact}, {crm.KindDeal, crm.EntityDeal},
	} {
		if q.Filter.Kind == nil || *q.Filter.Kind == kind.hit {
			tracked(ctx).add(org, narrowest(kind.entity, by{crm.ByOwner, r.own}))
		}
	}
	return r.reads.Search(ctx, org, q)
}

// DealContacts changes with the deals alone: whoever comes or goes changes the deal, and
// one who is deleted is taken off it. Where only a person's contacts are there, it changes
// with whose they are.
func (r trackedReads) DealContacts(ctx context.Context, org crm.ID, deals []crm.ID) ([]crm.DealContact, error) {
	tracked(ctx).each(org, crm.EntityDeal, crm.ByID, deals)
	if r.own != nil {
		tracked(ctx).add(org, crm.Tag{Entity: crm.EntityContact, By: crm.ByOwner, ID: *r.own})
	}
	return r.reads.DealContacts(ctx, org, deals)
}

// StageHistory changes with the deal's stage.
func (r trackedReads) StageHistory(ctx context.Context, org, deal crm.ID) ([]crm.StageHistoryEntry, error) {
	tracked(ctx).add(org, crm.Tag{Entity: crm.EntityDeal, By: crm.ByID, ID: deal})
	return r.reads.StageHistory(ctx, org, deal)
}

func (r trackedReads) CompanyStats(ctx context.Context, org crm.ID, companies []crm.ID) (map[crm.ID]crm.CompanyStats, error) {
	d := tracked(ctx)
	d.each(org, crm.EntityDeal, crm.ByCompany, companies)
	d.each(org, crm.EntityContact, crm.ByCompany, companies)
	return r.reads.CompanyStats(ctx, org, companies)
}

func (r trackedReads) OwnerStats(ctx context.Context, org crm.ID, owners []crm.ID) (map[crm.ID]crm.OwnerStats, error) {
	tracked(ctx).each(org, crm.EntityDeal, crm.ByOwner, owners)
	return r.reads.OwnerStats(ctx, org, owners)
}

func (r trackedReads) CompanyTotals(ctx context.Context, org, company crm.ID) (crm.CompanyTotals, error) {
	tracked(ctx).add(org,
		crm.Tag{Entity: crm.EntityDeal, By: crm.ByCompany, ID: company},
		crm.Tag{Entity: crm.EntityContact, By: crm.ByCompany, ID: company},
		crm.Tag{Entity: crm.EntityActivity, By: crm.ByCompany, ID: company})
	return r.reads.CompanyTotals(ctx, org, company)
}

// ContactTotals is of the deals that the contact is on in whatever role, as dealTag is.
func (r trackedReads) ContactTotals(ctx context.Context, org, contact crm.ID) (crm.ContactTotals, error) {
	tracked(ctx).add(org,
		crm.Tag{Entity: crm.EntityDeal},
		crm.Tag{Entity: crm.EntityActivity, By: crm.ByContact, ID: contact})
	return r.reads.ContactTotals(ctx, org, contact)
}

func (r trackedReads) DealGroups(ctx context.Context, org crm.ID, f crm.DashboardFilter, each func(*crm.DealGroup)) error {
	tracked(ctx).add(org, narrowest(crm.EntityDeal, by{crm.ByOwner, cmp.Or(f.OwnerID, r.own)}))
	return r.reads.DealGroups(ctx, org, f, each)
}

func (r trackedReads) ActivityNumbers(ctx context.Context, org crm.ID, f crm.DashboardFilter) ([]crm.ActivityNumbers, error) {
	tracked(ctx).add(org, narrowest(crm.EntityActivity, by{crm.ByOwner, cmp.Or(f.OwnerID, r.own)}))
	return r.reads.ActivityNumbers(ctx, org, f)
}
