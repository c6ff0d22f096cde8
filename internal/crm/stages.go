package crm

import (
	"context"
	"slices"
)

// Stages lists deal stages.
func (s *Service) Stages(ctx context.Context, by Actor, q List[StageFilter]) (Page[Stage], error) {
	return s.store.Reads(by).Stages().Page(ctx, by.Org, q)
}

// StagesByID returns those of the ids that exist, at most MaxLimit at once.
func (s *Service) StagesByID(ctx context.Context, by Actor, ids []ID) ([]Stage, error) {
	return s.store.Reads(by).Stages().ByID(ctx, by.Org, ids)
}

// Stage reads one deal stage.
func (s *Service) Stage(ctx context.Context, by Actor, id ID) (Stage, error) {
	return GetOne(ctx, s.store.Reads(by).Stages(), by.Org, id, "deal stage")
}

// CreateStage creates a deal stage: open, and the last one, unless the patch says
// otherwise.
func (s *Service) CreateStage(ctx context.Context, by Actor, p StagePatch) (Stage, error) {
	if err := by.CheckReference(); err != nil {
		return Stage{}, err
	}
	var out Stage
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		out = NewStage(by, NewID(), now)
		if !p.OrderPosition.Set {
			last, err := tx.Reads().Stages().Page(ctx, by.Org, List[StageFilter]{Sort: Stages.Sorts.Default, Limit: 1, Backward: true})
			if err != nil {
				return err
			}
			for _, l := range last.Rows {
				out.OrderPosition = l.OrderPosition + 1
			}
		}
		var r Rules
		p.Apply(&out, &r)
		if err := r.Err(); err != nil {
			return err
		}
		return tx.Stages().Insert(ctx, []Stage{out})
	})
	return out, err
}

// NewStage returns an open deal stage with no values yet.
func NewStage(by Actor, id ID, now Instant) Stage {
	return Stage{OrgID: by.Org, ID: id, Outcome: OutcomeOpen, CreatedAt: now, UpdatedAt: now, Version: 1}
}

// UpdateStage changes the members that the patch holds. A changed outcome is that
// of deals that enter the stage from now on.
func (s *Service) UpdateStage(ctx context.Context, by Actor, id ID, expected VersionCondition, p StagePatch) (Stage, error) {
	if err := by.CheckReference(); err != nil {
		return Stage{}, err
	}
	return stageWrites.update(ctx, s, by, s.clock(), id, expected, p)
}

// DeleteStage hides a deal stage that no deal stands in.
func (s *Service) DeleteStage(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	if err := by.CheckReference(); err != nil {
		return err
	}
	return stageWrites.delete(ctx, s, by, id, expected)
}

var stageWrites = writes[Stage, StagePatch]{
	what: "deal stage", table: Tx.Stages, apply: StagePatch.Apply,
	permit: func(by Actor, _, _ Stage) error { return by.CheckReference() },
	stamps: func(s *Stage) (*Instant, *int64) { return &s.UpdatedAt, &s.Version },
	release: func(tx Tx, ctx context.Context, id ID) error {
		used, err := tx.StageInUse(ctx, id)
		if err == nil && used {
			err = Conflict("There are deals in this stage; move them to another one first.")
		}
		return err
	},
}

// defaultStages is the pipeline of a new organisation.
var defaultStages = []Stage{
	{Name: "Lead", Color: new("#94A3B8"), DefaultProbability: 10, Outcome: OutcomeOpen},
	{Name: "Qualified", Color: new("#3B82F6"), DefaultProbability: 25, Outcome: OutcomeOpen},
	{Name: "Proposal", Color: new("#8B5CF6"), DefaultProbability: 50, Outcome: OutcomeOpen},
	{Name: "Negotiation", Color: new("#F59E0B"), DefaultProbability: 75, Outcome: OutcomeOpen},
	{Name: "Won", Color: new("#22C55E"), DefaultProbability: 100, Outcome: OutcomeWon},
	{Name: "Lost", Color: new("#EF4444"), DefaultProbability: 0, Outcome: OutcomeLost},
}

// DefaultStages returns the pipeline of a new organisation.
func DefaultStages(by Actor, now Instant) []Stage {
	stages := slices.Clone(defaultStages)
	for i := range stages {
		s := &stages[i]
		s.OrgID, s.ID, s.OrderPosition = by.Org, NewID(), i+1
		s.CreatedAt, s.UpdatedAt, s.Version = now, now, 1
	}
	return stages
}
