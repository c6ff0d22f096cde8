package bulk

import (
	"slices"

	"sixty/internal/crm"
)

// unlessNull returns a member that cannot be cleared: null is read as absent.
func unlessNull[V any](f crm.Field[V]) crm.Field[V] {
	if f.Null {
		return crm.Field[V]{}
	}
	return f
}

type ownerAdoption struct {
	plainAdoption[crm.Owner, crm.OwnerPatch]
	*ownerImport
}

func (k *ownerAdoption) references(*crm.OwnerPatch) []adoptReference { return nil }

func (k *ownerAdoption) take(row *AdoptRow[crm.OwnerPatch], o *crm.Owner, isNew bool, r *crm.Rules) []crm.FieldError {
	p := row.Patch
	p.Role = unlessNull(p.Role)
	if !isNew && p.Role.Value != string(crm.RoleAdmin) && o.Role != crm.RoleAdmin {
		p.Role = crm.Field[string]{} // roles here are finer than those there
	}
	p.Apply(o, r)
	return nil
}

type companyAdoption struct {
	plainAdoption[crm.Company, crm.CompanyPatch]
	*companyImport
}

func (k *companyAdoption) references(p *crm.CompanyPatch) []adoptReference {
	return []adoptReference{{"owner_id", RefOwner, &p.OwnerID}}
}

func (k *companyAdoption) take(row *AdoptRow[crm.CompanyPatch], c *crm.Company, _ bool, r *crm.Rules) []crm.FieldError {
	row.Patch.Apply(c, r)
	return nil
}

type contactAdoption struct {
	plainAdoption[crm.Contact, crm.ContactPatch]
	*contactImport
}

func (k *contactAdoption) references(p *crm.ContactPatch) []adoptReference {
	return []adoptReference{{"company_id", RefCompany, &p.CompanyID}, {"owner_id", RefOwner, &p.OwnerID}}
}

func (k *contactAdoption) take(row *AdoptRow[crm.ContactPatch], c *crm.Contact, _ bool, r *crm.Rules) []crm.FieldError {
	row.Patch.Apply(c, r)
	return nil
}

// accept notes that a contact becomes its company's primary one. What the other one
// is from then on, its own row says.
func (k *contactAdoption) accept(before, after *crm.Contact, _ bool) {
	if after.IsPrimary && (!before.IsPrimary || crm.Differ(before.CompanyID, after.CompanyID)) {
		k.ends[*after.CompanyID] = true
	}
}

// prepare ends what the rows' contacts take over, which is no change at the time of
// the adoption but at that of their rows.
func (k *contactAdoption) prepare(entries []*entry[crm.Contact]) error {
	at := make([]crm.Instant, len(entries))
	for i, e := range entries {
		at[i] = e.after.UpdatedAt
	}
	err := k.contactImport.prepare(entries)
	for i, e := range entries {
		e.after.UpdatedAt = at[i]
	}
	return err
}

// orElse returns a member that cannot be cleared: null is read as the default.
func orElse[V any](f crm.Field[V], usual V) crm.Field[V] {
	if f.Null {
		return crm.Of(usual)
	}
	return f
}

// stageAdoption is the adoption of deal stages. New ones without a position come
// after all others.
type stageAdoption struct {
	plainKind[crm.Stage]
	*batchTx
	next int // position of a stage that says none
}

func (k *stageAdoption) nouns() (string, string)            { return "deal stage", "deal stages" }
func (k *stageAdoption) table() crm.Table[crm.Stage]        { return k.tx.Stages() }
func (k *stageAdoption) id(s *crm.Stage) crm.ID             { return s.ID }
func (k *stageAdoption) created(s *crm.Stage) *crm.Instant  { return &s.CreatedAt }
func (k *stageAdoption) updated(s *crm.Stage) *crm.Instant  { return &s.UpdatedAt }
func (k *stageAdoption) unique() []crm.Key                  { return nil }
func (k *stageAdoption) key(s *crm.Stage, _ crm.Key) string { return crm.NameKey(s.Name) }

func (k *stageAdoption) newRecord(id crm.ID) crm.Stage {
	return crm.NewStage(k.by, id, k.now)
}

func (k *stageAdoption) members(p *crm.StagePatch, s *crm.Stage, r *crm.Rules) { p.Apply(s, r) }

func (k *stageAdoption) references(*crm.StagePatch) []adoptReference { return nil }

func (k *stageAdoption) ready([]AdoptRow[crm.StagePatch], []crm.Stage) error {
	last, err := k.tx.Reads().Stages().Page(k.ctx, k.by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 1, Backward: true})
	for _, l := range last.Rows {
		k.next = l.OrderPosition + 1
	}
	return err
}

func (k *stageAdoption) take(row *AdoptRow[crm.StagePatch], s *crm.Stage, isNew bool, r *crm.Rules) []crm.FieldError {
	p := row.Patch
	p.OrderPosition, p.DefaultProbability, p.Outcome = unlessNull(p.OrderPosition), unlessNull(p.DefaultProbability), unlessNull(p.Outcome)
	if isNew && !p.OrderPosition.Set {
		p.OrderPosition = crm.Of(k.next)
		k.next++
	}
	if isNew {
		switch name := crm.NameKey(p.Name.Value); {
		case slices.Contains(wonNames, name):
			s.Outcome, s.DefaultProbability = crm.OutcomeWon, 100
		case slices.Contains(lostNames, name):
			s.Outcome = crm.OutcomeLost
		}
	}
	p.Apply(s, r)
	return nil
}
