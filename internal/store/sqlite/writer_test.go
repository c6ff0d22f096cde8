package sqlite

import (
	"path/filepath"
	"testing"

	"sixty/internal/store"
)

// A transaction that was begun without the writer knowing, as by a BEGIN that was
// cancelled too late, costs at most the next one, and none after it.
func TestWriterOfAnOpenTransaction(t *testing.T) {
	t.Parallel()
	e, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "test.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if _, err := e.writer.conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if tx, err := e.Begin(t.Context(), store.Scope{}); err == nil {
		_ = tx.Rollback()
		t.Fatal("a transaction was begun within another")
	}
	tx, err := e.Begin(t.Context(), store.Scope{})
	if err != nil {
		t.Fatalf("the next transaction: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
}
