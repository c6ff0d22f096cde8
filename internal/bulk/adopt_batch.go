package bulk

import (
	"maps"
	"reflect"
	"slices"

	"sixty/internal/crm"
)

// adoptKind is what an adoption has to know about one kind of thing; what an import
// has to know too, importKind describes. A value serves one batch.
type adoptKind[T, P any] interface {
	nouns() (one, many string)
	table() crm.Table[T]
	blank(id crm.ID) T
	id(t *T) crm.ID
	created(t *T) *crm.Instant
	updated(t *T) *crm.Instant
	unique() []crm.Key
	key(t *T, k crm.Key) string
	members(p *P, t *T, r *crm.Rules)
	stored(t *T)
	accept(before, after *T, isNew bool)
	prepare(entries []*importEntry[T]) error
	complete() error
	// references gives the members of a patch that refer to other things.
	references(p *P) []adoptReference
	// ready is run when the stored things are known, before any row is taken.
	ready(rows []AdoptRow[P], stored []T) error
	// take applies a whole row, with the rules across members; it gives what it left
	// out.
	take(row *AdoptRow[P], t *T, isNew bool, r *crm.Rules) []crm.FieldError
}

// adoptReference is a member of a patch that refers to a thing.
type adoptReference struct {
	field  string
	kind   Reference
	member *crm.Field[crm.ID]
}

const refDeal Reference = "deal"

// adoption is a batch of rows on its way.
type adoption[T, P any] struct {
	*importTx
	kind    adoptKind[T, P]
	last    bool
	held    map[Reference]map[crm.ID]bool // what is referred to and exists
	entries map[crm.ID]*importEntry[T]
	order   []*importEntry[T]
	// Who has a key, as stored or since a row of the batch. What a stored thing gives
	// up stays its own until the batch is written: one statement writes them all.
	holders map[crm.Key]map[string][]crm.ID
}

func adoptBatch[T, P any](b *importTx, kind adoptKind[T, P], rows []AdoptRow[P], last bool) ([]AdoptResult, error) {
	a := &adoption[T, P]{
		importTx: b, kind: kind, last: last, held: map[Reference]map[crm.ID]bool{},
		entries: map[crm.ID]*importEntry[T]{}, holders: map[crm.Key]map[string][]crm.ID{},
	}
	for _, prepare := range []func([]AdoptRow[P]) error{a.hold, a.find, a.lock} {
		if err := prepare(rows); err != nil {
			return nil, err
		}
	}
	results := make([]AdoptResult, len(rows))
	for i := range rows {
		results[i] = a.row(rows[i])
	}
	return results, a.write()
}

// hold finds out which of the things that rows refer to exist, and keeps these from
// deletion.
func (a *adoption[T, P]) hold(rows []AdoptRow[P]) error {
	wanted := map[Reference]map[crm.ID]bool{}
	for i := range rows {
		for _, ref := range a.kind.references(&rows[i].Patch) {
			if !ref.member.Set || ref.member.Null {
				continue
			}
			if wanted[ref.kind] == nil {
				wanted[ref.kind] = map[crm.ID]bool{}
			}
			wanted[ref.kind][ref.member.Value] = true
		}
	}
	for kind, ids := range wanted {
		hold := a.tx.Owners().LockForShare
		switch kind {
		case RefCompany:
			hold = a.tx.Companies().LockForShare
		case RefContact:
			hold = a.tx.Contacts().LockForShare
		case RefStage:
			hold = a.tx.Stages().LockForShare
		case refDeal:
			hold = a.tx.Deals().LockForShare
		}
		held, err := hold(a.ctx, slices.SortedFunc(maps.Keys(ids), compareIDs))
		if err != nil {
			return err
		}
		a.held[kind] = make(map[crm.ID]bool, len(held))
		for _, id := range held {
			a.held[kind][id] = true
		}
	}
	return nil
}

// find finds who has the keys that rows want.
func (a *adoption[T, P]) find(rows []AdoptRow[P]) error {
	for _, key := range a.kind.unique() {
		holders := map[string][]crm.ID{}
		a.holders[key] = holders
		var values []string
		for i := range rows {
			probe, r := a.kind.blank(rows[i].ID), crm.Rules{}
			a.kind.members(&rows[i].Patch, &probe, &r)
			value := a.kind.key(&probe, key)
			if _, asked := holders[value]; value != "" && !asked {
				holders[value] = nil
				values = append(values, value)
			}
		}
		if len(values) == 0 {
			continue
		}
		found, err := a.kind.table().Find(a.ctx, key, values)
		if err != nil {
			return err
		}
		for _, f := range found {
			holders[f.Key] = append(holders[f.Key], f.ID)
		}
	}
	return nil
}

