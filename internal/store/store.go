// Package store is the domain's storage port in SQL, written once for two engines.
//
// What all entities share (pages, reads by id, locks, inserts, updates) is written once
// over a description of their tables; the rest of an entity is in a file of its own. Every statement has a name, under which it is
// prepared once per connection, counted and timed. What differs between the engines
// is in their Dialect and Engine: connecting, argument forms, locking clauses, bulk
// loading, and what an error means.
//
// The suite in storetest says what the port must do; both engines pass it.
package store

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/webhooks"
)

// Options are what a Store can be told.
type Options struct {
	// Observe is called for every statement that ran, with the context that it ran with. It
	// may be nil, and must not block.
	Observe func(context.Context, StatementEvent)
	// Commits hears of the transactions that enter changes. It may be nil.
	Commits crm.CommitListener
	// Background is called before each transaction of background work (removing old rows,
	// rebuilding derived data), and waits until there is room for it; leave is called
	// afterwards. It may be nil.
	Background func(context.Context) (leave func(), err error)
	// Enqueued is called after the commit of a transaction that added due jobs, with their kinds, or
	// may have. It may be nil, and must not block.
	Enqueued func(kinds []jobs.Kind)
	// ReindexedAtOnce bounds the deals of which a transaction replaces the terms because of other
	// records; 10,000 if it is 0. The rest waits for ReindexPending.
	ReindexedAtOnce int
}

// StatementEvent is a statement that ran.
type StatementEvent struct {
	Name       string
	Start, End time.Time // End: when the last row was read
	Rows       int64     // read, or affected
	Err        error     // the engine's
}

// Store is the storage over an Engine. It implements the ports of its users: CRM, Accounts,
// Bulk and Webhooks return it as those packages need it; it is a changes.Log and auth.Principals itself.
type Store struct {
	engine     Engine
	dialect    Dialect
	observe    func(context.Context, StatementEvent)
	commits    crm.CommitListener
	background func(context.Context) (leave func(), err error)
	// reindexedAtOnce is Options.ReindexedAtOnce.
	reindexedAtOnce int

	companies  table[crm.Company, crm.CompanyFilter]
	contacts   table[crm.Contact, crm.ContactFilter]
	deals      table[crm.Deal, crm.DealFilter]
	stages     table[crm.Stage, crm.StageFilter]
	owners     table[crm.Owner, crm.OwnerFilter]
	activities table[crm.Activity, crm.ActivityFilter]
	tasks      table[crm.Task, crm.TaskFilter]
	audit      table[accounts.AuditEntry, accounts.AuditFilter]
	keys       table[accounts.APIKey, accounts.APIKeyFilter]
	imports    table[bulk.Import, bulk.ImportFilter]
	outbox     table[mail.Entry, mail.Filter]
	jobs       table[jobs.Job, jobs.Filter]
	jobLists   table[jobs.Job, jobs.Filter] // jobs without their unlisted columns

	onEnqueued func([]jobs.Kind)
	ends       ends

	webhooks          table[webhooks.Endpoint, webhooks.EndpointFilter]
	webhookDeliveries table[webhooks.Delivery, webhooks.DeliveryFilter]

	searchable atomic.Bool // the index of searches is known to be complete

	mu         sync.RWMutex
	statements map[string]*Statement // composed statements by their key
}

// maxStatements bounds the composed statements that are cached. There are few by design;
// the bound is for a client that finds a way to ask for all of them.
const maxStatements = 2000

// New makes a Store over an engine, which it then owns.
func New(engine Engine, o Options) *Store {
	s := &Store{
		engine: engine, dialect: engine.Dialect(), observe: o.Observe, commits: o.Commits, background: o.Background, reindexedAtOnce: cmp.Or(o.ReindexedAtOnce, reindexedAtOnce),
		companies: companyTable(), contacts: contactTable(), deals: dealTable(),
		stages: stageTable(), owners: ownerTable(),
		activities: activityTable(), tasks: taskTable(), audit: auditTable(), keys: keyTable(), imports: importTable(), outbox: outboxTable(),
		jobs: jobTable(nil), jobLists: jobTable(unlisted), onEnqueued: o.Enqueued,
		webhooks: webhookTable(), webhookDeliveries: webhookDeliveryTable(),
		statements: map[string]*Statement{},
	}
	if s.observe == nil {
		s.observe = func(context.Context, StatementEvent) {}
	}
	if s.commits == nil {
		s.commits = noListener{}
	}
	if s.background == nil {
		s.background = func(context.Context) (func(), error) { return func() {}, nil }
	}
	return s
}

// noListener is the crm.CommitListener of a Store that has none.
type noListener struct{}

func (noListener) Committed(crm.ID, string, []crm.LogEntry) {}
func (noListener) CommitUnknown(crm.ID)                     {}
func (noListener) Unchanged(crm.ID, crm.LogPosition)        {}

// Close closes the engine.
func (s *Store) Close() error {
	s.ends.running.Wait()
	return s.engine.Close()
}

// enqueued tells the listener of due jobs.
func (s *Store) enqueued(kinds []jobs.Kind) {
	if s.onEnqueued != nil && len(kinds) > 0 {
		s.onEnqueued(kinds)
	}
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	return s.fault(ctx, s.engine.Ping(ctx))
}

// Reads returns the views as an actor sees them, outside a transaction.
func (s *Store) Reads(by crm.Actor) crm.Reads { return &reader{store: s, owner: by.OwnerScope()} }

