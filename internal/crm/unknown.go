package crm

import (
	"context"
	"sync/atomic"
)

// Transaction identifies a transaction that enters changes, in whatever process.
type Transaction struct {
	Org    ID      `json:"org"`
	Number string  `json:"number"` // the database's; "" if that has none
	At     Instant `json:"at"`     // of its entries in the change log
}

// UnknownCommit is the cause of an error with CodeCommitUnknown: a transaction was to be
// committed, and it is not known whether it was.
type UnknownCommit struct {
	Transaction Transaction
	Cause       error
	// Wait returns the outcome as Store.CommitOutcome does.
	Wait func(ctx context.Context) (LogPosition, error)
}

// Error returns the cause.
func (u *UnknownCommit) Error() string { return u.Cause.Error() }

// Unwrap returns the cause.
func (u *UnknownCommit) Unwrap() error { return u.Cause }

// CommitUnknown says that it is not known whether a change was made.
func CommitUnknown(u *UnknownCommit) *Error {
	return &Error{
		Code: CodeCommitUnknown, Cause: u,
		Message: "The database has not confirmed the change: it is not known whether it was made. If the operation takes an Idempotency-Key, the same request, sent again, finds out.",
	}
}

// CommitOutcome is that of [Store].
func (s *Service) CommitOutcome(ctx context.Context, t Transaction) (LogPosition, error) {
	return s.store.CommitOutcome(ctx, t)
}

// Unconfirmed keeps the first unknown commit of a request.
type Unconfirmed struct{ first atomic.Pointer[UnknownCommit] }

// Commit returns the unknown commit; nil if there was none.
func (u *Unconfirmed) Commit() *UnknownCommit { return u.first.Load() }

type unconfirmedKey struct{}

// KeepUnconfirmed returns a context with which a Write whose commit is unknown succeeds, so that
// the response to it can be made, and given when the outcome is known. The caller must not give
// it before. What is read or written afterwards with the context fails.
func KeepUnconfirmed(ctx context.Context, u *Unconfirmed) context.Context {
	return context.WithValue(ctx, unconfirmedKey{}, u)
}

// Keep keeps an unknown commit for the context's request. ok is false if that does not want it.
func (u *UnknownCommit) Keep(ctx context.Context) (ok bool) {
	kept, ok := ctx.Value(unconfirmedKey{}).(*Unconfirmed)
	return ok && kept.first.CompareAndSwap(nil, u)
}

// CheckConfirmed returns an error if a commit of the context's request is unknown.
func CheckConfirmed(ctx context.Context) error {
	if kept, ok := ctx.Value(unconfirmedKey{}).(*Unconfirmed); ok {
		if u := kept.Commit(); u != nil {
			return CommitUnknown(u)
		}
	}
	return nil
}
