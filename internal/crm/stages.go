package crm

import "context"

// Stages lists deal stages.
func (s *Service) Stages(ctx context.Context, by Actor, q List[StageFilter]) (Page[Stage], error) {
	return s.store.Reads(by).Stages().Page(ctx, by.Org, q)
}

// StagesByID gives those of the ids that exist, at most MaxLimit at once.
func (s *Service) StagesByID(ctx context.Context, by Actor, ids []ID) ([]Stage, error) {
	return s.store.Reads(by).Stages().ByID(ctx, by.Org, ids)
}

// Stage reads one deal stage.
func (s *Service) Stage(ctx context.Context, by Actor, id ID) (Stage, error) {
	return one(ctx, s.store.Reads(by).Stages(), by.Org, id, "deal stage")
}

// CreateStage makes a deal stage: open, and the last one, unless the patch says
// otherwise.
func (s *Service) CreateStage(ctx context.Context, by Actor, p StagePatch) (Stage, error) {
	if err := by.checkReference(); err != nil {
		return Stage{}, err
	}
	var out Stage
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		out = Stage{OrgID: by.Org, ID: NewID(), Outcome: OutcomeOpen, CreatedAt: now, UpdatedAt: now, Version: 1}
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

// UpdateStage changes the members that the patch holds. A changed outcome is that
// of deals that enter the stage from now on.
func (s *Service) UpdateStage(ctx context.Context, by Actor, id ID, expected VersionCondition, p StagePatch) (Stage, error) {
	if err := by.checkReference(); err != nil {
		return Stage{}, err
	}
	var out Stage
	now := s.clock()
	err := s.store.Write(ctx, by, now, func(tx Tx) error {
		before, err := lockOne(ctx, tx.Stages(), id, "deal stage")
		if err != nil {
			return err
		}
		if err := expected.check(before.Version); err != nil {
			return err
		}
		out = before
		var r Rules
		p.Apply(&out, &r)
		if err := r.Err(); err != nil || same(before, out) {
			return err
		}
		out.UpdatedAt = now
		err = tx.Stages().Update(ctx, []Change[Stage]{{before, out}})
		out.Version++
		return err
	})
	return out, err
}

// DeleteStage hides a deal stage that no deal stands in.
func (s *Service) DeleteStage(ctx context.Context, by Actor, id ID, expected VersionCondition) error {
	if err := by.checkReference(); err != nil {
		return err
	}
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		stage, err := lockOne(ctx, tx.Stages(), id, "deal stage")
		if err != nil {
			return err
		}
		if err := expected.check(stage.Version); err != nil {
			return err
		}
		used, err := tx.StageInUse(ctx, id)
		if err != nil {
			return err
		}
		if used {
			return Conflict("There are deals in this stage; move them to another one first.")
		}
		return tx.Stages().Delete(ctx, stage)
	})
}
