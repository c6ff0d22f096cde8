package bulk

import (
	"slices"

	"sixty/internal/crm"
)

// stageKind is the kind of deal stages, which are only adopted. New ones without a position
// come after all others.
type stageKind struct {
	plainKind[crm.Stage, crm.StagePatch]
	next int // position of a stage that says none
}

func newStages(b *batchTx) kind[crm.Stage, crm.StagePatch] {
	return &stageKind{plainKind: plainKind[crm.Stage, crm.StagePatch]{b, stages}}
}

func (k *stageKind) ready([]AdoptRow[crm.StagePatch], []crm.Stage) error {
	last, err := k.tx.Reads().Stages().Page(k.ctx, k.by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 1, Backward: true})
	for _, l := range last.Rows {
		k.next = l.OrderPosition + 1
	}
	return err
}

func (k *stageKind) take(row *AdoptRow[crm.StagePatch], s *crm.Stage, isNew bool, r *crm.Rules) []crm.FieldError {
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

// appendStages numbers created stages, after the last one of the pipeline.
func (b *batchTx) appendStages(made []crm.Stage) error {
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
func (b *batchTx) newStage(name string, r *crm.Rules) (crm.ID, crm.Stage) {
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
