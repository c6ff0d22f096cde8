// Package bulk holds the use cases that read or write many records: import and adoption, which
// share one engine, and export.
//
// Its port is Store with the transactions Tx and the snapshots Reads. internal/store implements
// them (Store.Bulk), and internal/changes wraps the Store (TrackedBulk). People who are imported
// are changed by the rules of internal/accounts, which this package therefore imports.
package bulk

import (
	"context"
	"reflect"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// Store is what the use cases need of storage. Errors are those of crm.Store.
type Store interface {
	// Write is that of crm.Store, with the transactions of this package.
	Write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(Tx) error) error
	// DryRun is Write that always rolls back, and enters nothing.
	DryRun(ctx context.Context, by crm.Actor, at crm.Instant, fn func(Tx) error) error
	// Snapshot is that of crm.Store, with the reads of this package.
	Snapshot(ctx context.Context, by crm.Actor, fn func(Reads) error) error
	Organisation(ctx context.Context, id crm.ID) (crm.Organisation, error)
	// LogEnds is that of crm.ChangeLog.
	LogEnds(ctx context.Context, orgs []crm.ID) (crm.LogEnds, error)
	// ImportedRecords returns the records that an import has changed, batch by batch. They
	// are kept for the UndoTime.
	ImportedRecords(ctx context.Context, org, importID crm.ID) ([]ImportedRecords, error)

	// Imports returns a page of the recorded imports, and Import one.
	Imports(ctx context.Context, org crm.ID, q crm.List[ImportFilter]) (crm.Page[Import], error)
	Import(ctx context.Context, org, id crm.ID) (Import, error)
	// LoadedRows returns which rows of an import's part have been loaded, by their numbers, and
	// LoadedResults what was kept of those of one transaction.
	LoadedRows(ctx context.Context, org, importID crm.ID, part int) ([]LoadedRows, error)
	LoadedResults(ctx context.Context, org, importID, batch crm.ID) ([]byte, error)
	// ImageBatches returns the transactions of an import that have changed records, and
	// BatchImages what one of them has changed.
	ImageBatches(ctx context.Context, org, importID crm.ID) ([]crm.ID, error)
	BatchImages(ctx context.Context, org, importID, batch crm.ID) (Images, error)
}

// ImportedRecords are records that a batch of an import has changed.
type ImportedRecords struct {
	Entity string
	Op     crm.Op
	IDs    []crm.ID
}

// Tx is a transaction that writes, confined to the organisation of its actor.
type Tx interface {
	crm.Tx
	accounts.TeamTx
	// BeginImport makes the transaction a batch of an import: the change log has an entry for
	// each entity, with the import's id, and the records are kept for ImportedRecords.
	BeginImport(importID crm.ID)
	// KeepImages keeps what the records that the batch changes were like before, for
	// PutImportBatch.
	KeepImages()
	// LockImport returns the record of an import, kept from change by others.
	LockImport(ctx context.Context, id crm.ID) (Import, error)
	// InsertImport enters the record of an import; UpdateImport changes one that is locked.
	InsertImport(ctx context.Context, i Import) error
	UpdateImport(ctx context.Context, i Import) error
	// PutImportBatch keeps what the transaction, which is a batch of a recorded import, has loaded,
	// and what the records that it has changed were like before. The import must be running.
	PutImportBatch(ctx context.Context, b ImportBatch) error
	// Referred returns those of the records, which are locked, that other records refer to or, if
	// they are people, that can sign in or were invited.
	Referred(ctx context.Context, entity string, ids []crm.ID) (map[crm.ID]bool, error)
	// UndoStageMoves removes entries of the stage histories of deals, and opens the latest ones
	// again that are left.
	UndoStageMoves(ctx context.Context, moves map[crm.ID][]crm.ID) error
	// UndoDealContacts takes further contacts off deals that the transaction has just written.
	UndoDealContacts(ctx context.Context, contacts map[crm.ID][]crm.ID) error
	// InsertDealContacts adds further contacts to deals that the transaction has
	// just written; the deals do not count as changed by it. No contact is on its deal
	// yet, nor its primary one.
	InsertDealContacts(ctx context.Context, deals []crm.Deal, contacts []crm.DealContact) error
}

// Reads are what a snapshot reads.
type Reads interface {
	crm.Reads
	Audit() crm.View[accounts.AuditEntry, accounts.AuditFilter]
}

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns the use cases over a store. The clock is the time of every change.
func NewService(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: now}
}

// clock returns the present to the microsecond.
func (s *Service) clock() crm.Instant { return crm.InstantOf(s.now()) }

// same reports whether two records are equal.
func same[T any](a, b T) bool { return reflect.DeepEqual(a, b) }
