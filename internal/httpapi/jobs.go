package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
)

const (
	jobsTag = "Jobs"
	// maxJobBody bounds the body of a request for a job, in bytes: it may have records inline.
	maxJobBody = 16 << 20
	// jobChanges is why nothing of jobs is cached.
	jobChanges = "jobs are not in the change log"
)

// jobOperations returns the operations on jobs.
func (a *API) jobOperations() []operation {
	a.schemas.record("Job", reflect.TypeFor[jobs.Job]())
	a.schemas.patch("JobNew", reflect.TypeFor[jobs.RequestPatch](), jobRequestView, []string{"kind", "args"}, func(s *huma.Schema) {
		s.Properties["priority"].Minimum, s.Properties["priority"].Maximum = new(float64(-jobs.MaxPriority)), new(float64(jobs.MaxPriority))
		s.Properties["unique_key"].MinLength, s.Properties["unique_key"].MaxLength = new(1), new(jobs.MaxUniqueLength)
		s.Description = "Which members args has, its kind says: see docs/jobs.md."
	})
	pager := newPager(a, "jobs", jobs.Declared.Sorts, append(filtersOf(jobs.Declared), systemOnly[jobs.Filter]()), a.Jobs.Jobs)
	changed := func(path, id, summary, description string, problems []int, change func(c *call, id crm.ID) (jobs.Job, error)) operation {
		return operation{
			method: http.MethodPost, path: "/api/jobs/{id}/" + path, id: id, scope: crm.ScopeRead, tag: jobsTag, summary: summary,
			description: description, answer: a.schemas.envelope("Job"), problems: problems,
			run: onID("job", func(c *call, id crm.ID) error {
				j, err := change(c, id)
				return answerOne(c, &j, err, appendJSON)
			}),
		}
	}
	return []operation{
		{
			method: http.MethodGet, path: "/api/jobs", id: "listJobs", scope: crm.ScopeRead, tag: jobsTag, caching: server.Uncached(jobChanges),
			summary:     "List the jobs",
			description: "Those of the organisation, for managers and admins; for others those that they asked for.",
			query:       pager.query.document(),
			listing:     true, answer: a.schemas.list("Job"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run:      a.listJobs(pager),
		},
		{
			method: http.MethodPost, path: "/api/jobs", id: "createJob", scope: crm.ScopeRead, tag: jobsTag, status: http.StatusAccepted,
			summary: "Ask for a job",
			description: "An API key also needs the scope of the kind: import for bulk-import, export for data-export. The body may be 16 MiB long. " +
				"With a unique_key, a job of the kind that the caller asked for earlier with the same key, and that has not ended, is returned instead of another one.",
			body: ref("JobNew"), maxBody: maxJobBody, answer: a.schemas.envelope("Job"), run: a.requestJob(),
		},
		{
			method: http.MethodGet, path: "/api/jobs/{id}", id: "getJob", scope: crm.ScopeRead, tag: jobsTag, caching: server.Uncached(jobChanges),
			summary: "Read a job", answer: a.schemas.envelope("Job"),
			run: onID("job", func(c *call, id crm.ID) error {
				j, err := a.job(c, id)
				c.Version = j.Version
				return answerOne(c, &j, err, appendJSON)
			}),
		},
		changed("cancel", "cancelJob", "Cancel a job",
			"One that waits is cancelled at once, a running one within about a second, at a checkpoint: what it has done until then stays. A job that is cancelled already is returned as it is.",
			[]int{http.StatusConflict}, func(c *call, id crm.ID) (jobs.Job, error) { return a.Jobs.Cancel(c.Context, c.Actor, id) }),
		changed("retry", "retryJob", "Retry a job",
			"A failed or cancelled job goes on from its last checkpoint, with all its attempts before it.",
			[]int{http.StatusConflict}, func(c *call, id crm.ID) (jobs.Job, error) { return a.Jobs.Retry(c.Context, c.Actor, id) }),
		a.jobResult(),
		a.jobEvents(),
		a.jobStats(),
		a.switchKind("pause", "pauseJobKind", "Pause a kind of jobs", "Jobs of the kind wait on all instances; running ones go on.", true),
		a.switchKind("resume", "resumeJobKind", "Resume a kind of jobs", "Jobs of the kind are run again.", false),
	}
}

// systemParameter asks for the list of the system's jobs.
const systemParameter = "system"

// systemOnly declares it.
func systemOnly[F any]() parameter[listArgs[F]] {
	p := plain(systemParameter, "Lists the jobs that belong to no organisation instead, for operators.", boolKind(), func(a *listArgs[F]) *bool { return &a.system })
	p.scope = func(b []byte, src *listArgs[F]) []byte {
		if src.system {
			b = append(b, systemParameter+"=true;"...)
		}
		return b
	}
	return p
}

func (a *API) listJobs(pager pager[jobs.Job, jobs.Filter]) func(*call) error {
	return func(c *call) error {
		args, scope, err := pager.read(c, nil)
		if err != nil {
			return err
		}
		by := c.Actor
		if args.system {
			if err := a.requireJobOperator(c); err != nil {
				return err
			}
			by = jobs.SystemActor
		}
		return pager.answerFor(c, by, args, scope, func(rows []jobs.Job) (appender[jobs.Job], error) { return appendJSON, nil })
	}
}

// requireJobOperator returns CodeForbidden for a caller who may not see the system's jobs.
func (a *API) requireJobOperator(c *call) error {
	return a.Accounts.RequireOperator(c.Context, c.Actor, "see and change what concerns the jobs of the whole server")
}

// job returns a job that the caller sees: also one of the system, if they are an operator.
func (a *API) job(c *call, id crm.ID) (jobs.Job, error) {
	j, err := a.Jobs.Job(c.Context, c.Actor, id)
	if crm.CodeOf(err) != crm.CodeNotFound || c.Actor.Role != crm.RoleAdmin || !c.Actor.Scopes.Has(crm.ScopeAdmin) || a.requireJobOperator(c) != nil {
		return j, err
	}
	return a.Jobs.Job(c.Context, jobs.SystemActor, id)
}

func (a *API) requestJob() func(*call) error {
	body := newBodyReader(func(p *jobs.RequestPatch) *crm.DecodeErrors { return &p.DecodeErrors })
	return withBody(body, func(c *call, p jobs.RequestPatch) error {
		j, err := a.Jobs.Request(c.Context, c.Actor, p)
		c.Location = "/api/jobs/" + j.ID.String()
		return answerOne(c, &j, err, appendJSON)
	})
}

// jobResult returns the operation that reads what a job has made.
func (a *API) jobResult() operation {
	return operation{
		method: http.MethodGet, path: "/api/jobs/{id}/result", id: "getJobResult", scope: crm.ScopeRead, tag: jobsTag, caching: server.Uncached(jobChanges), seeOther: true,
		summary: "Read the result of a job",
		description: "What it is depends on the kind. Where it is a file, the response redirects (303) to its download. " +
			"409 while the job has not ended, and if it has failed or was cancelled.",
		answer:   a.schemas.answer("JobResultAnswer", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Nullable: true}),
		problems: []int{http.StatusConflict},
		run: onID("job", func(c *call, id crm.ID) error {
			j, err := a.job(c, id)
			if err != nil {
				return err
			}
			switch {
			case j.State == jobs.Failed && j.Error != nil:
				return crm.Conflict("The job has failed, and has no result. Its error: " + *j.Error)
			case j.State != jobs.Done:
				return crm.Conflict("The job is " + string(j.State) + ", and has no result.")
			}
			var file struct {
				DownloadURL string `json:"downloadUrl"`
			}
			if j.Result.Decode(&file) == nil && strings.HasPrefix(file.DownloadURL, "/api/") {
				c.SeeOther = file.DownloadURL
				return nil
			}
			return answerOne(c, &j.Result, nil, appendJSON)
		}),
	}
}

