package store

import (
	"context"

	"sixty/internal/crm"
)

// A Statement is SQL with a name. Its placeholders are $1, $2, …, which both
// engines read.
type Statement struct {
	Name string
	SQL  string
}

// A Scope limits the rows that statements can access, whatever their conditions. PostgreSQL
// enforces it by row-level security, so that a statement without a condition on the
// organisation cannot access another's rows. SQLite ignores it: its file has one owner.
type Scope struct {
	// Org is the organisation that the rows belong to.
	Org crm.ID
	// Service allows the rows of all organisations. It is for work that begins before an
	// organisation is known, or covers all of them: signing in, reading the change log,
	// maintenance, and data of the database as a whole.
	Service bool
	// ByKey: a transaction finds rows by indexes alone, whatever the statistics say: of a table that
	// was empty a moment ago, they say that reading all of it is best.
	ByKey bool
	// Reserved allows the connection that is reserved for following the change log and for
	// health checks, when all others are in use.
	Reserved bool
}

// Querier runs statements that return rows.
type Querier interface {
	Query(ctx context.Context, st *Statement, args []any) (Rows, error)
}

// Rows iterates over the rows of a statement. Close may be called early.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Engine is a pool of connections to one database. Arguments and destinations are
// Go's basic types, the domain's value types (crm.ID, Instant, Date, Money), byte
// slices, and pointers to these, nil being NULL.
//
// Where another server may take over, every read outside a transaction that writes is checked
// for the epoch of the change log, and calls crm.ObserveEpoch. When the epoch changes,
// connections are replaced.
type Engine interface {
	// Query runs a statement that only reads.
	Query(ctx context.Context, scope Scope, st *Statement, args []any) (Rows, error)
	Dialect() Dialect
	// Epoch returns the epoch of the change log that the last read was answered under; "" if
	// that is not known. A database that no other server can take over returns "".
	Epoch() string
	// Begin starts a transaction that writes.
	Begin(ctx context.Context, scope Scope) (EngineTx, error)
	// Snapshot starts a transaction that only reads, and sees the database as it is
	// at its first statement.
	Snapshot(ctx context.Context, scope Scope) (EngineSnapshot, error)
	// Watch calls notify after the commit of a transaction of any process that called
	// EngineTx.CommitLogged, with the organisation and the number of its last entry; with zeros if these are
	// unknown, and once when watching begins. A call may be lost. Watch returns when ctx ends or watching fails.
	Watch(ctx context.Context, notify func(org crm.ID, seq int64)) error
	// WatchJobs calls wake when jobs may have been added by any process, which AnnounceJobs tells
	// of if the engine does not notice, and once when watching begins. A call may be lost. It
	// returns when ctx ends or watching fails. AnnounceJobs does not wait.
	WatchJobs(ctx context.Context, wake func()) error
	AnnounceJobs()
	Ping(ctx context.Context) error
	Close() error
}

// EngineTx is a transaction that writes.
type EngineTx interface {
	Querier
	Exec(ctx context.Context, st *Statement, args []any) (int64, error)
	// Guard sets what the transaction is committed under; nil for nothing.
	Guard(g *Guard)
	// Commit commits. From the moment that it is sent, nothing cancels it: Commit returns an
	// *UnknownCommit if ctx ends before the outcome is known.
	Commit(ctx context.Context) error
	// CommitLogged is Commit with entries for the change log, sent together, so that the
	// organisation's counter is locked as briefly as possible. It tells all watchers.
	CommitLogged(ctx context.Context, log *LogAppend) error
	// Rollback ends the transaction unless it has ended; it needs no live context.
	Rollback() error
}

// A Guard is a lease that must be held when a transaction is committed: it is rolled back otherwise,
// with a FaultLease. The job is locked last, but before the organisation's counter of the change
// log, so that renewing a lease waits for no transaction that is long.
type Guard struct {
	Org, Job, Token crm.ID
	// Elsewhere: the job is in another scope than the transaction.
	Elsewhere bool
	// Change changes the job in the same transaction; nil: nothing does.
	Change *Statement
	Args   []any
}

// A LogAppend is what a transaction enters in the change log as it commits.
type LogAppend struct {
	Org crm.ID
	// Args are the organisation, the number of entries, the actor, the instant, a JSON array of
	// [entity, id, op, refs], the API key, and the expected epoch; see Engine.Epoch.
	Args []any
	// The entries are of deals, or of activities, whose sums are to be locked first.
	Deals, Activities bool
	// CommitLogged sets the position of the last entry.
	At crm.LogPosition
	// Late is called when the outcome of a commit becomes known after CommitLogged has
	// returned, with what it would have returned. It must not block.
	Late func(at crm.LogPosition, err error)
}

// An UnknownCommit is the error of a commit that was sent and whose outcome is unknown.
type UnknownCommit struct {
	Cause       error
	Transaction string          // the database's number of it; see Dialect.EnteredBy
	Answered    <-chan struct{} // closed when nothing more is heard of it
	// Answer returns what was heard in the end, after Answered: nil with the position of the last
	// entry, or an error, after which the outcome is unknown unless Dialect.RolledBack says
	// otherwise.
	Answer func() (at crm.LogPosition, err error)
}

func (e *UnknownCommit) Error() string {
	return "the outcome of a commit is unknown: " + e.Cause.Error()
}
func (e *UnknownCommit) Unwrap() error { return e.Cause }

