package bulk

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"sixty/internal/crm"
)

// batchTx is one batch of a run in its transaction.
type batchTx struct {
	ctx context.Context
	run *run
	tx  Tx
	by  crm.Actor
	now crm.Instant
}

// kind is what the engine has to know about one entity, for imports and adoptions alike. A
// value serves one segment of rows and remembers what has to be written beside them.
type kind[T, P any] interface {
	nouns() (one, many string)
	table() crm.Table[T]
	// newRecord returns a record of that id before a row is applied to it.
	newRecord(id crm.ID) T
	id(t *T) crm.ID
	created(t *T) *crm.Instant
	updated(t *T) *crm.Instant
	// unique returns the keys of which no two records may have the same value.
	unique() []crm.Key
	// key returns the value by which the record is found; "" is none.
	key(t *T, k crm.Key) string
	// members applies what the patch says, by the rules for each member.
	members(p *P, t *T, r *crm.Rules)
	// stored is called with a stored record that rows will be applied to.
	stored(t *T)
	// accept is called when a row was applied to a record.
	accept(before, after *T, isNew bool)
	// prepare is called before the records are written, complete after that.
	prepare(entries []*entry[T]) error
	complete() error
}

// plainKind is the part of a kind that has nothing to write beside its rows.
type plainKind[T any] struct{}

func (plainKind[T]) stored(*T)                 {}
func (plainKind[T]) accept(_, _ *T, _ bool)    {}
func (plainKind[T]) prepare([]*entry[T]) error { return nil }
func (plainKind[T]) complete() error           { return nil }

// entry is a record that rows are applied to.
type entry[T any] struct {
	before, after T // before: as stored
	isNew         bool
}

// segment is a range of rows that are applied in memory, one by one, and then written
// together.
type segment[T, P any] struct {
	*batchTx
	kind    kind[T, P]
	holders map[crm.Key]map[string][]crm.ID // the records that have a value, as of the row that is applied
	entries map[crm.ID]*entry[T]
	order   []*entry[T]
}

func newSegment[T, P any](b *batchTx, k kind[T, P], keys []crm.Key) segment[T, P] {
	s := segment[T, P]{batchTx: b, kind: k, holders: map[crm.Key]map[string][]crm.ID{}, entries: map[crm.ID]*entry[T]{}}
	for _, key := range keys {
		s.holders[key] = map[string][]crm.ID{}
	}
	return s
}

// keyValues returns the values of a row's keys, "" for none: what the rules make of its members
// on their own. It also returns what is wrong with these.
func keyValues[T, P any](k kind[T, P], keys []crm.Key, id crm.ID, p *P) ([]string, []crm.FieldError) {
	record, r := k.newRecord(id), crm.Rules{}
	k.members(p, &record, &r)
	values := make([]string, len(keys))
	for i, key := range keys {
		values[i] = keyOf(k, &record, key)
	}
	return values, r.Bad
}

// keyOf returns the value of a key, "" for none.
func keyOf[T, P any](k kind[T, P], t *T, key crm.Key) string {
	if key != crm.KeyID {
		return k.key(t, key)
	}
	if id := k.id(t); id != (crm.ID{}) {
		return id.String()
	}
	return ""
}

// find finds the records that have one of the rows' values, by key; ids are found as they are
// locked.
func (s *segment[T, P]) find(keys []crm.Key, rows [][]string) error {
	for i, key := range keys {
		holders := s.holders[key]
		var values []string
		for _, row := range rows {
			if _, asked := holders[row[i]]; row[i] != "" && !asked {
				holders[row[i]] = nil
				values = append(values, row[i])
			}
		}
		if key == crm.KeyID || len(values) == 0 {
			continue
		}
		found, err := s.kind.table().Find(s.ctx, key, values)
		if err != nil {
			return err
		}
		for _, f := range found {
			holders[f.Key] = append(holders[f.Key], f.ID)
		}
	}
	return nil
}

// lock locks records and adds those that exist, so that rows may be applied to them. It returns
// these.
func (s *segment[T, P]) lock(ids []crm.ID) ([]T, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	slices.SortFunc(ids, compareIDs)
	stored, err := s.kind.table().LockForUpdate(s.ctx, slices.Compact(ids))
	for _, t := range stored {
		e := &entry[T]{before: t, after: t}
		s.entries[s.kind.id(&t)] = e
		s.order = append(s.order, e)
		s.kind.stored(&e.after)
	}
	return stored, err
}

// taken returns a validation error for each unique key that a record would share with another
// one.
func (s *segment[T, P]) taken(before, after *T, isNew bool) (bad []crm.FieldError) {
	one, _ := s.kind.nouns()
	for _, key := range s.kind.unique() {
		value := s.kind.key(after, key)
		if value == "" || !isNew && value == s.kind.key(before, key) {
			continue
		}
		if slices.ContainsFunc(s.holders[key][value], func(id crm.ID) bool { return id != s.kind.id(after) }) {
			bad = append(bad, crm.FieldError{Field: string(key), Message: fmt.Sprintf("%q is already used by another %s", value, one)})
		}
	}
	return bad
}

// accept sets an entry to what a row made of it.
func (s *segment[T, P]) accept(e *entry[T], after T, isNew bool) RowVerdict {
	before := e.after
	e.after = after
	s.kind.accept(&before, &e.after, isNew)
	if !isNew {
		return RowUpdated
	}
	s.entries[s.kind.id(&e.after)] = e
	s.order = append(s.order, e)
	return RowCreated
}

// write writes what the rows changed. Stored records are changed now if touch is true, else at
// the time that their rows say.
func (s *segment[T, P]) write(touch bool) error {
	if err := s.kind.prepare(s.order); err != nil {
		return err
	}
	var inserts []T
	var updates []crm.Change[T]
	for _, e := range s.order {
		switch {
		case e.isNew:
			inserts = append(inserts, e.after)
		case !same(e.before, e.after):
			if touch {
				*s.kind.updated(&e.after) = s.now
			}
			updates = append(updates, crm.Change[T]{Before: e.before, After: e.after})
		}
	}
	if len(updates) > 0 {
		if err := s.kind.table().Update(s.ctx, updates); err != nil {
			return err
		}
	}
	if len(inserts) > 0 {
		if err := s.kind.table().Insert(s.ctx, inserts); err != nil {
			return err
		}
	}
	return s.kind.complete()
}

// batchAttempts is how often a batch is tried as a whole: other clients write too, and what a
// batch collided with is seen by the next attempt.
const batchAttempts = 2

// inHalves runs rows from the one number to the other in a transaction. When they collide again
// and again with what is stored, they are run in halves, down to the row that collides, which is
// rejected. When a part fails, the results are those of the rows before it.
func inHalves[R any](from, to int, do func(from, to int) ([]R, error), reject func(error) R) ([]R, error) {
	if from == to {
		return nil, nil
	}
	var err error
	for range batchAttempts {
		var results []R
		if results, err = do(from, to); err == nil || crm.CodeOf(err) != crm.CodeConflict {
			return results, err
		}
	}
	if to-from == 1 {
		return []R{reject(err)}, nil
	}
	half := (from + to) / 2
	first, err := inHalves(from, half, do, reject)
	if err != nil {
		return first, err
	}
	second, err := inHalves(half, to, do, reject)
	return append(first, second...), err
}

func compareIDs(a, b crm.ID) int { return bytes.Compare(a[:], b[:]) }
