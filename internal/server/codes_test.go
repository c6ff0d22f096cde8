package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/api.md has the codes as a table.
func TestProblemCodesAreDocumented(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, c := range ProblemCodes {
		fmt.Fprintf(&table, "| %d | `%s` | %s |\n", c.Status, c.Code, c.Doc)
	}
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("docs/api.md does not have these rows:\n%s", table.String())
	}
}

// Every status and code that the source sends in a problem is in the table.
func TestProblemCodesAreComplete(t *testing.T) {
	t.Parallel()
	status := regexp.MustCompile(`Problem\{\s*Status:\s+(?:http\.(Status\w+)|(\w+))`)
	code := regexp.MustCompile(`(?s)Problem\{.{0,300}?\bCode:\s+"([^"]+)"`)
	names := map[string]int{}
	for n := range codes {
		names["Status"+strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(n))] = n
	}
	found := 0
	for _, pattern := range []string{"*.go", "../httpapi/*.go", "../auth/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range status.FindAllStringSubmatch(string(text), -1) {
				if found++; m[1] != "" && names[m[1]] == 0 {
					t.Errorf("%s: problems of %s have no code", file, m[1])
				}
			}
			for _, m := range code.FindAllStringSubmatch(string(text), -1) {
				if !slices.ContainsFunc(ProblemCodes, func(c ProblemCode) bool { return c.Code == m[1] }) {
					t.Errorf("%s: the code %s is not in ProblemCodes", file, m[1])
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("found %d problems: the test does not find them", found)
	}
}
