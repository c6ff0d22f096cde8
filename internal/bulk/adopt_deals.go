package bulk

import (
	"maps"
	"slices"
	"strings"

	"sixty/internal/crm"
)

// ready reads the stages that the deals stand in or come to.
func (k *dealKind) ready(rows []AdoptRow[crm.DealPatch], stored []crm.Deal) error {
	wanted := map[crm.ID]bool{}
	for i := range rows {
		if p := &rows[i].Patch; p.StageID.Set && !p.StageID.Null {
			wanted[p.StageID.Value] = true
		}
	}
	for i := range stored {
		wanted[stored[i].StageID] = true
	}
	if err := k.readFirst(); err != nil {
		return err
	}
	return k.readStages(slices.SortedFunc(maps.Keys(wanted), crm.CompareIDs))
}

// take applies an adopted row. The history of a deal's past stages is not known, only when it
// entered the one in which it stands.
func (k *dealKind) take(row *AdoptRow[crm.DealPatch], d *crm.Deal, isNew bool, r *crm.Rules) (left []crm.FieldError) {
	p := row.Patch
	p.Probability, p.Currency, p.StageID = unlessNull(p.Probability), unlessNull(p.Currency), unlessNull(p.StageID)
	if row.Patch.Currency.Null && row.Patch.Currency.Value != "" {
		p.Currency = row.Patch.Currency // amounts in an unknown currency are not amounts in another one
	}
	stage := k.stages[d.StageID]
	switch {
	case p.StageID.Set:
		stage = k.stages[p.StageID.Value]
	case isNew:
		stage = k.first
	}
	if stage == nil {
		r.Add("stage_id", "must be given: there are no deal stages yet")
		return nil
	}
	moved := stage.ID != d.StageID
	if isNew {
		d.Probability = stage.DefaultProbability
	}
	status := p.Status
	p.Status, p.StageID = crm.Field[string]{}, crm.Field[crm.ID]{} // settled here
	p.Apply(d, r)
	if len(r.Bad) > 0 {
		return nil
	}
	if d.Company == nil {
		d.Company = new(d.Name)
	}
	p.Status, left = adoptedStatus(status, stage, d.Status, moved)
	if p.Status.Value == crm.StatusActive && p.ClosedAt.Set && !p.ClosedAt.Null {
		left = append(left, crm.FieldError{Field: "closed_at", Message: "contradicts the status active"})
		p.ClosedAt = crm.Field[crm.Moment]{}
	}
	p.Settle(d, stage, moved, k.entered(row, d, stage, isNew, moved), r)
	return left
}

// adoptedStatus returns the status of a deal: what the row says or, if it says nothing, its
// stage's when it enters that. In that database every deal is active unless a client has said
// otherwise, so that active says nothing about a deal in a won or lost stage.
func adoptedStatus(said crm.Field[string], stage *crm.Stage, was string, moved bool) (status crm.Field[string], left []crm.FieldError) {
	status = crm.Of(stage.Status())
	switch {
	case !said.Set && !moved:
		return crm.Of(was), nil
	case !said.Set || said.Null:
	case !slices.Contains(crm.Deals.Enum("status"), said.Value):
		left = append(left, crm.FieldError{Field: "status", Message: "must be one of " + strings.Join(crm.Deals.Enum("status"), ", ")})
	case said.Value == crm.StatusActive && status.Value != crm.StatusActive:
		left = append(left, crm.FieldError{Field: "status", Message: said.Value + " contradicts the stage " + stage.Name + ", which is " + status.Value})
	default:
		status = crm.Of(said.Value)
	}
	return status, left
}

// entered returns when a deal entered its stage or, when the stage is the same, changed.
func (k *dealKind) entered(row *AdoptRow[crm.DealPatch], d *crm.Deal, stage *crm.Stage, isNew, moved bool) crm.Instant {
	at := k.now
	closed := crm.Field[crm.Instant]{Set: row.Patch.ClosedAt.Set, Null: row.Patch.ClosedAt.Null, Value: crm.Instant(row.Patch.ClosedAt.Value)}
	for _, known := range []struct {
		when  crm.Field[crm.Instant]
		tells bool
	}{
		{row.StageChangedAt, moved},
		{closed, moved && stage.Outcome != crm.OutcomeOpen},
		{row.CreatedAt, isNew},
		{row.UpdatedAt, !isNew},
	} {
		if known.tells && known.when.Set && !known.when.Null {
			at = known.when.Value
			break
		}
	}
	if !isNew && moved {
		at = max(at, d.StageChangedAt) // no entry of the history ends before it begins
	}
	return at
}
