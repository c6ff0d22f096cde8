package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"sixty/internal/store"
)

func open(t *testing.T, path string) *Engine {
	t.Helper()
	e, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// A transaction that was begun without the writer knowing, as by a BEGIN that was
// cancelled too late, costs at most the next one, and none after it.
func TestWriterOfAnOpenTransaction(t *testing.T) {
	t.Parallel()
	e := open(t, filepath.Join(t.TempDir(), "test.db"))
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

// Transactions of many rows let the log grow, and the next one of few brings it into
// the file.
func TestLogOfManyRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	e := open(t, path)
	write := func(sql string, args ...any) {
		t.Helper()
		tx, err := e.Begin(t.Context(), store.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), &store.Statement{Name: "test", SQL: sql}, args); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const page, few, many = 4096, 10, bulkRows
	inFile := func() int64 {
		t.Helper()
		stat, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return stat.Size() / page
	}
	write("CREATE TABLE things (n INTEGER PRIMARY KEY, filling BLOB)")
	const fill = `INSERT INTO things (filling)
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1) SELECT zeroblob(8000) FROM c`
	before := inFile()
	for range 3 {
		write(fill, int64(many))
	}
	if grown := inFile() - before; grown > logPages {
		t.Errorf("%d pages went into the file, of transactions of many rows", grown)
	}
	write(fill, int64(few))
	if grown := inFile() - before; grown < 3*many {
		t.Errorf("after a transaction of few rows there are but %d pages more in the file", grown)
	}
}

// A file that cannot grow, as on a disk that is full, is told as such, and the writer goes
// on when there is room.
func TestFull(t *testing.T) {
	t.Parallel()
	e := open(t, filepath.Join(t.TempDir(), "test.db"))
	write := func(sql string) error {
		t.Helper()
		tx, err := e.Begin(t.Context(), store.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.Exec(t.Context(), &store.Statement{Name: "test", SQL: sql}, nil); err != nil {
			return err
		}
		return tx.Commit(t.Context())
	}
	if err := write("CREATE TABLE filler (text TEXT)"); err != nil {
		t.Fatal(err)
	}
	// It holds for this connection, which is not used again after it failed.
	if _, err := e.writer.conn.ExecContext(t.Context(), "PRAGMA max_page_count = 10"); err != nil {
		t.Fatal(err)
	}
	const fill = "INSERT INTO filler VALUES (hex(randomblob(100000)))"
	if err := write(fill); e.Dialect().Classify(err).Kind != store.FaultFull {
		t.Errorf("%v means %v", err, e.Dialect().Classify(err))
	}
	if err := write(fill); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}
