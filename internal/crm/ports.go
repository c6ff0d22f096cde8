package crm

import "context"

// Store is what the domain needs of storage. Errors are *Error: CodeUnavailable when the
// database cannot be reached or a statement ran out of time, CodeConflict when a constraint
// was violated that the use case did not check, CodeCommitUnknown when the outcome of a
// transaction is not known, the context's error when the caller gave up.
// internal/store/storetest says in full what an implementation must do.
type Store interface {
	ChangeLog
	// Reads returns the views, which show what the actor sees: see Actor.OwnerScope.
	Reads(by Actor) Reads
	// Snapshot runs fn over one state of an organisation's records, that of its first read:
	// what others commit meanwhile it does not see. Statements run one at a time, each within
	// its own limit; together they hold a connection and, on some engines, the space of what
	// is written meanwhile, so a snapshot should be short.
	Snapshot(ctx context.Context, by Actor, fn func(Reads) error) error
	// Write runs fn in one transaction of the actor's organisation, and commits
	// when fn returns nil. Everything that fn changes is entered in the change log
	// in that same transaction, as of at. When the engine asks for it (deadlock,
	// serialisation) the whole is run again, so fn must not keep state between runs.
	Write(ctx context.Context, by Actor, at Instant, fn func(Tx) error) error
	// Atomic runs fn in one transaction of the actor's organisation. All that is read or
	// written with the context that fn gets is part of that transaction: reads, Writes and
	// further Atomics, one at a time, of this actor alone. When fn or one of the Writes
	// fails, all of it is rolled back. The whole is run again as Write is. A DryRun is
	// refused, since it cannot be rolled back alone. The change log gets the entries of all
	// Writes as those of one.
	Atomic(ctx context.Context, by Actor, at Instant, fn func(context.Context) error) error
	// Idempotent is Atomic with an answer, which is stored in the transaction. An answer that
	// was stored within the IdempotencyRetention, by the storage's clock, is returned again, and
	// fn not run.
	// Errors besides fn's: ErrKeyReused, and while the same request is being answered
	// ErrInProgress, at once unless one transaction has to wait for the other.
	Idempotent(ctx context.Context, by Actor, at Instant, r IdempotentRequest, fn func(context.Context) ([]byte, error)) (answer []byte, again bool, err error)
	// CommitOutcome returns the position of the last entry that a transaction has in the change
	// log; its Seq is 0 if the transaction was rolled back. It waits until either is certain: that it was committed,
	// when a commit after it is as durable as this one should be.
	CommitOutcome(ctx context.Context, t Transaction) (LogPosition, error)
	Organisation(ctx context.Context, id ID) (Organisation, error)
}

// Reads returns the views, outside a transaction or within one. For an actor with an
// OwnerScope, records owned by others, or by no one, are hidden: in lists, by id, in searches,
// in numbers and where they are joined. People and stages have no owner.
type Reads interface {
	Companies() View[Company, CompanyFilter]
	Contacts() View[Contact, ContactFilter]
	Deals() View[Deal, DealFilter]
	Stages() View[Stage, StageFilter]
	Owners() View[Owner, OwnerFilter]
	Activities() View[Activity, ActivityFilter]
	Tasks() View[Task, TaskFilter]

	// NextDue returns the earliest due date from an instant on that any task has, whatever its
	// status, and hidden or not; ok is false if there is none.
	NextDue(ctx context.Context, org ID, from Instant) (due Instant, ok bool, err error)

	// Search returns a page of the results of a search of all types, ByRank. search.go defines
	// what search means; a view's Page searches within its list.
	Search(ctx context.Context, org ID, q List[HitFilter]) (Page[Hit], error)

	// DealContacts returns the further contacts of deals, ordered by deal and contact.
	DealContacts(ctx context.Context, org ID, deals []ID) ([]DealContact, error)
	// StageHistory returns a deal's stage history, oldest first.
	StageHistory(ctx context.Context, org, deal ID) ([]StageHistoryEntry, error)
	// CompanyStats returns the numbers of those companies that have any.
	CompanyStats(ctx context.Context, org ID, companies []ID) (map[ID]CompanyStats, error)
	// CompanyTotals returns all numbers of a company, ContactTotals those of a contact.
	CompanyTotals(ctx context.Context, org, company ID) (CompanyTotals, error)
	ContactTotals(ctx context.Context, org, contact ID) (ContactTotals, error)
	// DealGroups calls each with the sums of the deals that a dashboard counts, in no
	// particular order; the argument is valid until each returns. Within a transaction that
	// writes, these and ActivityNumbers may not include what it has written.
	DealGroups(ctx context.Context, org ID, f DashboardFilter, each func(*DealGroup)) error
	// ActivityNumbers returns those of a dashboard, by type ascending.
	ActivityNumbers(ctx context.Context, org ID, f DashboardFilter) ([]ActivityNumbers, error)
	// OwnerStats returns the numbers of those owners that have any.
	OwnerStats(ctx context.Context, org ID, owners []ID) (map[ID]OwnerStats, error)
}

