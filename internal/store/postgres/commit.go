package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// RolledBack goes by what the server itself has said. An ERROR comes before the
// commit is written: afterwards the server would rather fall (PANIC), or it ends the
// connection (FATAL), which it may before and after. A cancellation that was meant for
// the commit may be reported when that is done.
func (dialect) RolledBack(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) || pgconn.SafeToRetry(err) { // COMMIT answered by ROLLBACK; COMMIT not sent
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" && pg.Code != queryCancelled
}
