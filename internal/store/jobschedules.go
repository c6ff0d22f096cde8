package store

import (
	"context"

	"sixty/internal/crm"
	"sixty/internal/jobs"
)

const scheduleColumns = "org_id, id, name, kind, args, cron, enabled, actor_id, key_id, next_at, created_at, updated_at"

func scheduleDestinations(c *jobs.Schedule) []any {
	return []any{&c.OrgID, &c.ID, &c.Name, (*string)(&c.Kind), (*string)(&c.Args), &c.Cron, &c.Enabled, &c.ActorID, &c.KeyID, &c.Next, &c.CreatedAt, &c.UpdatedAt}
}

var (
	listSchedules = &Statement{"schedule.list", "SELECT " + scheduleColumns + " FROM schedules WHERE org_id = $1 ORDER BY name, id"}
	putSchedule   = &Statement{"schedule.put", "INSERT INTO schedules (" + scheduleColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (org_id, id) DO UPDATE SET name = excluded.name, kind = excluded.kind, args = excluded.args, cron = excluded.cron, enabled = excluded.enabled,
actor_id = excluded.actor_id, key_id = excluded.key_id, next_at = excluded.next_at, updated_at = excluded.updated_at`}
	deleteSchedule  = &Statement{"schedule.delete", "DELETE FROM schedules WHERE org_id = $1 AND id = $2"}
	advanceSchedule = &Statement{"schedule.advance", `UPDATE schedules SET next_at = $3
WHERE org_id = $1 AND id = $2 AND next_at = $4 AND enabled AND cron = $5 AND kind = $6 AND args = $7`}
)

func (j jobStore) Schedules(ctx context.Context, org crm.ID) ([]jobs.Schedule, error) {
	return collect(ctx, j.store, j.store.of(org), listSchedules, scheduleDestinations, org)
}

func (j jobStore) PutSchedule(ctx context.Context, by crm.Actor, c jobs.Schedule) error {
	return j.store.writeJobs(ctx, by, func(t *tx) error {
		if err := t.confine("schedule", c.OrgID); err != nil {
			return err
		}
		_, err := t.exec(ctx, putSchedule, c.OrgID, c.ID, c.Name, string(c.Kind), string(c.Args), c.Cron, c.Enabled, c.ActorID, c.KeyID, c.Next, c.CreatedAt, c.UpdatedAt)
		return err
	})
}

func (j jobStore) DeleteSchedule(ctx context.Context, by crm.Actor, id crm.ID) error {
	return j.store.writeJobs(ctx, by, func(t *tx) error {
		n, err := t.exec(ctx, deleteSchedule, by.Org, id)
		if err == nil && n == 0 {
			err = crm.NotFound("schedule")
		}
		return err
	})
}

func (j jobStore) DueSchedules(ctx context.Context, limit int) (due []jobs.Schedule, now crm.Instant, err error) {
	s := j.store
	if now, err = s.Now(ctx); err != nil {
		return nil, 0, err
	}
	st := s.statement("schedule.due", func() *Statement {
		return &Statement{"schedule.due", "SELECT " + scheduleColumns + " FROM schedules WHERE enabled AND next_at <= $1 ORDER BY next_at LIMIT $2"}
	})
	due, err = collect(ctx, s, s.service(), st, scheduleDestinations, now, int64(limit))
	return due, now, err
}

// Fire adds the job of a slot once: the one that advances the schedule does.
func (j jobStore) Fire(ctx context.Context, c jobs.Schedule, next crm.Instant, job jobs.Job) (ok bool, err error) {
	job.OrgID, job.ScheduleID, job.Slot = c.OrgID, &c.ID, &c.Next
	err = j.store.writeJobs(ctx, crm.Actor{Org: c.OrgID}, func(t *tx) error {
		n, err := t.exec(ctx, advanceSchedule, c.OrgID, c.ID, next, c.Next, c.Cron, string(c.Kind), string(c.Args))
		if ok = err == nil && n == 1; !ok {
			return err
		}
		_, err = t.insertJobs(ctx, []jobs.Job{job})
		return err
	})
	return ok && err == nil, err
}
