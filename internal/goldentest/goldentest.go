// Package goldentest compares what tests get with golden files. With the flag -update of
// go test, the files are rewritten; make update does so for all of them.
package goldentest

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files instead of comparing with them")

// Update reports whether golden files are to be rewritten.
func Update() bool { return *update }

// Compare fails a test if a golden file does not hold what the test got.
func Compare(tb testing.TB, path, got string) {
	tb.Helper()
	if Update() {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // it is a file of the repository
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // the test names it
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s is out of date (-file +test); if the change is intended, make update rewrites it:\n%s", path, diff)
	}
}
