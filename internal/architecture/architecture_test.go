package architecture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestImports holds the module as it is against the rules of the house.
func TestImports(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	touchSources(t, root)
	packages := listPackages(t, root)

	if _, ok := packages["sixty/internal/crm"]; !ok {
		t.Fatalf("go list in %s does not know the domain; it knows %d packages", root, len(packages))
	}
	for _, broken := range house().check(packages) {
		t.Error(broken)
	}
}

// TestRules holds the rules themselves together: each says why, none is said twice,
// and none speaks of a room that has no rule.
func TestRules(t *testing.T) {
	t.Parallel()
	r := house()
	known := map[string]bool{}
	for _, room := range r.rooms {
		if known[room.path] {
			t.Errorf("room %s is there twice", room.path)
		}
		known[room.path] = true
	}
	for _, room := range r.rooms {
		if room.reason == "" {
			t.Errorf("room %s gives no reason", room.path)
		}
		for _, other := range room.may {
			if other != everything && !known[other] {
				t.Errorf("room %s may import %s, which is no room", room.path, other)
			}
		}
	}
	for _, driver := range r.drivers {
		if driver.reason == "" {
			t.Errorf("driver %s gives no reason", driver.packages)
		}
		for _, other := range driver.rooms {
			if !known[other] {
				t.Errorf("driver %s belongs in %s, which is no room", driver.packages, other)
			}
		}
	}
}

// moduleRoot returns the folder of the module's go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	file := strings.TrimSpace(string(goCommand(t, ".", "env", "GOMOD")))
	if filepath.Base(file) != "go.mod" {
		t.Fatalf("go env GOMOD = %q: the test does not run inside the module", file)
	}
	return filepath.Dir(file)
}

// listPackages returns every package of the module and all that these depend on.
func listPackages(t *testing.T, root string) graph {
	t.Helper()
	listed := goCommand(t, root, "list", "-deps", "-json=ImportPath,Standard,Imports", "./...")
	packages := graph{}
	for decoder := json.NewDecoder(bytes.NewReader(listed)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("what go list prints: %v", err)
		}
		packages[p.ImportPath] = p
	}
}

// goCommand returns what the go command prints.
func goCommand(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// touchSources looks at every Go file of the module. The go command reads them in a
// process of its own, which go test does not see; having looked, a result that go
// test has cached is dropped as soon as one of them changes, comes or goes.
func touchSources(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "data") {
			return filepath.SkipDir
		}
		if filepath.Ext(name) == ".go" || name == "go.mod" {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
