package crm

import (
	"context"
	"reflect"
	"time"
)

// Service holds the use cases. It is safe for concurrent use.
type Service struct {
	store           Store
	now             func() time.Time
	defaultCurrency string
}

// NewService makes the use cases over a store. The clock is the time of every
// change; defaultCurrency (ISO 4217) is given to new organisations.
func NewService(store Store, now func() time.Time, defaultCurrency string) *Service {
	return &Service{store: store, now: now, defaultCurrency: defaultCurrency}
}

// clock gives the present to the microsecond.
func (s *Service) clock() Instant { return InstantOf(s.now()) }

// one reads the view of a single thing.
func one[T, F any](ctx context.Context, v View[T, F], org, id ID, what string) (T, error) {
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

// lockOne locks a single thing for change.
func lockOne[T any](ctx context.Context, t Table[T], id ID, what string) (T, error) {
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

// same tells whether an update would change nothing.
func same[T any](a, b T) bool { return reflect.DeepEqual(a, b) }

// checks gathers what is wrong with a write: broken rules first, then references
// that lead nowhere, then keys that are taken. A database error ends it.
type checks struct {
	ctx context.Context
	tx  Tx
	Rules
	taken []FieldError
	fault error
}

// err gives the failure that the checks found: of the database, then of the
// members, then of collisions.
func (c *checks) err() error {
	switch {
	case c.fault != nil:
		return c.fault
	case len(c.Bad) > 0:
		return c.Rules.Err()
	case len(c.taken) > 0:
		return Conflict("Something else has this already", c.taken...)
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

// free checks that no other thing has the key.
func free[T any](c *checks, t Table[T], key Key, value *string, self ID) {
	if value == nil || c.fault != nil {
		return
	}
	found, err := t.Find(c.ctx, key, []string{*value})
	if err != nil {
		c.fault = err
		return
	}
	for _, f := range found {
		if f.ID != self {
			c.taken = append(c.taken, FieldError{string(key), "is taken by another one"})
			return
		}
	}
}

// differ tells whether two optional values differ, which is when a check is due.
func differ[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a != b
	}
	return *a != *b
}

// changed gives the new value when it differs from the old one, else nil.
func changed[T comparable](before, after *T) *T {
	if differ(before, after) {
		return after
	}
	return nil
}
