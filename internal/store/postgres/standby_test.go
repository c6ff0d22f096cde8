package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
)

// confirming is a database whose commits wait for a standby while standby is away. Others on
// the server do not wait: their commits are not synchronous.
func confirming(t *testing.T, connections int32) (c committing, away, back func()) {
	t.Helper()
	base := servertest.PostgresURL(t)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("synchronous_commit", "on")
	u.RawQuery = q.Encode()
	through, err := postgres.Open(t.Context(), postgres.Options{
		URL: u.String(), MinConns: 1, MaxConns: connections, StatementTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	set := func(names string) {
		for _, sql := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + names + "'", "SELECT pg_reload_conf()"} {
			if err := (owned{url: base}).AsOwner(context.WithoutCancel(t.Context()), sql); err != nil {
				t.Error(err)
			}
		}
	}
	c = newCommitting(t, base, through, func(ctx context.Context, tx store.EngineTx) error { return tx.Commit(ctx) })
	back = func() { set("") }
	t.Cleanup(back)
	return c, func() { set("missing") }, back
}

// unknown writes until a commit is not confirmed: the server takes a moment to wait for a standby.
func (c *committing) unknown(t *testing.T) *crm.UnknownCommit {
	t.Helper()
	for range 1000 {
		c.heard.Heard()
		_, err := c.write(t)
		var u *crm.UnknownCommit
		if errors.As(err, &u) {
			if crm.CodeOf(err) != crm.CodeCommitUnknown {
				t.Errorf("code %s, want %s", crm.CodeOf(err), crm.CodeCommitUnknown)
			}
			return u
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("every commit was confirmed")
	return nil
}

func (c *committing) refuses(t *testing.T) {
	t.Helper()
	_, err := c.write(t)
	if crm.CodeOf(err) != crm.CodeUnavailable {
		t.Errorf("a write while the others are not confirmed: %v of code %s, want %s", err, crm.CodeOf(err), crm.CodeUnavailable)
	}
}

// TestCommitAwaitsStandby: one test for all, because the setting is the server's.
func TestCommitAwaitsStandby(t *testing.T) {
	t.Run("confirmed later", func(t *testing.T) {
		c, away, back := confirming(t, 4)
		away()
		u := c.unknown(t)
		c.heardOf(t, true)
		c.refuses(t) // one of four connections may wait
		if err := c.store.Ping(t.Context()); err != nil {
			t.Errorf("meanwhile: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if at, err := u.Wait(short); crm.CodeOf(err) != crm.CodeCommitUnknown {
			t.Errorf("meanwhile the outcome is %v, %v", at, err)
		}
		back()
		at, err := u.Wait(t.Context())
		if err != nil || at.Seq == 0 {
			t.Errorf("the outcome is %v, %v; want the entry", at, err)
		}
		if entries, _ := c.heard.Heard(); len(entries) != 1 || entries[0].Seq != at.Seq {
			t.Errorf("heard of %v, want the entry %d", entries, at.Seq)
		}
		if logged, err := c.write(t); err != nil || !logged {
			t.Errorf("a write afterwards: %v", err)
		}
	})
	t.Run("given up by the server", func(t *testing.T) {
		c, away, back := confirming(t, 4)
		away()
		first := c.unknown(t)
		const cancelled = `SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep') c`
		if n := c.asOwner(t, cancelled); n != 1 {
			t.Errorf("%d commits wait for the standby; want 1", n)
		}
		c.stays(t, first)
		back()
		if at, err := first.Wait(t.Context()); err != nil || at.Seq == 0 {
			t.Errorf("the outcome is %v, %v; want the entry", at, err)
		}
	})
	t.Run("connection lost", func(t *testing.T) {
		c, away, back := confirming(t, 4)
		away()
		u := c.unknown(t)
		const ended = `SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep') c`
		if n := c.asOwner(t, ended); n != 1 {
			t.Errorf("%d commits wait for the standby; want 1", n)
		}
		c.stays(t, u)
		back()
		if at, err := u.Wait(t.Context()); err != nil || at.Seq == 0 {
			t.Errorf("the outcome is %v, %v; want the entry", at, err)
		}
	})
	t.Run("closed", func(t *testing.T) {
		c, away, back := confirming(t, 4)
		away()
		u := c.unknown(t)
		if err := c.store.Close(); err != nil { // within a statement's time
			t.Error(err)
		}
		// The transaction is in the log, once the server no longer waits: it was not cancelled.
		waiting := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'"
		if n := c.asOwner(t, waiting); n != 1 {
			t.Errorf("%d commits wait for the standby; want 1", n)
		}
		back()
		log := store.New(c.engine, store.Options{})
		if at, err := log.CommitOutcome(t.Context(), u.Transaction); err != nil || at.Seq == 0 {
			t.Errorf("the outcome is %v, %v; want the entry", at, err)
		}
	})
}

// asOwner returns the number that a statement returns.
func (c *committing) asOwner(t *testing.T, sql string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// stays checks that what is committed on this server alone is not an outcome.
func (c *committing) stays(t *testing.T, u *crm.UnknownCommit) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if at, err := u.Wait(ctx); crm.CodeOf(err) != crm.CodeCommitUnknown {
		t.Errorf("without the standby the outcome is %v, %v", at, err)
	}
}