// pausedKind is the state of a kind after it was paused or resumed.
type pausedKind struct {
	Kind   jobs.Kind `json:"kind" schema:"JobKind"`
	Paused bool      `json:"paused"`
}

// switchKind returns the operation that pauses or resumes a kind.
func (a *API) switchKind(path, id, summary, description string, paused bool) operation {
	a.schemas.record("PausedKind", reflect.TypeFor[pausedKind]())
	return operation{
		method: http.MethodPost, path: "/api/jobs/kinds/{kind}/" + path, id: id, scope: crm.ScopeAdmin, tag: jobsTag, steady: true,
		summary: summary, description: description + " For operators.",
		answer: a.schemas.envelope("PausedKind"),
		run: func(c *call) error {
			if err := a.requireJobOperator(c); err != nil {
				return err
			}
			state := pausedKind{jobs.Kind(c.Request.PathValue("kind")), paused}
			err := a.Jobs.SetPaused(c.Context, c.Actor, state.Kind, paused)
			return answerOne(c, &state, err, appendJSON)
		},
	}
}

// jobRequestView describes the members of a request for a job that a job does not have.
var jobRequestView = reflect.TypeFor[struct {
	Kind      jobs.Kind       `json:"kind" schema:"JobKind"`
	Args      json.RawMessage `json:"args" doc:"What it is to do, by kind."`
	Priority  int             `json:"priority" doc:"From -10 to 10; jobs with a higher one are run first. 0 by default."`
	RunAt     *crm.Instant    `json:"run_at" doc:"When it is to be run, at the earliest; at once by default."`
	UniqueKey *string         `json:"unique_key" doc:"No other job of the kind, of the same caller and with the same key, is added until it has ended."`
}]()