// pooled runs statements on the pool's connections, in a scope.
type pooled struct {
	store *Store
	scope Scope
	apart bool // from the transaction that the context has joined
}

// of returns what runs an organisation's statements, and service those of all organisations.
func (s *Store) of(org crm.ID) Querier { return pooled{store: s, scope: Scope{Org: org}} }
func (s *Store) service() Querier      { return pooled{store: s, scope: Scope{Service: true}} }

// reserved runs statements of all organisations on the reserved connection, if no other is free.
func (s *Store) reserved() Querier {
	return pooled{store: s, scope: Scope{Service: true, Reserved: true}}
}

// apart is service for what a use case asks about other organisations and about credentials,
// also within a transaction that the context has joined: it sees what was committed.
func (s *Store) apart() Querier {
	return pooled{store: s, scope: Scope{Service: true}, apart: true}
}

// logReader runs statements that read the change log: on the reserved connection for what
// follows it, and like any other for requests.
func (s *Store) logReader(ctx context.Context) Querier {
	if crm.FollowsLog(ctx) {
		return s.reserved()
	}
	return s.service()
}

var errNotJoined = errors.New("a statement that may meet others' rows is not part of an organisation's transaction")

// Query runs a statement within the transaction that the context has joined, if any.
func (p pooled) Query(ctx context.Context, st *Statement, args []any) (Rows, error) {
	t := p.store.joined(ctx)
	switch {
	case t == nil:
		if err := crm.CheckConfirmed(ctx); err != nil {
			return nil, err
		}
		return p.store.engine.Query(ctx, p.scope, st, args)
	case p.apart: // without waiting for transactions that wait for the same
		return p.store.engine.Query(ctx, Scope{Service: true, Reserved: true}, st, args)
	case p.scope != t.scope():
		return nil, errNotJoined
	}
	return t.etx.Query(ctx, st, args)
}

// statement returns the statement with a key, composing it on first use. The key holds
// all that the statement is composed of.
func (s *Store) statement(key string, compose func() *Statement) *Statement {
	s.mu.RLock()
	st := s.statements[key]
	s.mu.RUnlock()
	if st != nil {
		return st
	}
	st = compose()
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.statements[key]; known != nil {
		return known
	}
	if len(s.statements) >= maxStatements {
		clear(s.statements)
	}
	s.statements[key] = st
	return st
}

// composed is statement for a key in a buffer, which is copied only on first use.
func (s *Store) composed(key []byte, compose func() *Statement) *Statement {
	s.mu.RLock()
	st := s.statements[string(key)]
	s.mu.RUnlock()
	if st != nil {
		return st
	}
	return s.statement(string(key), compose)
}

// query runs a statement and calls each for each of its rows, until that returns false or
// an error.
func (s *Store) query(ctx context.Context, db Querier, st *Statement, args []any, each func(Rows) (bool, error)) error {
	start := time.Now()
	n, err := scan(ctx, db, st, args, each)
	s.observe(ctx, StatementEvent{st.Name, start, time.Now(), n, err})
	return s.fault(ctx, err)
}

func scan(ctx context.Context, db Querier, st *Statement, args []any, each func(Rows) (bool, error)) (n int64, err error) {
	rows, err := db.Query(ctx, st, args)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
		if more, err := each(rows); err != nil || !more {
			return n, err
		}
	}
	return n, rows.Err()
}

// exec runs a statement of a transaction and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, tx EngineTx, st *Statement, args ...any) (int64, error) {
	start := time.Now()
	n, err := tx.Exec(ctx, st, args)
	s.observe(ctx, StatementEvent{st.Name, start, time.Now(), n, err})
	return n, s.fault(ctx, err)
}

// fault turns an engine's error into the domain's.
func (s *Store) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var known *crm.Error
	if errors.As(err, &known) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch f := s.dialect.Classify(err); f.Kind {
	case FaultUnavailable:
		return crm.Unavailable(err)
	case FaultFull:
		return crm.Full(err)
	case FaultUnique:
		c := crm.InUse()
		if field, ok := uniqueFields[f.Constraint]; ok {
			c = crm.InUse(crm.UsedElsewhere(field))
		}
		c.Cause = err
		return c
	case FaultReference:
		c := crm.Conflict("A record that this one refers to has just been deleted")
		c.Cause = err
		return c
	case FaultRetry:
		return &retryError{cause: err}
	case FaultLease:
		return ErrLeaseLost
	case FaultEpoch:
		return &retryError{cause: err, epoch: true}
	}
	return err
}

// uniqueFields maps each unique index to its field, by the index's name.
var uniqueFields = map[string]string{
	"users_email_key":            "email",
	"users_external_id_key":      "external_id",
	"companies_domain_key":       "domain",
	"companies_external_id_key":  "external_id",
	"contacts_email_key":         "email",
	"contacts_external_id_key":   "external_id",
	"contacts_primary_key":       "is_primary",
	"activities_external_id_key": "external_id",
	"tasks_external_id_key":      "external_id",
	"deals_external_id_key":      "external_id",
	"organisations_name_key_key": "name",
}

// retryError says that the engine wants the transaction run again.
type retryError struct {
	cause error
	epoch bool // after the epoch of the change log is established
}

func (e *retryError) Error() string { return "the transaction must be run again: " + e.cause.Error() }
func (e *retryError) Unwrap() error { return e.cause }

// final turns a retryError into the domain's, for what is not run again.
func final(err error) error {
	var again *retryError
	if errors.As(err, &again) {
		return crm.Unavailable(err)
	}
	return err
}
