package jobs

import (
	"context"
	"time"

	"sixty/internal/crm"
)

// LeaseTime is how long a lease is valid after it was taken or renewed.
const LeaseTime = 30 * time.Second

// A Lease is the right to run a job. The storage takes it away when it has expired.
type Lease struct {
	Org, Job crm.ID
	Token    crm.ID
}

type leaseKey struct{}

// WithLease returns a context whose transactions are committed only while the lease is held:
// otherwise they are rolled back, and fail with ErrLeaseLost.
func WithLease(ctx context.Context, l Lease) context.Context {
	return context.WithValue(ctx, leaseKey{}, l)
}

// LeaseOf returns the lease of a context; ok is false if there is none.
func LeaseOf(ctx context.Context) (l Lease, ok bool) {
	l, ok = ctx.Value(leaseKey{}).(Lease)
	return l, ok
}

// Store is what jobs need of storage. Errors are those of crm.Store. An organisation of zero
// stands for the jobs of the system, which only the methods without an actor reach, and
// those with an actor whose organisation is zero.
type Store interface {
	// Insert adds jobs of the actor's organisation: as part of the
	// transaction that the context has joined, or in one of its own. Created now by the storage's
	// clock, to be run after their Delay or, without, at their RunAt, 0 being now; one that is due
	// is ready. It returns them in their
	// order; instead of one whose UniqueKey is taken, the job that has it. Once the transaction is
	// committed, the kinds are announced to the listener that the storage was opened with.
	Insert(ctx context.Context, by crm.Actor, jobs []Job) ([]Job, error)
	// Page returns a page of an organisation's jobs, without their arguments and checkpoints.
	Page(ctx context.Context, org crm.ID, q crm.List[Filter]) (crm.Page[Job], error)
	// Job returns one; CodeNotFound.
	Job(ctx context.Context, org, id crm.ID) (Job, error)
	// Stats returns the numbers of each kind that has any jobs: of an organisation, or of all.
	Stats(ctx context.Context, org *crm.ID) ([]KindStats, error)

	// Claim takes leases on jobs that are due, at most Free of each kind, those of the highest priority
	// first, then those that have waited longest; none of a kind that is paused, nor more than its
	// Total over all instances. While jobs of another organisation have waited for a second, an
	// organisation gets no more than half of the kind's slots (rounded up; of Total, or else of
	// Slots, of which those in Held are taken). What the others leave is shared among all. A claimed job is
	// running, its attempt is one higher, and the lease has a new token.
	Claim(ctx context.Context, wants []Want, places []string) ([]Claimed, error)
	// Renew extends leases, and stores what has been noted. It returns those that are lost.
	Renew(ctx context.Context, leases []Renewal) (lost []crm.ID, err error)
	// CancelRequests returns those jobs of the leases that are to be cancelled, or are lost.
	CancelRequests(ctx context.Context, leases []Lease) ([]crm.ID, error)
	// Save runs fn, which may be nil, in one transaction of the actor (who is of the job's
	// organisation) with an update of the job: as crm.Store.Atomic, and ErrLeaseLost.
	Save(ctx context.Context, by crm.Actor, l Lease, u Update, fn func(context.Context) error) error
	// End ends an attempt; ErrLeaseLost. It may be told twice. A job that is to be cancelled does
	// not wait for another attempt, but is cancelled. Outcomes of Scheduled without a Delay, and of
	// Ready, are due when the attempt was, so that the job does not lose its place.
	End(ctx context.Context, l Lease, o Outcome) error

	// Cancel asks for a job to be cancelled: one that waits is cancelled at once, a running one
	// has CancelAt. CodeConflict if it has ended.
	Cancel(ctx context.Context, by crm.Actor, id crm.ID) (Job, error)
	// Retry makes a failed or cancelled job ready again, with all its attempts before it;
	// CodeConflict if it is in another state.
	Retry(ctx context.Context, by crm.Actor, id crm.ID) (Job, error)

	// Sweep does what no runner does by itself, on one instance at a time (ok is false if another
	// one does):
	// jobs whose lease has expired become ready, or failed if that was the last attempt, or
	// cancelled if that was asked for; scheduled ones that are due become ready. It returns the
	// kinds that have had due jobs for longer than a while.
	Sweep(ctx context.Context) (s Swept, ok bool, err error)

	// SetPaused pauses a kind, or resumes it. SetTotal limits its jobs over all instances; 0: no
	// limit. PausedKinds returns those that are paused.
	SetPaused(ctx context.Context, kind Kind, paused bool) error
	SetTotal(ctx context.Context, kind Kind, total int) error
	PausedKinds(ctx context.Context) ([]Kind, error)

	// Schedules returns those of an organisation, by name; zero: the system's.
	Schedules(ctx context.Context, org crm.ID) ([]Schedule, error)
	// PutSchedule adds or changes one, by its id; DeleteSchedule removes it (CodeNotFound).
	PutSchedule(ctx context.Context, by crm.Actor, s Schedule) error
	DeleteSchedule(ctx context.Context, by crm.Actor, id crm.ID) error
	// DueSchedules returns enabled ones, of all organisations, whose Next has come, at most limit.
	DueSchedules(ctx context.Context, limit int) (due []Schedule, now crm.Instant, err error)
	// Fire adds the job of a schedule's slot, which is its Next as DueSchedules returned it, and sets
	// the next one, in one transaction. ok is false if that was done already, or the schedule was
	// changed or deleted.
	Fire(ctx context.Context, s Schedule, next crm.Instant, job Job) (ok bool, err error)

	// Watch calls wake when jobs may have been added by any process, as far as the engine tells, until ctx
	// ends or watching fails, and once when it begins. Announce makes it be called on other instances,
	// soon.
	Watch(ctx context.Context, wake func()) error
	Announce(ctx context.Context) error
	// Now returns the storage's time.
	Now(ctx context.Context) (crm.Instant, error)
}

