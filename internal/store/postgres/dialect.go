package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/puddle/v2"

	"sixty/internal/crm"
	"sixty/internal/store"
)

type dialect struct{}

func (dialect) AnyID(expr string, n int) string   { return expr + " = ANY($" + strconv.Itoa(n) + ")" }
func (dialect) AnyText(expr string, n int) string { return expr + " = ANY($" + strconv.Itoa(n) + ")" }

func (dialect) IDs(ids []crm.ID) any {
	out := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		out[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return out
}

func (dialect) Texts(texts []string) any { return texts }

// ForUpdate locks against changes of the row, but lets others refer to it.
func (dialect) ForUpdate() string { return " FOR NO KEY UPDATE OF t" }
func (dialect) ForShare() string  { return " FOR SHARE OF t" }

func (dialect) TryLock(n int) string { return "pg_try_advisory_xact_lock($" + strconv.Itoa(n) + ")" }

func (dialect) EnteredBy(n int) string { return "xid = $" + strconv.Itoa(n) + "::text::xid8" }

// InProgress goes by the lock that a transaction has on its own number until it has ended,
// also for those who look. pg_xact_status fails on a number that the server does not know.
func (dialect) InProgress(n int) string {
	return "EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock' AND transactionid = $" +
		strconv.Itoa(n) + "::text::xid8::xid)"
}

// currentEpoch is the epoch of the log, if that is this server's.
const currentEpoch = "(SELECT epoch FROM log_epoch WHERE origin = log_origin(tableoid))"

func (dialect) Epoch() string { return currentEpoch }

func (dialect) ExpectEpoch(n int) string { return "expect_epoch($" + strconv.Itoa(n) + ")" }

func (dialect) RenewEpoch() string {
	return "UPDATE log_epoch SET epoch = $1, origin = log_origin(tableoid) WHERE epoch = $2"
}

// LogGrowth goes by snapshots (PostgreSQL manual, 9.27.9): what has been committed between
// two of them are the transactions that had not begun in the first one, or not ended. Those
// that begin after the second are left out, as are the numbers of a restored database, which
// were given out by another server. OFFSET 0 has the second part look up each transaction
// that was running, of which there are mostly none; else the planner may read the table.
func (dialect) LogGrowth() string {
	return `WITH since AS (SELECT CASE WHEN $1 = '' THEN pg_current_snapshot() ELSE $1::text::pg_snapshot END AS mark)
SELECT ` + currentEpoch + `, pg_current_snapshot()::text, NULL::uuid, 0::bigint
UNION ALL
SELECT NULL, NULL, org_id, max(seq) FROM changes
WHERE xid >= (SELECT pg_snapshot_xmax(mark) FROM since) AND xid < pg_snapshot_xmax(pg_current_snapshot()) GROUP BY org_id
UNION ALL
SELECT NULL, NULL, c.org_id, max(c.seq) FROM (SELECT pg_snapshot_xip(mark) AS xid FROM since) running
CROSS JOIN LATERAL (SELECT org_id, seq FROM changes WHERE changes.xid = running.xid OFFSET 0) c GROUP BY c.org_id`
}

func (dialect) SkipLocked() string { return " FOR NO KEY UPDATE OF t SKIP LOCKED" }

func (dialect) JSONRows(n int, columns ...store.JSONColumn) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(e ->> " + strconv.Itoa(i) + ")")
		switch c.Type {
		case store.JSONID:
			b.WriteString("::uuid")
		case store.JSONNumber:
			b.WriteString("::bigint")
		case store.JSONText:
		}
		b.WriteString(" AS " + c.Name)
	}
	return "(SELECT " + b.String() + " FROM jsonb_array_elements($" + strconv.Itoa(n) + "::text::jsonb) e)"
}

func (dialect) Later(micros string) string {
	return "(now() + " + micros + " * interval '1 microsecond')"
}

func (dialect) Time(expr string) string { return expr + "::timestamptz" }

func (dialect) AverageMillis(from, to string) string {
	return "coalesce((avg(extract(epoch FROM " + to + " - " + from + ")) * 1000)::bigint, 0)"
}

func (dialect) SecondsAgo(n int) string { return "now() - interval '" + strconv.Itoa(n) + " seconds'" }

