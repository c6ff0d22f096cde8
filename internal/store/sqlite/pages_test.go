package sqlite

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// What SQLite is configured with holds for a process, and this one is shared with other
// tests: the work is done by another run of this program.
const pagesIn = "TEST_BULK_PAGES_IN"

// A process for bulk work keeps the pages of its writer in the block, and all of them fit.
func TestBulkPagesAreKeptInOneBlock(t *testing.T) {
	if dir := os.Getenv(pagesIn); dir != "" {
		fillCache(t, filepath.Join(dir, "bulk.db"))
		return
	}
	t.Parallel()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	c.Env = append(os.Environ(), pagesIn+"="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillCache(t *testing.T, path string) {
	e, err := Open(t.Context(), Options{Path: path, Bulk: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	conn := e.writer.conn
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE filler (text TEXT)"); err != nil {
		t.Fatal(err)
	}
	const insert = `
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO filler SELECT hex(randomblob(500)) FROM n`
	if _, err := conn.ExecContext(t.Context(), insert, 3*writerCache); err != nil { // rows of a KiB each
		t.Fatal(err)
	}
	used, overflow := pages(t, sqlite3.SQLITE_STATUS_PAGECACHE_USED), pages(t, sqlite3.SQLITE_STATUS_PAGECACHE_OVERFLOW)
	if kept := used * pageSlot / 1024; kept < writerCache*9/10 {
		t.Errorf("%d KiB of pages are in the block, of the writer's %d", kept, writerCache)
	}
	if overflow > 0 {
		t.Errorf("%d bytes of pages are elsewhere", overflow)
	}
}

// pages asks SQLite how much of its block is in use, or is not enough.
func pages(t *testing.T, what int32) int {
	t.Helper()
	tls := libc.NewTLS()
	defer tls.Close()
	values := libc.Xcalloc(tls, 2, 4)
	defer libc.Xfree(tls, values)
	if rc := sqlite3.Xsqlite3_status(tls, what, values, values+4, 0); rc != sqlite3.SQLITE_OK {
		t.Fatalf("sqlite3_status: %d", rc)
	}
	return int(libc.AtomicLoadPInt32(values))
}
