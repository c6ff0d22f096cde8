package httpapi

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
)

// scheduleOperations returns the operations on the schedules of an organisation.
func (a *API) scheduleOperations() []operation {
	const uncached = "schedules are not in the change log"
	record, patch := reflect.TypeFor[jobs.Schedule](), reflect.TypeFor[jobs.SchedulePatch]()
	limits := func(s *huma.Schema) {
		s.Properties["name"].MinLength, s.Properties["name"].MaxLength = new(1), new(crm.MaxNameLength)
		s.Properties["cron"].MaxLength = new(jobs.MaxCronLength)
		s.Properties["args"] = objectSchema()
	}
	a.schemas.record("Schedule", record)
	a.schemas.patch("ScheduleInput", patch, record, nil, limits)
	a.schemas.patch("ScheduleNew", patch, record, []string{"name", "kind", "args", "cron"}, limits)
	body := newBodyReader(func(p *jobs.SchedulePatch) *crm.DecodeErrors { return &p.DecodeErrors }, record)
	written := func(c *call, x jobs.Schedule, err error) error {
		c.Version = x.Version()
		return answerWritten(c, x.ID, &x, err, appendJSON)
	}
	one := operation{
		path: "/api/schedules/{id}", scope: crm.ScopeWrite, tag: jobsTag, answer: a.schemas.envelope("Schedule"),
	}
	read, change, drop := one, one, one
	read.method, read.id, read.summary, read.description = http.MethodGet, "getSchedule", "Read a schedule", "For managers and admins."
	read.scope = crm.ScopeRead
	read.caching, read.problems = server.Uncached(uncached), []int{http.StatusForbidden}
	read.run = onID(jobs.EntitySchedule, func(c *call, id crm.ID) error {
		x, err := a.Jobs.Schedule(c.Context, c.Actor, id)
		c.Version = x.Version()
		return answerOne(c, &x, err, appendJSON)
	})
	change.method, change.id, change.summary, change.body = http.MethodPatch, "updateSchedule", "Change a schedule", ref("ScheduleInput")
	change.written = true
	change.description = "Changes the members that are sent and no others. Its jobs have the rights of the user who changed it last. For managers and admins."
	change.run = onID(jobs.EntitySchedule, func(c *call, id crm.ID) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		x, err := a.Jobs.UpdateSchedule(c.Context, c.Actor, id, c.Expected, p)
		return written(c, x, err)
	})
	drop.method, drop.id, drop.summary, drop.answer = http.MethodDelete, "deleteSchedule", "Delete a schedule", a.schemas.deleted()
	drop.description = "Jobs that it has added go on. For managers and admins."
	drop.run = onID(jobs.EntitySchedule, func(c *call, id crm.ID) error {
		return answerDeleted(c, id, a.Jobs.DeleteSchedule(c.Context, c.Actor, id, c.Expected))
	})
	return []operation{
		{
			method: http.MethodGet, path: "/api/schedules", id: "listSchedules", scope: crm.ScopeRead, tag: jobsTag, caching: server.Uncached(uncached),
			summary: "List the schedules", description: "All of them, by name, on one page. For managers and admins.",
			answer: a.schemas.list("Schedule"), problems: []int{http.StatusForbidden},
			run: func(c *call) error {
				all, err := a.Jobs.Schedules(c.Context, c.Actor)
				return answerAll(c, all, err, appendJSON)
			},
		},
		{
			method: http.MethodPost, path: "/api/schedules", id: "createSchedule", scope: crm.ScopeWrite, tag: jobsTag, status: http.StatusCreated, written: true,
			summary: "Create a schedule",
			description: "It adds a job at its times, with the rights that its creator has then. Its kind is one of those that can be asked for by POST /api/jobs, with the same args and scopes. " +
				"It may occur every 5 minutes at most; of times that were missed, one is made up for. An organisation has at most 100 schedules. For managers and admins.",
			body: ref("ScheduleNew"), answer: a.schemas.envelope("Schedule"), problems: []int{http.StatusConflict},
			run: withBody(body, func(c *call, p jobs.SchedulePatch) error {
				x, err := a.Jobs.CreateSchedule(c.Context, c.Actor, p)
				c.Location = strings.TrimSuffix(one.path, "{id}") + x.ID.String()
				return written(c, x, err)
			}),
		},
		read, change, drop,
	}
}