func (dialect) ReadOnly() string { return "current_setting('transaction_read_only') = 'on'" }

// RebuildSums adds the difference between what the sums are and what they should be, both
// read by one statement and so from one snapshot. Whatever other transactions add before or
// after that, the result is right: additions commute. It groups as migrations 14 and 22 do.
func (dialect) RebuildSums(table string) []string {
	if table == "deal_sums" {
		return []string{`WITH counted AS (
  SELECT coalesce(owner_id, '00000000-0000-0000-0000-000000000000') AS owner_id, currency COLLATE "C" AS currency, status COLLATE "C" AS status,
    coalesce(value, 0) AS value, coalesce((value * probability + 50) / 100, 0) AS weighted,
    (created_at AT TIME ZONE 'UTC')::date AS created, (closed_at AT TIME ZONE 'UTC')::date AS closed,
    CASE WHEN closed_at < created_at THEN 1 ELSE 0 END AS early
  FROM deals WHERE org_id = $1 AND stage_id = $2 AND deleted_at IS NULL
), differences AS (
  SELECT p.period, p.begins, owner_id, currency, status, 1 AS deals, value / 1000000 AS value_high, value % 1000000 AS value_low,
    weighted / 1000000 AS weighted_high, weighted % 1000000 AS weighted_low, coalesce(closed - created, 0) AS days,
    early, early * coalesce(closed - created, 0) AS early_days
  FROM counted CROSS JOIN LATERAL (VALUES
    ('open' COLLATE "C", DATE '1970-01-01', closed IS NULL),
    ('month', date_trunc('month', closed::timestamp)::date, closed IS NOT NULL),
    ('day', closed, closed IS NOT NULL)
  ) p (period, begins, counts)
  WHERE p.counts
  UNION ALL
  SELECT period, begins, owner_id, currency, status, -deals, -value_high, -value_low, -weighted_high, -weighted_low, -days, -early, -early_days
  FROM deal_sums WHERE org_id = $1 AND stage_id = $2
)
INSERT INTO deal_sums AS s (org_id, period, begins, owner_id, currency, status, stage_id, deals, value_high, value_low, weighted_high, weighted_low, days, early, early_days)
SELECT $1, period, begins, owner_id, currency, status, $2, sum(deals), sum(value_high), sum(value_low), sum(weighted_high), sum(weighted_low), sum(days),
  sum(early), sum(early_days)
FROM differences GROUP BY period, begins, owner_id, currency, status
HAVING sum(deals) <> 0 OR sum(value_high) <> 0 OR sum(value_low) <> 0 OR sum(weighted_high) <> 0 OR sum(weighted_low) <> 0 OR sum(days) <> 0
  OR sum(early) <> 0 OR sum(early_days) <> 0
ORDER BY period, begins, owner_id, currency, status
ON CONFLICT (org_id, period, begins, owner_id, currency, status, stage_id) DO UPDATE SET deals = s.deals + excluded.deals,
  value_high = s.value_high + excluded.value_high, value_low = s.value_low + excluded.value_low,
  weighted_high = s.weighted_high + excluded.weighted_high, weighted_low = s.weighted_low + excluded.weighted_low, days = s.days + excluded.days,
  early = s.early + excluded.early, early_days = s.early_days + excluded.early_days`,
			"DELETE FROM deal_sums WHERE org_id = $1 AND stage_id = $2 AND deals = 0"}
	}
	return []string{`WITH differences AS (
  SELECT p.period, p.begins, coalesce(owner_id, '00000000-0000-0000-0000-000000000000') AS owner_id,
    1 AS activities, coalesce(amount, 0) / 1000000 AS amount_high, coalesce(amount, 0) % 1000000 AS amount_low
  FROM (SELECT owner_id, amount, (date AT TIME ZONE 'UTC')::date AS day FROM activities WHERE org_id = $1 AND type = $2 AND deleted_at IS NULL) a
  CROSS JOIN LATERAL (VALUES ('month' COLLATE "C", date_trunc('month', day::timestamp)::date), ('day', day)) p (period, begins)
  UNION ALL
  SELECT period, begins, owner_id, -activities, -amount_high, -amount_low FROM activity_sums WHERE org_id = $1 AND type = $2
)
INSERT INTO activity_sums AS s (org_id, period, begins, owner_id, type, activities, amount_high, amount_low)
SELECT $1, period, begins, owner_id, $2, sum(activities), sum(amount_high), sum(amount_low)
FROM differences GROUP BY period, begins, owner_id
HAVING sum(activities) <> 0 OR sum(amount_high) <> 0 OR sum(amount_low) <> 0
ORDER BY period, begins, owner_id
ON CONFLICT (org_id, period, begins, owner_id, type) DO UPDATE SET activities = s.activities + excluded.activities,
  amount_high = s.amount_high + excluded.amount_high, amount_low = s.amount_low + excluded.amount_low`,
		"DELETE FROM activity_sums WHERE org_id = $1 AND type = $2 AND activities = 0"}
}

