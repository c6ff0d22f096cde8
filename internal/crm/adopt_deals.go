package crm

import (
	"maps"
	"slices"
	"strings"
)

// dealAdoption is the adoption of deals, with the history of their stages from now
// on: of the past, only when they entered the stage in which they stand.
type dealAdoption struct {
	*dealImport
}

func (k *dealAdoption) references(p *DealPatch) []adoptReference {
	return []adoptReference{
		{"company_id", RefCompany, &p.CompanyID}, {"primary_contact_id", RefContact, &p.PrimaryContactID},
		{"stage_id", RefStage, &p.StageID}, {"owner_id", RefOwner, &p.OwnerID},
	}
}

// ready reads the stages that the deals stand in or come to.
func (k *dealAdoption) ready(rows []AdoptRow[DealPatch], stored []Deal) error {
	wanted := map[ID]bool{}
	for i := range rows {
		if p := &rows[i].Patch; p.StageID.Set && !p.StageID.Null {
			wanted[p.StageID.Value] = true
		}
	}
	for i := range stored {
		wanted[stored[i].StageID] = true
	}
	view := k.tx.Reads().Stages()
	first, err := view.Page(k.ctx, k.by.Org, List[StageFilter]{Sort: Stages.Sorts.Default, Limit: 1})
	if err != nil {
		return err
	}
	if len(first.Rows) > 0 {
		k.first = &first.Rows[0]
		held, err := k.tx.Stages().LockForShare(k.ctx, []ID{k.first.ID})
		if err != nil {
			return err
		}
		if len(held) == 0 {
			return disturbed("stages")
		}
	}
	k.stages = make(map[ID]*Stage, len(wanted))
	for part := range slices.Chunk(slices.SortedFunc(maps.Keys(wanted), compareIDs), MaxLimit) {
		stages, err := view.ByID(k.ctx, k.by.Org, part)
		if err != nil {
			return err
		}
		for i := range stages {
			k.stages[stages[i].ID] = &stages[i]
		}
	}
	return nil
}

func (k *dealAdoption) take(row *AdoptRow[DealPatch], d *Deal, isNew bool, r *Rules) (left []FieldError) {
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
	p.Status, p.StageID = Field[string]{}, Field[ID]{} // settled here
	p.Apply(d, r)
	if len(r.Bad) > 0 {
		return nil
	}
	if d.Company == nil {
		d.Company = ptr(d.Name)
	}
	p.Status, left = adoptedStatus(status, stage, d.Status, moved)
	if p.Status.Value == StatusActive && p.ClosedAt.Set && !p.ClosedAt.Null {
		left = append(left, FieldError{"closed_at", "contradicts the status active"})
	}
	p.settle(d, stage, moved, k.entered(row, d, stage, isNew, moved), r)
	return left
}

// adoptedStatus gives the status of a deal in a stage. One that is won or lost
// decides; in an open one a deal may be lost, or won, all the same.
func adoptedStatus(said Field[string], stage *Stage, was string, moved bool) (status Field[string], left []FieldError) {
	status = Of(stage.status())
	switch {
	case !said.Set && !moved:
		return Of(was), nil
	case !said.Set || said.Null:
	case !slices.Contains(Deals.Enum("status"), said.Value):
		left = append(left, FieldError{"status", "must be one of " + strings.Join(Deals.Enum("status"), ", ")})
	case stage.Outcome == OutcomeOpen:
		status = Of(said.Value)
	case said.Value != status.Value:
		left = append(left, FieldError{"status", said.Value + " contradicts the stage " + stage.Name + ", which is " + status.Value})
	}
	return status, left
}

// entered tells when a deal entered its stage, or, when it stays there, changed.
func (k *dealAdoption) entered(row *AdoptRow[DealPatch], d *Deal, stage *Stage, isNew, moved bool) Instant {
	at := k.now
	for _, known := range []struct {
		when  Field[Instant]
		tells bool
	}{
		{row.StageChangedAt, moved},
		{row.Patch.ClosedAt, moved && stage.Outcome != OutcomeOpen},
		{row.CreatedAt, isNew},
		{row.UpdatedAt, !isNew},
	} {
		if known.tells && known.when.Set && !known.when.Null {
			at = known.when.Value
			break
		}
	}
	if !isNew && moved {
		at = max(at, d.StageChangedAt) // no stay ends before it begins
	}
	return at
}
