package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// What a transaction ends with, in one round trip. The order is the order of locks, for all
// writers: first the sums of deals, then those of activities, then the organisation's counter.
// Were the constraints not named, their triggers would run in the order of their events, and
// two writers could wait for each other. The counter comes last, since it is locked until
// the commit is on disk. The server's limit on statements does not apply to the commit, which
// may wait for a standby: cancelled there, it would be committed all the same.
const (
	sumDeals      = "SET CONSTRAINTS deal_sums_keep IMMEDIATE"
	sumActivities = "SET CONSTRAINTS activity_sums_keep IMMEDIATE"
	enterLog      = `WITH counter AS (
  UPDATE organisations SET log_seq = log_seq + $2 WHERE id = $1 RETURNING log_seq
), entered AS (
  INSERT INTO changes (org_id, seq, entity, entity_id, op, actor_id, key_id, at, refs)
  SELECT $1::uuid, log_seq - $2 + n, entry ->> 0, (entry ->> 1)::uuid, entry ->> 2, $3::uuid, $6::uuid, $4::timestamptz, entry -> 3
  FROM jsonb_array_elements($5::text::jsonb) WITH ORDINALITY e (entry, n) LEFT JOIN counter ON true
)
SELECT log_seq, expect_epoch($7), set_config('statement_timeout', '0', true) FROM counter`
	holdLease = "SELECT hold_lease($1, $2, $3, $4)"
	elsewhere = "SET LOCAL ROLE " + serviceRole
	unlimited = "SET LOCAL statement_timeout = 0"
)

// noCounter reports whether entries of the log had no number, as there is no such organisation.
func noCounter(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23502" && pg.TableName == "changes" && pg.ColumnName == "seq"
}

var (
	errCancelled = errors.New("a statement of the transaction was cancelled")
	// errWarned: the only warning that a commit ends with is that synchronous replication was
	// given up. It is committed on this server, and lost if a standby takes over.
	errWarned = errors.New("the server has committed with a warning")
)

// notSentError is an error that came before COMMIT was run.
type notSentError struct{ error }

func (e notSentError) Unwrap() error { return e.error }

// RolledBack goes by what the server itself has said. An ERROR comes before the
// commit is written: afterwards the server would rather fall (PANIC), or it ends the
// connection (FATAL), which it may before and after. A cancellation that was meant for
// the commit may be reported when that is done.
func (dialect) RolledBack(err error) bool {
	if notSent := (notSentError{}); errors.As(err, &notSent) {
		return true
	}
	if errors.Is(err, pgx.ErrTxCommitRollback) || pgconn.SafeToRetry(err) { // COMMIT answered by ROLLBACK; COMMIT not sent
		return true
	}
	return isError(err, func(code string) bool { return code != queryCancelled })
}

// isError reports whether the server has sent an ERROR with such a code.
func isError(err error, is func(code string) bool) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" && is(pg.Code)
}

func (t *tx) Commit(ctx context.Context) error { return t.commit(ctx, nil) }

// CommitLogged implements store.EngineTx.
func (t *tx) CommitLogged(ctx context.Context, log *store.LogAppend) error { return t.commit(ctx, log) }

func (t *tx) commit(ctx context.Context, log *store.LogAppend) error {
	switch {
	case ctx.Err() != nil:
		return notSentError{ctx.Err()} // and Rollback releases the connection
	case stateOf(t.conn).cancelled:
		return notSentError{errCancelled}
	}
	c := t.engine.commits.start(t, log)
	limit := time.NewTimer(t.timeout)
	defer limit.Stop()
	cause, abandoned := context.DeadlineExceeded, false
	select {
	case <-c.answered:
	case <-limit.C:
		abandoned = t.engine.commits.abandon(c)
	case <-ctx.Done():
		cause = ctx.Err()
		abandoned = t.engine.commits.abandon(c)
	}
	if !abandoned {
		<-c.answered // by now
		cause = c.err
	}
	switch {
	case cause == nil:
		if log != nil {
			log.At = c.at
		}
		for _, table := range t.loaded {
			t.engine.analyse(ctx, table)
		}
		return nil
	case t.engine.Dialect().RolledBack(cause):
		return cause
	}
	return &store.UnknownCommit{
		Cause: cause, Transaction: t.number, Answered: c.answered, Answer: func() (crm.LogPosition, error) { return c.at, c.err },
	}
}

// Guard implements store.EngineTx.
func (t *tx) Guard(g *store.Guard) { t.guard = g }

// hold queues what locks the job of a guard, and changes it. A row of another organisation is not
// there for the tenant: what is left of the transaction runs as the service.
func hold(b *pgx.Batch, g *store.Guard) {
	if g.Elsewhere {
		b.Queue(elsewhere)
	}
	b.Queue(holdLease, append(bind([]any{g.Org, g.Job, g.Token}), g.Change != nil)...)
	if g.Change != nil {
		b.Queue(g.Change.SQL, bind(g.Args)...)
	}
}

// finish sends the end of the transaction, and returns what the server answers. Nothing cancels it.
func finish(conn *pgx.Conn, guard *store.Guard, log *store.LogAppend) (at crm.LogPosition, err error) {
	ctx := context.Background()
	state := connStateOf(conn.PgConn())
	state.warned = false
	state.socket.committing.Store(true) // until it is answered: a lost connection is left alone
	defer func() {
		if !conn.IsClosed() {
			state.socket.committing.Store(false)
		}
	}()
	var b pgx.Batch
	if log != nil {
		if log.Deals {
			b.Queue(sumDeals)
		}
		if log.Activities {
			b.Queue(sumActivities)
		}
	}
	if guard != nil {
		hold(&b, guard)
	}
	if log != nil {
		b.Queue(enterLog, bind(log.Args)...)
	} else {
		b.Queue(unlimited)
	}
	b.Queue("COMMIT")
	sent := conn.SendBatch(ctx, &b)
	defer func() { _ = sent.Close() }() // of the commit it tells no more
	for _, q := range b.QueuedQueries[:b.Len()-1] {
		if q.SQL == enterLog {
			err = sent.QueryRow().Scan(&at.Seq, &at.Epoch, nil)
		} else {
			_, err = sent.Exec()
		}
		switch {
		case noCounter(err):
			return at, notSentError{errNoOrganisation}
		case isError(err, func(string) bool { return true }):
			return at, notSentError{err} // the server skips what follows
		case err != nil:
			return at, err
		}
	}
	tag, err := sent.Exec()
	switch {
	case err != nil:
		return at, err
	case tag.String() == "ROLLBACK":
		return at, pgx.ErrTxCommitRollback
	case state.warned:
		return at, errWarned
	}
	return at, nil
}
