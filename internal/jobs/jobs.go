// Package jobs runs work in the background: jobs, which are rows of the database, and
// schedules, which add jobs at their times.
//
// A job is added in the transaction of what asks for it. A Runner claims it under a lease,
// and runs its kind's handler. Whatever the handler commits with its context is committed
// only while the job's lease is held, together with the job's checkpoint, so that the effects
// of a job are there once, however often it is interrupted. What leaves the process (mail,
// webhooks) is sent at least once, and carries the job's id.
//
// The port is Store; internal/store implements it, and jobstest says what it must do. Leases,
// times and slots go by the storage's clock.
package jobs

import (
	"time"

	"sixty/internal/crm"
)

// Entity is the name of jobs in the API.
const Entity = "job"

// A Kind is a kind of job; see Kinds.
type Kind string

// A State is where a job is in its life. Scheduled and ready jobs wait, done, failed and
// cancelled ones have ended.
type State string

// The states.
const (
	Scheduled State = "scheduled" // waits for its time
	Ready     State = "ready"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended reports whether a job is at its end.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// JSON is a JSON text in a column; "" for none.
type JSON = crm.JSON

// Encode returns a value as JSON; "" for nil.
func Encode(v any) (JSON, error) { return crm.EncodeJSON(v) }

// A Job is work that is to be done, is being done, or was done.
type Job struct {
	OrgID       crm.ID       `json:"-"` // zero: a job of the system
	ID          crm.ID       `json:"id"`
	Kind        Kind         `json:"kind" schema:"JobKind" enum:"bulk-import,data-export,data-cleanup,generate-report,update-analytics,send-email,send-notification,cache-warmup,performance-analysis"`
	State       State        `json:"state" schema:"JobState" enum:"scheduled,ready,running,done,failed,cancelled"`
	Priority    int          `json:"priority" doc:"Jobs with a higher one are run first; 0 by default."`
	Progress    int          `json:"progress" doc:"In percent."`
	Note        string       `json:"note" doc:"What it is at; empty for nothing to tell."`
	Attempt     int          `json:"attempt" doc:"How often it was begun."`
	MaxAttempts int          `json:"max_attempts" doc:"How often it is begun at most."`
	Args        JSON         `json:"-"`
	Checkpoint  JSON         `json:"-"` // how far it has come; the handler's own
	Result      JSON         `json:"result" doc:"What it has made, by kind; null before its end, and when it failed."`
	Error       *string      `json:"error" doc:"Why the last attempt failed; null if none has."`
	Errors      JSON         `json:"-"` // the last MaxErrors, a JSON array of Failures, the oldest first
	ActorID     *crm.ID      `json:"actor_id" doc:"Who asked for it; null for the command line, the system and schedules of it."`
	KeyID       *crm.ID      `json:"-"` // the API key that they used
	UniqueKey   *string      `json:"-"` // no other job of the kind and organisation that has not ended has it
	ScheduleID  *crm.ID      `json:"schedule_id" doc:"The schedule that added it; null for none."`
	Slot        *crm.Instant `json:"slot" doc:"The time of that schedule which it is for."`
	Place       *string      `json:"-"` // only runners with this place run it; see RunnerOptions.Places
	CancelAt    *crm.Instant `json:"cancel_at" doc:"When it was asked to be cancelled; null if it was not."`
	RunAt       crm.Instant  `json:"run_at" doc:"When it is to be run, at the earliest."`
	CreatedAt   crm.Instant  `json:"created_at"`
	StartedAt   *crm.Instant `json:"started_at" doc:"When its last attempt began."`
	FinishedAt  *crm.Instant `json:"finished_at"`
	// Version rises with every change that a client can see.
	Version int64 `json:"-"`

	// Delay is for Store.Insert: the time from the storage's present until RunAt.
	Delay time.Duration `json:"-"`
}

// System reports whether the job belongs to no organisation.
func (j *Job) System() bool { return j.OrgID == crm.ID{} }

// MaxErrors is how many failures of a job are kept.
const MaxErrors = 10

// MaxErrorLength bounds the text of a failure, in bytes.
const MaxErrorLength = 1000

// A Failure is a failed attempt.
type Failure struct {
	Attempt int         `json:"attempt"`
	At      crm.Instant `json:"at"`
	Error   string      `json:"error"`
}

// A Filter narrows lists of jobs; members that are not set do not.
type Filter struct {
	Kind    crm.OneOf[string]
	State   crm.OneOf[string]
	ActorID crm.OneOf[crm.ID]
}

// Declared declares the jobs; lists have the newest first.
var Declared = crm.Declare(crm.Entity[Job, struct{}, Filter]{
	Name: Entity,
	Properties: []crm.Property[Job, struct{}]{
		{Name: "org_id", At: func(j *Job, _ *struct{}) (any, any) { return &j.OrgID, nil }},
		{Name: "id", At: func(j *Job, _ *struct{}) (any, any) { return &j.ID, nil }},
		{Name: "kind", At: func(j *Job, _ *struct{}) (any, any) { return (*string)(&j.Kind), nil }},
		{Name: "state", At: func(j *Job, _ *struct{}) (any, any) { return (*string)(&j.State), nil }},
		{Name: "priority", At: func(j *Job, _ *struct{}) (any, any) { return &j.Priority, nil }},
		{Name: "progress", At: func(j *Job, _ *struct{}) (any, any) { return &j.Progress, nil }},
		{Name: "note", At: func(j *Job, _ *struct{}) (any, any) { return &j.Note, nil }},
		{Name: "attempt", At: func(j *Job, _ *struct{}) (any, any) { return &j.Attempt, nil }},
		{Name: "max_attempts", At: func(j *Job, _ *struct{}) (any, any) { return &j.MaxAttempts, nil }},
		{Name: "args", At: func(j *Job, _ *struct{}) (any, any) { return (*string)(&j.Args), nil }},
		{Name: "checkpoint", At: func(j *Job, _ *struct{}) (any, any) { return (*string)(&j.Checkpoint), nil }},
		{Name: "result", At: func(j *Job, _ *struct{}) (any, any) { return (*string)(&j.Result), nil }},
		{Name: "error", At: func(j *Job, _ *struct{}) (any, any) { return &j.Error, nil }},
		{Name: "errors", At: func(j *Job, _ *struct{}) (any, any) { return (*string)(&j.Errors), nil }},
		{Name: "actor_id", At: func(j *Job, _ *struct{}) (any, any) { return &j.ActorID, nil }},
		{Name: "key_id", At: func(j *Job, _ *struct{}) (any, any) { return &j.KeyID, nil }},
		{Name: "unique_key", At: func(j *Job, _ *struct{}) (any, any) { return &j.UniqueKey, nil }},
		{Name: "schedule_id", At: func(j *Job, _ *struct{}) (any, any) { return &j.ScheduleID, nil }},
		{Name: "slot", At: func(j *Job, _ *struct{}) (any, any) { return &j.Slot, nil }},
		{Name: "place", At: func(j *Job, _ *struct{}) (any, any) { return &j.Place, nil }},
		{Name: "cancel_at", At: func(j *Job, _ *struct{}) (any, any) { return &j.CancelAt, nil }},
		{Name: "run_at", At: func(j *Job, _ *struct{}) (any, any) { return &j.RunAt, nil }},
		{Name: "created_at", At: func(j *Job, _ *struct{}) (any, any) { return &j.CreatedAt, nil }},
		{Name: "started_at", At: func(j *Job, _ *struct{}) (any, any) { return &j.StartedAt, nil }},
		{Name: "finished_at", At: func(j *Job, _ *struct{}) (any, any) { return &j.FinishedAt, nil }},
		{Name: "version", At: func(j *Job, _ *struct{}) (any, any) { return &j.Version, nil }},
	},
	Filters: []crm.Filter[Job, Filter]{
		{Name: "kind", Property: "kind", Doc: "Only jobs of this kind.", At: func(f *Filter) any { return &f.Kind }},
		{Name: "state", Property: "state", Doc: "Only jobs in this state.", At: func(f *Filter) any { return &f.State }},
		{Name: "actorId", Property: "actor_id", Doc: "Only jobs that this person asked for.", At: func(f *Filter) any { return &f.ActorID }},
	},
	Sorts: crm.Sorts{Fields: []string{"created_at"}, Default: crm.Sort{Field: "created_at", Desc: true}},
})

// A NewJob is a job to be added.
type NewJob struct {
	Kind     Kind
	Args     any // encoded as JSON
	Priority int
	// Delay is the time from now at which it is to be run; 0: at once.
	Delay time.Duration
	// RunAt is when it is to be run, instead of a Delay; 0: at once.
	RunAt crm.Instant
	// UniqueKey, if not "": while a job of the kind and organisation with the same key has not
	// ended, no other is added.
	UniqueKey string
	// Place, if not "", is where the files are that it needs.
	Place string
	// ScheduleID and Slot say which schedule adds it.
	ScheduleID *crm.ID
	Slot       *crm.Instant
}
