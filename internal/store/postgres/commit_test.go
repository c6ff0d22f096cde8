package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/storetest"
)

func TestRolledBack(t *testing.T) {
	t.Parallel()
	e := database(t)(t, 0)
	t.Cleanup(func() { _ = e.Close() })
	said := func(severity, code string) error {
		return fmt.Errorf("commit: %w", &pgconn.PgError{SeverityUnlocalized: severity, Code: code})
	}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"serialisation failure", said("ERROR", "40001"), true},
		{"deferred constraint", said("ERROR", "23503"), true},
		{"a transaction that had failed", pgx.ErrTxCommitRollback, true},
		{"cancelled", said("ERROR", "57014"), false},
		{"server is shut down", said("FATAL", "57P01"), false},
		{"server falls", said("PANIC", "53100"), false},
		{"connection ends", io.ErrUnexpectedEOF, false},
		{"out of time", context.DeadlineExceeded, false},
	} {
		if got := e.Dialect().RolledBack(c.err); got != c.want {
			t.Errorf("%s: rolled back for certain: %t, want %t", c.name, got, c.want)
		}
	}
}

// committing is a database with an organisation, and a store whose transactions commit
// as commit does, and are heard of.
type committing struct {
	url    string
	engine store.Engine // another one, by another way
	store  *store.Store
	heard  *storetest.Commits
	org    crm.ID
}

func newCommitting(t *testing.T, url string, through store.Engine, commit func(context.Context, store.EngineTx) error) committing {
	t.Helper()
	engine, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	if err := engine.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	org, err := accounts.NewService(store.New(engine, store.Options{}).Accounts(), time.Now, "GBP").CreateOrganisation(t.Context(), "Home")
	if err != nil {
		t.Fatal(err)
	}
	heard := new(storetest.Commits)
	s := store.New(storetest.AtCommit(through, commit), store.Options{Commits: heard})
	t.Cleanup(func() { _ = s.Close() })
	return committing{url, engine, s, heard, org.ID}
}

// write enters a change, and tells with which error, and whether it is in the log.
func (c *committing) write(t *testing.T) (logged bool, err error) {
	t.Helper()
	log := store.New(c.engine, store.Options{})
	end := func() int64 {
		ends, err := log.LogEnds(t.Context(), []crm.ID{c.org})
		if err != nil {
			t.Fatal(err)
		}
		return ends.Seqs[c.org]
	}
	before := end()
	err = c.store.Write(t.Context(), crm.Operator(c.org), crm.InstantOf(time.Now()), func(tx store.Tx) error {
		return tx.LogBulkChange(t.Context(), crm.EntityDeal)
	})
	return end() > before, err
}

// heardOf checks what the listener heard of one transaction.
func (c *committing) heardOf(t *testing.T, inDoubt bool) {
	t.Helper()
	entries, doubts := c.heard.Heard()
	if len(entries) > 0 || (len(doubts) == 1 && doubts[0] == c.org) != inDoubt {
		t.Errorf("heard of %v, in doubt %v; want doubt: %t", entries, doubts, inDoubt)
	}
}

// open opens an engine.
func open(t *testing.T, url string, timeout time.Duration) *postgres.Engine {
	t.Helper()
	e, err := postgres.Open(t.Context(), postgres.Options{URL: url, StatementTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// one runs a statement that answers one number.
func one(ctx context.Context, q store.Querier, sql string, args ...any) (n int64, err error) {
	rows, err := q.Query(ctx, &store.Statement{Name: "test.one", SQL: sql}, args)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// A connection that the server ends before the commit leaves it in doubt: how far it
// had come, the server does not say.
func TestCommitOnEndedConnection(t *testing.T) {
	t.Parallel()
	database := servertest.PostgresURL(t)
	c := newCommitting(t, database, open(t, database, 0), func(ctx context.Context, tx store.EngineTx) error {
		pid, err := one(ctx, tx, "SELECT pg_backend_pid()::bigint")
		if err != nil {
			return err
		}
		if err := (owned{url: database}).AsOwner(ctx, fmt.Sprintf("SELECT pg_terminate_backend(%d, 5000)", pid)); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	logged, err := c.write(t)
	if crm.CodeOf(err) != crm.CodeCommitUnknown || logged {
		t.Errorf("%v of code %s, in the log: %t; want %s, and nothing", err, crm.CodeOf(err), logged, crm.CodeCommitUnknown)
	}
	c.heardOf(t, true)
}

// mute is a toxic that drops what the server says.
const mute = `{"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`

// A commit whose answer the network loses is in, and in doubt.
func TestCommitWithoutAnswer(t *testing.T) {
	t.Parallel()
	database := servertest.PostgresURL(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	proxy := servertest.Proxy(t, u.Host)
	u.Host = proxy.Listen
	engine, err := postgres.Open(t.Context(), postgres.Options{URL: u.String(), MinConns: 1, MaxConns: 1, StatementTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	prepared := false
	c := newCommitting(t, database, engine, func(ctx context.Context, tx store.EngineTx) error {
		if !prepared {
			prepared = true
			return tx.Commit(ctx)
		}
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(mute)); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	if _, err := c.write(t); err != nil {
		t.Fatal(err)
	}
	c.heard.Heard()
	logged, err := c.write(t)
	if crm.CodeOf(err) != crm.CodeCommitUnknown || !logged {
		t.Errorf("%v of code %s, in the log: %t; want %s, and the entry", err, crm.CodeOf(err), logged, crm.CodeCommitUnknown)
	}
	c.heardOf(t, true)
}

// What the server refuses to commit is out for certain.
func TestCommitRefused(t *testing.T) {
	t.Parallel()
	database := servertest.PostgresURL(t)
	c := newCommitting(t, database, open(t, database, 0), func(ctx context.Context, tx store.EngineTx) error {
		for _, sql := range []string{
			"CREATE TEMPORARY TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
			"INSERT INTO once VALUES (1), (1)",
		} {
			if _, err := tx.Exec(ctx, &store.Statement{Name: "test.refuse", SQL: sql}, nil); err != nil {
				return err
			}
		}
		return tx.Commit(ctx)
	})
	logged, err := c.write(t)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || logged {
		t.Errorf("%v, in the log: %t; want the server's refusal, and nothing", err, logged)
	}
	c.heardOf(t, false)
}
