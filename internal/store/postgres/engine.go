// Package postgres is the store's engine on PostgreSQL, over pgx's native interface.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// Options are where the database is and how it is used.
type Options struct {
	// URL is a connection string of libpq's: postgres://user:password@host:port/name.
	URL string
	// DirectURL reaches the server itself if URL leads to a pooler in transaction mode; ""
	// if it does not.
	DirectURL string
	// The pool holds MinConns connections at rest (2 if 0) and grows to MaxConns
	// under load (20 if 0).
	MinConns, MaxConns int32
	// StatementTimeout bounds every statement (5 s if 0).
	StatementTimeout time.Duration
	// VerifyRemote makes connections to other hosts use TLS and verify the server: unless the URL
	// has an sslmode, as verify-full does. Open returns ErrUnverified if it has one that does not.
	VerifyRemote bool
	// Logger is told when statements are no longer confined to organisations. It may be nil.
	Logger *slog.Logger
}

const (
	connectTimeout = 5 * time.Second
	idleTime       = time.Minute // after which a connection above MinConns is closed
	healthPeriod   = 15 * time.Second
	cancelGrace    = 2 * time.Second // for the server to obey a cancellation
	forever        = 10 * 365 * 24 * time.Hour
)

// Engine implements store.Engine.
type Engine struct {
	url, directURL string // of Options
	addedMode      bool   // one of these had no sslmode, and got one by which the server is verified
	pool           *pgxpool.Pool
	reserved       *pgxpool.Pool // of one connection; see store.Scope
	slots          *slots
	writers        chan struct{} // holds one for each transaction that writes: a part of the pool is left for reads
	commits        *commits
	notifier       notifier
	mu             sync.Mutex      // guards the pools until Open has returned
	direct         *pgx.ConnConfig // of connections outside the pool, to the server itself
	scoping        scoping
	timeout        time.Duration
	replaced       atomic.Pointer[passwords] // nil: those of the URLs
	analysed       sync.Map                  // tables that are known to have statistics
	epoch          atomic.Pointer[string]
	guard          guard
	readOnly       atomic.Bool // the server rejected the last write; it has been left once for that
}

// Open makes the pool; connections are made as they are needed, so that a database
// that is down is no error here.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 5 * time.Second
	}
	given := o
	if o.VerifyRemote {
		for _, url := range []*string{&o.URL, &o.DirectURL} {
			var err error
			if *url, err = Verified(*url); err != nil {
				return nil, err
			}
		}
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errURL
	}
	config.MinConns, config.MaxConns = cmpOr(o.MinConns, 2), cmpOr(o.MaxConns, 20)
	config.MaxConnIdleTime, config.HealthCheckPeriod = idleTime, healthPeriod
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = time.Hour, 10*time.Minute
	c := config.ConnConfig
	c.ConnectTimeout = connectTimeout
	writableHost(c, o.URL)
	e := &Engine{timeout: o.StatementTimeout, url: given.URL, directURL: given.DirectURL, addedMode: o.URL != given.URL || o.DirectURL != given.DirectURL, direct: c, commits: newCommits(config.MaxConns)}
	e.writers = make(chan struct{}, max(1, config.MaxConns-config.MaxConns/4))
	e.notifier = notifier{engine: e, ended: &e.commits.ended}
	e.slots = newSlots(int(config.MaxConns), func() int {
		stat := e.pool.Stat()
		return int(stat.AcquiredConns() + stat.IdleConns())
	})
	if o.DirectURL != "" {
		if e.direct, err = pgx.ParseConfig(o.DirectURL); err != nil {
			return nil, errURL
		}
		e.direct.ConnectTimeout = connectTimeout
		writableHost(e.direct, o.DirectURL)
		if e.scoping, err = throughPooler(c, o.StatementTimeout); err != nil {
			return nil, err
		}
	}
	startSession(e.direct, o.StatementTimeout)
	e.direct = e.direct.Copy() // the pool owns its own
	watch(&c.Config, e.scoping.pooled(), e.foundReadOnly)
	e.epoch.Store(new(string))
	e.guard.init(o.Logger)
	if err := e.openPools(ctx, config); err != nil {
		return nil, fmt.Errorf("opening the pool: %w", err)
	}
	return e, nil
}

