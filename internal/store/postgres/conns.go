package postgres

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connState is what is known of a connection besides pgx's own state.
type connState struct {
	// cancelled: a request to cancel one of its statements was sent, which may still hit a later
	// one. Nothing is written on such a connection.
	cancelled bool
	warned    bool // a warning has come since the field was reset
	socket    *socket
}

const stateKey = "sixty"

func stateOf(c *pgxpool.Conn) *connState { return connStateOf(c.Conn().PgConn()) }

func connStateOf(c *pgconn.PgConn) *connState {
	s, ok := c.CustomData()[stateKey].(*connState)
	if !ok {
		s = &connState{} // of a connection that is being made
		c.CustomData()[stateKey] = s
	}
	return s
}

// watch sets what is noted of a pool's connections. readOnlyServer is called when a server
// rejects a write because it is read-only, as after a failover.
func watch(c *pgconn.Config, pooled bool, readOnlyServer func()) {
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &socket{Conn: conn}, nil
	}
	c.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			connStateOf(conn).warned = true
		}
	}
	former := c.OnPgError
	c.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if e.Code == readOnly {
			readOnlyServer()
			return false // and the connection is closed
		}
		return former(conn, e)
	}
	// A statement whose request has gone is cancelled on the server, and the
	// connection lives on; behind a pooler the connection ends.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		state, raw := connStateOf(conn), conn.Conn()
		if secured, ok := raw.(*tls.Conn); ok {
			raw = secured.NetConn()
		}
		state.socket, _ = raw.(*socket)
		if pooled {
			return &pgconn.DeadlineContextWatcherHandler{Conn: raw}
		}
		return &cancelHandler{
			CancelRequestContextWatcherHandler: pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelGrace},
			state:                              state,
		}
	}
}

// cancelHandler notes that it cancels.
type cancelHandler struct {
	pgconn.CancelRequestContextWatcherHandler
	state *connState
}

// HandleCancel implements ctxwatch.Handler.
func (h *cancelHandler) HandleCancel(ctx context.Context) {
	h.state.cancelled = true
	h.CancelRequestContextWatcherHandler.HandleCancel(ctx)
}

// socket is a connection that cancellations can be turned off for: pgx asks the server to cancel
// what runs on a connection that it has lost, and dials the address of its remote end to do so.
type socket struct {
	net.Conn
	committing atomic.Bool
}

// RemoteAddr implements net.Conn. While a commit runs, it is an address that cannot be dialled.
func (s *socket) RemoteAddr() net.Addr {
	if s.committing.Load() {
		return unreachable{}
	}
	return s.Conn.RemoteAddr()
}

type unreachable struct{}

func (unreachable) Network() string { return "none" }
func (unreachable) String() string  { return "a connection that is committing" }
