package crm

import (
	"context"
	"reflect"
	"slices"
	"time"
)

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService returns the use cases over a store. The clock is the time of every change.
func NewService(store Store, now func() time.Time) *Service {
	return &Service{store: store, now: now}
}

// Atomic runs fn in one transaction of the actor's organisation: the use cases that fn calls with
// the context that it gets are part of that transaction, those of accounts and bulk included,
// and an Atomic among them. They must be of the same actor, and run one at a time. When fn or
// one of them fails, even if fn ignores its error, nothing is changed. fn may be run again from
// its beginning, and must keep no state between runs.
func (s *Service) Atomic(ctx context.Context, by Actor, fn func(context.Context) error) error {
	return s.store.Atomic(ctx, by, s.clock(), fn)
}

// clock returns the present to the microsecond.
func (s *Service) clock() Instant { return InstantOf(s.now()) }

// GetOne reads the view of a single record.
func GetOne[T, F any](ctx context.Context, v View[T, F], org, id ID, what string) (T, error) {
	rows, err := v.ByID(ctx, org, []ID{id})
	if err == nil && len(rows) == 0 {
		err = NotFound(what)
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// LockOne locks a single record for change.
func LockOne[T any](ctx context.Context, t Table[T], id ID, what string) (T, error) {
	rows, err := t.LockForUpdate(ctx, []ID{id})
	if err == nil && len(rows) == 0 {
		err = NotFound(what)
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// same reports whether an update would change nothing.
func same[T any](a, b T) bool { return reflect.DeepEqual(a, b) }

// checks collects what is wrong with a write: violated rules first, then references to missing
// records, then keys that other records have. A database error ends it.
type checks struct {
	ctx context.Context
	tx  Tx
	Rules
	taken []FieldError
	fault error
}

// err returns the failure that the checks found: of the database, then of the members, then of
// collisions.
func (c *checks) err() error {
	switch {
	case c.fault != nil:
		return c.fault
	case len(c.Bad) > 0:
		return c.Err()
	case len(c.taken) > 0:
		return InUse(c.taken...)
	}
	return nil
}

// exists checks a reference that was sent.
func exists[T any](c *checks, field string, id *ID, t Table[T], what string) {
	if id == nil || c.fault != nil {
		return
	}
	held, err := t.LockForShare(c.ctx, []ID{*id})
	switch {
	case err != nil:
		c.fault = err
	case len(held) == 0:
		c.Add(field, "refers to %s that does not exist", what)
	}
}

// Collision returns what is wrong with the value of a key if another record than self has it, else
// nil. It names the record if the actor may see it. No record has nil.
func Collision[T any](ctx context.Context, t Table[T], what string, key Key, value *string, self ID) (*FieldError, error) {
	if value == nil {
		return nil, nil
	}
	found, err := t.Find(ctx, key, []string{*value})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(found, func(f KeyMatch) bool { return f.ID != self })
	if i < 0 {
		return nil, nil
	}
	taken := UsedElsewhere(string(key))
	seen, err := t.LockForShare(ctx, []ID{found[i].ID})
	if len(seen) > 0 {
		taken.Message = "is already used by the " + what + " " + seen[0].String()
	}
	return &taken, err
}

// Differ reports whether two optional values differ, so that a check is necessary.
func Differ[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a != b
	}
	return *a != *b
}

// changed returns the new value when it differs from the old one, else nil.
func changed[T comparable](before, after *T) *T {
	if Differ(before, after) {
		return after
	}
	return nil
}
