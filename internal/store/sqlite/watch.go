package sqlite

import (
	"context"
	"database/sql"
	"time"

	"sixty/internal/crm"
)

// watchPeriod is the time between two looks at whether the file has changed.
const watchPeriod = 50 * time.Millisecond

// WatchJobs implements store.Engine: jobs are in the file too.
func (e *Engine) WatchJobs(ctx context.Context, wake func()) error {
	return e.Watch(ctx, func(crm.ID, int64) { wake() })
}

// AnnounceJobs does nothing: watchers see that the file has changed.
func (e *Engine) AnnounceJobs() {}

// Watch looks at data_version, which changes with the commits of other connections
// than the one that asks, in this process or another (sqlite.org/pragma.html). What
// they were about it does not tell.
func (e *Engine) Watch(ctx context.Context, notify func(org crm.ID, seq int64)) error {
	db, err := sql.Open("sqlite", dsn(Options{Path: e.path, StatementTimeout: e.timeout}, "query_only(1)"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it has only read
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	look, err := conn.PrepareContext(ctx, "PRAGMA data_version")
	if err != nil {
		return err
	}
	defer func() { _ = look.Close() }()
	ticker := time.NewTicker(watchPeriod)
	defer ticker.Stop()
	for known := int64(-1); ; {
		var version int64
		if err := look.QueryRowContext(ctx).Scan(&version); err != nil {
			return err
		}
		if version != known {
			known = version
			notify(crm.ID{}, 0)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
