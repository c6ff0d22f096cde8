package architecture

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCheck checks modules that violate the rules, one at a time.
func TestCheck(t *testing.T) {
	t.Parallel()
	reason := func(path string) string {
		rule, _ := moduleRules().rule(path)
		return rule.reason
	}
	tests := map[string]struct {
		imports map[string][]string // by package
		want    []string
	}{
		"OK": {
			imports: map[string][]string{
				"sixty/cmd/sixty":                {"sixty/internal/app", "sixty/internal/config"},
				"sixty/bench":                    {"sixty/internal/app", "github.com/jackc/pgx/v5"},
				"sixty/internal/app":             {"sixty/internal/httpapi", "sixty/internal/store/postgres", "sixty/internal/crm"},
				"sixty/internal/crm":             {"context", "github.com/google/uuid", "golang.org/x/text/currency", "sixty/internal/crm/fold"},
				"sixty/internal/crm/fold":        {"golang.org/x/text/unicode/norm"},
				"sixty/internal/httpapi":         {"sixty/internal/crm", "sixty/internal/cache", "github.com/danielgtaylor/huma/v2"},
				"sixty/internal/cache":           {"sixty/internal/crm"},
				"sixty/internal/cache/redis":     {"sixty/internal/cache", "github.com/redis/rueidis"},
				"sixty/internal/store":           {"sixty/internal/crm", "database/sql"},
				"sixty/internal/store/postgres":  {"sixty/internal/store", "github.com/jackc/pgx/v5/pgxpool"},
				"sixty/internal/store/storetest": {"sixty/internal/store", "github.com/jackc/pgx/v5", "pgregory.net/rapid"},
				"sixty/internal/crm/crmtest":     {"sixty/internal/crm", "pgregory.net/rapid"},
				"sixty/internal/jobs/jobstest":   {"sixty/internal/jobs", "sixty/internal/store"},
				"sixty/internal/jobs":            {"sixty/internal/crm"},
			},
		},
		"NoRule": {
			imports: map[string][]string{"sixty/internal/attic": {"sixty/internal/crm"}, "sixty": nil},
			want: []string{
				". has no rule: add one to rules_test.go, with what it may import and why",
				"internal/attic has no rule: add one to rules_test.go, with what it may import and why",
			},
		},
		"DomainImportsAdapter": {
			imports: map[string][]string{"sixty/internal/crm": {"sixty/internal/store"}},
			want:    []string{"internal/crm imports internal/store: " + reason("internal/crm")},
		},
		"DomainImportsDriver": {
			imports: map[string][]string{"sixty/internal/crm": {"database/sql"}},
			want: []string{"internal/crm imports database/sql, which belongs in internal/store, bench: " +
				moduleRules().drivers[0].reason},
		},
		"DomainReachesTooFar": {
			imports: map[string][]string{
				"sixty/internal/crm":       {"github.com/google/uuid"},
				"github.com/google/uuid":   {"context", "example.com/clock"},
				"example.com/clock":        {"example.com/clock/zones"},
				"example.com/clock/zones":  {"context"},
				"golang.org/x/text/unused": {"example.com/clock"},
			},
			want: []string{"internal/crm depends on github.com/google/uuid → example.com/clock: " + reason("internal/crm")},
		},
		"SiblingAdapters": {
			imports: map[string][]string{"sixty/internal/changes": {"sixty/internal/cache"}},
			want:    []string{"internal/changes imports internal/cache: " + reason("internal/changes")},
		},
		"StoreImportsEngine": {
			imports: map[string][]string{"sixty/internal/store": {"sixty/internal/store/sqlite"}},
			want:    []string{"internal/store imports internal/store/sqlite: " + reason("internal/store")},
		},
		"EngineImportsEngine": {
			imports: map[string][]string{"sixty/internal/store/postgres/bulk": {"sixty/internal/store/sqlite"}},
			want:    []string{"internal/store/postgres/bulk imports internal/store/sqlite: " + reason("internal/store/postgres")},
		},
		"EngineUsesAnotherDriver": {
			imports: map[string][]string{"sixty/internal/store/sqlite": {"github.com/jackc/pgx/v5"}},
			want: []string{"internal/store/sqlite imports github.com/jackc/pgx/v5, which belongs in " +
				"internal/store/postgres, internal/adopt, bench, drill: " + moduleRules().drivers[1].reason},
		},
		"EdgeImportsEngine": {
			imports: map[string][]string{"sixty/internal/httpapi": {"sixty/internal/store/postgres"}},
			want:    []string{"internal/httpapi imports internal/store/postgres: " + reason("internal/httpapi")},
		},
		"EdgeReachesEngine": {
			imports: map[string][]string{
				"sixty/internal/graph":     {"sixty/internal/telemetry"},
				"sixty/internal/telemetry": {"example.com/tracer"},
				"example.com/tracer":       {"github.com/jackc/pgx/v5"},
			},
			want: []string{"internal/graph depends on sixty/internal/telemetry → example.com/tracer → github.com/jackc/pgx/v5: " +
				reason("internal/graph")},
		},
		"EdgeImportsEdge": {
			imports: map[string][]string{"sixty/internal/graph/gen": {"sixty/internal/httpapi"}},
			want:    []string{"internal/graph/gen imports internal/httpapi: " + reason("internal/graph")},
		},
		"ConfigImportsDomain": {
			imports: map[string][]string{"sixty/internal/config": {"sixty/internal/crm"}},
			want:    []string{"internal/config imports internal/crm: " + reason("internal/config")},
		},
		"PackageImportsApp": {
			imports: map[string][]string{"sixty/internal/telemetry": {"sixty/internal/app"}},
			want:    []string{"internal/telemetry imports internal/app: " + reason("internal/telemetry")},
		},
		"MainImportsStore": {
			imports: map[string][]string{"sixty/cmd/sixty": {"sixty/internal/store"}},
			want:    []string{"cmd/sixty imports internal/store: " + reason("cmd")},
		},
		"AppImportsProgram": {
			imports: map[string][]string{"sixty/internal/app": {"sixty/cmd/sixty/flags"}},
			want:    []string{"internal/app imports cmd/sixty/flags: " + reason("internal/app")},
		},
		"ProgramImportsTestPackage": {
			imports: map[string][]string{"sixty/internal/app": {"sixty/internal/store/storetest"}},
			want:    []string{"internal/app imports internal/store/storetest: " + testsOnly},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packages := graph{
				"context":      {ImportPath: "context", Standard: true, Imports: []string{"example.com/not-looked-at"}},
				"database/sql": {ImportPath: "database/sql", Standard: true},
			}
			for path, imports := range test.imports {
				packages[path] = goPackage{ImportPath: path, Imports: imports}
			}
			if diff := cmp.Diff(test.want, moduleRules().check(packages)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}
