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

// A Scope is what statements may meet, whatever their conditions say: PostgreSQL keeps
// them to it by row-level security, so that one that forgets its organisation shows
// nothing of another. SQLite, whose file is its owner's alone, takes no notice.
type Scope struct {
	// Org is the organisation whose rows they meet.
	Org crm.ID
	// Service has them meet everybody's. It is for what begins before an organisation is
	// known, or goes round all of them: signing in, reading the change log, maintenance,
	// and what belongs to the database as a whole.
	Service bool
}

// Querier runs statements that answer rows.
type Querier interface {
	Query(ctx context.Context, st *Statement, args []any) (Rows, error)
}

// Rows are what a statement answers, one after the other. Close may come early.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Engine is a pool of connections to one database. Arguments and destinations are
// Go's basic types, the domain's value types (crm.ID, Instant, Date, Money), byte
// slices, and pointers to these, nil being NULL.
type Engine interface {
	// Query runs a statement that only reads.
	Query(ctx context.Context, scope Scope, st *Statement, args []any) (Rows, error)
	Dialect() Dialect
	// Begin starts a transaction that writes.
	Begin(ctx context.Context, scope Scope) (EngineTx, error)
	// Snapshot starts a transaction that only reads, and sees the database as it is
	// at its first statement.
	Snapshot(ctx context.Context, scope Scope) (EngineSnapshot, error)
	// Watch calls wake when a transaction was committed that called EngineTx.Wake, by
	// whichever process, with what that was given; with zeros when it cannot tell, and
	// once when it begins to hear. A call may be lost. It returns when ctx ends, or with
	// what keeps it from hearing.
	Watch(ctx context.Context, wake func(org crm.ID, seq int64)) error
	Ping(ctx context.Context) error
	Close() error
}

// EngineTx is a transaction that writes.
type EngineTx interface {
	Querier
	Exec(ctx context.Context, st *Statement, args []any) (int64, error)
	// Wake has those who watch told of an organisation and a number when Commit succeeds.
	Wake(org crm.ID, seq int64)
	Commit(ctx context.Context) error
	// Rollback ends the transaction unless it has ended; it needs no live context.
	Rollback() error
}

// EngineSnapshot is a transaction that only reads, one statement after the other.
type EngineSnapshot interface {
	Querier
	// Close ends it; it needs no live context.
	Close() error
}

// Loader is an EngineTx that takes many rows faster than one by one.
type Loader interface {
	// Load inserts them into a table.
	Load(ctx context.Context, table string, columns []string, rows int, row func(i int) []any) error
	// Stage puts them into a staging table with the columns of the named one, emptied
	// before, that lives as long as the transaction. It gives that table's name.
	Stage(ctx context.Context, table string, columns []string, rows int, row func(i int) []any) (string, error)
}

// Dialect is what differs in the engines' SQL.
type Dialect interface {
	// AnyID and AnyText compose "expr is one of those in $n"; IDs and Texts give
	// the argument for it.
	AnyID(expr string, n int) string
	AnyText(expr string, n int) string
	IDs(ids []crm.ID) any
	Texts(texts []string) any
	// ForUpdate and ForShare end a SELECT whose rows t are to be locked against
	// change, and against deletion.
	ForUpdate() string
	ForShare() string
	// TryLock composes what takes the lock that has the number in $n, until the transaction
	// ends, and tells, without waiting, whether no other transaction has it.
	TryLock(n int) string
	// SecondsAgo composes the instant that is so many seconds before the database's present.
	SecondsAgo(n int) string
	// RebuildSums composes the statements that rebuild deal_sums or activity_sums of the
	// organisation in $1, and the stage or type in $2, beside transactions that change them.
	RebuildSums(table string) []string
	// LogSQL composes what takes the next $2 numbers of the change log of the organisation in
	// $1, returns the last of them, and inserts the entries. $3 is the actor, $4 the instant,
	// $5 a JSON array of [entity, id, op, refs]. Where one statement cannot do both, insert
	// is the second, and counter only has $1 and $2.
	LogSQL() (counter, insert string)
	// SumBig sums a bigint column to a bigint, 0 for nothing.
	SumBig(column string) string
	// Matches composes what finds rows of the table search: the tables to read, s
	// among them, the condition that a row's terms begin with each of those in $n, and
	// the column that descends from what was entered last. Prefixes gives the argument.
	// Terms are letters and digits.
	Matches(n int) (tables, condition, newest string)
	Prefixes(terms []string) any
	// AnyOf composes "expr is one of those that the query gives", which are few, and for
	// which a table is to be entered by an index, whatever the statistics say.
	AnyOf(expr, query string) string
	// Estimate composes a statement that estimates, in one row of one text or
	// number, how many rows a SELECT answers, and reads that; ok is false when the
	// engine cannot, and then rows are counted.
	Estimate(query string) (sql string, read func(Rows) (int64, error), ok bool)
	// Classify says what an error of the engine means.
	Classify(err error) Fault
	// RolledBack tells of an error of EngineTx.Commit whether nothing was committed for
	// certain. After another one it may have been.
	RolledBack(err error) bool
}

// Fault is what an engine's error means to the store.
type Fault struct {
	Kind       FaultKind
	Constraint string // the name of the constraint that was met, where the engine tells it
}

// FaultKind is a kind of fault.
type FaultKind int

// The kinds of faults.
const (
	FaultOther       FaultKind = iota // a defect
	FaultUnavailable                  // out of reach, or out of time
	FaultFull                         // out of room
	FaultUnique                       // a unique index was met
	FaultReference                    // a foreign key was met
	FaultRetry                        // a deadlock or a serialisation failure
)
