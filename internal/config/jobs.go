package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Jobs configure work in the background. What is set for a kind of jobs overrides its default.
type Jobs struct {
	NoJobs         bool          `name:"no-jobs" env:"SIXTY_NO_JOBS" help:"Serve without running jobs: another instance, or sixty worker, runs them." group:"server"`
	JobStop        time.Duration `name:"job-stop" env:"SIXTY_JOB_STOP" default:"10s" help:"Time for running jobs to reach a checkpoint at shutdown; they are continued elsewhere, or later." group:"server"`
	JobConcurrency string        `name:"job-concurrency" env:"SIXTY_JOB_CONCURRENCY" placeholder:"KIND=N,…" help:"Jobs of a kind that this instance runs at once, such as bulk-import=2,send-email=10; 0: none." group:"server"`
	JobTotal       string        `name:"job-total" env:"SIXTY_JOB_TOTAL" placeholder:"KIND=N,…" help:"Jobs of a kind that all instances together run at once; 0: no limit." group:"server"`
	JobAttempts    string        `name:"job-attempts" env:"SIXTY_JOB_ATTEMPTS" placeholder:"KIND=N,…" help:"Attempts at a job of a kind." group:"server"`
	JobBackoff     string        `name:"job-backoff" env:"SIXTY_JOB_BACKOFF" placeholder:"KIND=PAUSE,…" help:"Pause after a failed attempt, such as data-export=1s; send-email=exponential 500ms doubles it each time." group:"server"`
	JobSchedules   string        `name:"job-schedules" env:"SIXTY_JOB_SCHEDULES" placeholder:"KIND=CRON;…" help:"When jobs of the system are run, as cron expressions in UTC, such as data-cleanup=0 2 * * *;cache-warmup=off." group:"server"`
}

// JobKinds are the names of the kinds of jobs.
var JobKinds = []string{
	"bulk-import", "data-export", "data-cleanup", "generate-report", "update-analytics", "send-email", "send-notification", "cache-warmup",
	"performance-analysis",
}

// A JobBackoff is a pause after a failed attempt; exponential: each is twice as long as the one before.
type JobBackoff struct {
	First       time.Duration
	Exponential bool
}

// ByKind are the settings of kinds, by their names.
type ByKind struct {
	Concurrency, Total, Attempts map[string]int
	Backoff                      map[string]JobBackoff
	Schedules                    map[string]string // cron expressions, which are not checked; "" for none
}

// Bounds of the settings of a kind.
const (
	maxJobConcurrency = 1000
	maxJobTotal       = 100_000
	maxJobAttempts    = 100
	minJobBackoff     = time.Millisecond
	maxJobBackoff     = time.Hour
)

// ByKind returns the settings of kinds. Those with problems, which Check reports, are not among them.
func (j Jobs) ByKind() ByKind {
	all, _ := j.byKind()
	return all
}

func (j Jobs) byKind() (ByKind, []string) {
	c := checker{settings: j}
	return ByKind{
		Concurrency: perKind(&c, "JobConcurrency", j.JobConcurrency, ",", wholeNumber(0, maxJobConcurrency)),
		Total:       perKind(&c, "JobTotal", j.JobTotal, ",", wholeNumber(0, maxJobTotal)),
		Attempts:    perKind(&c, "JobAttempts", j.JobAttempts, ",", wholeNumber(1, maxJobAttempts)),
		Backoff:     perKind(&c, "JobBackoff", j.JobBackoff, ",", jobBackoff),
		Schedules: perKind(&c, "JobSchedules", j.JobSchedules, ";", func(text string) (string, error) {
			switch text {
			case off:
				return "", nil
			case "":
				return "", fmt.Errorf("must be a cron expression, or %s", off)
			}
			return text, nil
		}),
	}, c.found
}

func (j Jobs) problems() []string {
	c := checker{settings: j}
	c.duration("JobStop", j.JobStop)
	_, found := j.byKind()
	return append(c.found, found...)
}

// perKind parses a list of KIND=VALUE. The error's text of a value is "must …".
func perKind[V any](c *checker, field, text, separator string, parse func(string) (V, error)) map[string]V {
	all := map[string]V{}
	if strings.TrimSpace(text) == "" {
		return all
	}
	for entry := range strings.SplitSeq(text, separator) {
		name, value, given := strings.Cut(entry, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		_, twice := all[name]
		switch {
		case !given:
			c.add(field, "must be KIND=VALUE, separated by %q, not %q", separator, strings.TrimSpace(entry))
			continue
		case !slices.Contains(JobKinds, name):
			c.add(field, "must name kinds of jobs (%s), not %q", strings.Join(JobKinds, ", "), name)
			continue
		case twice:
			c.add(field, "must not name %s twice", name)
			continue
		}
		v, err := parse(value)
		if err != nil {
			c.add(field, "of %s %s, not %q", name, err, value)
			continue
		}
		all[name] = v
	}
	return all
}

// wholeNumber returns the parser of numbers within bounds.
func wholeNumber(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number between %d and %d", least, most)
		}
		return n, nil
	}
}

// jobBackoff parses a JobBackoff, such as 1s or exponential 500ms.
func jobBackoff(text string) (JobBackoff, error) {
	pause, exponential := strings.CutPrefix(text, "exponential ")
	d, err := time.ParseDuration(strings.TrimSpace(pause))
	if err != nil || d < minJobBackoff || d > maxJobBackoff {
		return JobBackoff{}, fmt.Errorf("must be a duration between %s and %s, or exponential and a duration", minJobBackoff, maxJobBackoff)
	}
	return JobBackoff{d, exponential}, nil
}
