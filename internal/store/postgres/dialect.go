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

func (dialect) SumBig(column string) string { return "coalesce(sum(" + column + "), 0)::bigint" }

// Matches are found by the inverted index over the terms, which stand in a tsvector as
// they are: no parser and no dictionary of PostgreSQL's has a say. They are read through
// a view that shows the organisation's own (see migration 12): behind a policy the index
// would not be asked, because its operator is not leakproof.
func (dialect) Matches(n int) (tables, condition, newest string) {
	return "own_search s", "search_vector(s.terms) @@ $" + strconv.Itoa(n) + "::tsquery", "s.pos"
}

// Prefixes writes a tsquery; terms in quotes are nothing but terms.
func (dialect) Prefixes(terms []string) any {
	return "'" + strings.Join(terms, "':* & '") + "':*"
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

// Classify goes by SQLSTATE (PostgreSQL manual, appendix A).
func (dialect) Classify(err error) store.Fault {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "23505":
			return store.Fault{Kind: store.FaultUnique, Constraint: pg.ConstraintName}
		case "23503":
			return store.Fault{Kind: store.FaultReference, Constraint: pg.ConstraintName}
		case "40001", "40P01":
			return store.Fault{Kind: store.FaultRetry}
		case "53100":
			return store.Fault{Kind: store.FaultFull}
		case queryCancelled, "25P03", "25006": // idle too long, read-only while it fails over
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

// brokenConnection tells errors of connections that the server or the network
// ended in the middle of something.
func brokenConnection(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, puddle.ErrClosedPool)
}
