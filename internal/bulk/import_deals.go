package bulk

import (
	"maps"
	"slices"

	"sixty/internal/crm"
)

// dealImport is the import of deals, with the history of their stages.
type dealImport struct {
	plainImport[crm.Deal]
	*importTx
	stages map[crm.ID]*crm.Stage // that rows refer to
	first  *crm.Stage            // of the pipeline, for deals that name none; nil: there is none
	moves  []crm.StageHistoryEntry
	last   map[crm.ID]int           // deals' latest entry among moves
	ends   map[crm.Instant][]crm.ID // deals that leave the stage they are stored in
}

func newDealImport(b *importTx) importKind[crm.Deal, crm.DealPatch] { return newDeals(b) }

func newDeals(b *importTx) *dealImport {
	return &dealImport{importTx: b, last: map[crm.ID]int{}, ends: map[crm.Instant][]crm.ID{}}
}

func (k *dealImport) nouns() (string, string)          { return "deal", "deals" }
func (k *dealImport) table() crm.Table[crm.Deal]       { return k.tx.Deals() }
func (k *dealImport) id(d *crm.Deal) crm.ID            { return d.ID }
func (k *dealImport) created(d *crm.Deal) *crm.Instant { return &d.CreatedAt }
func (k *dealImport) updated(d *crm.Deal) *crm.Instant { return &d.UpdatedAt }
func (k *dealImport) unique() []crm.Key                { return []crm.Key{crm.KeyExternalID} }

func (k *dealImport) newRecord(id crm.ID) crm.Deal {
	return crm.NewDeal(k.by, id, k.run.org.DefaultCurrency, k.now)
}

func (k *dealImport) key(d *crm.Deal, key crm.Key) string {
	if key == crm.KeyExternalID {
		return text(d.ExternalID)
	}
	return crm.NameKey(d.Name)
}

func (k *dealImport) decodeErrors(p *crm.DealPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *dealImport) members(p *crm.DealPatch, d *crm.Deal, r *crm.Rules) { p.Apply(d, r) }

func (k *dealImport) row(row *ImportRow[crm.DealPatch], d *crm.Deal, isNew bool, r *crm.Rules) {
	p := row.Patch
	k.refs.companies.into(row.Company, &p.CompanyID, r)
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	k.refs.contacts.into(row.Contact, &p.PrimaryContactID, r)
	k.refs.stages.into(row.Stage, &p.StageID, r)
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
	at := k.now
	if isNew && row.CreatedAt.Set {
		at = row.CreatedAt.Value
	}
	if moved && row.StageChangedAt.Set {
		at = row.StageChangedAt.Value
	} else if moved && stage.Outcome != crm.OutcomeOpen && p.ClosedAt.Set {
		at = p.ClosedAt.Value
	}
	if !isNew {
		at = max(at, d.StageChangedAt) // no entry of the history ends before it begins
	}
	if k.run.opt.Key == crm.KeyID {
		// A copy: a client may have set a status that is not the stage's, afterwards.
		entering := p
		entering.Status = crm.Field[string]{}
		entering.Settle(d, stage, moved, at, r)
		p.Settle(d, nil, false, at, r)
		return
	}
	p.Settle(d, stage, moved, at, r)
	if isNew && d.Company == nil {
		d.Company = new(d.Name)
	}
}

// stage returns the stage that a row puts its deal into; nil for none.
func (k *dealImport) stage(row *ImportRow[crm.DealPatch], isNew bool, id crm.Field[crm.ID], r *crm.Rules) *crm.Stage {
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

func (k *dealImport) accept(before, after *crm.Deal, isNew bool) {
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

func (k *dealImport) complete() error {
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
func (k *dealImport) begin(someStageless bool) error {
	ids := k.refs.stages.ids()
	k.stages = make(map[crm.ID]*crm.Stage, len(ids))
	view := k.tx.Reads().Stages()
	for part := range slices.Chunk(ids, crm.MaxLimit) {
		stages, err := view.ByID(k.ctx, k.by.Org, part)
		if err != nil {
			return err
		}
		for i := range stages {
			k.stages[stages[i].ID] = &stages[i]
		}
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
	page, err := view.Page(k.ctx, k.by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 1})
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

// appendStages numbers created stages, after the last one of the pipeline.
func (b *importTx) appendStages(made []crm.Stage) error {
	last, err := b.tx.Reads().Stages().Page(b.ctx, b.by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 1, Backward: true})
	if err != nil {
		return err
	}
	position := 0
	for _, l := range last.Rows {
		position = l.OrderPosition
	}
	for i := range made {
		made[i].OrderPosition = position + 1 + i
	}
	return nil
}

// wonNames and lostNames are what stages of these outcomes are usually called.
var (
	wonNames  = []string{"won", "closed won", "signed"}
	lostNames = []string{"lost", "closed lost"}
)

// newStage returns a stage with a name from a row.
func (b *importTx) newStage(name string, r *crm.Rules) (crm.ID, crm.Stage) {
	s := crm.NewStage(b.by, crm.NewID(), b.now)
	crm.StagePatch{Name: crm.Of(name)}.Apply(&s, r)
	folded := crm.NameKey(name)
	if outcome, ok := b.run.outcomes[folded]; ok {
		s.Outcome = outcome
	} else if slices.Contains(wonNames, folded) {
		s.Outcome = crm.OutcomeWon
	} else if slices.Contains(lostNames, folded) {
		s.Outcome = crm.OutcomeLost
	}
	if s.Outcome == crm.OutcomeWon {
		s.DefaultProbability = 100
	}
	return s.ID, s
}
