package jobs

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"sixty/internal/crm"
)

const (
	// sweepPeriod is the time between two sweeps, and looks for due schedules.
	sweepPeriod = 5 * time.Second
	// sweepLimit bounds one.
	sweepLimit = 30 * time.Second
	// maxFired bounds the schedules that one look fires.
	maxFired = 100
	// brokenPause is the time until a schedule is looked at again whose expression cannot be read.
	brokenPause = 24 * time.Hour
)

// sweep returns expired jobs and fires schedules, periodically until ctx ends.
func (r *Runner) sweep(ctx context.Context) {
	configured := false
	once := func() {
		limited, cancel := context.WithTimeout(ctx, sweepLimit)
		defer cancel()
		if !configured {
			err := errors.Join(r.putTotals(limited), r.putSchedules(limited))
			r.report(ctx, err, "the limits and schedules of jobs could not be stored")
			configured = err == nil
		}
		r.report(ctx, r.fire(limited), "schedules could not be fired")
		r.report(ctx, r.sweepOnce(limited), "expired jobs could not be returned")
	}
	once()
	repeat(ctx, sweepPeriod, once)
}

// report logs an error of work that is tried again.
func (r *Runner) report(ctx context.Context, err error, message string) {
	if err != nil && ctx.Err() == nil {
		r.o.Logger.Log(ctx, levelOf(err), message+"; it is tried again", "error", err)
	}
}

func (r *Runner) sweepOnce(ctx context.Context) error {
	swept, ok, err := r.o.Store.Sweep(ctx)
	if err != nil || !ok {
		return err
	}
	if swept.Returned+swept.Failed+swept.Cancelled > 0 {
		r.o.Logger.Warn("jobs were interrupted, and their leases have expired", "returned", swept.Returned, "failed", swept.Failed, "cancelled", swept.Cancelled)
	}
	if len(swept.Waiting) > 0 {
		r.Wake()
		if r.o.Handover != nil {
			_ = r.o.Handover.Push(ctx, swept.Waiting) // or they are found
		}
	}
	return nil
}

// scheduleID returns the id of the system's schedule of a kind, which is the same on all instances.
func scheduleID(kind Kind) (id crm.ID) {
	sum := sha256.Sum256([]byte("schedule of the system: " + kind))
	copy(id[:], sum[:])
	return id
}

// putTotals stores how many jobs of each kind all instances run.
func (r *Runner) putTotals(ctx context.Context) error {
	for _, spec := range r.o.Specs {
		if err := r.o.Store.SetTotal(ctx, spec.Kind, spec.Total); err != nil {
			return err
		}
	}
	return nil
}

// putSchedules stores the system's schedules as they are configured. Those that have not changed
// keep their next time, so that a slot that was missed is caught up.
func (r *Runner) putSchedules(ctx context.Context) error {
	stored, err := r.o.Store.Schedules(ctx, crm.ID{})
	if err != nil {
		return err
	}
	now, err := r.o.Store.Now(ctx)
	if err != nil {
		return err
	}
	known := make(map[crm.ID]Schedule, len(stored))
	for _, s := range stored {
		known[s.ID] = s
	}
	for _, kind := range Kinds {
		s := Schedule{ID: scheduleID(kind.Kind), Name: string(kind.Kind), Kind: kind.Kind, Cron: r.o.Schedules[kind.Kind], CreatedAt: now, UpdatedAt: now}
		was, exists := known[s.ID]
		if s.Enabled = s.Cron != ""; s.Enabled {
			next, err := NextTime(s.Cron, now.Time())
			if err != nil {
				return err // never: the settings were validated
			}
			s.Next = crm.InstantOf(next)
		}
		if exists && was.Cron == s.Cron && was.Enabled == s.Enabled || !exists && !s.Enabled {
			continue
		}
		if err := r.o.Store.PutSchedule(ctx, crm.Actor{}, s); err != nil {
			return err
		}
	}
	return nil
}

// fire adds the jobs of due schedules. Of slots that were missed, one is run.
func (r *Runner) fire(ctx context.Context) error {
	due, now, err := r.o.Store.DueSchedules(ctx, maxFired)
	if err != nil {
		return err
	}
	for _, s := range due {
		next, err := NextTime(s.Cron, now.Time())
		if err != nil {
			r.o.Logger.Error("a schedule has no next time", "schedule", s.ID, "cron", s.Cron, "error", err)
			next = now.Time().Add(brokenPause)
		}
		job, err := newJob(r.specs, crm.Actor{Org: s.OrgID}, NewJob{Kind: s.Kind, ScheduleID: &s.ID, Slot: &s.Next})
		if err != nil {
			r.o.Logger.Error("a schedule's job could not be made", "schedule", s.ID, "kind", s.Kind, "error", err)
			continue // another instance may know the kind
		}
		job.Args, job.ActorID, job.KeyID = s.Args, s.ActorID, s.KeyID
		if _, err := r.o.Store.Fire(ctx, s, crm.InstantOf(next), job); err != nil {
			return err
		}
	}
	return nil
}