// errURL does not wrap pgx's error, which repeats the URL and hides a password only when it
// can parse it.
var errURL = errors.New("the database URL is not one that PostgreSQL understands (postgres://user:password@host:port/name)")

func cmpOr(v, or int32) int32 {
	if v == 0 {
		return or
	}
	return v
}

// Close closes every connection, waiting for those in use; for unanswered commits no longer
// than for a statement.
func (e *Engine) Close() error {
	e.guard.close()
	e.commits.close(e.timeout)
	e.pool.Close()
	e.reserved.Close()
	return nil
}

// Stats returns the number of connections of the pool, of those in use, and the limit.
func (e *Engine) Stats() (open, inUse, limit int) {
	s := e.pool.Stat()
	return int(s.TotalConns()), int(s.AcquiredConns()), int(s.MaxConns())
}

// Dialect returns that of PostgreSQL.
func (e *Engine) Dialect() store.Dialect { return dialect{} }

// Ping checks that the server responds, and that statements are known to be confined.
func (e *Engine) Ping(ctx context.Context) error {
	if err := e.guard.err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, release, err := e.acquireReserved(ctx)
	if err != nil {
		return err
	}
	defer release()
	return conn.Ping(ctx)
}

// Query runs a statement. If the epoch of the log is another one than that of the last read,
// another server has taken over, or this connection still leads to the former one. Then the
// connections are replaced, and what a new one returns counts.
func (e *Engine) Query(ctx context.Context, scope store.Scope, st *store.Statement, args []any) (store.Rows, error) {
	if err := e.guard.err(); err != nil {
		return nil, err
	}
	rows, epoch, err := e.query(ctx, scope, st, args)
	if err == nil && e.epochChanged(epoch) {
		rows.Close()
		if rows, epoch, err = e.query(ctx, scope, st, args); err == nil {
			e.epochChanged(epoch)
		}
	}
	if err != nil {
		return nil, err
	}
	crm.ObserveEpoch(ctx, epoch)
	return rows, nil
}

// query runs a statement on a connection of the pool, behind one that sets the scope and
// returns the epoch, in the same round trip. Neither is in a transaction of its own, so that
// what was set goes when both are done. pgx prepares them on their first use on a connection,
// and keeps the 512 used last; behind a pooler it keeps their descriptions alone.
func (e *Engine) query(ctx context.Context, scope store.Scope, st *store.Statement, args []any) (*rows, string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	conn, release, err := e.acquireFor(ctx, scope)
	if err != nil {
		cancel()
		return nil, "", err
	}
	values := bind(args)
	var b pgx.Batch
	set, org := setting(scope, values)
	b.Queue(set+e.scoping.statement, org...)
	b.Queue(st.SQL, values...)
	sent := conn.SendBatch(ctx, &b)
	end := func() {
		_ = sent.Close() // of what went wrong the rows tell
		release()
		cancel()
	}
	var epoch pgtype.Text
	if err := sent.QueryRow().Scan(&epoch, nil); err != nil {
		end()
		return nil, "", err
	}
	r, err := sent.Query()
	if err != nil {
		end()
		return nil, "", err
	}
	return &rows{Rows: r, end: end}, epoch.String, nil
}

func (e *Engine) acquireFor(ctx context.Context, scope store.Scope) (*pgxpool.Conn, func(), error) {
	if scope.Reserved {
		return e.acquireReserved(ctx)
	}
	conn, err := e.acquire(ctx)
	return conn, func() { e.release(conn) }, err
}

// begin starts a transaction that finds rows by their keys and by nothing else: it
// has statements planned once, for whatever arguments. Planned for a thousand keys
// they would be read by reading the table, and planned for an organisation that the
// statistics have not met yet by reading all that it has.
const begin = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL lock_timeout = "

