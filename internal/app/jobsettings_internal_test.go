package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/config"
	"sixty/internal/jobs"
)

// The settings know the kinds that there are.
func TestJobKindsOfSettings(t *testing.T) {
	t.Parallel()
	var names []string
	for _, d := range jobs.Kinds {
		names = append(names, string(d.Kind))
	}
	if d := cmp.Diff(names, config.JobKinds); d != "" {
		t.Error(d)
	}
}

func TestJobLimitsOfSettings(t *testing.T) {
	t.Parallel()
	all := make([]jobs.Spec, len(jobs.Kinds))
	for i, d := range jobs.Kinds {
		all[i] = jobs.Spec{Kind: d.Kind, Limits: d.Limits}
	}
	got := withSettings(all, config.Jobs{
		JobConcurrency: "bulk-import=0", JobTotal: "send-email=9", JobAttempts: "send-email=2", JobBackoff: "send-email=3s,data-export=exponential 2s",
	})
	for i, d := range jobs.Kinds {
		want := d.Limits
		switch d.Kind {
		case jobs.BulkImport:
			want.Concurrency = 0
		case jobs.SendEmail:
			want.Total, want.Attempts, want.Backoff = 9, 2, jobs.Backoff{First: 3 * time.Second}
		case jobs.DataExport:
			want.Backoff = jobs.Backoff{First: 2 * time.Second, Exponential: true}
		}
		if got[i].Limits != want || all[i].Limits != d.Limits {
			t.Errorf("%s: %+v, want %+v; the default is %+v", d.Kind, got[i].Limits, want, all[i].Limits)
		}
	}
}

func TestSchedulesOfSettings(t *testing.T) {
	t.Parallel()
	all, err := systemSchedules(config.Jobs{JobSchedules: "data-cleanup=*/10 * * * *;cache-warmup=off"})
	want := map[jobs.Kind]string{
		jobs.DataCleanup: "*/10 * * * *", jobs.CacheWarmup: "", jobs.UpdateAnalytics: "*/30 * * * *", jobs.PerformanceAnalysis: "0 */6 * * *",
	}
	if d := cmp.Diff(want, all); d != "" || err != nil {
		t.Error(d, err)
	}
	_, err = systemSchedules(config.Jobs{JobSchedules: "data-cleanup=0 0 30 2 *;bulk-import=0 0 * * *;cache-warmup=@hourly"})
	for _, part := range []string{
		`--job-schedules (SIXTY_JOB_SCHEDULES) of data-cleanup must occur`, "of bulk-import must be a kind of the system", "of cache-warmup must have five fields",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
}
