package jobkinds_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

type checked struct {
	Checked   int                 `json:"checked"`
	Records   int64               `json:"records"`
	Mended    int                 `json:"mended"`
	Differing []crm.SumDifference `json:"differing"`
	Rebuilt   bool                `json:"rebuilt"`
}

// wrongSums finds sums that are wrong.
type wrongSums struct {
	*store.Store
	then func()
}

func (w wrongSums) CheckSums(ctx context.Context, due crm.SumsDue) (crm.SumCheck, error) {
	found, err := w.Store.CheckSums(ctx, due)
	found.Differing = 300
	found.Differences = make([]crm.SumDifference, 60)
	for i := range found.Differences {
		found.Differences[i] = crm.SumDifference{Organisation: due.Org, Sum: "deal_sums"}
	}
	w.then()
	return found, err
}

// All organisations are checked that have changed, once; a difference is logged as the defect that it is,
// and a run that is stopped goes on.
func TestUpdateAnalytics(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		ctx, db := t.Context(), enginetest.Open(t, engine)
		service, by := organisation(t, db, time.Now)
		deal(ctx, t, service, by)
		do := func(r *run) (got checked) {
			t.Helper()
			result, err := r.do()
			r.result(result, err, &got)
			return got
		}
		spec := jobkinds.UpdateAnalytics(db, time.Now, silent)
		if got := do(claim(t, db, spec)); got.Checked != 1 || got.Records != 1 || got.Mended != 0 || got.Differing == nil || len(got.Differing) != 0 {
			t.Errorf("%+v", got)
		}
		if got := do(claim(t, db, spec)); got.Checked != 0 {
			t.Errorf("unchanged: %+v", got)
		}
		deal(ctx, t, service, by)
		for due := 0; due == 0; { // the pause after a check of one record is short
			now, err := db.Now(ctx)
			if err != nil {
				t.Fatal(err)
			}
			all, err := db.SumsDue(ctx, now, 10)
			if err != nil {
				t.Fatal(err)
			}
			due = len(all)
		}
		var log bytes.Buffer
		var r *run
		wrong := wrongSums{db, func() { close(r.stopping) }}
		r = claim(t, db, jobkinds.UpdateAnalytics(&wrong, time.Now, slog.New(slog.NewTextHandler(&log, nil))))
		if _, err := r.do(); !errors.Is(err, jobs.ErrStopping) {
			t.Fatal(err)
		}
		r.giveBack()
		if got := do(r); got.Checked != 1 || got.Mended != 300 || len(got.Differing) != 60 || got.Differing[0].Organisation != by.Org {
			t.Errorf("%+v", got)
		}
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), by.Org.String()) {
			t.Errorf("logged: %s", log.String())
		}
	})
}

// An analysis is stored once, however often its job is run, and removed when it is old.
func TestPerformanceAnalysis(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		ctx, db := t.Context(), enginetest.Open(t, engine)
		spec := jobkinds.PerformanceAnalysis(func() any { return map[string]int{"slow": 1} }, func(ctx context.Context, id crm.ID, analysis string) error {
			return db.PutPerformanceAnalysis(ctx, id, "host", analysis)
		})
		r := claim(t, db, spec)
		for range 2 {
			if _, err := r.do(); err != nil {
				t.Fatal(err)
			}
		}
		all, err := db.PerformanceAnalyses(ctx)
		if err != nil || len(all) != 1 || all[0].ID != r.claimed.Job.ID || all[0].Instance != "host" || all[0].Text != `{"slow":1}` || all[0].At < r.claimed.Job.CreatedAt {
			t.Errorf("%+v, %v", all, err)
		}
		if n, err := db.PrunePerformanceAnalyses(ctx, all[0].At, 1000); n != 0 || err != nil {
			t.Errorf("%d removed that are not older, %v", n, err)
		}
		if n, err := db.PrunePerformanceAnalyses(ctx, all[0].At+1, 1000); n != 1 || err != nil {
			t.Errorf("%d removed, %v", n, err)
		}
	})
}

// Jobs are removed with their results once they have ended long enough ago; those that have not ended
// are kept.
func TestJobsArePruned(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		ctx, db := t.Context(), enginetest.Open(t, engine)
		spec := jobkinds.PerformanceAnalysis(func() any { return 1 }, func(context.Context, crm.ID, string) error { return nil })
		for _, state := range []jobs.State{jobs.Done, jobs.Failed, jobs.Cancelled} {
			if err := db.Jobs().End(ctx, claim(t, db, spec).claimed.Lease, jobs.Outcome{State: state}); err != nil {
				t.Fatal(err)
			}
		}
		running := claim(t, db, spec)
		now, err := db.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const hour = crm.Instant(3600 * 1e6)
		for _, test := range []struct {
			name   string
			prune  func(context.Context, crm.Instant, int) (int64, error)
			before crm.Instant
			limit  int
			want   int64
		}{
			{"none is that old", db.PruneJobs, now - hour, 1000, 0}, {"no failed one is", db.PruneFailedJobs, now - hour, 1000, 0},
			{"the limit", db.PruneJobs, now + hour, 1, 1}, {"the other", db.PruneJobs, now + hour, 1000, 1}, {"no more", db.PruneJobs, now + hour, 1000, 0},
			{"failed", db.PruneFailedJobs, now + hour, 1000, 1},
		} {
			if n, err := test.prune(ctx, test.before, test.limit); n != test.want || err != nil {
				t.Errorf("%s: %d are removed, want %d; %v", test.name, n, test.want, err)
			}
		}
		if _, err := db.Jobs().Job(ctx, crm.ID{}, running.claimed.Job.ID); err != nil {
			t.Errorf("the job that is running: %v", err)
		}
	})
}

// A warm-up makes what was read most, within its bounds, whatever fails.
func TestCacheWarmup(t *testing.T) {
	t.Parallel()
	db := enginetest.Open(t, enginetest.SQLite)
	now, warmed, limit := time.Now(), 0, 0
	w := jobkinds.Warmup{
		MostUsed: func(n int) []cache.Use {
			limit = n
			return []cache.Use{{Key: "/a"}, {Key: "/b"}, {Key: "/c"}, {Key: "/d"}}
		},
		Warm: func(_ context.Context, _ crm.ID, key string) (bool, error) {
			warmed++
			now = now.Add(12 * time.Second)
			if key == "/b" {
				return false, errors.New("no")
			}
			return true, nil
		},
		Clock: func() time.Time { return now },
	}
	var got struct{ Keys, Made, Failed int }
	r := claim(t, db, jobkinds.CacheWarmup(w))
	result, err := r.do()
	if r.result(result, err, &got); got.Keys != 3 || got.Made != 2 || got.Failed != 1 || limit != 200 {
		t.Errorf("%+v of at most %d", got, limit)
	}
	r.giveBack()
	close(r.stopping)
	if _, err := r.do(); !errors.Is(err, jobs.ErrStopping) || warmed != 3 {
		t.Errorf("stopped: %v, after %d", err, warmed)
	}
}
