package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/app"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

type jobsCmd struct {
	List   jobsListCmd   `cmd:"" help:"List the jobs of an organisation or of the system, the newest first."`
	Show   jobsShowCmd   `cmd:"" help:"Print a job as JSON."`
	Cancel jobsCancelCmd `cmd:"" help:"Cancel a job. A running one stops within about a second, at a checkpoint."`
	Retry  jobsRetryCmd  `cmd:"" help:"Run a failed or cancelled job again, from its last checkpoint."`
	Pause  jobsPauseCmd  `cmd:"" help:"Pause a kind of jobs on all instances. Running jobs go on."`
	Resume jobsResumeCmd `cmd:"" help:"Resume a kind of jobs."`
	Stats  jobsStatsCmd  `cmd:"" help:"Print the numbers of the jobs of each kind: of all organisations and the system, or of an organisation."`
}

// jobsOf selects whose jobs a command is about.
type jobsOf struct {
	orgFlag
	System bool `help:"Jobs of the system, which belong to no organisation."`
}

// with calls work with the actor who sees them.
func (f jobsOf) with(ctx context.Context, env *environment, work func(*jobs.Service, crm.Actor) error) error {
	switch {
	case f.System && f.Org != "":
		return usage("--system must not be given with --org")
	case f.System:
		return env.with(ctx, func(core *app.Core) error { return work(core.OperatorJobs(), jobs.SystemActor) })
	}
	return f.orgFlag.with(ctx, env, func(core *app.Core, org crm.Organisation) error {
		return work(core.OperatorJobs(), crm.Operator(org.ID))
	})
}

type jobsListCmd struct {
	jobsOf
	jsonFlag
	Kind  []string `placeholder:"KIND,…" help:"Only jobs of these kinds."`
	State []string `placeholder:"STATE,…" help:"Only jobs in these states: scheduled, ready, running, done, failed, cancelled."`
	Limit int      `default:"50" help:"Maximum number of jobs, from 1 to 1000."`
}

func (c *jobsListCmd) Run(ctx context.Context, env *environment) error {
	q := crm.List[jobs.Filter]{Limit: c.Limit, Sort: jobs.Declared.Sorts.Default}
	if c.Limit < 1 || c.Limit > crm.MaxLimit {
		return usage("--limit must be between 1 and %d, not %d", crm.MaxLimit, c.Limit)
	}
	for name, values := range map[string][]string{"kind": c.Kind, "state": c.State} {
		if len(values) == 0 {
			continue
		}
		at := slices.IndexFunc(jobs.Declared.Filters, func(f crm.Filter[jobs.Job, jobs.Filter]) bool { return f.Name == name })
		if err := jobs.Declared.Filters[at].Set(&q.Filter, strings.Join(values, ",")); err != nil {
			return usage("--%s %s", name, err)
		}
	}
	return c.with(ctx, env, func(service *jobs.Service, by crm.Actor) error {
		page, err := service.Jobs(ctx, by, q)
		if err != nil {
			return err
		}
		head := []string{"ID", "KIND", "STATE", "PROGRESS", "ATTEMPT", "CREATED", "NOTE"}
		return list(env.stdout, c.jsonFlag, head, append([]jobs.Job{}, page.Rows...), func(j jobs.Job) []string {
			note := &j.Note
			if j.State == jobs.Failed {
				note = j.Error
			}
			return []string{
				j.ID.String(), string(j.Kind), string(j.State), strconv.Itoa(j.Progress) + " %", fmt.Sprintf("%d of %d", j.Attempt, j.MaxAttempts),
				j.CreatedAt.String(), strings.Join(strings.Fields(or(note)), " "),
			}
		})
	})
}

// oneJob selects a job.
type oneJob struct {
	jobsOf
	Job string `arg:"" help:"Job, by id."`
}

// with calls work with the id of the job.
func (f oneJob) with(ctx context.Context, env *environment, work func(*jobs.Service, crm.Actor, crm.ID) error) error {
	id, err := crm.ParseID(f.Job)
	if err != nil {
		return usage("<job> must be the id of a job, not %q", f.Job)
	}
	return f.jobsOf.with(ctx, env, func(service *jobs.Service, by crm.Actor) error { return work(service, by, id) })
}

type jobsShowCmd struct{ oneJob }

