package crm

import "slices"

// alone is the part of a kind that needs to know nothing but the row.
type alone[T, P any] struct{}

func (alone[T, P]) ready([]AdoptRow[P], []T) error { return nil }

// unlessNull gives a member that cannot be cleared: a null says nothing.
func unlessNull[V any](f Field[V]) Field[V] {
	if f.Null {
		return Field[V]{}
	}
	return f
}

type ownerAdoption struct {
	alone[Owner, OwnerPatch]
	*ownerImport
}

func (k *ownerAdoption) references(*OwnerPatch) []adoptReference { return nil }

func (k *ownerAdoption) take(row *AdoptRow[OwnerPatch], o *Owner, isNew bool, r *Rules) []FieldError {
	p := row.Patch
	p.Role = unlessNull(p.Role)
	if !isNew && p.Role.Value != string(RoleAdmin) && o.Role != RoleAdmin {
		p.Role = Field[string]{} // what they are here is finer than what is known there
	}
	p.Apply(o, r)
	return nil
}

type companyAdoption struct {
	alone[Company, CompanyPatch]
	*companyImport
}

func (k *companyAdoption) references(p *CompanyPatch) []adoptReference {
	return []adoptReference{{"owner_id", RefOwner, &p.OwnerID}}
}

func (k *companyAdoption) take(row *AdoptRow[CompanyPatch], c *Company, _ bool, r *Rules) []FieldError {
	row.Patch.Apply(c, r)
	return nil
}

type contactAdoption struct {
	alone[Contact, ContactPatch]
	*contactImport
}

func (k *contactAdoption) references(p *ContactPatch) []adoptReference {
	return []adoptReference{{"company_id", RefCompany, &p.CompanyID}, {"owner_id", RefOwner, &p.OwnerID}}
}

func (k *contactAdoption) take(row *AdoptRow[ContactPatch], c *Contact, _ bool, r *Rules) []FieldError {
	row.Patch.Apply(c, r)
	return nil
}

// accept notes that a contact becomes its company's primary one. What the other one
// is from then on, its own row says.
func (k *contactAdoption) accept(before, after *Contact, _ bool) {
	if after.IsPrimary && (!before.IsPrimary || differ(before.CompanyID, after.CompanyID)) {
		k.ends[*after.CompanyID] = true
	}
}

// prepare ends what the rows' contacts take over, which is no change at the time of
// the adoption but at that of their rows.
func (k *contactAdoption) prepare(entries []*importEntry[Contact]) error {
	at := make([]Instant, len(entries))
	for i, e := range entries {
		at[i] = e.after.UpdatedAt
	}
	err := k.contactImport.prepare(entries)
	for i, e := range entries {
		e.after.UpdatedAt = at[i]
	}
	return err
}

// orElse gives a member that cannot be cleared: a null says what is usual.
func orElse[V any](f Field[V], usual V) Field[V] {
	if f.Null {
		return Of(usual)
	}
	return f
}

// stageAdoption is the adoption of deal stages. New ones without a position come
// after all others.
type stageAdoption struct {
	quietKind[Stage]
	*importTx
	next int // position of a stage that says none
}

func (k *stageAdoption) nouns() (string, string)    { return "deal stage", "deal stages" }
func (k *stageAdoption) table() Table[Stage]        { return k.tx.Stages() }
func (k *stageAdoption) id(s *Stage) ID             { return s.ID }
func (k *stageAdoption) created(s *Stage) *Instant  { return &s.CreatedAt }
func (k *stageAdoption) updated(s *Stage) *Instant  { return &s.UpdatedAt }
func (k *stageAdoption) unique() []Key              { return nil }
func (k *stageAdoption) key(s *Stage, _ Key) string { return NameKey(s.Name) }

func (k *stageAdoption) blank(id ID) Stage {
	return Stage{OrgID: k.by.Org, ID: id, Outcome: OutcomeOpen, CreatedAt: k.now, UpdatedAt: k.now, Version: 1}
}

func (k *stageAdoption) members(p *StagePatch, s *Stage, r *Rules) { p.Apply(s, r) }

func (k *stageAdoption) references(*StagePatch) []adoptReference { return nil }

func (k *stageAdoption) ready([]AdoptRow[StagePatch], []Stage) error {
	last, err := k.tx.Reads().Stages().Page(k.ctx, k.by.Org, List[StageFilter]{Sort: Stages.Sorts.Default, Limit: 1, Backward: true})
	for _, l := range last.Rows {
		k.next = l.OrderPosition + 1
	}
	return err
}

func (k *stageAdoption) take(row *AdoptRow[StagePatch], s *Stage, isNew bool, r *Rules) []FieldError {
	p := row.Patch
	p.OrderPosition, p.DefaultProbability, p.Outcome = unlessNull(p.OrderPosition), unlessNull(p.DefaultProbability), unlessNull(p.Outcome)
	if isNew && !p.OrderPosition.Set {
		p.OrderPosition = Of(k.next)
		k.next++
	}
	if isNew {
		switch name := NameKey(p.Name.Value); {
		case slices.Contains(wonNames, name):
			s.Outcome, s.DefaultProbability = OutcomeWon, 100
		case slices.Contains(lostNames, name):
			s.Outcome = OutcomeLost
		}
	}
	p.Apply(s, r)
	return nil
}
