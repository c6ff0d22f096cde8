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

// TestImports checks the module against its rules.
func TestImports(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	touchSources(t, root)
	packages := listPackages(t, root)

	if _, ok := packages["sixty/internal/crm"]; !ok {
		t.Fatalf("go list in %s does not list the domain; it lists %d packages", root, len(packages))
	}
	for _, broken := range moduleRules().check(packages) {
		t.Error(broken)
	}
}

// TestRules checks that the rules are consistent: each has a reason, none is repeated, and
// none refers to a path without a rule.
func TestRules(t *testing.T) {
	t.Parallel()
	r := moduleRules()
	known := map[string]bool{}
	for _, rule := range r.packages {
		if known[rule.path] {
			t.Errorf("%s has two rules", rule.path)
		}
		known[rule.path] = true
	}
	for _, rule := range r.packages {
		if rule.reason == "" {
			t.Errorf("the rule of %s has no reason", rule.path)
		}
		for _, other := range rule.may {
			if other != everything && !known[other] {
				t.Errorf("%s may import %s, which has no rule", rule.path, other)
			}
		}
	}
	for _, driver := range r.drivers {
		if driver.reason == "" {
			t.Errorf("driver %s has no reason", driver.packages)
		}
		for _, other := range driver.users {
			if !known[other] {
				t.Errorf("driver %s belongs in %s, which has no rule", driver.packages, other)
			}
		}
	}
}

// moduleRoot returns the directory of go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	file := strings.TrimSpace(string(goCommand(t, ".", "env", "GOMOD")))
	if filepath.Base(file) != "go.mod" {
		t.Fatalf("go env GOMOD = %q: not inside the module", file)
	}
	return filepath.Dir(file)
}

// listPackages returns every package of the module and all their dependencies.
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
			t.Fatalf("go list: %v", err)
		}
		packages[p.ImportPath] = p
	}
}

// goCommand returns the output of a go command.
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

// touchSources stats every Go file of the module. The go command reads them in a separate
// process, unnoticed by go test; because of the stats, go test discards its cached result
// when a file changes.
func touchSources(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "data" || name == "node_modules") {
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
