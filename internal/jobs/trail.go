package jobs

import (
	"context"

	"sixty/internal/crm"
)

// Action is what was done to a job, a kind or a schedule.
type Action int

// The actions.
const (
	ActionCancelled Action = iota + 1
	ActionRetried
	ActionPaused
	ActionResumed
	ActionScheduleCreated
	ActionScheduleChanged
	ActionScheduleDeleted
)

// An Event is an entry of the audit trail.
type Event struct {
	Action   Action
	Target   string  // Entity, EntitySchedule; "" for a kind
	TargetID *crm.ID // nil for a kind
	Kind     Kind
	Name     string // of a schedule
}

// A Trail runs fn and enters the event in the audit trail of the actor's organisation, in one
// transaction.
type Trail func(ctx context.Context, by crm.Actor, e Event, fn func(context.Context) error) error

// audited runs fn and enters the event. What is done for the system is in no organisation's trail.
func (s *Service) audited(ctx context.Context, by crm.Actor, e Event, fn func(context.Context) error) error {
	if s.Trail == nil || by == SystemActor {
		return fn(ctx)
	}
	return s.Trail(ctx, by, e, fn)
}
