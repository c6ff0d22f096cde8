package jobs

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"sixty/internal/crm"
)

// The kinds.
const (
	BulkImport          Kind = "bulk-import"
	DataExport          Kind = "data-export"
	DataCleanup         Kind = "data-cleanup"
	GenerateReport      Kind = "generate-report"
	UpdateAnalytics     Kind = "update-analytics"
	SendEmail           Kind = "send-email"
	SendNotification    Kind = "send-notification"
	CacheWarmup         Kind = "cache-warmup"
	PerformanceAnalysis Kind = "performance-analysis"
)

// Limits say how the jobs of a kind are run. All can be configured.
type Limits struct {
	Concurrency int // of an instance
	Total       int // over all instances; 0: as many as the instances run
	Attempts    int
	Backoff     Backoff
}

// A Backoff is the pause after a failed attempt.
type Backoff struct {
	First       time.Duration
	Exponential bool // each pause is twice as long as the one before
}

// maxBackoff bounds a pause, and backoffJitter is the greatest part that is added at random, so
// that what failed together is not tried again together.
const (
	maxBackoff    = time.Hour
	backoffJitter = 0.1
)

// After returns the pause after a number of failed attempts, which is at least 1.
func (b Backoff) After(attempts int) time.Duration {
	pause := b.First
	for i := 1; b.Exponential && i < attempts && pause < maxBackoff; i++ {
		pause *= 2
	}
	pause = min(pause, maxBackoff)
	return pause + time.Duration(rand.Float64()*backoffJitter*float64(pause)) //nolint:gosec // jitter, no secret
}

// A Default is what holds of a kind if nothing else is configured.
type Default struct {
	Kind Kind
	Limits
	// Cron is the schedule (UTC) on which the system adds one; "" for none.
	Cron string
	// System: its jobs belong to no organisation.
	System bool
}

// Kinds lists every kind, with its defaults.
var Kinds = []Default{
	{Kind: BulkImport, Limits: Limits{Concurrency: 2, Attempts: 3, Backoff: Backoff{time.Second, true}}},
	{Kind: DataExport, Limits: Limits{Concurrency: 1, Attempts: 2, Backoff: Backoff{time.Second, false}}},
	{Kind: DataCleanup, Limits: Limits{Concurrency: 1, Total: 1, Attempts: 1, Backoff: Backoff{5 * time.Second, false}}, Cron: "0 2 * * *", System: true},
	{Kind: GenerateReport, Limits: Limits{Concurrency: 3, Attempts: 2, Backoff: Backoff{2 * time.Second, true}}},
	{Kind: UpdateAnalytics, Limits: Limits{Concurrency: 2, Attempts: 3, Backoff: Backoff{time.Second, false}}, Cron: "*/30 * * * *", System: true},
	{Kind: SendEmail, Limits: Limits{Concurrency: 5, Attempts: 5, Backoff: Backoff{500 * time.Millisecond, true}}},
	{Kind: SendNotification, Limits: Limits{Concurrency: 10, Attempts: 3, Backoff: Backoff{100 * time.Millisecond, false}}},
	{Kind: CacheWarmup, Limits: Limits{Concurrency: 1, Attempts: 2, Backoff: Backoff{10 * time.Second, false}}, Cron: "0 * * * *", System: true},
	{Kind: PerformanceAnalysis, Limits: Limits{Concurrency: 1, Total: 1, Attempts: 1, Backoff: Backoff{30 * time.Second, false}}, Cron: "0 */6 * * *", System: true},
}

// A Handler runs a job. Its context ends when the job is cancelled, has lost its lease, or must
// stop because the process does; the handler then returns soon, and its last checkpoint is where
// the job goes on. Every transaction that it writes with the context (or one derived from it) is
// committed only while the lease is held. The result is encoded as JSON. An error is a failed
// attempt; see Permanent.
type Handler func(ctx context.Context, t *Task) (result any, err error)

// A Spec is a kind and how its jobs are run.
type Spec struct {
	Kind Kind
	Limits
	System bool
	// Check returns an error (crm.CodeInvalid, with the members' names) for args that Run cannot
	// work with. The actor asks for the job: Check also rejects what it may not ask for.
	Check func(ctx context.Context, by crm.Actor, args json.RawMessage) error
	// Scope is what a credential needs to add one over the API. 0: it cannot be added there.
	Scope crm.Scopes
	Run   Handler
}
