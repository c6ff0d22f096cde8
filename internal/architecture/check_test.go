package architecture

import (
	"fmt"
	"slices"
	"strings"
)

// A graph is the output of go list: every package of the module and all dependencies, by
// import path.
type graph map[string]goPackage

// goPackage is the part of go list's output that the rules use. Imports are those of
// non-test files.
type goPackage struct {
	ImportPath string
	Standard   bool // of the standard library
	Imports    []string
}

// check returns the violations, one sentence each, sorted.
func (r rules) check(packages graph) []string {
	var found []string
	for path, p := range packages {
		dir, ours := r.dir(path)
		if !ours {
			continue
		}
		rule, known := r.rule(dir)
		if !known {
			found = append(found, fmt.Sprintf("%s has no rule: add one to rules_test.go, with what it may import and why", dir))
			continue
		}
		for _, imported := range p.Imports {
			found = append(found, r.checkImport(dir, rule, imported)...)
		}
		found = append(found, r.checkReach(path, rule, packages)...)
	}
	slices.Sort(found)
	return found
}

// checkImport checks one import.
func (r rules) checkImport(dir string, rule packageRule, imported string) []string {
	target, ours := r.dir(imported)
	if !ours {
		return r.checkDriver(dir, imported)
	}
	var found []string
	if isTest(target) && !isTest(dir) {
		found = append(found, fmt.Sprintf("%s imports %s: %s", dir, target, testsOnly))
	}
	if there, known := r.rule(target); known && !rule.mayImport(there) {
		found = append(found, fmt.Sprintf("%s imports %s: %s", dir, target, rule.reason))
	}
	return found
}

// checkDriver checks an import of an external package. Test packages may use any.
func (r rules) checkDriver(dir, imported string) []string {
	if isTest(dir) {
		return nil
	}
	within := func(parent string) bool { return below(dir, parent) }
	for _, d := range r.drivers {
		isDriver := slices.ContainsFunc(d.packages, func(p string) bool { return below(imported, p) })
		if isDriver && !slices.ContainsFunc(d.users, within) {
			return []string{fmt.Sprintf("%s imports %s, which belongs in %s: %s",
				dir, imported, strings.Join(d.users, ", "), d.reason)}
		}
	}
	return nil
}

// checkReach checks all direct and indirect dependencies of a package against its rule's
// only and never. Test packages are exempt.
func (r rules) checkReach(start string, rule packageRule, packages graph) []string {
	dir, _ := r.dir(start)
	if isTest(dir) || (rule.only == nil && rule.never == nil) {
		return nil
	}
	var found []string
	via := map[string]string{start: ""} // each visited package, and one that imports it
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		if packages[path].Standard {
			continue
		}
		within := func(parent string) bool { return below(path, parent) }
		_, ours := r.dir(path)
		if slices.ContainsFunc(rule.never, within) || (rule.only != nil && !ours && !slices.ContainsFunc(rule.only, within)) {
			found = append(found, fmt.Sprintf("%s depends on %s: %s", dir, trail(via, path), rule.reason))
			continue // its dependencies are consequences
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

// dir returns a package's directory relative to the module's root; ours reports whether it
// belongs to the module.
func (r rules) dir(path string) (dir string, ours bool) {
	if path == r.module {
		return ".", true
	}
	return strings.CutPrefix(path, r.module+"/")
}

// rule returns the most specific rule of a directory.
func (r rules) rule(dir string) (specific packageRule, known bool) {
	for _, candidate := range r.packages {
		if below(dir, candidate.path) && len(candidate.path) > len(specific.path) {
			specific, known = candidate, true
		}
	}
	return specific, known
}

// mayImport reports whether the rule allows importing a package with rule to.
func (from packageRule) mayImport(to packageRule) bool {
	if from.path == to.path || slices.Contains(from.may, to.path) {
		return true
	}
	isProgram := to.path == "cmd" || to.path == "bench" || to.path == "drill"
	return slices.Contains(from.may, everything) && !isProgram
}

// below reports whether a path equals parent or is below it.
func below(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// isTest reports whether a package is for tests, by its name.
func isTest(dir string) bool {
	return strings.HasSuffix(dir, "test")
}

// trail returns the import path by which a package was reached, without the start.
func trail(via map[string]string, path string) string {
	steps := path
	for at := via[path]; via[at] != ""; at = via[at] {
		steps = at + " → " + steps
	}
	return steps
}
