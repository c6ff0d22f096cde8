package bulk

import "sixty/internal/crm"

// stageKind is the kind of deal stages. New ones without a position come after all others.
type stageKind struct {
	plainKind[crm.Stage, crm.StagePatch]
	next int // position of a stage that says none
}

func newStages(b *batchTx) kind[crm.Stage, crm.StagePatch] {
	return &stageKind{plainKind: plainKind[crm.Stage, crm.StagePatch]{b, stages}}
}

// independent: the position of a new stage depends on the others.
func (k *stageKind) independent() bool { return false }

func (k *stageKind) located([]ImportRow[crm.StagePatch], []crm.Stage) error { return k.readNext() }
func (k *stageKind) ready([]AdoptRow[crm.StagePatch], []crm.Stage) error    { return k.readNext() }

// readNext reads which position comes after all others.
func (k *stageKind) readNext() (err error) {
	k.next, err = k.nextPosition()
	return err
}

func (k *stageKind) row(row *ImportRow[crm.StagePatch], s *crm.Stage, isNew bool, r *crm.Rules) {
	k.apply(row.Patch, s, isNew, r)
}

func (k *stageKind) take(row *AdoptRow[crm.StagePatch], s *crm.Stage, isNew bool, r *crm.Rules) []crm.FieldError {
	p := row.Patch
	p.OrderPosition, p.DefaultProbability, p.Outcome = unlessNull(p.OrderPosition), unlessNull(p.DefaultProbability), unlessNull(p.Outcome)
	k.apply(p, s, isNew, r)
	return nil
}

// apply applies a patch. What it leaves open of a new stage follows from its name and from the
// stages before it; without a probability, one that is given the outcome won has 100.
func (k *stageKind) apply(p crm.StagePatch, s *crm.Stage, isNew bool, r *crm.Rules) {
	if isNew {
		s.OrderPosition = k.next
		s.Outcome, s.DefaultProbability, _ = k.outcome(p.Name.Value)
		if p.Outcome.Set {
			s.DefaultProbability = 0
			if crm.Outcome(p.Outcome.Value) == crm.OutcomeWon {
				s.DefaultProbability = 100
			}
		}
	}
	p.Apply(s, r)
}

func (k *stageKind) accept(_, after *crm.Stage, isNew bool) {
	if isNew {
		k.next = max(k.next, after.OrderPosition+1)
	}
}

// nextPosition returns the one after the last stage of the pipeline.
func (b *batchTx) nextPosition() (next int, err error) {
	last, err := b.tx.Reads().Stages().Page(b.ctx, b.by.Org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: 1, Backward: true})
	next = 1
	for _, l := range last.Rows {
		next = l.OrderPosition + 1
	}
	return next, err
}

// appendStages numbers created stages, after the last one of the pipeline.
func (b *batchTx) appendStages(made []crm.Stage) error {
	next, err := b.nextPosition()
	for i := range made {
		made[i].OrderPosition = next + i
	}
	return err
}
