package httpapi

import (
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
)

// jobCounts are the numbers of the jobs of a kind, under the names that the front end reads.
type jobCounts struct {
	Waiting   int64 `json:"waiting" doc:"Due, and not begun yet."`
	Active    int64 `json:"active"`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed"`
	Delayed   int64 `json:"delayed" doc:"To be run later."`
	Total     int64 `json:"total" doc:"Cancelled ones included."`
	Paused    bool  `json:"paused"`
}

// jobThroughput is how many jobs of each kind were done.
type jobThroughput struct {
	PerHour map[string]int64 `json:"perHour" doc:"By kind: in the last hour."`
}

// jobLatency is how long the jobs of a kind that were done in the last hour took.
type jobLatency struct {
	Wait         int64        `json:"waitMillis" doc:"On average, from when they were due until they were begun; in milliseconds."`
	Run          int64        `json:"runMillis" doc:"On average, from when they were begun until they were done; in milliseconds."`
	WaitingSince *crm.Instant `json:"waitingSince" doc:"When the job was due that has waited longest; null if none waits."`
}

// jobNumbers are the statistics of jobs: counts by kind, and further members beside them.
type jobNumbers map[string]any

// jobNumbers reads the statistics: of the actor's organisation, or of all by the system's actor.
func (a *API) jobNumbers(c *call, by crm.Actor) (jobNumbers, error) {
	all, err := a.Jobs.Stats(c.Context, by)
	if err != nil {
		return nil, err
	}
	paused, err := a.Jobs.PausedKinds(c.Context)
	if err != nil {
		return nil, err
	}
	numbers, perHour, latency := jobNumbers{}, map[string]int64{}, map[string]jobLatency{}
	for i := range all {
		k := &all[i]
		name := string(k.Kind)
		counts := jobCounts{
			Waiting: k.Ready, Active: k.Running, Completed: k.Done, Failed: k.Failed, Delayed: k.Scheduled,
			Total: k.Scheduled + k.Ready + k.Running + k.Done + k.Failed + k.Cancelled,
		}
		for _, p := range paused {
			counts.Paused = counts.Paused || p == k.Kind
		}
		numbers[name], perHour[name] = counts, k.DoneLastHour
		l := jobLatency{Wait: k.WaitMillis, Run: k.RunMillis}
		if k.OldestReady != 0 {
			l.WaitingSince = &k.OldestReady
		}
		latency[name] = l
	}
	numbers["throughput"], numbers["latency"] = jobThroughput{perHour}, latency
	return numbers, nil
}

// jobNumbersSchema adds the schema of the statistics of jobs.
func (a *API) jobNumbersSchema() *huma.Schema {
	counts := a.schemas.record("JobCounts", reflect.TypeFor[jobCounts]())
	s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{
		"throughput": a.schemas.record("JobThroughput", reflect.TypeFor[jobThroughput]()),
		"latency":    {Type: huma.TypeObject, AdditionalProperties: a.schemas.record("JobLatency", reflect.TypeFor[jobLatency]()), Description: "By kind."},
	}}
	for _, d := range jobs.Kinds {
		s.Properties[string(d.Kind)] = counts
	}
	for name := range s.Properties {
		s.Required = append(s.Required, name)
	}
	slices.Sort(s.Required)
	return a.schemas.define("JobStats", s)
}

// jobStats returns the operation that reads the statistics of jobs.
func (a *API) jobStats() operation {
	return operation{
		method: http.MethodGet, path: "/api/jobs/stats", id: "getJobStats", scope: crm.ScopeRead, tag: jobsTag, caching: server.Uncached(jobChanges),
		cost:    server.Expensive("all jobs are counted"),
		summary: "Read statistics of the jobs",
		description: "Numbers of every kind: of all organisations and the system for operators, of their own organisation for other managers and admins. " +
			"A key of an operator needs the scope admin for those of all.",
		answer: a.schemas.answer("JobStatsAnswer", a.jobNumbersSchema()), problems: []int{http.StatusForbidden},
		run: func(c *call) error {
			by := c.Actor
			if by.Role == crm.RoleAdmin && by.Scopes.Has(crm.ScopeAdmin) && a.requireJobOperator(c) == nil {
				by = jobs.SystemActor
			}
			numbers, err := a.jobNumbers(c, by)
			return answerOne(c, &numbers, err, appendJSON)
		},
	}
}
