package bulk

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"sixty/internal/crm"
)

// batchTx is one batch of an import or an adoption in its transaction.
type batchTx struct {
	ctx context.Context
	run *run
	tx  Tx
	by  crm.Actor
	now crm.Instant

	refs *references // of an import
	// gaveUp is true once a stored record gave up a key, which another one may then take.
	gaveUp bool
}

// kind is an entity with what the engine has to know besides its declaration. A value serves
// one segment of rows and remembers what has to be written beside them.
type kind[T, P any] interface {
	declaration() *declared[T, P]
	// newRecord returns a record of that id before a row is applied to it.
	newRecord(id crm.ID) T

	// independent reports whether rows of an import with other keys make no difference to a row.
	independent() bool
	// claims reports whether a row of an import that no record is found for, by keys that are unique,
	// is about the one of its name that has none of them.
	claims() bool
	// begin is called before an import; someStageless: not every row names a stage.
	begin(someStageless bool) error
	// located is called before rows of an import are applied, when the stored records are known.
	located(rows []ImportRow[P], stored []T) error
	// row applies a whole row of an import, with its references and with the rules across
	// members.
	row(row *ImportRow[P], t *T, isNew bool, r *crm.Rules)
	// adds reports whether the row that was applied last adds something to a record beside its
	// members.
	adds() bool
	// ready is called before an adoption, when the stored records are known.
	ready(rows []AdoptRow[P], stored []T) error
	// take applies a whole adopted row, with the rules across members. It returns what it left
	// out.
	take(row *AdoptRow[P], t *T, isNew bool, r *crm.Rules) []crm.FieldError

	// stored is called with a stored record that rows will be applied to.
	stored(t *T)
	// accept is called when a row was applied to a record.
	accept(before, after *T, isNew bool)
	// prepare is called before the records are written, complete after that.
	prepare(entries []*entry[T]) error
	complete(entries []*entry[T]) error
}

// plainKind is the kind of an entity that needs nothing but its declaration and its rows.
type plainKind[T, P any] struct {
	*batchTx
	*declared[T, P]
}

func (k plainKind[T, P]) newRecord(id crm.ID) T           { return k.create(k.by, id, k.now) }
func (plainKind[T, P]) independent() bool                 { return true }
func (plainKind[T, P]) claims() bool                      { return false }
func (plainKind[T, P]) begin(bool) error                  { return nil }
func (plainKind[T, P]) located([]ImportRow[P], []T) error { return nil }
func (plainKind[T, P]) adds() bool                        { return false }
func (plainKind[T, P]) ready([]AdoptRow[P], []T) error    { return nil }
func (plainKind[T, P]) stored(*T)                         {}
func (plainKind[T, P]) accept(_, _ *T, _ bool)            {}
func (plainKind[T, P]) prepare([]*entry[T]) error         { return nil }
func (plainKind[T, P]) complete([]*entry[T]) error        { return nil }

func (k plainKind[T, P]) row(row *ImportRow[P], t *T, _ bool, r *crm.Rules) {
	p := row.Patch
	k.refer(row, &p, r)
	k.apply(p, t, r)
}

// refer sets the references of a patch to the ids of what the row refers to.
func (k plainKind[T, P]) refer(row *ImportRow[P], p *P, r *crm.Rules) {
	for _, ref := range k.imported {
		k.refs.of(ref.from).into(*row.Of(ref.from), ref.member(p), r)
	}
}

// learn keeps for the next batches and for the report what a batch that was committed found and
// created.
func (b *batchTx) learn() {
	for _, l := range b.refs.all {
		l.learn(b.run)
	}
}

func (k plainKind[T, P]) take(row *AdoptRow[P], t *T, _ bool, r *crm.Rules) []crm.FieldError {
	k.apply(row.Patch, t, r)
	return nil
}

// entry is a record that rows are applied to.
type entry[T any] struct {
	before, after T // before: as stored
	isNew         bool
}

// segment is a range of rows that are applied in memory, one by one, and then written
// together.
type segment[T, P any] struct {
	*batchTx
	*declared[T, P]
	kind    kind[T, P]
	holders map[crm.Key]map[string][]crm.ID // the records that have a value, as of the row that is applied
	entries map[crm.ID]*entry[T]
	order   []*entry[T]
}

func newSegment[T, P any](b *batchTx, k kind[T, P], keys []crm.Key) segment[T, P] {
	s := segment[T, P]{batchTx: b, declared: k.declaration(), kind: k, holders: map[crm.Key]map[string][]crm.ID{}, entries: map[crm.ID]*entry[T]{}}
	for _, key := range keys {
		s.holders[key] = map[string][]crm.ID{}
	}
	return s
}

// keyValues returns the values of a row's keys, "" for none: what the rules make of its members
// on their own. It also returns what is wrong with these.
func keyValues[T, P any](k kind[T, P], keys []crm.Key, id crm.ID, p *P) ([]string, []crm.FieldError) {
	d, record, r := k.declaration(), k.newRecord(id), crm.Rules{}
	d.applyKeys(p, &record, &r, keys)
	values := make([]string, len(keys))
	for i, key := range keys {
		values[i] = d.key(&record, key)
	}
	return values, r.Bad
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
		found, err := s.table(s.tx).Find(s.ctx, key, values)
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
	slices.SortFunc(ids, crm.CompareIDs)
	stored, err := s.table(s.tx).LockForUpdate(s.ctx, slices.Compact(ids))
	for _, t := range stored {
		e := &entry[T]{before: t, after: t}
		s.entries[s.id(&t)] = e
		s.order = append(s.order, e)
		s.kind.stored(&e.after)
	}
	return stored, err
}

// taken returns a validation error for each unique key that a record would share with another
// one.
func (s *segment[T, P]) taken(before, after *T, isNew bool) (bad []crm.FieldError) {
	for _, key := range s.unique {
		value := s.key(after, key)
		if value == "" || !isNew && value == s.key(before, key) {
			continue
		}
		if slices.ContainsFunc(s.holders[key][value], func(id crm.ID) bool { return id != s.id(after) }) {
			bad = append(bad, crm.FieldError{Field: string(key), Message: fmt.Sprintf("%q is already used by another %s", value, s.one)})
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
	s.entries[s.id(&e.after)] = e
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
				*s.updated(&e.after) = s.now
			}
			updates = append(updates, crm.Change[T]{Before: e.before, After: e.after})
		}
	}
	if len(updates) > 0 {
		if err := s.table(s.tx).Update(s.ctx, updates); err != nil {
			return err
		}
	}
	if len(inserts) > 0 {
		if err := s.table(s.tx).Insert(s.ctx, inserts); err != nil {
			return err
		}
	}
	return s.kind.complete(s.order)
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

// lockForShare is the method of a table.
type lockForShare func(ctx context.Context, ids []crm.ID) ([]crm.ID, error)

// existing locks records against deletion and returns those that exist.
func (lock lockForShare) existing(ctx context.Context, ids map[crm.ID]bool) (map[crm.ID]bool, error) {
	locked, err := lock(ctx, slices.SortedFunc(maps.Keys(ids), crm.CompareIDs))
	exists := make(map[crm.ID]bool, len(locked))
	for _, id := range locked {
		exists[id] = true
	}
	return exists, err
}
