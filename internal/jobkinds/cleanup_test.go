package jobkinds_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

type cleaned struct {
	Removed map[string]int64 `json:"removed"`
	Done    []string         `json:"done"`
	More    []string         `json:"more"`
}

func cleanup(db *store.Store, removals ...jobkinds.Removal) jobkinds.Cleanup {
	return jobkinds.Cleanup{Removals: removals, Now: db.Now, Trusted: func() error { return nil }, Clock: time.Now, Log: silent}
}

// pile is so much to remove.
type pile struct {
	left  int64
	calls int
	err   error
	then  func() // at each call
}

func (p *pile) remove(_ context.Context, _ crm.Instant, limit int) (int64, error) {
	p.calls++
	if p.then != nil {
		p.then()
	}
	if p.err != nil {
		return 0, p.err
	}
	n := min(p.left, int64(limit))
	p.left -= n
	return n, nil
}

// What was deleted longer ago than it is kept is removed, by the database's clock.
func TestCleanupRemoves(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		ctx, db := t.Context(), enginetest.Open(t, engine)
		const keep = 30 * 24 * time.Hour
		now := time.Now().Add(-keep - time.Hour)
		service, by := organisation(t, db, func() time.Time { return now })
		old, recent, kept := deal(ctx, t, service, by), deal(ctx, t, service, by), deal(ctx, t, service, by)
		remove := func(d crm.Deal) {
			t.Helper()
			if err := service.DeleteDeal(ctx, by, d.ID, crm.VersionCondition{}); err != nil {
				t.Fatal(err)
			}
		}
		remove(old)
		now = now.Add(2 * time.Hour)
		remove(recent)
		r := claim(t, db, jobkinds.DataCleanup(cleanup(db, jobkinds.Removal{Name: "deals", Keep: keep, Remove: func(ctx context.Context, before crm.Instant, limit int) (int64, error) {
			return db.PurgeDeleted(ctx, crm.EntityDeal, before, limit)
		}})))
		var got cleaned
		result, err := r.do()
		if r.result(result, err, &got); fmt.Sprint(got) != "{map[deals:1] [deals] []}" {
			t.Errorf("%+v", got)
		}
		if _, err := service.RestoreDeal(ctx, by, old.ID); crm.CodeOf(err) != crm.CodeNotFound {
			t.Errorf("what was deleted long ago: %v", err)
		}
		if _, err := service.RestoreDeal(ctx, by, recent.ID); err != nil {
			t.Errorf("what was deleted lately: %v", err)
		}
		if _, err := service.Deal(ctx, by, kept.ID); err != nil {
			t.Errorf("what was not deleted: %v", err)
		}
	})
}

// A run that is stopped goes on where it was, and one that has lost its lease removes nothing.
func TestCleanupStops(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		db := enginetest.Open(t, engine)
		first, second, third := &pile{left: 7}, &pile{left: 25_000}, &pile{left: 3}
		r := claim(t, db, jobkinds.DataCleanup(cleanup(db,
			jobkinds.Removal{Name: "first", Remove: first.remove}, jobkinds.Removal{Name: "second", Remove: second.remove},
			jobkinds.Removal{Name: "third", Remove: third.remove})))
		second.then = func() { close(r.stopping) }
		if _, err := r.do(); !errors.Is(err, jobs.ErrStopping) {
			t.Fatalf("stopped: %v", err)
		}
		if first.left != 0 || second.left != 15_000 || third.calls != 0 {
			t.Errorf("left are %+v, %+v, %+v", first, second, third)
		}
		r.giveBack()
		second.then = nil
		var got cleaned
		result, err := r.do()
		if r.result(result, err, &got); fmt.Sprint(got) != "{map[first:7 second:25000 third:3] [first second third] []}" || first.calls != 1 {
			t.Errorf("%+v; %+v", got, first)
		}

		service, by := organisation(t, db, time.Now)
		d := deal(t.Context(), t, service, by)
		if err := service.DeleteDeal(t.Context(), by, d.ID, crm.VersionCondition{}); err != nil {
			t.Fatal(err)
		}
		r = claim(t, db, jobkinds.DataCleanup(cleanup(db, jobkinds.Removal{Name: "deals", Keep: -time.Hour, Remove: func(ctx context.Context, before crm.Instant, limit int) (int64, error) {
			return db.PurgeDeleted(ctx, crm.EntityDeal, before, limit)
		}})))
		if err := db.Jobs().End(t.Context(), r.claimed.Lease, jobs.Outcome{State: jobs.Failed, Failure: "lost"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.do(); !errors.Is(err, jobs.ErrLeaseLost) {
			t.Errorf("without the lease: %v", err)
		}
		if _, err := service.RestoreDeal(t.Context(), by, d.ID); err != nil {
			t.Errorf("it was removed without the lease: %v", err)
		}
	})
}

// What cannot be removed holds up nothing else, and neither does what there is too much of.
func TestCleanupGoesOn(t *testing.T) {
	t.Parallel()
	db := enginetest.Open(t, enginetest.SQLite)
	now := time.Now()
	broken, endless, last := &pile{err: errors.New("no")}, &pile{left: 1 << 60}, &pile{left: 3}
	endless.then = func() { now = now.Add(20 * time.Minute) }
	c := cleanup(db, jobkinds.Removal{Name: "broken", Remove: broken.remove}, jobkinds.Removal{Name: "endless", Remove: endless.remove},
		jobkinds.Removal{Name: "last", Remove: last.remove})
	c.Clock = func() time.Time { return now }
	if _, err := claim(t, db, jobkinds.DataCleanup(c)).do(); err == nil || !strings.Contains(err.Error(), "broken: no") {
		t.Errorf("with one that fails: %v", err)
	}
	if last.left != 0 || endless.calls != 4 {
		t.Errorf("left are %+v, %+v", last, endless)
	}
	broken.err, last.left, endless.calls = nil, 0, 0
	c.Trusted = func() error { return errors.New("the clock is wrong") }
	spec := jobkinds.DataCleanup(c)
	r := claim(t, db, spec)
	if _, err := r.do(); err == nil || endless.calls != 0 {
		t.Errorf("with a clock that is wrong: %v, %+v", err, endless)
	}
}
