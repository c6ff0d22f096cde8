package bulk

import (
	"maps"
	"reflect"
	"slices"

	"sixty/internal/crm"
)

// adoptKind is what an adoption has to know about one entity besides.
type adoptKind[T, P any] interface {
	kind[T, P]
	// references returns the members of a patch that refer to other records.
	references(p *P) []adoptReference
	// ready is called when the stored records are known, before any row is applied.
	ready(rows []AdoptRow[P], stored []T) error
	// take applies a whole row, with the rules across members. It returns what it left out.
	take(row *AdoptRow[P], t *T, isNew bool, r *crm.Rules) []crm.FieldError
}

// plainAdoption is the part of an adopting kind that needs nothing but its rows.
type plainAdoption[T, P any] struct{}

func (plainAdoption[T, P]) ready([]AdoptRow[P], []T) error { return nil }

// adoptReference is a member of a patch that refers to a record.
type adoptReference struct {
	field  string
	kind   Reference
	member *crm.Field[crm.ID]
}

// adoption is a batch of rows that are adopted. It is one segment: what a stored record gives up
// stays its own until the batch is written.
type adoption[T, P any] struct {
	segment[T, P]
	kind   adoptKind[T, P]
	last   bool
	exists map[Reference]map[crm.ID]bool // the records that are referred to and exist
}

func adoptBatch[T, P any](b *batchTx, k adoptKind[T, P], rows []AdoptRow[P], last bool) ([]AdoptResult, error) {
	keys := k.unique()
	a := &adoption[T, P]{segment: newSegment[T, P](b, k, keys), kind: k, last: last, exists: map[Reference]map[crm.ID]bool{}}
	if err := a.lockReferences(rows); err != nil {
		return nil, err
	}
	ids, values := make([]crm.ID, len(rows)), make([][]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
		values[i], _ = keyValues[T, P](k, keys, rows[i].ID, &rows[i].Patch)
	}
	if err := a.find(keys, values); err != nil {
		return nil, err
	}
	stored, err := a.lock(ids)
	if err != nil {
		return nil, err
	}
	if err := k.ready(rows, stored); err != nil {
		return nil, err
	}
	results := make([]AdoptResult, len(rows))
	for i := range rows {
		results[i] = a.row(rows[i])
	}
	return results, a.write(false)
}

// lockReferences finds out which of the records that rows refer to exist, and locks these
// against deletion.
func (a *adoption[T, P]) lockReferences(rows []AdoptRow[P]) error {
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
		lock := a.tx.Owners().LockForShare
		switch kind {
		case RefCompany:
			lock = a.tx.Companies().LockForShare
		case RefContact:
			lock = a.tx.Contacts().LockForShare
		case RefStage:
			lock = a.tx.Stages().LockForShare
		case RefDeal:
			lock = a.tx.Deals().LockForShare
		}
		locked, err := lock(a.ctx, slices.SortedFunc(maps.Keys(ids), compareIDs))
		if err != nil {
			return err
		}
		a.exists[kind] = make(map[crm.ID]bool, len(locked))
		for _, id := range locked {
			a.exists[kind][id] = true
		}
	}
	return nil
}

// row applies one row. Its patch is a copy, from which members are taken until what is
// left keeps the rules.
func (a *adoption[T, P]) row(row AdoptRow[P]) AdoptResult {
	var left []crm.FieldError
	for _, ref := range a.kind.references(&row.Patch) {
		if ref.member.Set && !ref.member.Null && !a.exists[ref.kind][ref.member.Value] {
			left = append(left, crm.FieldError{Field: ref.field, Message: "refers to no " + string(ref.kind) + " that exists: " + ref.member.Value.String()})
			*ref.member = crm.Null[crm.ID]()
		}
	}
	e := a.entries[row.ID]
	isNew := e == nil
	if isNew {
		e = &entry[T]{after: a.kind.newRecord(row.ID), isNew: true}
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
				return AdoptResult{Verdict: RowRejected, Reason: rejected(addNew(left, bad)...).Reason}
			}
			left = append(left, b)
		}
	}
}

// accept is that of a segment, unless the row changes nothing.
func (a *adoption[T, P]) accept(row *AdoptRow[P], e *entry[T], after T, isNew bool) RowVerdict {
	if !isNew && same(e.after, after) {
		return RowUnchanged
	}
	if !isNew && (!row.UpdatedAt.Set || row.UpdatedAt.Null) {
		*a.kind.updated(&after) = a.now
	}
	for _, key := range a.kind.unique() {
		if value := a.kind.key(&after, key); value != "" {
			a.holders[key][value] = append(a.holders[key][value], a.kind.id(&after))
		}
	}
	return a.segment.accept(e, after, isNew)
}

// leaveOut makes a member of a patch null; false when it has no value already.
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

// addNew adds validation errors to earlier ones, except of members that were left out for
// one of these: they are missing for that reason.
func addNew(left, bad []crm.FieldError) []crm.FieldError {
	out := slices.Clone(left)
	for _, b := range bad {
		if !slices.ContainsFunc(left, func(l crm.FieldError) bool { return l.Field == b.Field }) {
			out = append(out, b)
		}
	}
	return out
}
