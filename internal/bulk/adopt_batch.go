package bulk

import (
	"slices"

	"sixty/internal/crm"
)

// adoption is a batch of rows that are adopted. It is one segment: what a stored record gives up
// stays its own until the batch is written.
type adoption[T, P any] struct {
	segment[T, P]
	last   bool
	exists map[Reference]map[crm.ID]bool // the records that are referred to and exist
}

func adoptBatch[T, P any](b *batchTx, k kind[T, P], rows []AdoptRow[P], last bool) ([]AdoptResult, error) {
	keys := k.declaration().unique
	a := &adoption[T, P]{segment: newSegment(b, k, keys), last: last, exists: map[Reference]map[crm.ID]bool{}}
	if err := a.lockReferences(rows); err != nil {
		return nil, err
	}
	ids, values := make([]crm.ID, len(rows)), make([][]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
		values[i], _ = keyValues(k, keys, rows[i].ID, &rows[i].Patch)
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
		for _, ref := range a.referring {
			member := ref.member(&rows[i].Patch)
			if !member.Set || member.Null {
				continue
			}
			if wanted[ref.kind] == nil {
				wanted[ref.kind] = map[crm.ID]bool{}
			}
			wanted[ref.kind][member.Value] = true
		}
	}
	locks := map[Reference]lockForShare{
		RefOwner: a.tx.Owners().LockForShare, RefCompany: a.tx.Companies().LockForShare, RefContact: a.tx.Contacts().LockForShare,
		RefStage: a.tx.Stages().LockForShare, RefDeal: a.tx.Deals().LockForShare,
	}
	for kind, ids := range wanted {
		var err error
		if a.exists[kind], err = locks[kind].existing(a.ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

// row applies one row. Its patch is a copy, from which members are taken until what is
// left keeps the rules.
func (a *adoption[T, P]) row(row AdoptRow[P]) AdoptResult {
	var left []crm.FieldError
	for _, ref := range a.referring {
		if member := ref.member(&row.Patch); member.Set && !member.Null && !a.exists[ref.kind][member.Value] {
			left = append(left, crm.FieldError{Field: ref.property.Name, Message: "refers to no " + string(ref.kind) + " that exists: " + member.Value.String()})
			*member = crm.Null[crm.ID]()
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
			*a.created(&after) = row.CreatedAt.Value
		}
		switch {
		case row.UpdatedAt.Set && !row.UpdatedAt.Null:
			*a.updated(&after) = row.UpdatedAt.Value
		case isNew:
			*a.updated(&after) = *a.created(&after)
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
			if !a.clear(&row.Patch, b.Field) {
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
		*a.updated(&after) = a.now
	}
	for _, key := range a.unique {
		if value := a.key(&after, key); value != "" {
			a.holders[key][value] = append(a.holders[key][value], a.id(&after))
		}
	}
	return a.segment.accept(e, after, isNew)
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
