package app

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/servertest"
)

func TestSkewOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct{ before, after, want time.Duration }{
		"Equal":       {0, 0, 0},
		"Ahead":       {time.Minute, time.Minute + time.Second, 0},
		"TooFarAhead": {time.Minute + time.Second, time.Minute + 2*time.Second, time.Minute + time.Second},
		"Behind":      {-time.Minute - time.Second, -time.Minute, 0},
		"TooFarBack":  {-time.Hour - time.Second, -time.Hour, -time.Hour},
		"SlowAnswer":  {-time.Hour, time.Hour, 0}, // nothing is known
	} {
		if got := skewOf(now.Add(c.before), now.Add(c.after), crm.InstantOf(now)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// An instance whose clock is wrong removes nothing, reports it, and goes on when it is right.
func TestWrongClockRemovesNothing(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Env, cfg.Port, cfg.DataDir = config.Test, 0, t.TempDir()
			if engine == "postgres" {
				cfg.DatabaseURL = config.Secret(servertest.PostgresURL(t))
			}
			const days = 8 * 24 * time.Hour // one more than the log is kept
			var log bytes.Buffer
			var offset atomic.Int64
			offset.Store(int64(days))
			open := func() *App {
				a, err := New(t.Context(), cfg, Options{Stderr: &log, Clock: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }})
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
			a := open()
			defer func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}()
			entries := func() int {
				t.Helper()
				orgs, err := a.core.Accounts.Organisations(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, o := range orgs {
					kept, err := a.core.Store.LogSince(t.Context(), o.ID, 0, 1000)
					if err != nil {
						t.Fatal(err)
					}
					n += len(kept.Entries)
				}
				return n
			}
			prune := func(by time.Duration, want jobs.State) {
				t.Helper()
				a.serving.end() // nothing but the test beats
				a.serving.running.Wait()
				offset.Store(int64(by))
				a.serving.heartbeat.beat(t.Context())
				added, err := a.core.Jobs.Add(t.Context(), crm.Actor{}, jobs.NewJob{Kind: jobs.DataCleanup})
				if err != nil {
					t.Fatal(err)
				}
				job := added[0]
				for poll := time.NewTicker(5 * time.Millisecond); !job.State.Ended(); <-poll.C {
					if job, err = a.core.Store.Jobs().Job(t.Context(), crm.ID{}, job.ID); err != nil {
						t.Fatal(err)
					}
				}
				if job.State != want || want == jobs.Failed && !strings.Contains(*job.Error, "the clock of this instance") {
					t.Errorf("%s ahead: the job has %s, %v", by, job.State, job.Error)
				}
			}
			prune(0, jobs.Done)
			if _, err := a.core.Accounts.CreateOrganisation(t.Context(), "Now"); err != nil {
				t.Fatal(err)
			}
			offset.Store(int64(-days))
			if _, err := a.core.Accounts.CreateOrganisation(t.Context(), "Old"); err != nil {
				t.Fatal(err)
			}
			all := entries()
			for _, by := range []time.Duration{days, -days} {
				prune(by, jobs.Failed)
				if n := entries(); n != all {
					t.Errorf("%s ahead: %d of %d entries are left", by, n, all)
				}
				if w := (health{a}).Warnings(); len(w) != 1 || !strings.Contains(w[0], "192h0m0s") {
					t.Errorf("%s ahead: the warnings are %q", by, w)
				}
			}
			prune(0, jobs.Done)
			if n := entries(); n == 0 || n >= all {
				t.Errorf("with the right clock %d of %d entries are left", n, all)
			}
			if w := (health{a}).Warnings(); len(w) != 0 {
				t.Errorf("with the right clock: %q", w)
			}
			a.core.lines.Flush()
			for text, want := range map[string]int{"it removes no old rows until": 2, "agrees with the database's again": 2} {
				if n := strings.Count(log.String(), text); n != want {
					t.Errorf("%q is logged %d times, want %d:\n%s", text, n, want, log.String())
				}
			}
		})
	}
}

// A database that can be read, but commits nothing, is not ready.
func TestNoCommit(t *testing.T) {
	t.Parallel()
	url := servertest.PostgresURL(t)
	cfg := config.Default()
	cfg.Env, cfg.Port, cfg.DataDir, cfg.DatabaseURL = config.Test, 0, t.TempDir(), config.Secret(url)
	a, err := New(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.serving.end() // nothing but the test beats
	a.serving.running.Wait()
	owner, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.Background()) })
	exec := func(sql string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no commit'; END $$;
CREATE CONSTRAINT TRIGGER refused AFTER INSERT OR UPDATE ON instances DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	beat := func() {
		a.serving.heartbeat.last = time.Now().Add(-heartbeatAge - time.Second)
		a.serving.heartbeat.beat(t.Context())
	}
	beat()
	if err := (health{a}).Writable(t.Context()); crm.CodeOf(err) != crm.CodeUnavailable {
		t.Errorf("while nothing is committed: %v", err)
	}
	if err := (health{a}).Readable(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	if p := a.serving.heartbeat.period(); p != heartbeatRetry {
		t.Errorf("the next heartbeat comes after %s", p)
	}
	exec("DROP TRIGGER refused ON instances")
	beat()
	if err := (health{a}).Writable(t.Context()); err != nil {
		t.Errorf("when it commits again: %v", err)
	}
}
