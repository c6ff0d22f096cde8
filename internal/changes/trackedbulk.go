package changes

import (
	"context"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// TrackedBulk returns a store whose reads are uncacheable: an import or an export is the answer
// to one request alone.
func TrackedBulk(store bulk.Store) bulk.Store { return trackedBulk{store} }

type trackedBulk struct{ store bulk.Store }

func (s trackedBulk) Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(bulk.Tx) error) error {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Write(ctx, by, at, fn)
}

func (s trackedBulk) DryRun(ctx context.Context, by crm.Actor, at crm.Instant, fn func(bulk.Tx) error) error {
	dependenciesOf(ctx).setUncacheable()
	return s.store.DryRun(ctx, by, at, fn)
}

func (s trackedBulk) Snapshot(ctx context.Context, by crm.Actor, fn func(bulk.Reads) error) error {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Snapshot(ctx, by, fn)
}

func (s trackedBulk) Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Organisation(ctx, id)
}

func (s trackedBulk) LogEnds(ctx context.Context, orgs []crm.ID) (crm.LogEnds, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.LogEnds(ctx, orgs)
}

func (s trackedBulk) ImportedRecords(ctx context.Context, org, importID crm.ID) ([]bulk.ImportedRecords, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.ImportedRecords(ctx, org, importID)
}

func (s trackedBulk) Imports(ctx context.Context, org crm.ID, q crm.List[bulk.ImportFilter]) (crm.Page[bulk.Import], error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Imports(ctx, org, q)
}

func (s trackedBulk) Import(ctx context.Context, org, id crm.ID) (bulk.Import, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.Import(ctx, org, id)
}

func (s trackedBulk) LoadedRows(ctx context.Context, org, importID crm.ID, part int) ([]bulk.LoadedRows, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.LoadedRows(ctx, org, importID, part)
}

func (s trackedBulk) LoadedResults(ctx context.Context, org, importID, batch crm.ID) ([]byte, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.LoadedResults(ctx, org, importID, batch)
}

func (s trackedBulk) ImageBatches(ctx context.Context, org, importID crm.ID) ([]crm.ID, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.ImageBatches(ctx, org, importID)
}

func (s trackedBulk) BatchImages(ctx context.Context, org, importID, batch crm.ID) (bulk.Images, error) {
	dependenciesOf(ctx).setUncacheable()
	return s.store.BatchImages(ctx, org, importID, batch)
}
