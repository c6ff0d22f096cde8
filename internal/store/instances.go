package store

import (
	"context"
	"strconv"
	"time"

	"sixty/internal/crm"
)

// The registry of running servers. Times are the database's. The column search_version holds
// the writtenVersion of a server's release.

// HeartbeatPeriod is the time between two heartbeats of a server. A database that accepts no
// writes is noticed by the next one.
const HeartbeatPeriod = 5 * time.Second

// instanceTimeout is the time in seconds after which a server without a heartbeat does not
// count as running.
const instanceTimeout = 60

// Heartbeat registers a running server, or notes that it still runs, and returns the
// database's time at that.
func (s *Store) Heartbeat(ctx context.Context, id crm.ID) (now crm.Instant, err error) {
	beat := s.statement("instance.heartbeat", func() *Statement {
		now := s.dialect.SecondsAgo(0)
		return &Statement{"instance.heartbeat", `INSERT INTO instances (id, search_version, started_at, seen_at) VALUES ($1, ` +
			strconv.Itoa(writtenVersion) + `, ` + now + `, ` + now + `) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at RETURNING seen_at`}
	})
	gone := s.statement("instance.prune", func() *Statement {
		return &Statement{"instance.prune", "DELETE FROM instances WHERE seen_at < " + s.dialect.SecondsAgo(10*instanceTimeout)}
	})
	err = s.inService(ctx, func(etx EngineTx) error {
		seen, err := collect(ctx, s, etx, beat, func(at *crm.Instant) []any { return []any{at} }, id)
		if err != nil {
			return err
		}
		now = seen[0]
		_, err = s.exec(ctx, etx, gone)
		return err
	})
	return now, err
}

var endInstance = &Statement{"instance.end", `DELETE FROM instances WHERE id = $1`}

// EndInstance takes a server that stops from the registry.
func (s *Store) EndInstance(ctx context.Context, id crm.ID) error {
	return s.execInService(ctx, endInstance, id)
}

// olderInstance reports whether a server runs that writes an older version of derived data.
func (s *Store) olderInstance(ctx context.Context) (older bool, err error) {
	st := s.statement("instance.older", func() *Statement {
		return &Statement{"instance.older", "SELECT 1 FROM instances WHERE search_version < $1 AND seen_at >= " +
			s.dialect.SecondsAgo(instanceTimeout) + " LIMIT 1"}
	})
	err = s.query(ctx, s.service(), st, []any{int64(writtenVersion)}, func(Rows) (bool, error) {
		older = true
		return false, nil
	})
	return older, err
}
