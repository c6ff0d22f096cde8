package transfer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sixty/internal/transfer"
)

// folder lists the files of a folder.
func folder(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestOutputFile: a file is the old one, or none, until the new one is complete.
func TestOutputFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		before   bool // there is a file of that name
		complete bool
		want     string // what there is at the end; "" is no file
	}{
		{"New", false, true, "new"},
		{"NewFailed", false, false, ""},
		{"Replaced", true, true, "new"},
		{"ReplacedFailed", true, false, "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "deals.csv")
			if c.before {
				if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			o, err := transfer.CreateFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.Write([]byte("new")); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); (err == nil) != c.before || c.before && read(t, path) != "old" {
				t.Error("the file is there before it is complete")
			}
			if c.complete {
				if err := o.Complete(); err != nil {
					t.Fatal(err)
				}
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			names := folder(t, dir)
			if c.want == "" && len(names) > 0 || c.want != "" && (!slices.Equal(names, []string{"deals.csv"}) || read(t, path) != c.want) {
				t.Errorf("there are %q", names)
			}
			if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("its permissions are %s", info.Mode())
			}
		})
	}
}

// TestOutputFileElsewhere: links stay, and what is no file is written as it is.
func TestOutputFileElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	o, err := transfer.CreateFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := o.Complete(); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != target || read(t, target) != "x" {
		t.Errorf("the link leads to %q, %v", to, err)
	}

	if o, err = transfer.CreateFile("/dev/full"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Write([]byte("x")); err == nil || err.Error() != "/dev/full cannot be written: no space left on device" {
		t.Errorf("error %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "nowhere", "x.csv")} {
		if _, err := transfer.CreateFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