// EngineSnapshot is a transaction that only reads, one statement after the other.
type EngineSnapshot interface {
	Querier
	// Close ends it; it needs no live context.
	Close() error
}

// Loader is an EngineTx that can load many rows faster than INSERT.
type Loader interface {
	// Load inserts them into a table.
	Load(ctx context.Context, table string, columns []string, rows int, row func(i int) []any) error
	// Stage puts them into an empty staging table with the columns of the named one, which
	// exists until the transaction ends, and returns its name.
	Stage(ctx context.Context, table string, columns []string, rows int, row func(i int) []any) (string, error)
}

// Dialect composes the SQL that differs between the engines.
type Dialect interface {
	// AnyID and AnyText compose "expr is one of the values in $n"; IDs and Texts return
	// the argument.
	AnyID(expr string, n int) string
	AnyText(expr string, n int) string
	IDs(ids []crm.ID) any
	Texts(texts []string) any
	// ForUpdate and ForShare end a SELECT whose rows t are to be locked against
	// change, and against deletion.
	ForUpdate() string
	ForShare() string
	// TryLock composes an expression that acquires the lock with the number in $n until the
	// transaction ends. It is false, without waiting, if another transaction holds the lock.
	TryLock(n int) string
	// SkipLocked ends a SELECT whose rows t are to be locked against change; those that others have
	// locked are left out.
	SkipLocked() string
	// JSONRows composes a query, in parentheses, of the rows in $n, which is a JSON array of arrays.
	JSONRows(n int, columns ...JSONColumn) string
	// Later composes the instant that is so many microseconds after the database's present, and
	// Time an expression of an instant that may be NULL. AverageMillis averages the time between two
	// instants, in milliseconds.
	Later(micros string) string
	Time(expr string) string
	AverageMillis(from, to string) string
	// SecondsAgo composes the instant that is so many seconds before the database's present.
	SecondsAgo(n int) string
	// ReadOnly composes an expression that is true if the database accepts no writes, as a
	// standby of PostgreSQL's.
	ReadOnly() string
	// RebuildSums composes the statements that rebuild deal_sums or activity_sums of the
	// organisation in $1, and the stage or type in $2, beside transactions that change them.
	RebuildSums(table string) []string
	// Epoch composes the epoch of the change log; NULL if it belongs to another server.
	Epoch() string
	// ExpectEpoch composes the same, but fails with FaultEpoch instead of being NULL, or if it
	// is not the one in $n, which is "" for any.
	ExpectEpoch(n int) string
	// RenewEpoch composes what replaces the epoch in $2 by that in $1, and makes it that of the
	// server.
	RenewEpoch() string
	// LogGrowth composes what returns the epoch and a mark, which is text, and then each
	// organisation whose log has grown since the mark in $1 with its end. The columns are
	// epoch, mark, organisation and end; the first row has the former two, the others the
	// latter. With the mark "" there are no others.
	LogGrowth() string
	// SumBig sums a bigint column to a bigint, 0 for nothing.
	SumBig(column string) string
	// Matches composes what finds rows of the table search: the tables to read, s
	// among them, the condition that a row's terms match the query in $n, and
	// the column that is highest for the latest entry. TermSyntax is that of the query.
	Matches(n int) (tables, condition, newest string)
	TermSyntax() TermSyntax
	// AnyOf composes "expr is one of the query's results", which are few: the table is to be
	// searched by an index, whatever the statistics say.
	AnyOf(expr, query string) string
	// Estimate composes a statement that estimates how many rows a SELECT returns, and
	// returns a function that reads the estimate. ok is false if the engine cannot.
	Estimate(query string) (sql string, read func(Rows) (int64, error), ok bool)
	// Classify returns what an error of the engine means.
	Classify(err error) Fault
	// EnteredBy composes the condition that an entry of the change log is of the transaction
	// in $n, and InProgress an expression that is true while the transaction has not ended.
	EnteredBy(n int) string
	InProgress(n int) string
	// RolledBack reports whether an error of EngineTx.Commit means that nothing was
	// committed. After any other error it is unknown.
	RolledBack(err error) bool
}

// A JSONColumn is a column of rows that are passed as JSON.
type JSONColumn struct {
	Name string
	Type JSONType
}

// JSONType is the type of a JSONColumn.
type JSONType int

// The types.
const (
	JSONText JSONType = iota
	JSONNumber
	JSONID
)

// TermSyntax is how an engine's index of terms is asked: for the terms that begin with one, which
// is of letters and digits, between Before and After, and for several conditions, in parentheses.
type TermSyntax struct{ Before, After, And, Or string }

// Fault is a classified error of an engine.
type Fault struct {
	Kind       FaultKind
	Constraint string // the name of the violated constraint, if the engine reports it
}

// FaultKind is a kind of fault.
type FaultKind int

// The kinds of faults.
const (
	FaultOther       FaultKind = iota // a bug
	FaultUnavailable                  // unreachable, or timed out
	FaultFull                         // no space left
	FaultUnique                       // a unique index was violated
	FaultReference                    // a foreign key was violated
	FaultRetry                        // a deadlock or a serialisation failure
	FaultLease                        // a Guard is not held
	FaultEpoch                        // the change log has another epoch than expected
)
