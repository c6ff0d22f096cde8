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

	links   map[link]string // the further contacts of the rows' deals, with those that rows add
	further []crm.ID        // that the row which was applied last adds
	linked  []crm.DealContact
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
	k.further = nil
	further := k.furtherContacts(row, r)
	isCopy := k.run.isCopy(row.ID)
	if isCopy && p.PrimaryContactID.Set {
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
	if isNew && d.Company == nil && !isCopy {
		d.Company = new(d.Name)
	}
	k.further = slices.DeleteFunc(further, func(contact crm.ID) bool {
		_, is := k.links[link{d.ID, contact}]
		return is || !crm.Differ(d.PrimaryContactID, &contact)
	})
}

// furtherContacts returns the further contacts that a row names.
func (k *dealKind) furtherContacts(row *ImportRow[crm.DealPatch], r *crm.Rules) (contacts []crm.ID) {
	for _, text := range row.FurtherContacts {
		var contact crm.Field[crm.ID]
		if k.refs.of(RefContact).into(text, &contact, r); contact.Set && !slices.Contains(contacts, contact.Value) {
			contacts = append(contacts, contact.Value)
		}
	}
	return contacts
}

// located reads the further contacts that the deals have, if a row names any.
func (k *dealKind) located(rows []ImportRow[crm.DealPatch], stored []crm.Deal) (err error) {
	k.links = map[link]string{}
	if slices.ContainsFunc(rows, func(row ImportRow[crm.DealPatch]) bool { return len(row.FurtherContacts) > 0 }) {
		ids := make([]crm.ID, len(stored))
		for i := range stored {
			ids[i] = stored[i].ID
		}
		k.links, err = k.dealContacts(ids)
	}
	return err
}

func (k *dealKind) adds() bool { return len(k.further) > 0 }

// statusAfter returns the status of a deal once a row is applied to it, as Settle decides it.
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
	for _, contact := range k.further {
		added := crm.DealContact{DealID: after.ID, ContactID: contact, Role: "stakeholder"}
		k.links[link{after.ID, contact}] = added.Role
		k.linked = append(k.linked, added)
		after.UpdatedAt = k.now
	}
	k.further = nil
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

func (k *dealKind) complete(entries []*entry[crm.Deal]) error {
	if err := k.insertLinks(entries); err != nil {
		return err
	}
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

// insertLinks writes the further contacts that rows add, but for those that later rows made
// the primary ones.
func (k *dealKind) insertLinks(entries []*entry[crm.Deal]) error {
	if len(k.linked) == 0 {
		return nil
	}
	written := make([]crm.Deal, len(entries))
	primary := make(map[link]bool, len(entries))
	for i, e := range entries {
		written[i] = e.after
		if e.after.PrimaryContactID != nil {
			primary[link{e.after.ID, *e.after.PrimaryContactID}] = true
		}
	}
	linked := slices.DeleteFunc(k.linked, func(c crm.DealContact) bool { return primary[link{c.DealID, c.ContactID}] })
	return k.tx.InsertDealContacts(k.ctx, written, linked)
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
