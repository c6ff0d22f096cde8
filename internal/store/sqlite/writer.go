package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"strconv"
	"sync"
	"time"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// writer is the connection that writes. SQLite allows one writer at a time; transactions
// wait here in turn, for as long as their contexts allow, instead of polling for the file's
// lock.
type writer struct {
	db   *sql.DB
	turn chan struct{} // holds a token while a transaction has the connection

	mu       sync.Mutex // guards what follows against Close
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	logPages int // that the connection lets the log grow to
}

func newWriter(db *sql.DB) *writer {
	return &writer{db: db, turn: make(chan struct{}, 1), prepared: map[string]*sql.Stmt{}}
}

// open makes the connection, unless there is one that lives.
func (w *writer) open(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	if err := conn.PingContext(ctx); err != nil {
		_ = conn.Close()
		return err
	}
	w.conn, w.logPages = conn, logPages
	return nil
}

// close drops the connection; the next transaction makes a new one.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range w.prepared {
		_ = st.Close()
	}
	clear(w.prepared)
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

func (w *writer) inUse() int { return len(w.turn) }

// statement returns a statement prepared on the connection; nil when there are so many
// that it is not kept.
func (w *writer) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if st := w.prepared[text]; st != nil || len(w.prepared) >= maxPrepared {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, positional(text))
	if err == nil {
		w.prepared[text] = st
	}
	return st, err
}

// Begin waits for the writer's turn and starts a transaction that may write from
// the start, so that it never fails halfway for want of the lock.
func (e *Engine) Begin(ctx context.Context, _ store.Scope) (store.EngineTx, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	w := e.writer
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err := w.open(ctx)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	}
	if err != nil {
		// A BEGIN that was cancelled may have begun all the same; a connection of the
		// next one's own starts clean.
		w.close()
		<-w.turn
		return nil, err
	}
	return &tx{w: w, timeout: e.timeout}, nil
}

// What is committed goes to the end of the log, and when the log has so many pages from
// there into the file. Transactions that change many rows change the same pages over and
// over, each of which then goes there once for several of them.
const (
	logPages  = 1000   // SQLite's own choice: 4 MB
	bulkPages = 16_000 // 64 MB
	bulkRows  = 1000   // a transaction that changes so many is one of them
)

// letLogGrow settles how long the log may get, for a transaction that changed so many rows.
func (w *writer) letLogGrow(ctx context.Context, rows int64) error {
	pages := logPages
	if rows >= bulkRows {
		pages = bulkPages
	}
	if pages == w.logPages {
		return nil
	}
	_, err := w.conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = "+strconv.Itoa(pages))
	if err == nil {
		w.logPages = pages
	}
	return err
}

type tx struct {
	w       *writer
	timeout time.Duration
	rows    int64 // that it changed
	guard   *store.Guard
	ended   bool
}

func (t *tx) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	p, err := t.w.statement(ctx, st.SQL)
	var r *sql.Rows
	switch {
	case err != nil:
	case p == nil:
		r, err = t.w.conn.QueryContext(ctx, st.SQL, bind(args)...)
	default:
		r, err = p.QueryContext(ctx, bind(args)...)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &rows{Rows: r, cancel: cancel}, nil
}

func (t *tx) Exec(ctx context.Context, st *store.Statement, args []any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	p, err := t.w.statement(ctx, st.SQL)
	if err != nil {
		return 0, err
	}
	var r sql.Result
	if p == nil {
		r, err = t.w.conn.ExecContext(ctx, st.SQL, bind(args)...)
	} else {
		r, err = p.ExecContext(ctx, bind(args)...)
	}
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	t.rows += n
	return n, err
}

// Commit is not cancelled by ctx once it has begun: it takes as long as the disk.
func (t *tx) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return notSentError{err}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.timeout)
	defer cancel()
	if err := t.hold(ctx); err != nil {
		return notSentError{err}
	}
	if err := t.w.letLogGrow(ctx, t.rows); err != nil {
		return notSentError{err}
	}
	if _, err := t.w.conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return err // and Rollback ends the turn
	}
	t.end()
	return nil
}

var (
	logCounter = &store.Statement{Name: "change.counter", SQL: countLog}
	logEntries = &store.Statement{Name: "change.entries", SQL: enterLog}
)

// CommitLogged implements store.EngineTx. Watchers see that the file has changed.
func (t *tx) CommitLogged(ctx context.Context, log *store.LogAppend) error {
	if err := t.enter(ctx, log); err != nil {
		return notSentError{err}
	}
	return t.Commit(ctx)
}

func (t *tx) enter(ctx context.Context, log *store.LogAppend) error {
	counted, err := t.Query(ctx, logCounter, log.Args[:2])
	if err != nil {
		return err
	}
	defer counted.Close()
	if !counted.Next() {
		return cmp.Or(counted.Err(), error(crm.NotFound("organisation")))
	}
	if err := counted.Scan(&log.At.Seq, &log.At.Epoch); err != nil {
		return err
	}
	counted.Close() // before another statement runs on the connection
	_, err = t.Exec(ctx, logEntries, log.Args[:6])
	return err
}

// Guard implements store.EngineTx.
func (t *tx) Guard(g *store.Guard) { t.guard = g }

var heldLease = &store.Statement{Name: "job.hold", SQL: `SELECT 1 FROM jobs WHERE org_id = $1 AND id = $2 AND lease_token = $3 AND state = 'running'`}

// hold checks the guard, and changes its job. No other transaction changes it before the commit.
func (t *tx) hold(ctx context.Context) error {
	g := t.guard
	if g == nil {
		return nil
	}
	found, err := t.Query(ctx, heldLease, []any{g.Org, g.Job, g.Token})
	if err != nil {
		return err
	}
	running := found.Next()
	found.Close()
	switch {
	case found.Err() != nil:
		return found.Err()
	case !running:
		return store.ErrLeaseLost
	case g.Change != nil:
		_, err = t.Exec(ctx, g.Change, g.Args)
	}
	return err
}

// notSentError is an error that came before COMMIT.
type notSentError struct{ error }

func (e notSentError) Unwrap() error { return e.error }

func (t *tx) Rollback() error {
	if t.ended {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
	defer cancel()
	_, err := t.w.conn.ExecContext(ctx, "ROLLBACK")
	if err != nil {
		// SQLite may have rolled back by itself (a full disk, say); a connection of
		// its own making starts clean in either case.
		t.w.close()
	}
	t.end()
	return err
}

func (t *tx) end() {
	t.ended = true
	<-t.w.turn
}
