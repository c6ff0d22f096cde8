package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/config"
)

func TestJobs(t *testing.T) {
	t.Parallel()
	got := config.Jobs{
		JobConcurrency: "bulk-import=2, send-email = 0", JobTotal: "data-cleanup=0", JobAttempts: "send-email=7",
		JobBackoff: "send-email=exponential 500ms,data-export=1s", JobSchedules: "data-cleanup=0 2 1,15 * *; cache-warmup=off",
	}
	want := config.ByKind{
		Concurrency: map[string]int{"bulk-import": 2, "send-email": 0},
		Total:       map[string]int{"data-cleanup": 0},
		Attempts:    map[string]int{"send-email": 7},
		Backoff:     map[string]config.JobBackoff{"send-email": {500 * time.Millisecond, true}, "data-export": {time.Second, false}},
		Schedules:   map[string]string{"data-cleanup": "0 2 1,15 * *", "cache-warmup": ""},
	}
	if d := cmp.Diff(want, got.ByKind()); d != "" {
		t.Error(d)
	}
}

// Every problem is told, with the name of its setting and the value.
func TestJobProblems(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		change func(*config.Jobs)
	}{
		`--job-stop (SIXTY_JOB_STOP) must be more than 0 and at most 1h0m0s, not 0s`:                                                                {func(j *config.Jobs) { j.JobStop = 0 }},
		`--job-concurrency (SIXTY_JOB_CONCURRENCY) must be KIND=VALUE, separated by ",", not "bulk-import"`:                                         {func(j *config.Jobs) { j.JobConcurrency = "bulk-import" }},
		`--job-concurrency (SIXTY_JOB_CONCURRENCY) of bulk-import must be a whole number between 0 and 1000, not "-1"`:                              {func(j *config.Jobs) { j.JobConcurrency = "bulk-import=-1" }},
		`--job-concurrency (SIXTY_JOB_CONCURRENCY) must not name bulk-import twice`:                                                                 {func(j *config.Jobs) { j.JobConcurrency = "bulk-import=1,bulk-import=1" }},
		`--job-total (SIXTY_JOB_TOTAL) of send-email must be a whole number between 0 and 100000, not "many"`:                                       {func(j *config.Jobs) { j.JobTotal = "send-email=many" }},
		`--job-attempts (SIXTY_JOB_ATTEMPTS) of send-email must be a whole number between 1 and 100, not "0"`:                                       {func(j *config.Jobs) { j.JobAttempts = "send-email=0" }},
		`--job-backoff (SIXTY_JOB_BACKOFF) of send-email must be a duration between 1ms and 1h0m0s, or exponential and a duration, not "linear 1s"`: {func(j *config.Jobs) { j.JobBackoff = "send-email=linear 1s" }},
		`--job-backoff (SIXTY_JOB_BACKOFF) of data-export must be a duration between 1ms and 1h0m0s, or exponential and a duration, not "2h"`:       {func(j *config.Jobs) { j.JobBackoff = "data-export=2h" }},
		`--job-schedules (SIXTY_JOB_SCHEDULES) of data-cleanup must be a cron expression, or off, not ""`:                                           {func(j *config.Jobs) { j.JobSchedules = "data-cleanup=" }},
		`--job-schedules (SIXTY_JOB_SCHEDULES) must name kinds of jobs (`:                                                                           {func(j *config.Jobs) { j.JobSchedules = "cleanup=off" }},
	} {
		cfg := config.Default()
		c.change(&cfg.Jobs)
		if err := cfg.Check(); err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("%v, want %s", err, text)
		}
	}
	cfg := config.Default()
	cfg.JobTotal, cfg.JobAttempts = "x=1,send-email=-1", "y=1"
	var told int
	if err := cfg.Check(); err != nil {
		told = strings.Count(err.Error(), "; --") + 1
	}
	if told != 3 {
		t.Errorf("%d problems are told", told)
	}
}
