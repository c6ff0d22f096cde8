package app

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// OperatorJobs returns the jobs as the command line sees and changes them. It adds none.
func (c *Core) OperatorJobs() *jobs.Service {
	s := jobs.NewService(c.Store.Jobs())
	s.Trail = c.jobTrail
	return s
}

// jobActions are the actions of jobs in the audit trail.
var jobActions = map[jobs.Action]accounts.Action{
	jobs.ActionCancelled: accounts.ActionJobCancelled, jobs.ActionRetried: accounts.ActionJobRetried,
	jobs.ActionPaused: accounts.ActionKindPaused, jobs.ActionResumed: accounts.ActionKindResumed,
	jobs.ActionScheduleCreated: accounts.ActionScheduleCreated, jobs.ActionScheduleChanged: accounts.ActionScheduleChanged,
	jobs.ActionScheduleDeleted: accounts.ActionScheduleDeleted,
}

// jobTrail is a jobs.Trail.
func (c *Core) jobTrail(ctx context.Context, by crm.Actor, e jobs.Event, fn func(context.Context) error) error {
	details := map[string]string{"kind": string(e.Kind)}
	if e.Name != "" {
		details["name"] = e.Name
	}
	return c.Service.Atomic(ctx, by, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return err
		}
		return c.Accounts.RecordAudit(ctx, by, accounts.AuditEvent{Action: jobActions[e.Action], Target: e.Target, TargetID: e.TargetID, Details: details})
	})
}
