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

// The channels of the notifications.
const (
	channel     = "sixty_changes"
	jobsChannel = "sixty_jobs"
)

// idleLimit is the time without a notification after which a watcher pings the server, to
// detect a lost connection.
const idleLimit = 30 * time.Second

// Watch implements store.Engine.
func (e *Engine) Watch(ctx context.Context, notify func(org crm.ID, seq int64)) error {
	return e.listen(ctx, channel, func(payload string) { notify(parseNotification(payload)) })
}

// WatchJobs implements store.Engine.
func (e *Engine) WatchJobs(ctx context.Context, wake func()) error {
	return e.listen(ctx, jobsChannel, func(string) { wake() })
}

// AnnounceJobs implements store.Engine.
func (e *Engine) AnnounceJobs() { e.notifier.notifyJobs() }

// listen listens on a connection of its own: those of the pool are for requests, and may
// not be the same server connection from one statement to the next.
func (e *Engine) listen(ctx context.Context, channel string, notify func(payload string)) error {
	config := e.directConfig()
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
	notify("")
	for {
		n, err := notification(ctx, conn)
		if err == nil {
			notify(n.Payload)
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

// notification waits for the next one, for idleLimit at most.
func notification(ctx context.Context, conn *pgx.Conn) (n *pgconn.Notification, err error) {
	err = within(ctx, idleLimit, func(ctx context.Context) error {
		n, err = conn.WaitForNotification(ctx)
		return err
	})
	return n, err
}

// parseNotification parses the payload of a notification. It returns zeros for one that
// another program sent.
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
