package jobs

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"sixty/internal/crm"
)

// EntitySchedule is the name of schedules in the API.
const EntitySchedule = "schedule"

// Bounds of an organisation's schedules.
const (
	MaxSchedules     = 100
	MinScheduleEvery = 5 * time.Minute
)

// SchedulePatch is a schedule as it is created or changed.
type SchedulePatch struct {
	Name         crm.Field[string]          `json:"name"`
	Kind         crm.Field[string]          `json:"kind"`
	Args         crm.Field[json.RawMessage] `json:"args"`
	Cron         crm.Field[string]          `json:"cron"`
	Enabled      crm.Field[bool]            `json:"enabled"`
	DecodeErrors crm.DecodeErrors           `json:"-"`
}

// Version is the schedule's version for conditional changes; that its next time has come is no change.
func (s *Schedule) Version() int64 { return int64(s.UpdatedAt) }

// requireScheduler returns CodeForbidden for an actor who may not see and change schedules.
func requireScheduler(by crm.Actor) error {
	if by.WritesAll() {
		return nil
	}
	return crm.Forbidden("Only managers and admins may see and change schedules.")
}

// Schedules returns the schedules of the actor's organisation, by name.
func (s *Service) Schedules(ctx context.Context, by crm.Actor) ([]Schedule, error) {
	if err := requireScheduler(by); err != nil {
		return nil, err
	}
	return s.store.Schedules(ctx, by.Org)
}

// Schedule returns one of them; CodeNotFound.
func (s *Service) Schedule(ctx context.Context, by crm.Actor, id crm.ID) (Schedule, error) {
	all, err := s.Schedules(ctx, by)
	if err != nil {
		return Schedule{}, err
	}
	at := slices.IndexFunc(all, func(x Schedule) bool { return x.ID == id })
	if at < 0 {
		return Schedule{}, crm.NotFound(EntitySchedule)
	}
	return all[at], nil
}

// CreateSchedule adds a schedule, whose jobs have the rights of the actor.
func (s *Service) CreateSchedule(ctx context.Context, by crm.Actor, p SchedulePatch) (Schedule, error) {
	if err := requireScheduler(by); err != nil {
		return Schedule{}, err
	}
	x := Schedule{OrgID: by.Org, ID: crm.NewID(), Enabled: true, ActorID: by.UserID(), KeyID: by.KeyID()}
	err := s.audited(ctx, by, Event{Action: ActionScheduleCreated, Target: EntitySchedule, TargetID: &x.ID, Kind: Kind(p.Kind.Value), Name: p.Name.Value}, func(ctx context.Context) error {
		all, err := s.store.Schedules(ctx, by.Org)
		if err != nil {
			return err
		}
		if len(all) >= MaxSchedules {
			return crm.Conflict("There are 100 schedules already, which is the most that an organisation has.")
		}
		return s.put(ctx, by, &x, p)
	})
	if err != nil {
		return Schedule{}, err
	}
	return x, nil
}

// UpdateSchedule changes a schedule. Its jobs have the rights of the actor from now on, so that
// no person makes a schedule of another do what they may not do themselves.
func (s *Service) UpdateSchedule(ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition, p SchedulePatch) (x Schedule, err error) {
	if err := requireScheduler(by); err != nil {
		return Schedule{}, err
	}
	before, err := s.Schedule(ctx, by, id)
	if err != nil {
		return Schedule{}, err
	}
	e := Event{Action: ActionScheduleChanged, Target: EntitySchedule, TargetID: &id, Kind: before.Kind, Name: before.Name}
	err = s.audited(ctx, by, e, func(ctx context.Context) error {
		if x, err = s.Schedule(ctx, by, id); err != nil {
			return err
		}
		if err := expected.Check(x.Version()); err != nil {
			return err
		}
		x.ActorID, x.KeyID = by.UserID(), by.KeyID()
		return s.put(ctx, by, &x, p)
	})
	if err != nil {
		return Schedule{}, err
	}
	return x, nil
}

// put applies a patch to a schedule and stores it.
func (s *Service) put(ctx context.Context, by crm.Actor, x *Schedule, p SchedulePatch) error {
	now, err := s.store.Now(ctx)
	if err != nil {
		return err
	}
	r := crm.Rules{Bad: p.DecodeErrors}
	if p.Name.Set || x.Name == "" {
		r.Name(p.Name, &x.Name)
	}
	kind, args := crm.Of(string(x.Kind)), crm.Of(json.RawMessage(x.Args))
	if p.Kind.Set || x.Kind == "" {
		kind = p.Kind
	}
	if p.Args.Set || x.Args == "" {
		args = p.Args
	}
	if p.Cron.Set || x.Cron == "" {
		x.Cron = p.Cron.Value
		if err := ValidCron(x.Cron, MinScheduleEvery); err != nil {
			r.Add("cron", "%s", err)
		}
	}
	switch {
	case p.Enabled.Null:
		r.Add("enabled", "must be true or false")
	case p.Enabled.Set:
		x.Enabled = p.Enabled.Value
	}
	// Also of a schedule whose cron alone is changed: its jobs will have the actor's rights.
	if err := s.check(ctx, by, kind, args, &r); err != nil {
		return err
	}
	x.Kind, x.Args = Kind(kind.Value), JSON(args.Value)
	next, err := NextTime(x.Cron, now.Time())
	if err != nil {
		return err // never: it is valid
	}
	x.Next = crm.InstantOf(next)
	if x.CreatedAt == 0 {
		x.CreatedAt = now
	}
	x.UpdatedAt = max(now, x.UpdatedAt+1)
	return s.store.PutSchedule(ctx, by, *x)
}

// DeleteSchedule removes a schedule. Jobs that it has added go on.
func (s *Service) DeleteSchedule(ctx context.Context, by crm.Actor, id crm.ID, expected crm.VersionCondition) error {
	x, err := s.Schedule(ctx, by, id)
	if err != nil {
		return err
	}
	e := Event{Action: ActionScheduleDeleted, Target: EntitySchedule, TargetID: &id, Kind: x.Kind, Name: x.Name}
	return s.audited(ctx, by, e, func(ctx context.Context) error {
		if x, err = s.Schedule(ctx, by, id); err != nil {
			return err
		}
		if err := expected.Check(x.Version()); err != nil {
			return err
		}
		return s.store.DeleteSchedule(ctx, by, id)
	})
}
