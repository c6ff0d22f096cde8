package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"sixty/internal/servertest"
	"sixty/internal/store/sqlite"
)

// The database's files are readable by their owner alone, also in a folder that all may
// read.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	path := servertest.SQLitePath(t)
	e, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 {
			continue // what locks are taken on
		}
		seen++
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", file, info.Mode())
		}
	}
	if seen == 0 {
		t.Error("no files")
	}
}