// number ends what begins a transaction: by its number the outcome is found should the
// commit not be answered. A server that only reads rejects it.
const number = "; SELECT pg_current_xact_id()"

// Begin starts a transaction.
func (e *Engine) Begin(ctx context.Context, scope store.Scope) (store.EngineTx, error) {
	if err := e.guard.err(); err != nil {
		return nil, err
	}
	if err := e.commits.admit(); err != nil {
		return nil, err
	}
	return e.begin(ctx, scope)
}

func (e *Engine) begin(ctx context.Context, scope store.Scope) (*tx, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	select {
	case e.writers <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t, err := e.beginIn(ctx, scope)
	if err != nil {
		<-e.writers
		return nil, err
	}
	return t, nil
}

// beginIn begins a transaction that writes, of which there may be another one.
func (e *Engine) beginIn(ctx context.Context, scope store.Scope) (*tx, error) {
	conn, err := e.acquireForWriting(ctx)
	if err != nil {
		return nil, err
	}
	// The server ends a wait for a lock before the client cancels the statement.
	limit := strconv.FormatInt((e.timeout - e.timeout/10).Milliseconds(), 10)
	results, err := conn.Conn().PgConn().Exec(ctx, begin+limit+confine(scope)+e.scoping.transaction+number).ReadAll()
	if err != nil {
		e.release(conn)
		return nil, err
	}
	return &tx{engine: e, conn: conn, writes: true, number: string(results[len(results)-1].Rows[0][0]), timeout: e.timeout}, nil
}

// acquireForWriting takes a connection of which no statement was cancelled.
func (e *Engine) acquireForWriting(ctx context.Context) (*pgxpool.Conn, error) {
	for {
		conn, err := e.acquire(ctx)
		if err != nil || !stateOf(conn).cancelled {
			return conn, err
		}
		closeConn(conn)
		e.release(conn)
	}
}

// closeConn closes a connection that is not to be used again.
func closeConn(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), notifyTimeout)
	defer cancel()
	_ = conn.Conn().Close(ctx)
}

// tx is a transaction, until it ends.
type tx struct {
	engine  *Engine
	conn    *pgxpool.Conn // nil when it has ended, or is its commit's
	writes  bool
	number  string
	timeout time.Duration
	loaded  []string // tables that this transaction has filled, and staging tables
	staged  []string
	guard   *store.Guard
}

func (t *tx) Query(ctx context.Context, st *store.Statement, args []any) (store.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	r, err := t.conn.Query(ctx, st.SQL, bind(args)...)
	if err != nil {
		cancel()
		return nil, err
	}
	return &rows{Rows: r, end: cancel}, nil
}

func (t *tx) Exec(ctx context.Context, st *store.Statement, args []any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	tag, err := t.conn.Exec(ctx, st.SQL, bind(args)...)
	return tag.RowsAffected(), err
}

// Rollback ends the transaction. A connection of which a statement was cancelled is closed.
func (t *tx) Rollback() error {
	if t.conn == nil {
		return nil
	}
	defer t.release()
	if t.conn.Conn().IsClosed() {
		return nil
	}
	if stateOf(t.conn).cancelled {
		closeConn(t.conn)
		return nil
	}
	return within(context.Background(), t.timeout, func(ctx context.Context) error {
		_, err := t.conn.Exec(ctx, "ROLLBACK")
		return err
	})
}

func (t *tx) release() {
	if t.conn == nil {
		return
	}
	t.engine.release(t.conn)
	t.conn = nil
	if t.writes {
		<-t.engine.writers
	}
}

// rows hand pgx's rows on, in the domain's types.
type rows struct {
	pgx.Rows
	end  func()
	from []any // the destinations that to stands for
	to   []any
}

func (r *rows) Scan(dest ...any) error {
	// A list is scanned into the same destinations again and again.
	if len(dest) == 0 || len(r.from) != len(dest) || &r.from[0] != &dest[0] {
		r.from, r.to = dest, destinations(dest)
	}
	return r.Rows.Scan(r.to...)
}

func (r *rows) Close() {
	r.Rows.Close()
	r.end()
}