// lock locks the things that exist already.
func (a *adoption[T, P]) lock(rows []AdoptRow[P]) error {
	ids := make([]crm.ID, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	slices.SortFunc(ids, compareIDs)
	stored, err := a.kind.table().LockForUpdate(a.ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	for _, t := range stored {
		e := &importEntry[T]{before: t, after: t}
		a.entries[a.kind.id(&t)] = e
		a.order = append(a.order, e)
		a.kind.stored(&e.after)
	}
	return a.kind.ready(rows, stored)
}

// row takes one row. Its patch is a copy, from which members are taken until what is
// left keeps the rules.
func (a *adoption[T, P]) row(row AdoptRow[P]) AdoptResult {
	var left []crm.FieldError
	for _, ref := range a.kind.references(&row.Patch) {
		if ref.member.Set && !ref.member.Null && !a.held[ref.kind][ref.member.Value] {
			left = append(left, crm.FieldError{Field: ref.field, Message: "refers to no " + string(ref.kind) + " that exists: " + ref.member.Value.String()})
			*ref.member = crm.Null[crm.ID]()
		}
	}
	e := a.entries[row.ID]
	isNew := e == nil
	if isNew {
		e = &importEntry[T]{after: a.kind.blank(row.ID), isNew: true}
	}
	for {
		after := e.after
		var r crm.Rules
		alsoLeft := a.kind.take(&row, &after, isNew, &r)
		if row.CreatedAt.Set && !row.CreatedAt.Null {
			*a.kind.created(&after) = row.CreatedAt.Value
		}
		switch {
		case row.UpdatedAt.Set && !row.UpdatedAt.Null:
			*a.kind.updated(&after) = row.UpdatedAt.Value
		case isNew:
			*a.kind.updated(&after) = *a.kind.created(&after)
		}
		bad := r.Bad
		if len(bad) == 0 {
			bad = a.taken(&e.after, &after, isNew)
			if len(bad) > 0 && !a.last {
				return AdoptResult{Verdict: RowDeferred}
			}
		}
		if len(bad) == 0 {
			return AdoptResult{Verdict: a.accept(&row, e, after, isNew), Omitted: append(left, alsoLeft...)}
		}
		for _, b := range bad {
			if !leaveOut(&row.Patch, b.Field) {
				return AdoptResult{Verdict: RowRejected, Reason: rejected(withNews(left, bad)...).Reason}
			}
			left = append(left, b)
		}
	}
}

// taken gives the keys that a thing would take from another one.
func (a *adoption[T, P]) taken(before, after *T, isNew bool) (bad []crm.FieldError) {
	one, _ := a.kind.nouns()
	for _, key := range a.kind.unique() {
		value := a.kind.key(after, key)
		if value == "" || !isNew && value == a.kind.key(before, key) {
			continue
		}
		if slices.ContainsFunc(a.holders[key][value], func(id crm.ID) bool { return id != a.kind.id(after) }) {
			bad = append(bad, crm.FieldError{Field: string(key), Message: `"` + value + `" is taken by another ` + one})
		}
	}
	return bad
}

// accept enters the thing that a row made, and tells whether that changed anything.
func (a *adoption[T, P]) accept(row *AdoptRow[P], e *importEntry[T], after T, isNew bool) RowVerdict {
	if !isNew && same(e.after, after) {
		return RowUnchanged
	}
	if !isNew && (!row.UpdatedAt.Set || row.UpdatedAt.Null) {
		*a.kind.updated(&after) = a.now
	}
	id := a.kind.id(&after)
	for _, key := range a.kind.unique() {
		if value := a.kind.key(&after, key); value != "" {
			a.holders[key][value] = append(a.holders[key][value], id)
		}
	}
	before := e.after
	e.after = after
	a.kind.accept(&before, &e.after, isNew)
	if !isNew {
		return RowUpdated
	}
	a.entries[id] = e
	a.order = append(a.order, e)
	return RowCreated
}

// write writes what the rows changed.
func (a *adoption[T, P]) write() error {
	if err := a.kind.prepare(a.order); err != nil {
		return err
	}
	var inserts []T
	var updates []crm.Change[T]
	for _, e := range a.order {
		switch {
		case e.isNew:
			inserts = append(inserts, e.after)
		case !same(e.before, e.after):
			updates = append(updates, crm.Change[T]{Before: e.before, After: e.after})
		}
	}
	if len(updates) > 0 {
		if err := a.kind.table().Update(a.ctx, updates); err != nil {
			return err
		}
	}
	if len(inserts) > 0 {
		if err := a.kind.table().Insert(a.ctx, inserts); err != nil {
			return err
		}
	}
	return a.kind.complete()
}

// leaveOut makes a member of a patch null; false when it says nothing already.
func leaveOut[P any](p *P, field string) bool {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") != field {
			continue
		}
		set, null := v.Field(i).FieldByName("Set"), v.Field(i).FieldByName("Null")
		if !set.Bool() || null.Bool() {
			return false
		}
		null.SetBool(true)
		return true
	}
	return false
}

// withNews adds complaints to earlier ones, except of members that were left out for
// one of these: that they are missing now is no news.
func withNews(left, bad []crm.FieldError) []crm.FieldError {
	out := slices.Clone(left)
	for _, b := range bad {
		if !slices.ContainsFunc(left, func(l crm.FieldError) bool { return l.Field == b.Field }) {
			out = append(out, b)
		}
	}
	return out
}