func (dialect) SumBig(column string) string { return "coalesce(sum(" + column + "), 0)::bigint" }

// Matches are found by the inverted index over the terms, which stand in a tsvector as
// they are: no parser and no dictionary of PostgreSQL's has a say. They are read through
// a view that shows the organisation's own (see migration 12): behind a policy the index
// would not be asked, because its operator is not leakproof.
func (dialect) Matches(n int) (tables, condition, newest string) {
	return "own_search s", "search_vector(s.terms) @@ $" + strconv.Itoa(n) + "::tsquery", "s.pos"
}

// TermSyntax is that of a tsquery; terms in quotes are nothing but terms.
func (dialect) TermSyntax() store.TermSyntax {
	return store.TermSyntax{Before: "'", After: "':*", And: " & ", Or: " | "}
}

func (dialect) AnyOf(expr, query string) string { return expr + " = ANY (ARRAY(" + query + "))" }

// Estimate asks the planner.
func (dialect) Estimate(query string) (string, func(store.Rows) (int64, error), bool) {
	read := func(rows store.Rows) (int64, error) {
		var text string
		if err := rows.Scan(&text); err != nil {
			return 0, err
		}
		var plans []struct {
			Plan struct {
				Rows float64 `json:"Plan Rows"`
			}
		}
		if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) == 0 {
			return 0, fmt.Errorf("the planner's answer cannot be read: %w", err)
		}
		return int64(plans[0].Plan.Rows), nil
	}
	return "EXPLAIN (FORMAT JSON) " + query, read, true
}

// queryCancelled is the SQLSTATE of a statement that was cancelled, or ran out of time.
const queryCancelled = "57014"

// lockTimeout is the SQLSTATE of a wait for a lock that took too long.
const lockTimeout = "55P03"

// Classify goes by SQLSTATE (PostgreSQL manual, appendix A).
func (dialect) Classify(err error) store.Fault {
	var unconfined *UnconfinedError
	var unknown *store.UnknownCommit
	if errors.As(err, &unconfined) || errors.As(err, &unknown) || errors.Is(err, errCancelled) {
		return store.Fault{Kind: store.FaultUnavailable}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "23505":
			return store.Fault{Kind: store.FaultUnique, Constraint: pg.ConstraintName}
		case "23503":
			return store.Fault{Kind: store.FaultReference, Constraint: pg.ConstraintName}
		case "40001", "40P01":
			return store.Fault{Kind: store.FaultRetry}
		case "SX002": // hold_lease, migration 23
			return store.Fault{Kind: store.FaultLease}
		case "SX001": // expect_epoch, migration 16
			return store.Fault{Kind: store.FaultEpoch}
		case "53100":
			return store.Fault{Kind: store.FaultFull}
		case queryCancelled, lockTimeout, "25P03", readOnly: // idle too long, read-only while it fails over
			return store.Fault{Kind: store.FaultUnavailable}
		}
		switch {
		case strings.HasPrefix(pg.Code, "08"), // connection exceptions
			strings.HasPrefix(pg.Code, "53"),  // out of resources
			strings.HasPrefix(pg.Code, "57P"), // shutting down, starting up
			strings.HasPrefix(pg.Code, "58"):  // system errors
			return store.Fault{Kind: store.FaultUnavailable}
		}
		return store.Fault{}
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, context.DeadlineExceeded) || brokenConnection(err) {
		return store.Fault{Kind: store.FaultUnavailable}
	}
	return store.Fault{}
}

// brokenConnection reports whether the server or the network ended a connection in use.
func brokenConnection(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, puddle.ErrClosedPool)
}
