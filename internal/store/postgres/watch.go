package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"sixty/internal/crm"
)

// channel is what transactions that enter changes notify, and watchers listen to.
const channel = "sixty_changes"

// silence is the time after which a watcher asks whether the server is still there: a
// connection that the network has lost says nothing.
const silence = 30 * time.Second

// wakeLimit bounds what a commit waits for its notification to be sent. Whoever follows
// the log has looked by themselves by then.
const wakeLimit = 250 * time.Millisecond

// Wake notes what Commit is to notify of.
func (t *tx) Wake(org crm.ID, seq int64) { t.wake = org.String() + ":" + strconv.FormatInt(seq, 10) }

// notify sends the notification, in a transaction of its own after the other: those
// that notify commit one after the other, across all databases of the server, and
// would each wait for the disk alone. One that fails is lost.
func (t *tx) notify(ctx context.Context) {
	if t.wake != "" {
		_ = within(ctx, wakeLimit, func(ctx context.Context) error {
			_, err := t.conn.Exec(ctx, "SELECT pg_notify($1, $2)", channel, t.wake)
			return err
		})
	}
}

// Watch listens on a connection of its own: those of the pool are for requests.
func (e *Engine) Watch(ctx context.Context, wake func(org crm.ID, seq int64)) error {
	config := e.pool.Config().ConnConfig
	// There is no statement to cancel when ctx ends.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), e.timeout)
		defer cancel()
		_ = conn.Close(ctx) // the server notices in any case
	}()
	if err := within(ctx, e.timeout, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "LISTEN "+channel)
		return err
	}); err != nil {
		return err
	}
	wake(crm.ID{}, 0)
	for {
		n, err := notification(ctx, conn)
		if err == nil {
			wake(parseNotification(n.Payload))
			continue
		}
		if ctx.Err() != nil || !pgconn.Timeout(err) {
			return err
		}
		if err := within(ctx, e.timeout, conn.Ping); err != nil {
			return err
		}
	}
}

func within(ctx context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return fn(ctx)
}

// notification waits for the next one, a silence long at most.
func notification(ctx context.Context, conn *pgx.Conn) (n *pgconn.Notification, err error) {
	err = within(ctx, silence, func(ctx context.Context) error {
		n, err = conn.WaitForNotification(ctx)
		return err
	})
	return n, err
}

// parseNotification reads what Wake notes. Zeros stand for what somebody else may
// have sent.
func parseNotification(payload string) (crm.ID, int64) {
	id, number, _ := strings.Cut(payload, ":")
	org, err := crm.ParseID(id)
	if err != nil {
		return crm.ID{}, 0
	}
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return crm.ID{}, 0
	}
	return org, seq
}
