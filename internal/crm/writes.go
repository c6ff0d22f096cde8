package crm

import (
	"cmp"
	"context"
)

// writes holds what differs between types of records in the use cases that create, update and
// delete them: T is the record, P its patch.
type writes[T, P any] struct {
	what   string // in messages
	table  func(Tx) Table[T]
	permit func(by Actor, before, after T) error
	stamps func(*T) (updatedAt *Instant, version *int64)
	apply  func(P, *T, *Rules)

	// These may be nil.
	settle func(p P, t *T, isNew bool, now Instant, r *Rules) // sets what apply does not
	// prepare changes other records that the change concerns. It comes before check: it takes
	// stronger locks, and a lock that is raised from a weaker one may deadlock.
	prepare func(ctx context.Context, tx Tx, by Actor, before, after T) error
	check   func(c *checks, before, after T)
	release func(tx Tx, ctx context.Context, id ID) error // before it is deleted
	// revive changes what a restored record cannot keep.
	revive func(ctx context.Context, tx Tx, by Actor, now Instant, t *T) error
	keys   func(*T) []uniqueValue // of which no two records may have the same
}

// uniqueValue is the value of a key of a record; nil is none.
type uniqueValue struct {
	key   Key
	value *string
}

// create inserts initial with the patch applied.
func (w *writes[T, P]) create(ctx context.Context, s *Service, by Actor, now Instant, initial T, p P) (out T, err error) {
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		if out, err = w.patched(ctx, tx, by, now, ID{}, initial, VersionCondition{}, p); err != nil {
			return err
		}
		return w.table(tx).Insert(ctx, []T{out})
	})
	return out, err
}

// update applies the patch to a record, and writes the record if that changes it.
func (w *writes[T, P]) update(ctx context.Context, s *Service, by Actor, now Instant, id ID, expected VersionCondition, p P) (out T, err error) {
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := LockOne(ctx, w.table(tx), id, w.what)
		if err != nil {
			return err
		}
		if out, err = w.patched(ctx, tx, by, now, id, before, expected, p); err != nil || same(before, out) {
			return err
		}
		updatedAt, version := w.stamps(&out)
		*updatedAt = now
		err = w.table(tx).Update(ctx, []Change[T]{{before, out}})
		*version++
		return err
	})
	return out, err
}

// patched returns a record with the patch applied, if the actor may write it so and nothing is
// wrong with it. A new one has no id yet.
func (w *writes[T, P]) patched(ctx context.Context, tx Tx, by Actor, now Instant, id ID, before T, expected VersionCondition, p P) (T, error) {
	after, isNew := before, id == ID{}
	check := checks{ctx: ctx, tx: tx}
	w.apply(p, &after, &check.Rules)
	if w.settle != nil {
		w.settle(p, &after, isNew, now, &check.Rules)
	}
	if err := w.allow(by, before, after, expected); err != nil {
		return after, err
	}
	if w.prepare != nil {
		if err := w.prepare(ctx, tx, by, before, after); err != nil {
			return after, err
		}
	}
	if w.check != nil {
		w.check(&check, before, after)
	}
	w.distinct(&check, &before, &after, id)
	return after, check.err()
}

// allow rejects an actor who may not make the change, then a version that is not expected.
func (w *writes[T, P]) allow(by Actor, before, after T, expected VersionCondition) error {
	_, version := w.stamps(&before)
	return cmp.Or(w.permit(by, before, after), expected.Check(*version))
}

// lock locks a record that the actor may write, and that is as they expect it.
func (w *writes[T, P]) lock(ctx context.Context, tx Tx, by Actor, id ID, expected VersionCondition) (T, error) {
	t, err := LockOne(ctx, w.table(tx), id, w.what)
	if err != nil {
		return t, err
	}
	return t, w.allow(by, t, t, expected)
}

// delete hides a record.
func (w *writes[T, P]) delete(ctx context.Context, s *Service, by Actor, id ID, expected VersionCondition) error {
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		t, err := w.lock(ctx, tx, by, id, expected)
		if err != nil {
			return err
		}
		if w.release != nil {
			if err := w.release(tx, ctx, id); err != nil {
				return err
			}
		}
		return w.table(tx).Delete(ctx, t)
	})
}

// restore shows a deleted record again.
func (w *writes[T, P]) restore(ctx context.Context, s *Service, by Actor, id ID) (out T, err error) {
	now := s.clock()
	err = s.store.Write(ctx, by, now, func(tx Tx) error {
		table := w.table(tx)
		found, err := table.LockDeleted(ctx, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return NotFound("deleted " + w.what)
		}
		out = found[0]
		if err := w.permit(by, out, out); err != nil {
			return err
		}
		check := checks{ctx: ctx, tx: tx}
		w.distinct(&check, new(T), &out, id)
		if err := check.err(); err != nil {
			return err
		}
		if w.revive != nil {
			if err := w.revive(ctx, tx, by, now, &out); err != nil {
				return err
			}
		}
		updatedAt, _ := w.stamps(&out)
		*updatedAt = now
		if err := table.Restore(ctx, out); err != nil {
			return err
		}
		out, err = LockOne(ctx, table, id, w.what)
		return err
	})
	return out, err
}

// distinct checks that no record but this one, of the id, has a key that it did not have before.
func (w *writes[T, P]) distinct(c *checks, before, after *T, id ID) {
	if w.keys == nil {
		return
	}
	had := w.keys(before)
	for i, has := range w.keys(after) {
		if c.fault != nil {
			return
		}
		taken, err := Collision(c.ctx, w.table(c.tx), w.what, has.key, changed(had[i].value, has.value), id)
		if taken != nil {
			c.taken = append(c.taken, *taken)
		}
		c.fault = err
	}
}
