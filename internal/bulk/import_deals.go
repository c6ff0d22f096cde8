package bulk

import (
	"maps"
	"slices"

	"sixty/internal/crm"
)

// dealKind is the kind of deals, with the history of their stages.
type dealKind struct {
	plainKind[crm.Deal, crm.DealPatch]
	stages map[crm.ID]*crm.Stage // that rows refer to
	first  *crm.Stage            // of the pipeline, for deals that name none; nil: there is none
	moves  []crm.StageHistoryEntry
	last   map[crm.ID]int           // deals' latest entry among moves
	ends   map[crm.Instant][]crm.ID // deals that leave the stage they are stored in
}

func newDeals(b *batchTx) kind[crm.Deal, crm.DealPatch] {
	return &dealKind{
		plainKind: plainKind[crm.Deal, crm.DealPatch]{b, deals},
		last:      map[crm.ID]int{}, ends: map[crm.Instant][]crm.ID{},
	}
}

func (k *dealKind) newRecord(id crm.ID) crm.Deal {
	return crm.NewDeal(k.by, id, k.run.org.DefaultCurrency, k.now)
}

func (k *dealKind) row(row *ImportRow[crm.DealPatch], d *crm.Deal, isNew bool, r *crm.Rules) {
	p := row.Patch
	k.refer(row, &p, r)
	if k.run.opt.Key == crm.KeyID && p.PrimaryContactID.Set {
		// In a copy these are the contact's, and not what the deal itself says.
		p.ContactName, p.ContactEmail = crm.Field[string]{}, crm.Field[string]{}
	}
	stage := k.stage(row, isNew, p.StageID, r)
	if isNew && stage != nil {
		d.Probability = stage.DefaultProbability
	}
	p.Apply(d, r)
	if len(r.Bad) > 0 {
		return
	}
	moved := stage != nil && (isNew || stage.ID != d.StageID)
	if closed := k.statusAfter(row, d, stage, moved) != crm.StatusActive; closed && row.ClosedAtIfClosed.Set && !p.ClosedAt.Set {
		p.ClosedAt = crm.Of(crm.Moment(row.ClosedAtIfClosed.Value))
	}
	at := k.now
	if isNew && row.CreatedAt.Set {
		at = row.CreatedAt.Value
	}
	if moved && row.StageChangedAt.Set {
		at = row.StageChangedAt.Value
	} else if moved && stage.Outcome != crm.OutcomeOpen && p.ClosedAt.Set {
		at = crm.Instant(p.ClosedAt.Value)
	}
	if !isNew {
		at = max(at, d.StageChangedAt) // no entry of the history ends before it begins
	}
	p.Settle(d, stage, moved, at, r)
	if isNew && d.Company == nil && k.run.opt.Key != crm.KeyID {
		d.Company = new(d.Name)
	}
}

// statusAfter returns the status that a row gives its deal, as Settle decides it.
func (k *dealKind) statusAfter(row *ImportRow[crm.DealPatch], d *crm.Deal, stage *crm.Stage, moved bool) string {
	switch {
	case row.Patch.Status.Set && !row.Patch.Status.Null:
		return row.Patch.Status.Value
	case moved:
		return stage.Status()
	}
	return d.Status
}

// stage returns the stage that a row puts its deal into; nil for none.
func (k *dealKind) stage(row *ImportRow[crm.DealPatch], isNew bool, id crm.Field[crm.ID], r *crm.Rules) *crm.Stage {
	switch {
	case id.Set:
		return k.stages[id.Value]
	case row.Stage != "" || !isNew:
		return nil
	case k.first != nil:
		return k.first
	}
	for _, n := range k.refs.stages.creates {
		if n.used { // the first one is created by an earlier row
			return &n.record
		}
	}
	r.Add("stage", "must be given: there are no deal stages yet")
	return nil
}

func (k *dealKind) accept(before, after *crm.Deal, isNew bool) {
	if !isNew && before.StageID == after.StageID {
		return
	}
	at := after.StageChangedAt
	if i, ok := k.last[after.ID]; ok {
		k.moves[i].ExitedAt = &at
	} else if !isNew {
		k.ends[at] = append(k.ends[at], after.ID)
	}
	k.last[after.ID] = len(k.moves)
	k.moves = append(k.moves, after.HistoryEntry(k.by))
}

func (k *dealKind) complete([]*entry[crm.Deal]) error {
	for _, at := range slices.Sorted(maps.Keys(k.ends)) {
		if err := k.tx.CloseStageHistory(k.ctx, k.ends[at], at); err != nil {
			return err
		}
	}
	if len(k.moves) == 0 {
		return nil
	}
	return k.tx.InsertStageHistory(k.ctx, k.moves)
}

// begin reads the stages that rows refer to, and the first one for those that refer
// to none.
func (k *dealKind) begin(someStageless bool) error {
	ids := k.refs.stages.ids()
	if err := k.readStages(ids); err != nil {
		return err
	}
	if len(k.stages) < len(ids) {
		return disturbed("stages")
	}
	for _, n := range k.refs.stages.creates {
		k.stages[n.id] = &n.record
	}
	if !someStageless {
		return nil
	}
	return k.readFirst()
}

// readStages reads stages by id.
func (k *dealKind) readStages(ids []crm.ID) error {
	k.stages = make(map[crm.ID]*crm.Stage, len(ids))
	for part := range slices.Chunk(ids, crm.MaxLimit) {
		stages, err := k.tx.Reads().Stages().ByID(k.ctx, k.by.Org, part)
		if err != nil {
			return err
		}
		for i := range stages {
			k.stages[stages[i].ID] = &stages[i]
		}
	}
	return nil
}

// readFirst reads the first stage of the pipeline and locks it against deletion.
func (k *dealKind) readFirst() error {
	page, err := k.tx.Reads().Stages().Page(k.ctx, k.by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return err
	}
	k.first = &page.Rows[0]
	held, err := k.tx.Stages().LockForShare(k.ctx, []crm.ID{k.first.ID})
	if err == nil && len(held) == 0 {
		err = disturbed("stages")
	}
	return err
}