// A Want is how many jobs of a kind a runner can take.
type Want struct {
	Kind  Kind
	Free  int // slots
	Slots int // of the instance, free or not
	// Held are those of the slots that are not free, by organisation; nil: none is.
	Held map[crm.ID]int
}

// Claimed is a job with the lease on it.
type Claimed struct {
	Job   Job
	Lease Lease
}

// Renewal is a lease to be renewed, with what its handler has noted since.
type Renewal struct {
	Lease    Lease
	Progress *int    // nil: as before
	Note     *string // nil: as before
}

// Update is what Save changes of a job; nil members are as before.
type Update struct {
	Checkpoint *JSON
	Progress   *int
	Note       *string
	// Done, if not nil, is the result, and ends the job.
	Done *JSON
}

// Outcome is the end of an attempt.
type Outcome struct {
	State State
	// Result is that of Done.
	Result JSON
	// Failure is why the attempt failed; "" if it did not.
	Failure string
	// Delay is the time until the next attempt, of Scheduled.
	Delay time.Duration
	// Unused: the attempt does not count, since the process stops.
	Unused bool
}

// KindStats are the numbers of a kind's jobs.
type KindStats struct {
	Kind                                               Kind
	Scheduled, Ready, Running, Done, Failed, Cancelled int64
	// Of those that were done in the last hour:
	DoneLastHour          int64
	WaitMillis, RunMillis int64       // averages: from due to started, from started to finished
	OldestReady           crm.Instant // run_at of the job that has waited longest; 0: none waits
}

// Swept is what a sweep has done.
type Swept struct {
	Returned, Failed, Cancelled, Promoted int64
	Waiting                               []Kind
}

// A Schedule adds a job at its times.
type Schedule struct {
	OrgID     crm.ID      `json:"-"` // zero: the system's
	ID        crm.ID      `json:"id"`
	Name      string      `json:"name"`
	Kind      Kind        `json:"kind"`
	Args      JSON        `json:"args"`
	Cron      string      `json:"cron" doc:"Five fields, in UTC: minute, hour, day of the month, month, day of the week."`
	Enabled   bool        `json:"enabled"`
	ActorID   *crm.ID     `json:"actor_id" doc:"Whose rights its jobs have; null for the system."`
	KeyID     *crm.ID     `json:"-"` // the API key that they used
	Next      crm.Instant `json:"next_at"`
	CreatedAt crm.Instant `json:"created_at"`
	UpdatedAt crm.Instant `json:"updated_at"`
}
