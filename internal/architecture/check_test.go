package architecture

import (
	"fmt"
	"slices"
	"strings"
)

// A graph is what go list tells: every package of the module and all they depend on,
// by import path.
type graph map[string]goPackage

// goPackage is the part of go list's answer that the rules speak of. Imports are
// those of files that are not tests.
type goPackage struct {
	ImportPath string
	Standard   bool // of the standard library
	Imports    []string
}

// check returns what breaks the rules, a sentence each, in a stable order.
func (r rules) check(packages graph) []string {
	var found []string
	for path, p := range packages {
		dir, ours := r.dir(path)
		if !ours {
			continue
		}
		home, known := r.room(dir)
		if !known {
			found = append(found, fmt.Sprintf("%s is in no room: add its room, what it may import and why to rules_test.go", dir))
			continue
		}
		for _, imported := range p.Imports {
			found = append(found, r.checkImport(dir, home, imported)...)
		}
		found = append(found, r.checkReach(path, home, packages)...)
	}
	slices.Sort(found)
	return found
}

// checkImport holds one import against the rules of rooms, drivers and names.
func (r rules) checkImport(dir string, home room, imported string) []string {
	target, ours := r.dir(imported)
	if !ours {
		return r.checkDriver(dir, imported)
	}
	var found []string
	if isTest(target) && !isTest(dir) {
		found = append(found, fmt.Sprintf("%s imports %s: %s", dir, target, testsOnly))
	}
	if there, known := r.room(target); known && !home.mayImport(there) {
		found = append(found, fmt.Sprintf("%s imports %s: %s", dir, target, home.reason))
	}
	return found
}

// checkDriver holds an import from outside the module against the rooms of drivers. A
// package for tests may use what tests use.
func (r rules) checkDriver(dir, imported string) []string {
	if isTest(dir) {
		return nil
	}
	within := func(parent string) bool { return below(dir, parent) }
	for _, d := range r.drivers {
		isDriver := slices.ContainsFunc(d.packages, func(p string) bool { return below(imported, p) })
		if isDriver && !slices.ContainsFunc(d.rooms, within) {
			return []string{fmt.Sprintf("%s imports %s, which belongs in %s: %s",
				dir, imported, strings.Join(d.rooms, ", "), d.reason)}
		}
	}
	return nil
}

// checkReach holds all that a package depends on, by however many steps, against its
// room's only and never. Here too, packages for tests are free.
func (r rules) checkReach(start string, home room, packages graph) []string {
	dir, _ := r.dir(start)
	if isTest(dir) || (home.only == nil && home.never == nil) {
		return nil
	}
	var found []string
	via := map[string]string{start: ""} // each package met, and the one that imports it
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		if packages[path].Standard {
			continue
		}
		within := func(parent string) bool { return below(path, parent) }
		_, ours := r.dir(path)
		if slices.ContainsFunc(home.never, within) || (home.only != nil && !ours && !slices.ContainsFunc(home.only, within)) {
			found = append(found, fmt.Sprintf("%s depends on %s: %s", dir, trail(via, path), home.reason))
			continue // what lies behind it follows from it
		}
		for _, next := range packages[path].Imports {
			if _, met := via[next]; !met {
				via[next] = path
				queue = append(queue, next)
			}
		}
	}
	return found
}

// dir returns where a package of the module lies, from the module's root; ours tells
// whether it is one.
func (r rules) dir(path string) (dir string, ours bool) {
	if path == r.module {
		return ".", true
	}
	return strings.CutPrefix(path, r.module+"/")
}

// room returns the innermost room that a folder lies in.
func (r rules) room(dir string) (innermost room, known bool) {
	for _, candidate := range r.rooms {
		if below(dir, candidate.path) && len(candidate.path) > len(innermost.path) {
			innermost, known = candidate, true
		}
	}
	return innermost, known
}

// mayImport tells whether the rule allows a package of another room.
func (from room) mayImport(to room) bool {
	if from.path == to.path || slices.Contains(from.may, to.path) {
		return true
	}
	isProgram := to.path == "cmd" || to.path == "bench"
	return slices.Contains(from.may, everything) && !isProgram
}

// below tells whether a path is the parent or lies under it.
func below(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// isTest tells whether a package is for tests, by its name.
func isTest(dir string) bool {
	return strings.HasSuffix(dir, "test")
}

// trail writes out how a package was reached, without the start.
func trail(via map[string]string, path string) string {
	steps := path
	for at := via[path]; via[at] != ""; at = via[at] {
		steps = at + " → " + steps
	}
	return steps
}
