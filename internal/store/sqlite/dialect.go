package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sixty/internal/crm"
	"sixty/internal/store"
)

type dialect struct{}

// SQLite has no arrays; JSON has no bytes.

func (dialect) AnyID(expr string, n int) string {
	return expr + " IN (SELECT unhex(value) FROM json_each($" + strconv.Itoa(n) + "))"
}

func (dialect) AnyText(expr string, n int) string {
	return expr + " IN (SELECT value FROM json_each($" + strconv.Itoa(n) + "))"
}

func (dialect) IDs(ids []crm.ID) any {
	b := make([]byte, 0, 2+35*len(ids))
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = hex.AppendEncode(b, id[:])
		b = append(b, '"')
	}
	return string(append(b, ']'))
}

func (dialect) Texts(texts []string) any {
	b, _ := json.Marshal(texts) // strings always marshal
	return string(b)
}

// A writer has the whole database to itself.

func (dialect) ForUpdate() string { return "" }
func (dialect) ForShare() string  { return "" }

func (dialect) TryLock(n int) string { return "$" + strconv.Itoa(n) + " IS NOT NULL" }

// EnteredBy goes by the other conditions: transactions have no number, and two of the same
// instant are not to be expected. The last entries are those of a commit that was just sent.
func (dialect) EnteredBy(n int) string {
	return "$" + strconv.Itoa(n) + " = '' AND seq > (SELECT log_seq - 20000 FROM organisations o WHERE o.id = org_id)"
}

// InProgress is false: no other transaction is, while this connection is asked.
func (dialect) InProgress(n int) string { return "$" + strconv.Itoa(n) + " IS NULL" }

// What takes numbers of the change log, and inserts the entries.
const (
	countLog = "UPDATE organisations SET log_seq = log_seq + $2 WHERE id = $1 RETURNING log_seq, " + currentEpoch
	enterLog = `INSERT INTO changes (org_id, seq, entity, entity_id, op, actor_id, key_id, at, refs)
SELECT $1, o.log_seq - $2 + e.key + 1, json_extract(e.value, '$[0]'), unhex(json_extract(e.value, '$[1]'), '-'), json_extract(e.value, '$[2]'), $3, $6, $4, json_extract(e.value, '$[3]')
FROM organisations o, json_each($5) e WHERE o.id = $1 ORDER BY e.key`
)

// currentEpoch is the epoch of the log. No other server can take over a file.
const currentEpoch = "(SELECT epoch FROM log_epoch)"

func (dialect) Epoch() string { return currentEpoch }

func (dialect) ExpectEpoch(n int) string {
	return "coalesce(" + currentEpoch + ", $" + strconv.Itoa(n) + ")"
}

func (dialect) RenewEpoch() string { return "UPDATE log_epoch SET epoch = $1 WHERE epoch = $2" }

func (dialect) LogGrowth() string {
	return `SELECT epoch, CAST(position AS TEXT), NULL, 0 FROM log_epoch
UNION ALL
SELECT NULL, NULL, id, log_seq FROM organisations WHERE $1 <> '' AND log_position > CAST($1 AS INTEGER)`
}

func (dialect) SkipLocked() string { return "" }

func (dialect) JSONRows(n int, columns ...store.JSONColumn) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		value := "json_extract(value, '$[" + strconv.Itoa(i) + "]')"
		if c.Type == store.JSONID {
			value = "unhex(" + value + ", '-')"
		}
		b.WriteString(value + " AS " + c.Name)
	}
	return "(SELECT " + b.String() + " FROM json_each($" + strconv.Itoa(n) + "))"
}

func (dialect) Later(micros string) string {
	return "(CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER) + " + micros + ")"
}

func (dialect) Time(expr string) string { return expr }

func (dialect) AverageMillis(from, to string) string {
	return "coalesce(CAST(avg(" + to + " - " + from + ") / 1000 AS INTEGER), 0)"
}

func (dialect) SecondsAgo(n int) string {
	return "CAST((unixepoch('now', 'subsec') - " + strconv.Itoa(n) + ") * 1000000 AS INTEGER)"
}

func (dialect) ReadOnly() string { return "1 = 0" }

// RebuildSums inserts the rows again that are summed up, as migrations 14 and 22 do. Nothing else
// writes meanwhile.
func (dialect) RebuildSums(table string) []string {
	rows, columns, of := "activity_sum_changes", "sign, org_id, owner_id, type, amount, date", "type"
	if table == "deal_sums" {
		rows, columns, of = "deal_sum_changes", "sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at", "stage_id"
	}
	where := " WHERE org_id = $1 AND " + of + " = $2"
	return []string{
		"DELETE FROM " + table + where,
		"INSERT INTO " + rows + " (" + columns + ") SELECT " + columns + " FROM " + rows + where,
	}
}

func (dialect) SumBig(column string) string { return "coalesce(sum(" + column + "), 0)" }

// Matches come from the full-text index in the order of its rows, newest first, so
// that no more of them are read than are asked for. Rows are long for their terms, so that
// their ids are read from an index of their own.
func (dialect) Matches(n int) (tables, condition, newest string) {
	return "search_index i CROSS JOIN search s INDEXED BY search_ids ON s.pos = i.rowid", "i.search_index MATCH $" + strconv.Itoa(n), "i.rowid"
}

// TermSyntax is that of FTS5; terms in quotes are nothing but terms.
func (dialect) TermSyntax() store.TermSyntax {
	return store.TermSyntax{Before: `"`, After: `"*`, And: " AND ", Or: " OR "}
}

func (dialect) AnyOf(expr, query string) string { return expr + " IN (" + query + ")" }

// Estimate cannot: SQLite keeps no statistics of its own accord.
func (dialect) Estimate(string) (string, func(store.Rows) (int64, error), bool) {
	return "", nil, false
}

// Classify goes by the extended result codes (sqlite.org/rescode.html).
func (dialect) Classify(err error) store.Fault {
	if errors.Is(err, context.DeadlineExceeded) {
		return store.Fault{Kind: store.FaultUnavailable}
	}
	if errors.Is(err, store.ErrLeaseLost) {
		return store.Fault{Kind: store.FaultLease}
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return store.Fault{}
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return store.Fault{Kind: store.FaultUnique}
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.Fault{Kind: store.FaultReference}
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return store.Fault{Kind: store.FaultFull}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return store.Fault{Kind: store.FaultUnavailable}
	}
	return store.Fault{}
}
