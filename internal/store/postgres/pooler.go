package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A pooler in transaction mode, such as PgBouncer, assigns each transaction any connection to
// the server. Nothing is left of a session then: startup parameters are dropped, a prepared
// statement is gone or another's, and so are advisory locks of sessions and LISTEN.

// A parameter is a setting of a session.
type parameter struct{ name, value string }

// sessionParameters are what statements need.
func sessionParameters(statementTimeout time.Duration) []parameter {
	return []parameter{
		// The client cancels first; this is for when it cannot.
		{"statement_timeout", strconv.FormatInt((statementTimeout + cancelGrace).Milliseconds(), 10)},
		{"idle_in_transaction_session_timeout", "60000"},
		{"timezone", "UTC"},
		// Compiling a plan takes longer than any statement here runs.
		{"jit", "off"},
	}
}

const applicationName = "application_name"

// startSession has a connection start with the parameters; what the URL says goes first.
func startSession(c *pgx.ConnConfig, statementTimeout time.Duration) {
	for _, p := range append(sessionParameters(statementTimeout), parameter{applicationName, "sixty"}) {
		if _, set := c.RuntimeParams[p.name]; !set {
			c.RuntimeParams[p.name] = p.value
		}
	}
	// Whatever the URL says: without a scope, no rows are visible.
	c.RuntimeParams["role"] = tenantRole
}

// A scoping is what is set together with the scope; nothing where connections start with it.
type scoping struct {
	statement   string // ends the statement that is sent ahead of another
	transaction string // follows BEGIN
}

// pooled reports whether there is a pooler in transaction mode.
func (s scoping) pooled() bool { return s.transaction != "" }

// staged is what becomes of a staging table at the end of a transaction.
func (s scoping) staged() string {
	if s.pooled() {
		return "DROP"
	}
	return "DELETE ROWS"
}

// lostAfter is the time in milliseconds after which a statement ends whose request has gone.
// Its connection is closed, whereupon the pooler closes that to the server, and the server
// looks for that. A request to cancel it would be quicker and keep the connection, but
// PgBouncer 1.18 and 1.19 may die of one ("bad client state").
const lostAfter = "500"

// throughPooler has a connection start without parameters, and returns what sets them in
// each transaction.
//
// Statements are unnamed. pgx keeps their descriptions, the types of arguments and columns,
// so that after the first time they take one round trip. One that is out of date after a
// migration fails the statement and is read anew, or does nothing, because the server sends
// the types of the columns each time: a column is never read as of another type. To describe
// a statement each time would take two round trips, which may go to two connections.
func throughPooler(c *pgx.ConnConfig, statementTimeout time.Duration) (scoping, error) {
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	c.StatementCacheCapacity = 0
	given := c.RuntimeParams
	c.RuntimeParams = map[string]string{applicationName: "sixty"} // which PgBouncer passes on
	if name, ok := given[applicationName]; ok {
		c.RuntimeParams[applicationName] = name
	}
	delete(given, applicationName)
	var s scoping
	for _, p := range append(sessionParameters(statementTimeout), parameter{"client_connection_check_interval", lostAfter}) {
		if value, ok := given[p.name]; ok {
			p.value = value
		}
		delete(given, p.name)
		value := "'" + strings.ReplaceAll(p.value, "'", "''") + "'"
		s.statement += " || set_config('" + p.name + "', " + value + ", true)"
		s.transaction += "; SET LOCAL " + p.name + " = " + value
	}
	for name := range given {
		return s, fmt.Errorf("the database URL sets %s, which a pooler does not pass on: use ALTER ROLE … SET %s", name, name)
	}
	return s, nil
}

// A PoolerError rejects a pooler where a connection has to be the server's own.
type PoolerError struct{ Reason string }

func (e *PoolerError) Error() string {
	return "the database URL leads to a connection pooler: " + e.Reason
}

// asPooler returns a PoolerError for the error by which PgBouncer rejects startup parameters.
func asPooler(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "08P01" && strings.Contains(pg.Message, "startup parameter") {
		return &PoolerError{pg.Message}
	}
	return err
}

// checkTimeout bounds each check of the way to the server.
const checkTimeout = 15 * time.Second

// checkDirect rejects a pooler in front of the server, except one that keeps a connection for
// each client, with all that a session has (PgBouncer's session mode).
func (e *Engine) checkDirect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	first, err := e.connect(ctx)
	if err != nil {
		return asPooler(err)
	}
	defer e.disconnect(first)
	pid, err := backend(ctx, first)
	if err != nil || pid == first.PgConn().PID() {
		return err // the server itself, because a pooler has process numbers of its own
	}
	second, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer e.disconnect(second)
	if err := notShared(ctx, first, second, pid); err != nil {
		return err
	}
	return hasParameters(ctx, first)
}

// sharingRounds is how often connections are asked for a server connection. A pooler hands
// out the one that was released last, so that mostly one round suffices.
const sharingRounds = 10

// notShared returns a PoolerError if two connections take turns on the same server
// connection, the first being on the one with this process number.
func notShared(ctx context.Context, first, second *pgx.Conn, pid uint32) error {
	shared := &PoolerError{"it is in transaction mode"}
	for range sharingRounds {
		tx, err := second.Begin(ctx)
		if err != nil {
			return &PoolerError{"no transaction can begin (" + err.Error() + ")"} // statement mode
		}
		other, err := backend(ctx, tx)
		if err == nil && other == pid {
			err = shared
		}
		if err == nil {
			var again uint32
			if again, err = backend(ctx, first); err == nil && again != pid {
				err = shared
			}
		}
		if err := errors.Join(err, tx.Rollback(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// hasParameters returns a PoolerError unless a connection has got the startup parameters that
// statements depend on. The role is not among them.
func hasParameters(ctx context.Context, conn *pgx.Conn) error {
	const given = `SELECT coalesce(string_agg(name, ', ' ORDER BY name), '') FROM pg_settings WHERE
name IN ('statement_timeout', 'idle_in_transaction_session_timeout') AND setting = '0' OR name = 'TimeZone' AND setting <> 'UTC'`
	var missing string
	if err := conn.QueryRow(ctx, given, pgx.QueryExecModeSimpleProtocol).Scan(&missing); err != nil {
		return err
	}
	if missing != "" {
		return &PoolerError{"it drops the startup parameters " + missing}
	}
	return nil
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// backend returns the process number of the server connection that a statement runs on.
func backend(ctx context.Context, q querier) (pid uint32, err error) {
	err = q.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid, err
}

// connect opens a connection to the server itself as its owner: the roles may not exist yet.
func (e *Engine) connect(ctx context.Context) (*pgx.Conn, error) {
	c := e.directConfig()
	delete(c.RuntimeParams, "role")
	return pgx.ConnectConfig(ctx, c)
}

func (e *Engine) disconnect(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	_ = conn.Close(ctx) // the server notices in any case
}

// checkSameDatabase rejects a direct URL that leads to another database than the pooler does:
// a lock that is held in one must be held in the other.
func (e *Engine) checkSameDatabase(ctx context.Context) error {
	if !e.scoping.pooled() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer e.disconnect(conn)
	key := rand.Int64() //nolint:gosec // so that instances do not meet by chance
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		return err
	}
	var free bool
	if err := e.pool.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", key).Scan(&free); err != nil {
		return asPooler(err)
	}
	if free {
		return errors.New("the direct URL leads to another database than the pooler does")
	}
	return nil
}
