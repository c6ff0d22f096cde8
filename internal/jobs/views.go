package jobs

import (
	"context"
	"slices"

	"sixty/internal/crm"
)

// Managers and admins see the jobs of their organisation, others those that they asked for. Those of
// the system are for operators, which the caller checks: to a SystemActor, they are its own.

// SystemActor is who the jobs of the system are read and changed by.
var SystemActor = crm.Actor{Role: crm.RoleAdmin}

// Sees reports whether an actor of the job's organisation sees it.
func (j *Job) Sees(by crm.Actor) bool {
	return by.WritesAll() || j.ActorID != nil && *j.ActorID == by.User
}

// Job returns a job that the actor sees; CodeNotFound for any other.
func (s *Service) Job(ctx context.Context, by crm.Actor, id crm.ID) (Job, error) {
	j, err := s.store.Job(ctx, by.Org, id)
	if err == nil && !j.Sees(by) {
		err = crm.NotFound(Entity)
	}
	if err != nil {
		return Job{}, err
	}
	return j, nil
}

// Jobs lists the jobs that the actor sees.
func (s *Service) Jobs(ctx context.Context, by crm.Actor, q crm.List[Filter]) (crm.Page[Job], error) {
	if !by.WritesAll() {
		if q.Filter.ActorID.Narrows() && !q.Filter.ActorID.Has(&by.User) {
			return crm.Page[Job]{}, nil
		}
		q.Filter.ActorID = crm.Only(by.User)
	}
	return s.store.Page(ctx, by.Org, q)
}

// Cancel cancels a job that the actor sees: at once if it waits, else within about a second, at a
// checkpoint. One that is cancelled already is returned as it is; CodeConflict if it has ended otherwise.
func (s *Service) Cancel(ctx context.Context, by crm.Actor, id crm.ID) (Job, error) {
	return s.change(ctx, by, id, ActionCancelled, s.store.Cancel)
}

// Retry makes a failed or cancelled job ready again, from its last checkpoint and with all its
// attempts before it; CodeConflict if it is in another state.
func (s *Service) Retry(ctx context.Context, by crm.Actor, id crm.ID) (Job, error) {
	return s.change(ctx, by, id, ActionRetried, s.store.Retry)
}

// change changes a job that the actor sees.
func (s *Service) change(ctx context.Context, by crm.Actor, id crm.ID, action Action, do func(context.Context, crm.Actor, crm.ID) (Job, error)) (changed Job, err error) {
	before, err := s.Job(ctx, by, id)
	if err != nil {
		return Job{}, err
	}
	if err := s.requireScope(by, before.Kind); err != nil {
		return Job{}, err
	}
	if action == ActionCancelled && (before.State == Cancelled || before.CancelAt != nil && !before.State.Ended()) {
		return before, nil
	}
	err = s.audited(ctx, by, Event{Action: action, Target: Entity, TargetID: &id, Kind: before.Kind}, func(ctx context.Context) (err error) {
		changed, err = do(ctx, by, id)
		return err
	})
	if err != nil {
		return Job{}, err
	}
	return changed, nil
}

// Stats returns the numbers of every kind, in the order of Kinds: of the actor's organisation, for a
// manager or an admin; of all organisations and the system for a SystemActor.
func (s *Service) Stats(ctx context.Context, by crm.Actor) ([]KindStats, error) {
	if !by.WritesAll() {
		return nil, crm.Forbidden("Only managers and admins may read the statistics of jobs.")
	}
	org := &by.Org
	if by == SystemActor {
		org = nil
	}
	known, err := s.store.Stats(ctx, org)
	if err != nil {
		return nil, err
	}
	all := make([]KindStats, len(Kinds))
	for i, d := range Kinds {
		all[i].Kind = d.Kind
		if at := slices.IndexFunc(known, func(k KindStats) bool { return k.Kind == d.Kind }); at >= 0 {
			all[i] = known[at]
		}
	}
	return all, nil
}

// SetPaused pauses a kind on all instances, or resumes it, for an operator: running jobs go on.
func (s *Service) SetPaused(ctx context.Context, by crm.Actor, kind Kind, paused bool) error {
	if !slices.ContainsFunc(Kinds, func(d Default) bool { return d.Kind == kind }) {
		return crm.NotFound("kind of jobs")
	}
	action := ActionResumed
	if paused {
		action = ActionPaused
	}
	// The kind belongs to no organisation, so that its change is a transaction of its own.
	if err := s.store.SetPaused(ctx, kind, paused); err != nil {
		return err
	}
	return s.audited(ctx, by, Event{Action: action, Kind: kind}, func(context.Context) error { return nil })
}

// PausedKinds returns the kinds that are paused.
func (s *Service) PausedKinds(ctx context.Context) ([]Kind, error) { return s.store.PausedKinds(ctx) }