// View reads one type of records of an organisation. Deleted ones are not found.
type View[T, F any] interface {
	// Page returns a page of the list.
	Page(ctx context.Context, org ID, q List[F]) (Page[T], error)
	// ByID returns those of the ids that exist, in no particular order; at most MaxLimit ids.
	ByID(ctx context.Context, org ID, ids []ID) ([]T, error)
}

// Tx is a transaction that writes. Every method is confined to the organisation of its actor,
// and records that are hidden from the actor are neither read in it nor locked; only Find
// returns the keys of all records, and LockPrimaryContacts any contact.
type Tx interface {
	Reads() Reads
	Companies() Table[Company]
	Contacts() Table[Contact]
	Deals() Table[Deal]
	Stages() Table[Stage]
	Owners() Table[Owner]
	Activities() Table[Activity]
	Tasks() Table[Task]

	// ClearCompany takes a company off its deals, contacts, activities and tasks. What it and the
	// next two clear is kept for Table.Restore.
	ClearCompany(ctx context.Context, company ID) error
	// ClearContact takes a contact off the deals that it is on, and off its activities
	// and tasks.
	ClearContact(ctx context.Context, contact ID) error
	// ClearDeal takes a deal off its activities and tasks.
	ClearDeal(ctx context.Context, deal ID) error
	// LockPrimaryContacts returns the primary contact of a company, if it has one, as
	// LockForUpdate does, hidden ones included. Until the transaction ends, no other one that
	// locks it makes a contact of the company primary.
	LockPrimaryContacts(ctx context.Context, company ID) ([]Contact, error)
	// ClearPrimaryContacts clears the primary flag of these companies' contacts.
	ClearPrimaryContacts(ctx context.Context, companies []ID) error
	// PutDealContact adds a contact to a deal, or changes its role there.
	PutDealContact(ctx context.Context, deal Deal, c DealContact) error
	// DeleteDealContact takes one off (false: it was not on).
	DeleteDealContact(ctx context.Context, deal Deal, contact ID) (bool, error)
	// InsertStageHistory adds entries to stage histories; CloseStageHistory closes a deal's
	// open one.
	InsertStageHistory(ctx context.Context, moves []StageHistoryEntry) error
	CloseStageHistory(ctx context.Context, deals []ID, at Instant) error
	// StageInUse reports whether any deal is in a stage.
	StageInUse(ctx context.Context, stage ID) (bool, error)
}

// KeyMatch is a record found by one of its keys.
type KeyMatch struct {
	Key string // the value that was looked for, folded as the key is
	ID  ID
}

// Key names a member by which records are found.
type Key string

// The keys. Names are compared by NameKey; several records may have the same.
const (
	KeyID         Key = "id" // of imports alone; not of Find, since records are locked by id
	KeyExternalID Key = "external_id"
	KeyDomain     Key = "domain"
	KeyEmail      Key = "email"
	KeyName       Key = "name"
)

// Change is a record before and after an update.
type Change[T any] struct{ Before, After T }

// Table writes one type of records.
type Table[T any] interface {
	// Find returns the records that have one of the values as their key, without locking them;
	// any number of values. Names are given as NameKeys.
	Find(ctx context.Context, key Key, values []string) ([]KeyMatch, error)
	// LockForUpdate returns those of the ids that exist, as stored (nothing joined), locked
	// against change until the transaction ends. Any number of ids.
	LockForUpdate(ctx context.Context, ids []ID) ([]T, error)
	// LockForShare returns those of the ids that exist, locked against deletion until the end.
	LockForShare(ctx context.Context, ids []ID) ([]ID, error)
	// Insert adds rows; many are loaded in bulk.
	Insert(ctx context.Context, rows []T) error
	// Update writes changed rows that LockForUpdate returned, and raises their version from
	// the one that both Before and After carry.
	Update(ctx context.Context, changes []Change[T]) error
	// Delete hides rows that LockForUpdate returned.
	Delete(ctx context.Context, rows ...T) error
	// LockDeleted returns a deleted record, if there is one with the id, as LockForUpdate does.
	LockDeleted(ctx context.Context, id ID) ([]T, error)
	// Restore writes a record that LockDeleted returned, and shows it again. Of the references that
	// its deletion cleared (ClearCompany and so on) those are set again that are empty. Its own
	// references to records that are deleted as well are cleared, until those are restored. The
	// change log has it as created.
	Restore(ctx context.Context, row T) error
}