func (c *jobsShowCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(service *jobs.Service, by crm.Actor, id crm.ID) error {
		j, err := service.Job(ctx, by, id)
		if err != nil {
			return err
		}
		e := json.NewEncoder(env.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			jobs.Job
			Errors jobs.JSON `json:"errors"`
		}{j, j.Errors})
	})
}

type jobsCancelCmd struct{ oneJob }

func (c *jobsCancelCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(service *jobs.Service, by crm.Actor, id crm.ID) error {
		j, err := service.Cancel(ctx, by, id)
		if err == nil && j.State == jobs.Running {
			_, err = fmt.Fprintln(env.stdout, "The job is running, and stops at its next checkpoint.")
		}
		return err
	})
}

type jobsRetryCmd struct{ oneJob }

func (c *jobsRetryCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(service *jobs.Service, by crm.Actor, id crm.ID) error {
		_, err := service.Retry(ctx, by, id)
		return err
	})
}

// kindArg selects a kind of jobs.
type kindArg struct {
	Kind string `arg:"" help:"Kind of jobs, such as send-email."`
}

// set pauses or resumes the kind.
func (k kindArg) set(ctx context.Context, env *environment, paused bool) error {
	return env.with(ctx, func(core *app.Core) error {
		err := core.OperatorJobs().SetPaused(ctx, jobs.SystemActor, jobs.Kind(k.Kind), paused)
		if crm.CodeOf(err) == crm.CodeNotFound {
			names := make([]string, len(jobs.Kinds))
			for i, d := range jobs.Kinds {
				names[i] = string(d.Kind)
			}
			return usage("<kind> must be one of %s, not %q", strings.Join(names, ", "), k.Kind)
		}
		return err
	})
}

type jobsPauseCmd struct{ kindArg }

func (c *jobsPauseCmd) Run(ctx context.Context, env *environment) error { return c.set(ctx, env, true) }

type jobsResumeCmd struct{ kindArg }

func (c *jobsResumeCmd) Run(ctx context.Context, env *environment) error {
	return c.set(ctx, env, false)
}

type jobsStatsCmd struct {
	jsonFlag
	Org string `placeholder:"NAME" aliases:"organisation" help:"Only jobs of this organisation, by name or id."`
}

func (c *jobsStatsCmd) Run(ctx context.Context, env *environment) error {
	type row struct {
		Kind         jobs.Kind `json:"kind"`
		Paused       bool      `json:"paused"`
		Scheduled    int64     `json:"scheduled"`
		Ready        int64     `json:"ready"`
		Running      int64     `json:"running"`
		Done         int64     `json:"done"`
		Failed       int64     `json:"failed"`
		Cancelled    int64     `json:"cancelled"`
		DoneLastHour int64     `json:"done_last_hour"`
		WaitMillis   int64     `json:"wait_millis"`
		RunMillis    int64     `json:"run_millis"`
	}
	return jobsOf{orgFlag{c.Org}, c.Org == ""}.with(ctx, env, func(service *jobs.Service, by crm.Actor) error {
		all, err := service.Stats(ctx, by)
		if err != nil {
			return err
		}
		paused, err := service.PausedKinds(ctx)
		if err != nil {
			return err
		}
		rows := make([]row, len(all))
		for i, k := range all {
			rows[i] = row{
				k.Kind, slices.Contains(paused, k.Kind), k.Scheduled, k.Ready, k.Running, k.Done, k.Failed, k.Cancelled, k.DoneLastHour, k.WaitMillis, k.RunMillis,
			}
		}
		head := []string{"KIND", "STATE", "SCHEDULED", "READY", "RUNNING", "DONE", "FAILED", "CANCELLED", "LAST HOUR", "WAITED", "TOOK"}
		return list(env.stdout, c.jsonFlag, head, rows, func(r row) []string {
			state := "on"
			if r.Paused {
				state = "paused"
			}
			cells := []string{string(r.Kind), state}
			for _, n := range []int64{r.Scheduled, r.Ready, r.Running, r.Done, r.Failed, r.Cancelled, r.DoneLastHour} {
				cells = append(cells, strconv.FormatInt(n, 10))
			}
			return append(cells, fmt.Sprintf("%d ms", r.WaitMillis), fmt.Sprintf("%d ms", r.RunMillis))
		})
	})
}
