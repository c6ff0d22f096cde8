package sqlite

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// RolledBack goes by the errors that leave the transaction open, so that its
// roll-back follows (sqlite.org/lang_transaction.html). After others it may be in the
// file's log already.
func (dialect) RolledBack(err error) bool {
	if notSent := (notSentError{}); errors.As(err, &notSent) {
		return true
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_CONSTRAINT
}
